//! Blocks received lately.

use std::collections::{HashSet, VecDeque};

use cid::Cid;

use crate::bitswap::limits::RECENT_BLOCKS;

/// The last [`RECENT_BLOCKS`] blocks received.
#[derive(Debug, Default)]
pub(super) struct Recent {
    known: HashSet<Cid>,
    order: VecDeque<Cid>,
}

impl Recent {
    pub(super) fn contains(&self, cid: &Cid) -> bool {
        self.known.contains(cid)
    }

    pub(super) fn insert(&mut self, cid: Cid) {
        if self.known.insert(cid) {
            self.order.push_back(cid);
        }
        if self.order.len() > RECENT_BLOCKS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
