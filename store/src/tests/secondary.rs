//! A secondary index is one file and one line: here is one that no release has.

use super::{Replica, put, recovery::damage, writer};
use crate::{
    Difference, StoreError, VerifyReport,
    environment::Environment,
    index::{EntryReader, Rows, SecondaryIndex, SecondaryIndexes, View},
    journal::{Frames, Kind},
    keys,
    tree::Batch,
};
use oplog::{
    Entry, Hash,
    log::{Added, Commit, LogRead as _},
    order::Position,
    view::Operation,
};
use std::collections::BTreeSet;

const WRITER: u8 = b'w';

/// Which entries an identity wrote: `w`, database, identity, position -> nothing.
#[derive(Debug)]
struct ByWriter {
    version: u8,
}

fn row(rows: Rows<'_>, entry: &Entry) -> Vec<u8> {
    let prefix = keys::prefix(WRITER, rows.number);
    [&prefix[..], entry.identity.digest(), &entry.position().to_key()].concat()
}

impl SecondaryIndex for ByWriter {
    fn kinds(&self) -> &'static [u8] {
        &[WRITER]
    }

    fn version(&self) -> u8 {
        self.version
    }

    fn put(&self, batch: &mut Batch, rows: Rows<'_>, commit: &Commit) -> Result<(), StoreError> {
        for added in &commit.added {
            batch.put(row(rows, &Entry::decode(&added.block).unwrap()), []);
        }
        Ok(())
    }

    fn verify_entry(
        &self,
        rows: Rows<'_>,
        position: &Position,
        entry: &Entry,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        if !rows.tree.contains(row(rows, entry))? {
            report.add(Difference::Misplaced(position.hash));
        }
        Ok(())
    }

    fn verify_rows(
        &self,
        rows: Rows<'_>,
        entry: EntryReader<'_>,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        for pair in rows.tree.with_prefix(&keys::prefix(WRITER, rows.number)) {
            let (key, _) = pair?;
            let position = Position::from_key(&key[37..]).unwrap();
            let entry = entry(&position.hash)?;
            if entry.is_none_or(|entry| row(rows, &entry)[..] != key[..]) {
                report.add(Difference::Misplaced(position.hash));
            }
        }
        Ok(())
    }
}

const WITH_WRITERS: SecondaryIndexes = &[&View, &ByWriter { version: 1 }];

/// The same of a later release, which makes other rows.
const WITH_OTHER_WRITERS: SecondaryIndexes = &[&View, &ByWriter { version: 2 }];

/// The entries of one identity by the index.
fn written_by(replica: &Replica, identity: &Hash) -> BTreeSet<Hash> {
    let prefix = [&keys::prefix(WRITER, replica.database.number)[..], identity.digest()].concat();
    let rows = replica.store.inner.tree.with_prefix(&prefix);
    rows.map(|pair| Position::from_key(&pair.unwrap().0[37..]).unwrap().hash).collect()
}

fn check(replica: &Replica) {
    replica.check();
    for number in 0..3 {
        let identity = writer(number).identity();
        let hashes = replica.memory.newest_first(None).map(|position| position.unwrap().hash);
        let written = hashes
            .filter(|hash| replica.memory.entry(hash).unwrap().unwrap().identity == identity)
            .collect::<BTreeSet<_>>();
        assert!(number == 2 || written.len() > 1);
        assert_eq!(written_by(replica, &identity), written, "writer {number}");
    }
}

/// Entries of two writers, and of each some that were staged first.
fn filled() -> Replica {
    filled_with(WITH_WRITERS)
}

fn filled_with(secondary: SecondaryIndexes) -> Replica {
    let mut replica = Replica::new_in(Environment { secondary, ..Environment::machine() });
    let mut other = replica.log.clone();
    replica.write([put("a", "1"), put("b", "2"), Operation::del("a")]);
    let theirs: Vec<Added> =
        ["3", "4", "5"].map(|value| other.append(put("a", value), &writer(1)).unwrap()).into();
    let staged: Vec<_> = theirs[1..].iter().map(|added| (added.position.hash, added.block.clone())).collect();
    replica.database.stage(&staged).unwrap();
    replica.log.join(&theirs);
    replica.commit(theirs);
    replica
}

#[test]
fn a_new_index_has_the_same_rows_by_commit_by_replay_and_by_rebuild() {
    let replica = filled();
    check(&replica);
    replica.database.rebuild().unwrap();
    check(&replica);
    let replica = replica.reopen_after(|dir| std::fs::remove_dir_all(dir.join("db")).unwrap());
    check(&replica);
}

#[test]
fn a_new_index_follows_the_journal_after_a_crash() {
    let mut replica = filled();
    let added = replica.append(put("a", "6"));
    let mut frames = Frames::default();
    frames.add(Kind::Entry, replica.database.number, &added.position.hash, &added.block);
    // The index has not followed it.
    replica.store.writes().unwrap().journal.append(frames).unwrap();
    let commit = replica.log.commit(vec![added], &replica.memory).unwrap();
    replica.memory.apply(commit);
    check(&replica.reopen());
}

#[test]
fn a_removed_database_leaves_no_rows_of_a_new_index() {
    let replica = filled();
    replica.store.remove_database(&replica.database.address()).unwrap();
    let rows = replica.store.inner.tree.with_prefix(&[WRITER]).count();
    assert_eq!(rows, 0);
}

#[test]
fn verifying_tells_of_rows_that_a_new_index_lacks() {
    let replica = filled();
    lose_a_row(&replica);
    assert_eq!(replica.database.verify(|_| {}).unwrap().differences, 1);
}

/// Closes a store and opens it by a release that has these indexes.
fn reopen_with(replica: Replica, secondary: SecondaryIndexes) -> Replica {
    replica.reopen_after(|place| place.environment.borrow_mut().secondary = secondary)
}

fn lose_a_row(replica: &Replica) {
    let (key, _) = replica.store.inner.tree.with_prefix(&[WRITER]).next().unwrap().unwrap();
    let mut batch = Batch::default();
    batch.remove(&key);
    replica.store.inner.tree.apply(batch).unwrap();
}

#[test]
fn a_store_that_was_written_without_an_index_has_it_at_the_next_start() {
    let replica = filled_with(&[&View]);
    let mut replica = reopen_with(replica, WITH_WRITERS);
    check(&replica);
    replica.write([put("a", "7")]);
    check(&replica.reopen());
}

#[test]
fn an_index_is_derived_once_and_again_when_its_version_is_another() {
    let replica = filled();
    lose_a_row(&replica);
    let replica = reopen_with(replica, WITH_WRITERS);
    assert!(!replica.database.verify(|_| {}).unwrap().is_clean(), "nothing was derived");
    check(&reopen_with(replica, WITH_OTHER_WRITERS));
}

#[test]
fn an_index_that_is_no_more_leaves_no_rows_and_is_derived_when_it_comes_back() {
    let replica = reopen_with(filled(), &[&View]);
    assert_eq!(replica.store.inner.tree.with_prefix(&[WRITER]).count(), 0);
    replica.check();
    check(&reopen_with(replica, WITH_WRITERS));
}

#[test]
fn an_index_that_lacks_a_damaged_entry_is_derived_again_once_it_is_healed() {
    let replica = filled_with(&[&View]);
    let hash = damage(&replica, 1);
    let whole = replica.memory.block(&hash).unwrap().clone();
    let replica = reopen_with(replica, WITH_WRITERS);
    let entries = replica.database.len().unwrap();
    assert_eq!(entries, replica.memory.len() as u64, "it stays part of the log");
    assert_eq!(replica.store.inner.tree.with_prefix(&[WRITER]).count() as u64, entries - 1);
    replica.store.heal(&hash, &whole).unwrap();
    check(&replica.reopen());
}
