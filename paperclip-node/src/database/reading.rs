//! The reading of a database as it is found from its operations.

use oplog::{
    log::{Added, LogRead as _},
    order::Position,
    reading::{Reading, SAMPLED},
};
use store::{DatabaseStore, StoreError};

/// What the oldest entries of a log say of its reading. A function of the log, so that replicas of the same entries agree.
#[derive(Debug)]
pub(super) struct FoundReading {
    hint: String,
    /// The newest of the entries that decided, once there were as many as are looked at.
    last: Option<Position>,
    reading: Reading,
}

impl FoundReading {
    /// The reading of a log as it is stored; `hint` is the manifest's type.
    pub(super) fn of(hint: &str, store: &DatabaseStore) -> Result<Self, StoreError> {
        let mut found = Self { hint: hint.to_owned(), last: None, reading: Reading::default() };
        found.look(store)?;
        Ok(found)
    }

    /// What was found last.
    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Whether these entries stand among the oldest.
    pub(super) fn concerns(&self, added: &[Added]) -> bool {
        let among = |last: &Position| added.iter().any(|added| added.position < *last);
        self.last.as_ref().is_none_or(among)
    }

    /// Looks at the oldest entries again.
    pub(super) fn look(&mut self, store: &DatabaseStore) -> Result<(), StoreError> {
        let oldest: Vec<Position> = store.oldest_first(None).take(SAMPLED).collect::<Result<_, _>>()?;
        let payloads = oldest.iter().filter_map(|position| {
            let entry = store.entry(&position.hash).transpose()?;
            Some(entry.map(|entry| entry.payload))
        });
        self.reading = Reading::try_find(&self.hint, payloads)?;
        self.last = if oldest.len() == SAMPLED { oldest.into_iter().last() } else { None };
        Ok(())
    }
}
