//! Secondary indexes that a store was written without, or with others in their place: they are derived when it is opened.

use super::{
    database::DatabaseStore,
    error::StoreError,
    index::{SECONDARY, SecondaryIndex, put_secondary},
    keys,
    rebuild::CHUNK,
    state::Store,
    tree::Batch,
};
use oplog::{
    Entry,
    log::{Added, Log, LogRead as _},
    order::Position,
};
use std::collections::BTreeSet;

/// Which index it is: its version, and what its keys begin with.
type Mark = Vec<u8>;

fn mark(index: &&'static dyn SecondaryIndex) -> Mark {
    [&[index.version()], index.kinds()].concat()
}

/// Marks one behind the other, each behind its length.
fn encode<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Vec<u8> {
    let written = |mark: &Mark| [&[u8::try_from(mark.len()).unwrap_or(u8::MAX)], &mark[..]].concat();
    marks.into_iter().flat_map(written).collect()
}

/// The marks in a row; those that can be read of it.
fn decode(mut row: &[u8]) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    while let Some((length, rest)) = row.split_first()
        && let Some((mark, rest)) = rest.split_at_checked((*length).into())
    {
        marks.insert(mark.to_vec());
        row = rest;
    }
    marks
}

impl Store {
    /// Derives the secondary indexes that are not whole, and deletes those that are no more. Takes time by the number of entries
    /// when there are any.
    pub(super) fn derive_secondary(&self) -> Result<(), StoreError> {
        let whole = match self.inner.tree.get(keys::SECONDARY)? {
            Some(row) => decode(&row),
            None => SECONDARY.iter().map(mark).collect(),
        };
        let wanted: BTreeSet<Mark> = self.inner.secondary.iter().map(mark).collect();
        if whole == wanted {
            return Ok(());
        }
        // Until they are whole again: a crash in the middle has the next start begin anew.
        self.note_secondary(whole.intersection(&wanted))?;
        for kind in whole.symmetric_difference(&wanted).flat_map(|mark| &mark[1..]) {
            self.delete_prefix(&[*kind])?;
        }
        let lacking: Vec<_> =
            self.inner.secondary.iter().copied().filter(|index| !whole.contains(&mark(index))).collect();
        let mut damaged = 0;
        for address in self.stored_databases()? {
            tracing::info!(database = %address, indexes = lacking.len(), "deriving indexes that the store lacks");
            damaged += self.database(&address)?.derive_indexes(&lacking)?;
        }
        if damaged > 0 {
            tracing::warn!(damaged, "indexes lack damaged entries; the next start derives them again");
            return Ok(());
        }
        self.note_secondary(&wanted)
    }

    /// Notes that all indexes are whole.
    pub(super) fn note_all_secondary(&self) -> Result<(), StoreError> {
        let all: BTreeSet<Mark> = self.inner.secondary.iter().map(mark).collect();
        self.note_secondary(&all)
    }

    fn note_secondary<'a>(&self, whole: impl IntoIterator<Item = &'a Mark>) -> Result<(), StoreError> {
        let (row, usual) = (encode(whole), SECONDARY.iter().map(mark).collect::<BTreeSet<_>>());
        let mut batch = Batch::default();
        if decode(&row) == usual {
            batch.remove(keys::SECONDARY);
        } else {
            batch.put(keys::SECONDARY, row);
        }
        Ok(self.inner.tree.apply(batch)?)
    }
}

impl DatabaseStore {
    /// Puts the rows of these indexes, of which there are none. How many entries could not be read.
    fn derive_indexes(&self, indexes: &[&'static dyn SecondaryIndex]) -> Result<u64, StoreError> {
        let mut log = Log::empty(self.address);
        let (mut last, mut damaged) = (None, 0);
        loop {
            let chunk: Vec<Position> =
                self.oldest_first(last.as_ref()).take(CHUNK).collect::<Result<_, _>>()?;
            let Some(newest) = chunk.last() else { return Ok(damaged) };
            last = Some(newest.clone());
            let mut added = Vec::with_capacity(chunk.len());
            for position in &chunk {
                let block = self.store.whole_block(&position.hash)?;
                match block.and_then(|block| Some((Entry::decode(&block).ok()?, block))) {
                    Some((entry, block)) => added.push(Added::of(entry, block)),
                    None => damaged += 1,
                }
            }
            log.join(&added);
            let mut batch = Batch::default();
            put_secondary(&mut batch, indexes, self.rows(), &log.commit(added, self)?)?;
            self.store.inner.tree.apply(batch)?;
        }
    }
}
