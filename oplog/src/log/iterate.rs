//! Iteration with JavaScript's options (wire document, section 5).
//!
//! From the heads, the entries are a run of the order index. From an entry (`lt`, `lte`) only its ancestors are seen, and a
//! priority queue walks them; either way the cost is what is returned, not what the log holds.

use super::read::LogRead;
use crate::{hash::Hash, order::Position};
use std::{cmp::Ordering, collections::BinaryHeap};

/// What to iterate. All fields `None`: everything, newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range {
    /// Stop before this entry. Wins over `gte`.
    pub gt: Option<Hash>,
    /// Stop after this entry.
    pub gte: Option<Hash>,
    /// Start below this entry: its ancestors only. Wins over `lte`.
    pub lt: Option<Hash>,
    /// Start at this entry: it and its ancestors.
    pub lte: Option<Hash>,
    /// Continue below this entry, the last one of an earlier page. Not one of JavaScript's options.
    pub after: Option<Hash>,
    /// At most so many. With `gt` or `gte` alone these are the ones closest to that entry; with both ends given it is
    /// ignored, as JavaScript does, unless it is 0.
    pub amount: Option<usize>,
}

/// Why iteration cannot start.
#[derive(Debug, thiserror::Error)]
pub enum IterateError<E> {
    /// `lt`, `lte` or `after` names an entry that the log does not have.
    #[error("the log has no entry {0}")]
    UnknownEntry(Hash),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] E),
}

/// Positions, newest first.
pub type Iter<'a, E> = Box<dyn Iterator<Item = Result<Position, E>> + 'a>;

/// Iterates over a log.
pub fn iterate<'a, R: LogRead>(
    read: &'a R,
    range: &Range,
) -> Result<Iter<'a, R::Error>, IterateError<R::Error>> {
    if range.amount == Some(0) {
        return Ok(Box::new(std::iter::empty())); // even where an amount is ignored otherwise
    }
    let stop = match (range.gt, range.gte) {
        (Some(hash), _) => Some(Stop { hash, inclusive: false }),
        (None, Some(hash)) => Some(Stop { hash, inclusive: true }),
        (None, None) => None,
    };
    let walk = match (range.lt, range.lte) {
        (Some(hash), _) => Some(Ancestors::below(read, hash)?),
        (None, Some(hash)) => Some(Ancestors::from(read, hash)?),
        (None, None) => None,
    };
    let after = match range.after {
        Some(hash) => Some(read.position(&hash)?.ok_or(IterateError::UnknownEntry(hash))?),
        None => None,
    };
    let amount = range.amount.unwrap_or(usize::MAX);
    Ok(match (walk, stop) {
        (Some(walk), Some(stop)) => Box::new(stop.cut(walk.below_page(after))),
        (Some(walk), None) => Box::new(walk.below_page(after).take(amount)),
        (None, None) => Box::new(read.newest_first(after.as_ref()).take(amount)),
        (None, Some(stop)) => from_heads(read, stop, after.as_ref(), range.amount)?,
    })
}

/// The entries from the heads down to `stop`: in the order index, everything above it. With an amount, the lowest of them.
fn from_heads<'a, R: LogRead>(
    read: &'a R,
    stop: Stop,
    after: Option<&Position>,
    amount: Option<usize>,
) -> Result<Iter<'a, R::Error>, R::Error> {
    let end = read.position(&stop.hash)?;
    let Some(amount) = amount else {
        return Ok(match end {
            // nothing is left when the earlier page ended where this stops
            Some(end) if after.is_some_and(|after| *after <= end) => Box::new(std::iter::empty()),
            Some(_) => Box::new(stop.cut(read.newest_first(after))),
            None => Box::new(read.newest_first(after)),
        });
    };
    let itself = end.clone().filter(|_| stop.inclusive).map(Ok);
    let run = itself.into_iter().chain(read.oldest_first(end.as_ref())).take(amount);
    let mut closest = run.collect::<Result<Vec<Position>, _>>()?;
    closest.retain(|position| after.is_none_or(|after| position < after));
    Ok(Box::new(closest.into_iter().rev().map(Ok)))
}

/// Where to stop.
struct Stop {
    hash: Hash,
    inclusive: bool,
}

impl Stop {
    fn cut<E>(
        self,
        positions: impl Iterator<Item = Result<Position, E>>,
    ) -> impl Iterator<Item = Result<Position, E>> {
        let mut stopped = false;
        positions.take_while(move |position| {
            let end = position.as_ref().is_ok_and(|position| position.hash == self.hash);
            let keep = !stopped && (!end || self.inclusive);
            stopped |= end;
            keep
        })
    }
}

/// A walk over an entry's ancestors, newest first. A parent is older than its children, so when it comes out of the queue
/// all children that lead to it have gone before, and duplicates come out side by side.
struct Ancestors<'a, R> {
    read: &'a R,
    queue: BinaryHeap<Step>,
}

/// An entry to be visited, with the way on from it.
#[derive(PartialEq, Eq)]
struct Step {
    position: Position,
    next: Vec<Hash>,
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position.cmp(&other.position)
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'a, R: LogRead + 'a> Ancestors<'a, R> {
    fn from(read: &'a R, hash: Hash) -> Result<Self, IterateError<R::Error>> {
        let mut walk = Self { read, queue: BinaryHeap::new() };
        if walk.push(&hash)? { Ok(walk) } else { Err(IterateError::UnknownEntry(hash)) }
    }

    fn below(read: &'a R, hash: Hash) -> Result<Self, IterateError<R::Error>> {
        let mut walk = Self::from(read, hash)?;
        walk.visit()?;
        Ok(walk)
    }

    fn push(&mut self, hash: &Hash) -> Result<bool, R::Error> {
        let entry = self.read.entry(hash)?;
        let step = entry.map(|entry| Step { position: entry.position(), next: entry.next });
        let found = step.is_some();
        self.queue.extend(step);
        Ok(found)
    }

    /// What comes below `after`.
    fn below_page(self, after: Option<Position>) -> impl Iterator<Item = Result<Position, R::Error>> {
        self.skip_while(move |position| {
            after.as_ref().is_some_and(|after| position.as_ref().is_ok_and(|position| position >= after))
        })
    }

    fn visit(&mut self) -> Result<Option<Position>, R::Error> {
        let Some(Step { position, next }) = self.queue.pop() else {
            return Ok(None);
        };
        while self.queue.peek().is_some_and(|step| step.position == position) {
            self.queue.pop();
        }
        for parent in &next {
            self.push(parent)?;
        }
        Ok(Some(position))
    }
}

impl<R: LogRead> Iterator for Ancestors<'_, R> {
    type Item = Result<Position, R::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.visit().transpose()
    }
}
