//! A capacity that many hold parts of, shared so that whoever takes much leaves room for those who take little.
//!
//! Three quarters of it are free for all. The last quarter is for holders that have less than an equal share of it.

use hashlink::LinkedHashMap;
use std::hash::Hash;

/// What part of the capacity is kept for holders below their share.
const RESERVED_PART: u64 = 4;

/// A capacity and who holds how much of it.
#[derive(Debug)]
pub struct Shares<K> {
    capacity: u64,
    total: u64,
    held: LinkedHashMap<K, u64>,
}

impl<K: Copy + Eq + Hash> Shares<K> {
    /// A capacity of which nobody holds anything.
    pub fn new(capacity: u64) -> Self {
        Self { capacity, total: 0, held: LinkedHashMap::new() }
    }

    /// Changes the capacity. What is held above a smaller one stays held.
    pub fn set_capacity(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    /// What all hold together.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What one holds.
    pub fn held(&self, holder: K) -> u64 {
        self.held.get(&holder).copied().unwrap_or_default()
    }

    /// The most that this one may hold as things stand, what it has included.
    pub fn allowance(&self, holder: K) -> u64 {
        let held = self.held(holder);
        let reserve = self.capacity / RESERVED_PART;
        let holders = self.held.len() as u64 + u64::from(held == 0);
        let others = self.total - held;
        let free = (self.capacity - reserve).saturating_sub(others);
        let share = (reserve / holders).min(self.capacity.saturating_sub(others));
        free.max(share)
    }

    /// Holders that have more than they may, because the capacity has become smaller, and how much that is.
    pub fn over(&self) -> Vec<(K, u64)> {
        let over = |(holder, held): (&K, &u64)| Some((*holder, held.checked_sub(self.allowance(*holder))?));
        self.held.iter().filter_map(over).filter(|(_, more)| *more > 0).collect()
    }

    /// Takes some; false, and nothing taken, when there is no room for this holder.
    pub fn take(&mut self, holder: K, amount: u64) -> bool {
        let fits = self.held(holder) + amount <= self.allowance(holder);
        if fits {
            self.take_always(holder, amount);
        }
        fits
    }

    /// Takes some whether there is room or not.
    pub fn take_always(&mut self, holder: K, amount: u64) {
        self.set(holder, self.held(holder) + amount);
    }

    /// Gives some back.
    pub fn give_back(&mut self, holder: K, amount: u64) {
        self.set(holder, self.held(holder).saturating_sub(amount));
    }

    /// Says what a holder has now.
    pub fn set(&mut self, holder: K, amount: u64) {
        let before = if amount == 0 { self.held.remove(&holder) } else { self.held.insert(holder, amount) };
        self.total = self.total - before.unwrap_or_default() + amount;
    }

    /// Takes everything back.
    pub fn clear(&mut self) {
        self.held.clear();
        self.total = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_takes_much_leaves_room_for_others() {
        let mut shares = Shares::new(1000);
        assert!(shares.take("greedy", 750));
        assert!(!shares.take("greedy", 1));
        assert!(shares.take("modest", 125), "half of what is kept");
        assert!(!shares.take("modest", 1));
        assert!(shares.take("third", 83));
        shares.give_back("greedy", 300);
        assert!(shares.take("modest", 90), "free again");
        shares.set("greedy", 0);
        assert_eq!((shares.held("greedy"), shares.total()), (0, 298));
        assert!(shares.over().is_empty());
        shares.set_capacity(280);
        let mut over = shares.over();
        over.sort_unstable();
        assert_eq!(over, [("modest", 88), ("third", 48)]);
    }

    proptest! {
        #[test]
        fn the_capacity_holds(steps in proptest::collection::vec((0..8_u8, 0..400_u64, any::<bool>()), 1..200)) {
            let mut shares = Shares::new(1000);
            for (holder, amount, back) in steps {
                if back {
                    shares.give_back(holder, amount);
                } else {
                    shares.take(holder, amount);
                }
                prop_assert!(shares.total() <= 1000);
                prop_assert_eq!(shares.total(), (0..8).map(|holder| shares.held(holder)).sum::<u64>());
            }
        }
    }
}
