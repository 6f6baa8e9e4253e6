//! A map that forgets what it was told first.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// A map of at most `limit` keys; a new one pushes the oldest out.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    map: HashMap<K, V>,
    age: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { map: HashMap::new(), age: VecDeque::new(), limit }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key, value).is_none() {
            self.age.push_back(key);
        }
        while self.age.len() > self.limit {
            if let Some(oldest) = self.age.pop_front() {
                self.map.remove(&oldest);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.map.clear();
        self.age.clear();
    }
}
