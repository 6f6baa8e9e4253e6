//! Where served blocks come from.

use std::error::Error;

use bytes::Bytes;
use cid::Cid;

use super::{
    engine::Found,
    limits::{ANSWER_TARGET, INLINE_BLOCK, MAX_BLOCK},
    message::WantKind,
};

/// A store of blocks. Its methods may wait for a disk: they are called on threads made for that.
///
/// Every block that it gives is served to every peer that asks, and all peers may learn which blocks there are. What
/// must not be public must not be in here.
pub trait BlockSource: Send + Sync + 'static {
    /// Why a block could not be read.
    type Error: Error + Send + Sync + 'static;

    /// The bytes of a block, or `None` if it is not there.
    ///
    /// # Errors
    ///
    /// The store fails. The want is kept and served when the block is stored again.
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, Self::Error>;

    /// The number of bytes of a block, or `None` if it is not there.
    ///
    /// # Errors
    ///
    /// The store fails.
    fn size(&self, cid: &Cid) -> Result<Option<usize>, Self::Error> {
        Ok(self.get(cid)?.map(|data| data.len()))
    }
}

/// Looks up one answer's worth of blocks: all of `wanted`, or as many as it takes to fill the answer.
pub(super) fn look_up<S: BlockSource>(source: &S, wanted: Vec<(Cid, WantKind)>) -> Vec<(Cid, Found)> {
    let mut taken = 0_usize;
    let look = |(cid, kind)| {
        if taken >= ANSWER_TARGET {
            return (cid, Found::NotReached);
        }
        let found = look_up_one(source, &cid, kind).unwrap_or_else(|error| {
            tracing::warn!(%cid, %error, "block cannot be read");
            Found::Failed
        });
        let Found::Block(data) = &found else {
            return (cid, found);
        };
        if taken > 0 && taken + data.len() > MAX_BLOCK {
            // The next answer begins with it.
            taken = ANSWER_TARGET;
            return (cid, Found::NotReached);
        }
        taken += data.len();
        (cid, found)
    };
    wanted.into_iter().map(look).collect()
}

fn look_up_one<S: BlockSource>(source: &S, cid: &Cid, kind: WantKind) -> Result<Found, S::Error> {
    if kind == WantKind::Have {
        match source.size(cid)? {
            None => return Ok(Found::Missing),
            Some(size) if size >= INLINE_BLOCK => return Ok(Found::Present),
            Some(_) => {}
        }
    }
    Ok(match source.get(cid)? {
        None => Found::Missing,
        Some(data) if data.len() > MAX_BLOCK => Found::TooLarge,
        Some(data) => Found::Block(data),
    })
}
