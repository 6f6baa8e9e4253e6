//! What must hold for every log, over random DAGs: joining is commutative, associative and idempotent, and whatever the
//! order of delivery the result is the same heads, order and view.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use bytes::Bytes;
use oplog::{
    Address, Value,
    access::Writers,
    hash::Hash,
    identity::Identity,
    join::{Effect, Job, Joiner, Limits, Policy, Refusal, Source},
    keys::SigningKey,
    log::{Added, Log, LogRead, Range, Writer, iterate},
    memory::MemoryLog,
    order::Position,
    view::Operation,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

struct Author {
    identity: Identity,
    writer: Writer,
}

/// Three certified writers, the last of whom no list names.
static AUTHORS: LazyLock<Vec<Author>> = LazyLock::new(|| {
    (1..=3)
        .map(|n| {
            let root = SigningKey::from_bytes([n; 32]).unwrap();
            let signing = SigningKey::from_bytes([n + 100; 32]).unwrap();
            let identity = Identity::create(&root, &signing);
            Author { writer: Writer::new(identity.clone(), signing), identity }
        })
        .collect()
});

fn address() -> Address {
    Hash::of(b"a manifest").into()
}

fn writers() -> Writers {
    AUTHORS[..2].iter().map(|author| author.identity.id.as_str()).collect()
}

/// One step in the life of three replicas.
#[derive(Debug, Clone)]
enum Step {
    /// Replica `at` sets or removes a key.
    Write { at: usize, key: u8, delete: bool },
    /// Replica `to` takes everything that `from` has.
    Sync { from: usize, to: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..3_usize, 0..5_u8, prop::bool::weighted(0.2)).prop_map(|(at, key, delete)| Step::Write { at, key, delete }),
        1 => (0..3_usize, 0..3_usize).prop_map(|(from, to)| Step::Sync { from, to }),
    ]
}

#[derive(Clone)]
struct Replica {
    log: Log,
    store: MemoryLog,
}

/// What a user sees of a replica.
#[derive(Debug, PartialEq)]
struct Seen {
    heads: Vec<Position>,
    order: Vec<Hash>,
    view: Vec<(String, Hash, bool)>,
    digest: String,
}

impl Replica {
    fn new() -> Self {
        Self { log: Log::empty(address()), store: MemoryLog::default() }
    }

    fn write(&mut self, writer: &Writer, operation: Operation) -> Added {
        let added = self.log.append(operation, writer).unwrap();
        self.commit(vec![added.clone()]);
        added
    }

    fn join(&mut self, entries: Vec<Added>) {
        let new: Vec<Added> =
            entries.into_iter().filter(|added| !self.store.contains(&added.position.hash).unwrap()).collect();
        self.log.join(&new);
        self.commit(new);
    }

    fn commit(&mut self, added: Vec<Added>) {
        let commit = self.log.commit(added, &self.store).unwrap();
        self.store.apply(commit);
    }

    /// Everything, oldest first.
    fn entries(&self) -> Vec<Added> {
        self.store
            .oldest_first(None)
            .map(|position| support::added(self.store.block(&position.unwrap().hash).unwrap().to_vec()))
            .collect()
    }

    fn seen(&self) -> Seen {
        assert_eq!(self.log.heads(), self.store.heads());
        assert_eq!(self.log.len(), self.store.len() as u64);
        Seen {
            heads: self.log.heads().to_vec(),
            order: support::order(&self.store),
            view: self
                .store
                .winners()
                .iter()
                .map(|(key, winner)| (key.clone(), winner.hash(), winner.deleted))
                .collect(),
            digest: self.log.digest(),
        }
    }
}

/// Lets replicas live, and gives them all with every entry ever written.
fn live(steps: &[Step]) -> ([Replica; 3], Vec<Added>) {
    let mut replicas = [Replica::new(), Replica::new(), Replica::new()];
    let mut written = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        match *step {
            Step::Write { at, key, delete } => {
                let key = format!("key {key}");
                let operation =
                    if delete { Operation::del(key) } else { Operation::put(key, (n as i64).into()) };
                // Two replicas share an author, as nodes may after a restored backup: clocks can tie, and the very same
                // entry can be written twice.
                let added = replicas[at].write(&AUTHORS[at % 2].writer, operation);
                if written.iter().all(|known: &Added| known.position != added.position) {
                    written.push(added);
                }
            }
            Step::Sync { from, to } => {
                let entries = replicas[from].entries();
                replicas[to].join(entries);
            }
        }
    }
    (replicas, written)
}

/// A joiner with its log, and blocks that arrive when the test says so.
struct Peer {
    replica: Replica,
    joiner: Joiner<u8>,
    jobs: Vec<Job>,
    wants: BTreeSet<Hash>,
    staged: HashMap<Hash, Bytes>,
    refused: HashMap<Hash, Refusal>,
}

impl Peer {
    fn new(limits: Limits) -> Self {
        Self {
            replica: Replica::new(),
            joiner: Joiner::new(address(), writers(), Policy::default(), limits),
            jobs: Vec::new(),
            wants: BTreeSet::new(),
            staged: HashMap::new(),
            refused: HashMap::new(),
        }
    }

    fn head(&mut self, block: Bytes) {
        let mut effects = Vec::new();
        self.joiner.head(block, Source::Peer(1), &self.replica.store, &mut effects).unwrap();
        self.act(effects);
    }

    fn act(&mut self, effects: Vec<Effect<u8>>) {
        for effect in effects {
            match effect {
                Effect::Fetch(want) => assert!(self.wants.insert(want.hash), "{} is wanted twice", want.hash),
                Effect::Cancel(hash) => drop(self.wants.remove(&hash)),
                Effect::Verify(job) => self.jobs.push(job),
                Effect::Refused { hash, reason, .. } => drop(self.refused.insert(hash, reason)),
                Effect::Unstage(hash) => drop(self.staged.remove(&hash)),
                Effect::KeepIdentity(..) => {}
            }
        }
        let ready = self.joiner.take_ready(usize::MAX);
        let added = ready.into_iter().map(|mut ready| {
            let block = ready.block.take().unwrap_or_else(|| self.staged[&ready.position.hash].clone());
            ready.with_block(block)
        });
        self.replica.join(added.collect());
    }

    /// Lets one thing happen: a wanted block arrives, or a verdict. False when there is nothing left to happen.
    fn step(&mut self, choice: usize, blocks: &HashMap<Hash, Bytes>) -> bool {
        let arriving: Vec<Hash> =
            self.wants.iter().copied().filter(|hash| blocks.contains_key(hash)).collect();
        let count = arriving.len() + self.jobs.len();
        if count == 0 {
            return false;
        }
        let mut effects = Vec::new();
        match choice % count {
            at if at < arriving.len() => {
                self.wants.remove(&arriving[at]);
                self.joiner.block(blocks[&arriving[at]].clone(), &mut effects);
            }
            at => {
                let verdict = self.jobs.swap_remove(at - arriving.len()).run();
                self.joiner.verdict(verdict, &self.replica.store, &mut effects).unwrap();
            }
        }
        self.act(effects);
        true
    }

    /// Offers the heads and lets everything happen, in the order of `choices`.
    fn run(&mut self, heads: &[Bytes], choices: &[usize], blocks: &HashMap<Hash, Bytes>) {
        heads.iter().for_each(|head| self.head(head.clone()));
        let mut choices = choices.iter().cycle();
        while self.step(*choices.next().unwrap(), blocks) {
            if self.joiner.over_budget() {
                let mut effects = Vec::new();
                self.staged.extend(self.joiner.stage(&mut effects));
                self.act(effects);
            }
        }
    }
}

fn block_map(entries: &[Added]) -> HashMap<Hash, Bytes> {
    let identities = AUTHORS.iter().map(|author| (author.identity.hash(), author.identity.encode()));
    identities.chain(entries.iter().map(|added| (added.position.hash, added.block.clone()))).collect()
}

/// Blocks of the heads among `entries`.
fn head_blocks(entries: &[Added]) -> Vec<Bytes> {
    let covered: HashSet<Hash> = entries.iter().flat_map(|added| added.next.iter().copied()).collect();
    entries
        .iter()
        .filter(|added| !covered.contains(&added.position.hash))
        .map(|added| added.block.clone())
        .collect()
}

fn choices() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn joining_is_commutative_associative_and_idempotent(steps in prop::collection::vec(step(), 1..40)) {
        let (replicas, _) = live(&steps);
        let [a, b, c] = &replicas;
        let join = |into: &Replica, from: &Replica| {
            let mut into = into.clone();
            into.join(from.entries());
            into
        };
        prop_assert_eq!(join(a, b).seen(), join(b, a).seen(), "commutative");
        prop_assert_eq!(join(&join(a, b), c).seen(), join(a, &join(b, c)).seen(), "associative");
        prop_assert_eq!(join(a, a).seen(), a.seen(), "idempotent");
    }

    #[test]
    fn delivery_order_does_not_matter(
        steps in prop::collection::vec(step(), 1..30),
        choices in choices(),
        heads_first in any::<bool>(),
        small in any::<bool>(),
    ) {
        let (_, written) = live(&steps);
        let mut everything = Replica::new();
        let mut sorted = written.clone();
        sorted.sort_by(|a, b| a.position.cmp(&b.position));
        everything.join(sorted);

        let blocks = block_map(&written);
        let heads = if heads_first { head_blocks(&written) } else { written.iter().rev().map(|added| added.block.clone()).collect() };
        let limits = Limits { max_pending_bytes: if small { 1000 } else { 1 << 20 }, ..Limits::default() };
        let mut peer = Peer::new(limits);
        peer.run(&heads, &choices, &blocks);
        prop_assert_eq!(peer.replica.seen(), everything.seen());
        prop_assert_eq!(peer.joiner.pending(), 0);
        prop_assert_eq!(peer.joiner.pending_bytes(), 0);
        prop_assert!(peer.wants.is_empty() && peer.refused.is_empty());
    }

    #[test]
    fn an_entry_shows_only_with_all_its_ancestors(
        steps in prop::collection::vec(step(), 1..30),
        choices in choices(),
        missing in any::<usize>(),
        resume in any::<bool>(),
    ) {
        let (_, written) = live(&steps);
        prop_assume!(!written.is_empty());
        let lost = &written[missing % written.len()];
        let mut blocks = block_map(&written);
        blocks.remove(&lost.position.hash);
        let heads: Vec<Bytes> = head_blocks(&written).into_iter().filter(|head| *head != lost.block).collect();
        let mut peer = Peer::new(Limits::default());
        peer.run(&heads, &choices, &blocks);

        let store = &peer.replica.store;
        for position in store.newest_first(None).map(Result::unwrap) {
            let entry = store.entry(&position.hash).unwrap().unwrap();
            for link in entry.next.iter().chain(&entry.refs) {
                prop_assert!(store.contains(link).unwrap(), "{} shows without {}", position.hash, link);
            }
        }
        // What does not stand on the lost entry is there: one missing block holds up nothing else.
        let lost_with_descendants = descendants(lost.position.hash, &written);
        let offered = found_from(&heads, lost.position.hash, &written);
        for added in &written {
            let expected = offered.contains(&added.position.hash) && !lost_with_descendants.contains(&added.position.hash);
            prop_assert_eq!(store.contains(&added.position.hash).unwrap(), expected);
        }
        if resume {
            // The block turns up after all.
            blocks.insert(lost.position.hash, lost.block.clone());
            peer.run(&head_blocks(&written), &choices, &blocks);
            prop_assert_eq!(peer.replica.store.len(), written.len());
        } else {
            // It is given up: nothing stays behind.
            let mut effects = Vec::new();
            peer.joiner.give_up(lost.position.hash, &mut effects);
            peer.act(effects);
            prop_assert_eq!(peer.joiner.pending(), 0);
            prop_assert_eq!(peer.joiner.pending_bytes(), 0);
            prop_assert!(peer.wants.is_empty());
        }
    }

    #[test]
    fn a_full_backlog_refuses_and_recovers(steps in prop::collection::vec(step(), 20..40), choices in choices()) {
        let (_, written) = live(&steps);
        let blocks = block_map(&written);
        let mut peer = Peer::new(Limits { max_pending: 2, ..Limits::default() });
        peer.run(&head_blocks(&written), &choices, &blocks);
        prop_assert!(peer.joiner.pending() <= 2);
        // Offered ancestors first, everything fits through the narrow door.
        let mut sorted = written.clone();
        sorted.sort_by(|a, b| a.position.cmp(&b.position));
        for added in &sorted {
            peer.run(std::slice::from_ref(&added.block), &choices, &blocks);
        }
        prop_assert_eq!(peer.replica.store.len(), written.len());
    }

    #[test]
    fn iteration_from_an_entry_sees_its_ancestors_in_order(steps in prop::collection::vec(step(), 1..30), at in any::<usize>()) {
        let (_, written) = live(&steps);
        prop_assume!(!written.is_empty());
        let mut replica = Replica::new();
        let mut sorted = written.clone();
        sorted.sort_by(|a, b| a.position.cmp(&b.position));
        replica.join(sorted.clone());
        let start = written[at % written.len()].position.hash;
        let range = Range { lte: Some(start), ..Range::default() };
        let walked: Vec<Hash> = iterate(&replica.store, &range).unwrap().map(|position| position.unwrap().hash).collect();
        let expected: Vec<Hash> =
            sorted.iter().rev().map(|added| added.position.hash).filter(|hash| reaches(start, *hash, &written)).collect();
        prop_assert_eq!(walked, expected);
    }
}

fn reaches(from: Hash, to: Hash, entries: &[Added]) -> bool {
    let mut queue = vec![from];
    let mut seen = HashSet::new();
    while let Some(hash) = queue.pop() {
        if hash == to {
            return true;
        }
        if seen.insert(hash) {
            queue.extend(
                entries.iter().filter(|added| added.position.hash == hash).flat_map(|added| &added.next),
            );
        }
    }
    false
}

/// All that can be found from `heads` by `next` and `refs` when the block `lost` cannot be read.
fn found_from(heads: &[Bytes], lost: Hash, entries: &[Added]) -> HashSet<Hash> {
    let mut queue: Vec<Hash> = heads.iter().map(|head| Hash::of(head)).collect();
    let mut found = HashSet::new();
    while let Some(hash) = queue.pop() {
        if hash != lost && found.insert(hash) {
            let added = entries.iter().find(|added| added.position.hash == hash).unwrap();
            let entry = oplog::Entry::decode(&added.block).unwrap();
            queue.extend(entry.next.iter().chain(&entry.refs));
        }
    }
    found
}

/// The entry and all that cannot show without it, by `next` or by `refs`.
fn descendants(of: Hash, entries: &[Added]) -> HashSet<Hash> {
    let mut found = HashSet::from([of]);
    loop {
        let before = found.len();
        for added in entries {
            let entry = oplog::Entry::decode(&added.block).unwrap();
            if entry.next.iter().chain(&entry.refs).any(|link| found.contains(link)) {
                found.insert(entry.hash);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

#[test]
fn an_outsider_and_everything_on_top_is_refused_once() {
    let mut replica = Replica::new();
    let outsider = replica.write(&AUTHORS[2].writer, Operation::put("a", 1.into()));
    let insider = replica.write(&AUTHORS[0].writer, Operation::put("b", 2.into()));
    let blocks = block_map(&[outsider.clone(), insider.clone()]);
    let mut peer = Peer::new(Limits::default());
    let choices = [0];
    peer.run(std::slice::from_ref(&insider.block), &choices, &blocks);
    assert!(matches!(peer.refused[&outsider.position.hash], Refusal::WriterNotAllowed(_)));
    assert_eq!(peer.refused[&insider.position.hash], Refusal::AncestorRefused(outsider.position.hash));
    assert_eq!((peer.joiner.pending(), peer.joiner.pending_bytes()), (0, 0));
    peer.refused.clear();
    peer.run(std::slice::from_ref(&insider.block), &choices, &blocks);
    assert!(peer.refused.is_empty(), "what was refused is not judged again");
    peer.joiner.set_writers(Writers::Anyone);
    peer.run(&[insider.block], &choices, &blocks);
    assert_eq!(peer.replica.store.len(), 2, "granted afterwards, it is taken when it is offered again");
}

#[test]
fn a_log_with_very_many_heads_can_still_be_appended_to() {
    let mut replica = Replica::new();
    let roots: Vec<Added> = (0..oplog::log::MAX_NEXT + 500)
        .map(|n| Replica::new().write(&AUTHORS[0].writer, Operation::put(format!("key {n}"), Value::Null)))
        .collect();
    replica.join(roots);
    assert_eq!(replica.log.heads().len(), oplog::log::MAX_NEXT + 500);
    replica.write(&AUTHORS[1].writer, Operation::put("joined", Value::Null));
    assert_eq!(replica.log.heads().len(), 501);
    replica.write(&AUTHORS[1].writer, Operation::put("joined", Value::Null));
    assert_eq!(replica.log.heads().len(), 1);
}
