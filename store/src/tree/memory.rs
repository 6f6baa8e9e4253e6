//! A tree in memory: for tests, and where the disk has no room for one.

use super::{Bounds, Change, Engine, EngineError, OpenEngine, Pair, Value};
use std::{
    collections::BTreeMap,
    io,
    ops::Bound,
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

type Keys = BTreeMap<Value, Value>;

/// A sorted map. A clone is another handle to the same, and so is one that is opened.
#[derive(Debug, Clone, Default)]
pub struct MemoryEngine(Arc<RwLock<Keys>>);

impl MemoryEngine {
    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tree as it is now, apart from what becomes of this one.
    #[cfg(test)]
    pub(crate) fn snapshot(&self) -> Self {
        Self(Arc::new(RwLock::new(self.keys().clone())))
    }
}

impl OpenEngine for MemoryEngine {
    fn open(&self, _folder: &Path, _cache_bytes: u64) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(self.clone()))
    }

    fn is_there(&self, _folder: &Path) -> bool {
        !self.keys().is_empty()
    }

    fn remove(&self, _folder: &Path) -> io::Result<bool> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(false)
    }
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, EngineError> {
        Ok(self.keys().get(key).cloned())
    }

    fn range(&self, bounds: Bounds) -> Box<dyn DoubleEndedIterator<Item = Pair> + Send> {
        Box::new(Range { engine: self.clone(), bounds })
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), EngineError> {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => keys.insert(key, value),
                None => keys.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn bytes(&self) -> u64 {
        0
    }
}

/// The keys between two bounds. Others may change them meanwhile.
struct Range {
    engine: MemoryEngine,
    bounds: Bounds,
}

impl Range {
    fn is_empty(&self) -> bool {
        match (&self.bounds.0, &self.bounds.1) {
            // Such bounds are no range for the map.
            (Bound::Excluded(start), Bound::Excluded(end)) => start >= end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start > end,
            _ => false,
        }
    }

    fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (self.bounds.0.as_ref().map(Vec::as_slice), self.bounds.1.as_ref().map(Vec::as_slice))
    }
}

fn owned((key, value): (&Value, &Value)) -> (Value, Value) {
    (key.clone(), value.clone())
}

impl Iterator for Range {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.is_empty() {
            return None;
        }
        let pair = self.engine.keys().range::<[u8], _>(self.bounds()).next().map(owned)?;
        self.bounds.0 = Bound::Excluded(pair.0.to_vec());
        Some(Ok(pair))
    }
}

impl DoubleEndedIterator for Range {
    fn next_back(&mut self) -> Option<Pair> {
        if self.is_empty() {
            return None;
        }
        let pair = self.engine.keys().range::<[u8], _>(self.bounds()).next_back().map(owned)?;
        self.bounds.1 = Bound::Excluded(pair.0.to_vec());
        Some(Ok(pair))
    }
}
