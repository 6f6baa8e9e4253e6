//! The `oplog` crate against a living JavaScript OrbitDB: random histories, the same verdict on order, heads, iteration,
//! views, and the same bytes for the next entry.

use std::collections::HashMap;

use bytes::Bytes;
use oplog::{
    Address, Hash, Value,
    access::Writers,
    identity::Identity,
    join::{Effect, Joiner, Limits, Policy, Source},
    keys::SigningKey,
    log::{Added, Log, LogRead as _, Range, Writer, iterate},
    memory::MemoryLog,
    view::Operation,
};
use paperclip_tests::{HarnessError, JsPeer, Result, Storage, folder, not_yet, seeded};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::json;

/// Histories per test; each starts where the one before ended.
const ROUNDS: usize = 4;

fn broken(what: impl std::fmt::Display) -> HarnessError {
    HarnessError::NotYet(what.to_string())
}

/// A replica of what JavaScript holds, made by joining its heads and fetching the rest from the blocks it gave.
struct Replica {
    log: Log,
    store: MemoryLog,
    joiner: Joiner<u8>,
}

impl Replica {
    fn new(address: &str) -> Result<Self> {
        let address: Address = address.parse().map_err(broken)?;
        Ok(Self {
            log: Log::empty(address),
            store: MemoryLog::default(),
            joiner: Joiner::new(address, Writers::Anyone, Policy::default(), Limits::default()),
        })
    }

    fn join(&mut self, heads: &[String], blocks: &[String]) -> Result<()> {
        let mut by_hash = HashMap::new();
        for hex in blocks {
            let block = Bytes::from(hex::decode(hex).map_err(broken)?);
            by_hash.insert(Hash::of(&block), block);
        }
        let mut effects = Vec::new();
        for head in heads {
            let hash: Hash = head.parse().map_err(broken)?;
            let Ok(()) = self.joiner.head_hash(hash, Source::Peer(1), &self.store, &mut effects);
        }
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::Fetch(want) => match by_hash.get(&want.hash) {
                    Some(block) => self.joiner.block(block.clone(), &mut effects),
                    None => {
                        return not_yet(format!("JavaScript's log names {} and does not hold it", want.hash));
                    }
                },
                Effect::Verify(job) => {
                    let Ok(()) = self.joiner.verdict(job.run(), &self.store, &mut effects);
                }
                Effect::Refused { hash, reason, .. } => return not_yet(format!("{hash} refused: {reason}")),
                Effect::Cancel(_) | Effect::Unstage(_) | Effect::KeepIdentity(..) => {}
            }
            self.commit_ready();
        }
        Ok(())
    }

    fn commit_ready(&mut self) {
        let ready: Vec<Added> = self
            .joiner
            .take_ready(usize::MAX)
            .into_iter()
            .filter_map(|mut entry| entry.block.take().map(|block| entry.with_block(block)))
            .collect();
        self.log.join(&ready);
        self.commit(ready);
    }

    fn commit(&mut self, added: Vec<Added>) {
        let Ok(commit) = self.log.commit(added, &self.store);
        self.store.apply(commit);
    }

    fn hashes(&self) -> Vec<String> {
        self.store
            .newest_first(None)
            .map(|position| position.map_or_else(|never| match never {}, |at| at.hash.to_string()))
            .collect()
    }

    fn heads(&self) -> Vec<String> {
        self.log.heads().iter().map(|head| head.hash.to_string()).collect()
    }

    fn iterate(&self, range: &Range) -> Result<Vec<String>> {
        let positions = iterate(&self.store, range).map_err(broken)?;
        Ok(positions
            .map(|position| position.map_or_else(|never| match never {}, |at| at.hash.to_string()))
            .collect())
    }
}

fn writer(js: &mut JsPeer) -> Result<Writer> {
    let keys = js.keys()?;
    let root = SigningKey::from_hex(&keys.root).map_err(broken)?;
    let signing = SigningKey::from_hex(&keys.signing).map_err(broken)?;
    let identity = Identity::create(&root, &signing);
    assert_eq!(identity.hash().to_string(), js.identity().hash, "the same keys make the same identity block");
    Ok(Writer::new(identity, signing))
}

/// Options of one iterator call, for both sides.
fn random_range(random: &mut StdRng, hashes: &[String]) -> Result<(serde_json::Value, Range)> {
    let mut options = json!({});
    let mut range = Range::default();
    let mut bound = |name: &str| -> Result<Option<Hash>> {
        if !random.random_bool(0.3) {
            return Ok(None);
        }
        let hash = &hashes[random.random_range(0..hashes.len())];
        options[name] = json!(hash);
        hash.parse().map(Some).map_err(broken)
    };
    (range.gt, range.gte) = (bound("gt")?, bound("gte")?);
    (range.lt, range.lte) = (bound("lt")?, bound("lte")?);
    if random.random_bool(0.5) {
        let amount = random.random_range(0..hashes.len());
        options["amount"] = json!(amount);
        range.amount = Some(amount);
    }
    Ok((options, range))
}

#[test]
fn random_histories_are_read_and_continued_as_javascript_does() -> Result<()> {
    let mut random = seeded();
    let home = folder()?;
    let mut js = JsPeer::start(home.path(), Storage::Memory)?;
    let writer = writer(&mut js)?;
    let db = js.create("woven", "events", json!({ "write": ["*"] }))?.address;
    let mut replica = Replica::new(&db)?;
    for round in 0..ROUNDS {
        let (writers, steps) = (random.random_range(2..=6), random.random_range(5..=60));
        js.weave(&db, writers, steps, random.random())?;
        replica.join(&js.heads(&db)?, &js.log_blocks(&db)?)?;
        let hashes = js.hashes(&db)?;
        assert_eq!(replica.hashes(), hashes, "round {round}: order");
        assert_eq!(replica.heads(), js.heads(&db)?, "round {round}: heads");
        for _ in 0..25 {
            let (options, range) = random_range(&mut random, &hashes)?;
            let theirs: Vec<String> =
                js.iterate(&db, options.clone())?.into_iter().map(|row| row.hash).collect();
            assert_eq!(replica.iterate(&range)?, theirs, "round {round}: {options}");
        }

        // With the same keys on the same heads, the next entries have the same bytes: next, refs, clock and signature.
        for n in 0..3 {
            let text = format!("appended {round} {n}");
            let theirs = js.add(&db, &json!(text))?;
            let ours = replica.log.append(Operation::add(Value::Text(text)), &writer).map_err(broken)?;
            assert_eq!(hex::encode(&ours.block), js.get_block(&theirs)?, "round {round}: the entry's bytes");
            replica.commit(vec![ours]);
        }
    }
    Ok(())
}

#[test]
fn random_keyvalue_histories_have_the_same_winners() -> Result<()> {
    let mut random = seeded();
    let home = folder()?;
    let mut js = JsPeer::start(home.path(), Storage::Memory)?;
    let db = js.create("woven", "keyvalue", json!({ "write": ["*"] }))?.address;
    let mut replica = Replica::new(&db)?;
    for round in 0..ROUNDS {
        let (writers, steps) = (random.random_range(2..=6), random.random_range(5..=60));
        js.weave(&db, writers, steps, random.random())?;
        replica.join(&js.heads(&db)?, &js.log_blocks(&db)?)?;
        let mut theirs: Vec<String> = js.all(&db)?.into_iter().map(|row| row.hash).collect();
        theirs.reverse();
        let ours: Vec<String> =
            replica.store.live_newest_first().iter().map(|position| position.hash.to_string()).collect();
        assert_eq!(ours, theirs, "round {round}");
    }
    Ok(())
}
