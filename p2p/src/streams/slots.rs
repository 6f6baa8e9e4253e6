//! Who holds how many streams of which protocol.

use std::{collections::HashMap, sync::Arc};

use libp2p::StreamProtocol;

/// A protocol's place in the count for as long as this value lives.
#[derive(Debug, Clone)]
pub struct Slot {
    _held: Arc<()>,
}

/// Live [`Slot`]s of one connection and direction, counted by protocol.
#[derive(Debug, Default)]
pub(super) struct Slots(HashMap<StreamProtocol, Arc<()>>);

/// Protocols whose last slot is gone are forgotten when more than this many are known.
const KNOWN_BEFORE_PRUNING: usize = 64;

impl Slots {
    /// A slot for `protocol`, or none if `limit` of them live.
    pub(super) fn take(&mut self, protocol: &StreamProtocol, limit: usize) -> Option<Slot> {
        if self.0.len() > KNOWN_BEFORE_PRUNING {
            self.0.retain(|_, held| Arc::strong_count(held) > 1);
        }
        let held = self.0.entry(protocol.clone()).or_default();
        (Arc::strong_count(held) <= limit).then(|| Slot { _held: Arc::clone(held) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_by_protocol_and_come_back() {
        let (a, b) = (StreamProtocol::new("/a"), StreamProtocol::new("/b"));
        let mut slots = Slots::default();
        let first = slots.take(&a, 2).unwrap();
        let second = slots.take(&a, 2).unwrap();
        assert!(slots.take(&a, 2).is_none());
        assert!(slots.take(&b, 2).is_some());
        drop(first);
        assert!(slots.take(&a, 2).is_some());
        drop(second);
    }

    #[test]
    fn protocols_out_of_use_are_forgotten() {
        let mut slots = Slots::default();
        for nth in 0..1000 {
            slots.take(&StreamProtocol::try_from_owned(format!("/{nth}")).unwrap(), 1).unwrap();
        }
        assert!(slots.0.len() <= KNOWN_BEFORE_PRUNING + 1);
    }
}
