//! Blocks that wait for their ancestors.

use super::{Replica, address, put, writer};
use crate::{
    Store, StoreConfig, StoreError,
    journal::{Frames, Kind},
};
use bytes::Bytes;
use oplog::{
    Hash,
    log::{Added, Log, LogRead as _},
};
use std::collections::BTreeSet;
use tempfile::TempDir;

fn chain(length: usize) -> Vec<Added> {
    let mut log = Log::empty(address("db"));
    (0..length).map(|n| log.append(put("key", &n.to_string()), &writer(1)).unwrap()).collect()
}

fn blocks(added: &[Added]) -> Vec<(Hash, Bytes)> {
    added.iter().map(|added| (added.position.hash, added.block.clone())).collect()
}

#[test]
fn staged_blocks_survive_a_restart_and_are_no_part_of_the_log() {
    let chain = chain(10);
    let mut replica = Replica::new();
    replica.database.stage(&blocks(&chain[4..])).unwrap();
    replica.database.stage(&blocks(&chain[4..])).unwrap();
    let bytes: usize = chain[4..].iter().map(|added| added.block.len()).sum();

    replica = replica.reopen();

    assert_eq!(replica.database.staged_bytes().unwrap(), bytes as u64);
    assert_eq!(replica.store.stats().staged_bytes, bytes as u64);
    let staged: BTreeSet<Hash> = replica.database.staged_hashes().map(Result::unwrap).collect();
    assert_eq!(staged, chain[4..].iter().map(|added| added.position.hash).collect());
    assert!(replica.database.is_empty().unwrap());
    assert!(!replica.database.contains(&chain[4].position.hash).unwrap());
    assert_eq!(replica.store.block(&chain[4].position.hash).unwrap(), None);

    replica.database.unstage(&[chain[9].position.hash, chain[0].position.hash]).unwrap();
    assert_eq!(replica.database.staged(&chain[9].position.hash).unwrap(), None);
    replica.log.join(&chain);
    replica.commit(chain);
    assert_eq!(replica.store.stats().staged_bytes, 0);
    replica.check();
    replica.reopen().check();
}

#[test]
fn staging_is_bounded() {
    let dir = TempDir::new().unwrap();
    let chain = chain(3);
    let limit = chain[0].block.len() as u64 * 2;
    let config = StoreConfig { max_staged_bytes: limit, ..StoreConfig::default() };
    let store = Store::open(dir.path(), &config).unwrap();
    let database = store.database(&address("db")).unwrap();
    let error = database.stage(&blocks(&chain)).unwrap_err();
    assert!(matches!(error, StoreError::StagingFull { limit: named } if named == limit), "{error}");
    assert_eq!(database.staged_hashes().count(), 0);
    database.stage(&blocks(&chain[..1])).unwrap();
    assert_eq!(database.staged_hashes().count(), 1);
}

#[test]
fn one_database_cannot_use_up_the_staging_of_all() {
    let dir = TempDir::new().unwrap();
    let blocks: Vec<(Hash, Bytes)> = (0..8_u8)
        .map(|n| {
            let block = Bytes::from(vec![n; 1000]);
            (Hash::of(&block), block)
        })
        .collect();
    let config = StoreConfig { max_staged_bytes: 8000, ..StoreConfig::default() };
    let store = Store::open(dir.path(), &config).unwrap();
    let [flooded, other] = ["flooded", "other"].map(|name| store.database(&address(name)).unwrap());
    flooded.stage(&blocks[..6]).unwrap();
    assert!(matches!(flooded.stage(&blocks[6..7]).unwrap_err(), StoreError::StagingFull { .. }));
    other.stage(&blocks[..2]).unwrap();
    assert!(matches!(other.stage(&blocks[2..3]).unwrap_err(), StoreError::StagingFull { .. }));
    flooded.unstage(&[blocks[0].0]).unwrap();
    other.stage(&blocks[2..3]).unwrap();
}

#[test]
fn an_entry_whose_ancestors_the_journal_lost_waits_for_them() {
    let chain = chain(3);
    let mut replica = Replica::new();
    // The index lags, and of what it has to follow, the middle of the chain is gone.
    let mut frames = Frames::default();
    for added in [&chain[0], &chain[2]] {
        frames.add(Kind::Entry, replica.database.number, &added.position.hash, &added.block);
    }
    replica.store.writes().unwrap().journal.append(frames).unwrap();

    replica = replica.reopen();

    assert_eq!(replica.log.len(), 1);
    assert_eq!(replica.database.staged(&chain[2].position.hash).unwrap(), Some(chain[2].block.clone()));
    assert_eq!(replica.database.verify(|_| {}).unwrap().examples, []);
    replica.log.join(&chain[1..]);
    replica.database.apply(replica.log.commit(chain[1..].to_vec(), &replica.database).unwrap()).unwrap();
    assert_eq!(replica.database.verify(|_| {}).unwrap().examples, []);
    assert_eq!(replica.database.len().unwrap(), 3);
}
