//! The reading of a database as it is found from its operations.

use oplog::{
    log::{Added, LogRead as _},
    order::Position,
    reading::{Reading, SAMPLED, TYPES},
};
use store::{DatabaseStore, StoreError};

/// What the oldest entries of a log say of its reading. A function of the log, so that replicas of the same entries agree.
#[derive(Debug)]
pub(super) struct FoundReading {
    hint: String,
    /// The newest of the entries that decided, once there were as many as are looked at and none was damaged.
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
        let mut damaged = false;
        let payloads = oldest.iter().filter_map(|position| match store.entry(&position.hash) {
            Ok(entry) => Some(Ok(entry?.payload)),
            // It says nothing until it is healed, and keeps nobody from opening the database.
            Err(error) if error.damaged().is_some() => {
                damaged = true;
                None
            }
            Err(error) => Some(Err(error)),
        });
        self.reading = Reading::try_find(TYPES, &self.hint, payloads)?;
        self.last = if oldest.len() == SAMPLED && !damaged { oldest.into_iter().last() } else { None };
        Ok(())
    }
}
