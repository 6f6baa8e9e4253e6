//! What happens to a store, by chance.

use super::replica::{Place, Replica, writer};
use oplog::{
    Address, Hash, Value,
    log::{Added, LogRead as _},
    view::Operation,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// Keys of databases: short ones, one that is longer than a key of the index, one beside it, one that is no ASCII, none.
const KEYS: usize = 9;

/// Something that happens to a store.
#[derive(Debug, Clone)]
enum Step {
    /// One commit of these operations.
    Write(Vec<Operation>),
    /// Two writers who do not see each other, joined: so many entries of this one, these operations of the other.
    Fork(Vec<Operation>, Vec<Operation>),
    /// The other's entries are staged first, all but the one at this place.
    Staged(Vec<Operation>, usize),
    /// Another database comes, is written and goes.
    Passing(Vec<Operation>),
    /// The store is closed and opened.
    Reopen,
    /// The store is closed, loses its index and is opened.
    LoseIndex,
    /// Order, heads and view are derived anew.
    Rebuild,
}

/// Runs a new store through steps by chance and compares all that it says with the log in memory, after each of them and, at
/// the end, from the journal alone.
pub fn check_store(place: impl Place, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut replica = Replica::at(place);
    for _ in 0..random.random_range(1..12) {
        replica = Step::random(&mut random).run(replica);
        replica.check();
    }
    replica = replica.reopen();
    replica.check();
    replica.reopen_without_index().check();
}

impl Step {
    /// One by chance.
    fn random(random: &mut StdRng) -> Self {
        match random.random_range(0..14) {
            0..4 => Self::Write(operations(random)),
            4..7 => Self::Fork(operations(random), operations(random)),
            7..9 => Self::Staged(operations(random), random.random_range(0..8)),
            9 => Self::Passing(operations(random)),
            10 | 11 => Self::Reopen,
            12 => Self::LoseIndex,
            _ => Self::Rebuild,
        }
    }

    fn run<P: Place>(self, mut replica: Replica<P>) -> Replica<P> {
        match self {
            Self::Write(operations) => drop(replica.write(operations)),
            Self::Fork(ours, theirs) => {
                let theirs = of_another(&replica, theirs, 1);
                replica.write(ours);
                replica.log.join(&theirs);
                replica.commit(theirs);
            }
            Self::Staged(theirs, fresh) => stage(&mut replica, theirs, fresh),
            Self::Passing(operations) => pass(&replica, operations),
            Self::Reopen => replica = replica.reopen(),
            Self::LoseIndex => replica = replica.reopen_without_index(),
            Self::Rebuild => {
                let report = replica.database.rebuild().unwrap();
                assert_eq!((report.entries, report.dropped), (replica.memory.len() as u64, 0));
            }
        }
        replica
    }
}

/// What another writer adds to the log as it is.
fn of_another<P>(replica: &Replica<P>, operations: Vec<Operation>, number: u8) -> Vec<Added> {
    let mut other = replica.log.clone();
    operations.into_iter().map(|operation| other.append(operation, &writer(number)).unwrap()).collect()
}

fn stage<P: Place>(replica: &mut Replica<P>, theirs: Vec<Operation>, fresh: usize) {
    let theirs = of_another(replica, theirs, 2);
    let staged: Vec<_> = theirs
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != fresh)
        .map(|(_, added)| (added.position.hash, added.block.clone()))
        .collect();
    replica.database.stage(&staged).unwrap();
    assert!(staged.iter().all(|(hash, _)| !replica.database.contains(hash).unwrap()));
    replica.log.join(&theirs);
    replica.commit(theirs);
    assert_eq!(replica.database.staged_bytes().unwrap(), 0);
}

fn pass<P>(replica: &Replica<P>, operations: Vec<Operation>) {
    let address = Address::from(Hash::of(b"passing"));
    let database = replica.store.database(&address).unwrap();
    let mut log = database.open_log().unwrap();
    assert!(log.is_empty(), "what was removed is there again");
    let added: Vec<Added> =
        operations.into_iter().map(|operation| log.append(operation, &writer(3)).unwrap()).collect();
    let hashes: Vec<Hash> = added.iter().map(|added| added.position.hash).collect();
    database.apply(log.commit(added, &database).unwrap()).unwrap();
    assert_eq!(replica.store.remove_database(&address).unwrap().entries, hashes.len() as u64);
    assert!(hashes.iter().all(|hash| !replica.store.has_block(hash).unwrap()));
}

fn operations(random: &mut StdRng) -> Vec<Operation> {
    (0..random.random_range(1..8)).map(|_| operation(random)).collect()
}

fn operation(random: &mut StdRng) -> Operation {
    let key = match random.random_range(0..KEYS) {
        0 => "long ".repeat(300),
        1 => format!("{}!", "long ".repeat(300)),
        2 => "ключ\u{0}".to_owned(),
        3 => String::new(),
        other => other.to_string(),
    };
    let size = if random.random_bool(0.05) { 100_000 } else { random.random_range(0..300) };
    let value = Value::from("v".repeat(size));
    match random.random_range(0..9) {
        0..6 => Operation::put(key, value),
        6 | 7 => Operation::del(key),
        _ => Operation::add(value),
    }
}
