//! What a view shows, in the order of entries.

use super::{
    database::{DatabaseStore, until_error},
    error::{Corruption, StoreError},
    keys, record,
    tree::Value,
};
use oplog::{log::LogRead as _, order::Position, view::Operation};

impl DatabaseStore {
    /// The keys that the view shows with the entries that set them, newest first: JavaScript's `iterator()` of a keyvalue or
    /// documents database. All of them, or those before `below`.
    pub fn live_newest_first(
        &self,
        below: Option<&Position>,
    ) -> impl Iterator<Item = Result<(Position, String), StoreError>> + use<> {
        until_error(self.live(None, below).rev())
    }

    /// The same from the oldest up, all of them or those after `above`.
    pub fn live_oldest_first(
        &self,
        above: Option<&Position>,
    ) -> impl Iterator<Item = Result<(Position, String), StoreError>> + use<> {
        until_error(self.live(above, None))
    }

    fn live(
        &self,
        above: Option<&Position>,
        below: Option<&Position>,
    ) -> impl DoubleEndedIterator<Item = Result<(Position, String), StoreError>> + use<> {
        let prefix = keys::prefix(keys::LIVE, self.number);
        let key = |position| keys::live(self.number, position);
        let pairs = self.store.inner.tree.range(&prefix, above.map(key), below.map(key));
        let this = self.clone();
        pairs.map(move |pair| this.read_live(pair?))
    }

    fn read_live(&self, (key, value): (Value, Value)) -> Result<(Position, String), StoreError> {
        let position = keys::position_of(&key).ok_or(Corruption::Record("live"))?;
        let key = match record::decode_live(&value)? {
            Some(key) => key.to_owned(),
            None => self.key_in_entry(&position)?,
        };
        Ok((position, key))
    }

    fn key_in_entry(&self, position: &Position) -> Result<String, StoreError> {
        let entry = self.entry(&position.hash)?.ok_or(Corruption::MissingBlock(position.hash))?;
        let op = Operation::of(entry.payload).keyed().ok_or(Corruption::Record("live"))?;
        Ok(op.key)
    }
}
