//! Rows of the view: for each key the entry that wins, and the winners that show something in the order of entries.

use super::secondary::{EntryReader, Rows, SecondaryIndex};
use crate::{
    differences::{Difference, VerifyReport},
    error::{Corruption, StoreError},
    keys, record,
    tree::Batch,
};
use oplog::{
    Entry,
    log::Commit,
    order::Position,
    view::{Operation, ViewChange, Winner},
};

/// What keyvalue and documents databases show.
#[derive(Debug)]
pub(crate) struct View;

impl SecondaryIndex for View {
    fn kinds(&self) -> &'static [u8] {
        &[keys::VIEW, keys::LIVE]
    }

    fn put(&self, batch: &mut Batch, rows: Rows<'_>, commit: &Commit) -> Result<(), StoreError> {
        let number = rows.number;
        for ViewChange { key, winner, replaced } in &commit.view {
            if let Some(replaced) = replaced.as_ref().filter(|replaced| !replaced.deleted) {
                batch.remove(keys::live(number, &replaced.position));
            }
            if !winner.deleted {
                batch.put(keys::live(number, &winner.position), record::encode_live(key));
            }
            batch.put(keys::view(number, key), record::encode_winner(winner));
        }
        Ok(())
    }

    /// An entry that sets or deletes a key is that key's winner, or older than it; and a winner is what the entry says.
    fn verify_entry(
        &self,
        rows: Rows<'_>,
        position: &Position,
        entry: &Entry,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let Some(op) = Operation::of(entry.payload.clone()).keyed() else { return Ok(()) };
        let wins = Winner { position: position.clone(), deleted: op.deleted };
        match winner_of(rows, &op.key)? {
            Some(winner) if winner == wins => {
                let live = rows.tree.get(keys::live(rows.number, position))?;
                let listed = live.as_deref() == Some(record::encode_live(&op.key));
                // Read again: a newer one may have won meanwhile.
                if listed == op.deleted && winner_of(rows, &op.key)?.as_ref() == Some(&wins) {
                    report.add(Difference::Live(position.hash));
                }
            }
            Some(winner) if winner.position > *position => {}
            _ => report.add(Difference::Winner(op.key)),
        }
        Ok(())
    }

    /// Every winner and every listed entry is one of the log's, and says what it is listed for.
    fn verify_rows(
        &self,
        rows: Rows<'_>,
        entry: EntryReader<'_>,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let Rows { tree, number } = rows;
        for pair in tree.with_prefix(&keys::prefix(keys::VIEW, number)) {
            let (key, value) = pair?;
            let winner = record::decode_winner(&value)?;
            let entry = entry(&winner.position.hash).or_else(damaged)?;
            let op = entry.and_then(|entry| Operation::of(entry.payload).keyed());
            if !op
                .is_some_and(|op| op.deleted == winner.deleted && keys::view(number, &op.key) == key.as_ref())
            {
                report.add(Difference::Winner(String::from_utf8_lossy(&key[5..]).into_owned()));
            }
        }
        for pair in tree.with_prefix(&keys::prefix(keys::LIVE, number)) {
            let (key, _) = pair?;
            let position = keys::position_of(&key).ok_or(Corruption::Record("live"))?;
            let entry = entry(&position.hash).or_else(damaged)?;
            let op = entry.and_then(|entry| Operation::of(entry.payload).keyed());
            let winner = op.map(|op| winner_of(rows, &op.key)).transpose()?.flatten();
            let listed = || tree.contains(&key);
            if winner != Some(Winner { position: position.clone(), deleted: false }) && listed()? {
                report.add(Difference::Live(position.hash));
            }
        }
        Ok(())
    }
}

/// The entry that a key shows, or that deleted it.
pub(crate) fn winner_of(rows: Rows<'_>, key: &str) -> Result<Option<Winner>, StoreError> {
    let value = rows.tree.get(keys::view(rows.number, key))?;
    Ok(value.map(|value| record::decode_winner(&value)).transpose()?)
}

/// Damaged blocks are reported where they stand in the order.
fn damaged(error: StoreError) -> Result<Option<Entry>, StoreError> {
    if matches!(error, StoreError::Corrupt(_)) { Ok(None) } else { Err(error) }
}
