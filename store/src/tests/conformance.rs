//! A database's store behaves as the log in memory does, whatever is committed to it.

use super::{Replica, put, writer};
use oplog::{log::LogRead as _, view::Operation};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// One commit of these operations.
    Write(Vec<Operation>),
    /// Two writers who do not see each other, joined: so many entries of this one, these operations of the other.
    Fork(Vec<Operation>, Vec<Operation>),
    /// The other's entries are staged first, all but some.
    Staged(Vec<Operation>, usize),
    Reopen,
    Rebuild,
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = prop_oneof![
        8 => "[a-e]",
        1 => Just("long ".repeat(300)),
        1 => Just(format!("{}!", "long ".repeat(300))),
        1 => Just("ключ\u{0}".to_owned()),
        1 => Just(String::new()),
    ];
    let value = prop_oneof![20 => "[a-z]{0,300}", 1 => Just("big ".repeat(25_000))];
    prop_oneof![
        6 => (key.clone(), value.clone()).prop_map(|(key, value)| put(&key, &value)),
        2 => key.prop_map(Operation::del),
        1 => value.prop_map(|value| Operation::add(value.into())),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..8)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => operations().prop_map(Step::Write),
        3 => (operations(), operations()).prop_map(|(ours, theirs)| Step::Fork(ours, theirs)),
        2 => (operations(), 0_usize..8).prop_map(|(theirs, fresh)| Step::Staged(theirs, fresh)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Rebuild),
    ]
}

fn run(mut replica: Replica, step: Step) -> Replica {
    match step {
        Step::Write(operations) => drop(replica.write(operations)),
        Step::Fork(ours, theirs) => {
            let mut other = replica.log.clone();
            replica.write(ours);
            let theirs: Vec<_> =
                theirs.into_iter().map(|operation| other.append(operation, &writer(1)).unwrap()).collect();
            replica.log.join(&theirs);
            replica.commit(theirs);
        }
        Step::Staged(theirs, fresh) => {
            let mut other = replica.log.clone();
            let theirs: Vec<_> =
                theirs.into_iter().map(|operation| other.append(operation, &writer(2)).unwrap()).collect();
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
        Step::Reopen => replica = replica.reopen(),
        Step::Rebuild => {
            let report = replica.database.rebuild().unwrap();
            assert_eq!((report.entries, report.dropped), (replica.memory.len() as u64, 0));
        }
    }
    replica
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_the_log_in_memory(
        steps in prop::collection::vec(step(), 1..12)
    ) {
        let mut replica = Replica::new();
        for step in steps {
            replica = run(replica, step);
            replica.check();
        }
        replica = replica.reopen();
        replica.check();
        // The same again from the journal alone.
        replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap()).check();
    }
}
