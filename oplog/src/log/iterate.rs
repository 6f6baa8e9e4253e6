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
    /// At most so many. With `gt` or `gte` alone these are the ones closest to that entry; with both ends given it is
    /// ignored, as JavaScript does.
    pub amount: Option<usize>,
}

/// Why iteration cannot start.
#[derive(Debug, thiserror::Error)]
pub enum IterateError<E> {
    /// `lt` or `lte` names an entry that the log does not have.
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
    let stop = match (range.gt, range.gte) {
        (Some(hash), _) => Some(Stop {
            hash,
            inclusive: false,
        }),
        (None, Some(hash)) => Some(Stop {
            hash,
            inclusive: true,
        }),
        (None, None) => None,
    };
    let walk = match (range.lt, range.lte) {
        (Some(hash), _) => Some(Ancestors::below(read, hash)?),
        (None, Some(hash)) => Some(Ancestors::from(read, hash)?),
        (None, None) => None,
    };
    let amount = range.amount.unwrap_or(usize::MAX);
    Ok(match (walk, stop) {
        (Some(walk), Some(stop)) => Box::new(stop.cut(walk)),
        (Some(walk), None) => Box::new(walk.take(amount)),
        (None, None) => Box::new(read.newest_first(None).take(amount)),
        (None, Some(stop)) => from_heads(read, stop, range.amount)?,
    })
}

/// The entries from the heads down to `stop`: in the order index, everything above it. With an amount, the lowest of them.
fn from_heads<R: LogRead>(
    read: &R,
    stop: Stop,
    amount: Option<usize>,
) -> Result<Iter<'_, R::Error>, R::Error> {
    let end = read.position(&stop.hash)?;
    let Some(amount) = amount else {
        return Ok(match end {
            Some(_) => Box::new(stop.cut(read.newest_first(None))),
            None => Box::new(read.newest_first(None)),
        });
    };
    let itself = end.clone().filter(|_| stop.inclusive).map(Ok);
    let run = itself
        .into_iter()
        .chain(read.oldest_first(end.as_ref()))
        .take(amount);
    let closest = run.collect::<Result<Vec<Position>, _>>()?;
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

impl<'a, R: LogRead> Ancestors<'a, R> {
    fn from(read: &'a R, hash: Hash) -> Result<Self, IterateError<R::Error>> {
        let mut walk = Self {
            read,
            queue: BinaryHeap::new(),
        };
        if walk.push(&hash)? {
            Ok(walk)
        } else {
            Err(IterateError::UnknownEntry(hash))
        }
    }

    fn below(read: &'a R, hash: Hash) -> Result<Self, IterateError<R::Error>> {
        let mut walk = Self::from(read, hash)?;
        walk.visit()?;
        Ok(walk)
    }

    fn push(&mut self, hash: &Hash) -> Result<bool, R::Error> {
        let entry = self.read.entry(hash)?;
        let step = entry.map(|entry| Step {
            position: entry.position(),
            next: entry.next,
        });
        let found = step.is_some();
        self.queue.extend(step);
        Ok(found)
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
