//! Checking the signatures of stored entries again.

use super::{
    differences::Difference,
    error::{Corruption, StoreError},
    state::Store,
};
use bytes::Bytes;
use oplog::{Hash, entry::Candidate, identity::Identity};
use std::collections::HashSet;

/// Identities whose verdict is remembered during one verification. Beyond it all are judged anew.
const MAX_IDENTITIES_KEPT: usize = 4096;

/// The identities met so far.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    identities: HashSet<Hash>,
}

impl Signatures {
    /// What is wrong with an entry's signature, or with the identity that it names. A damaged identity is a difference where
    /// it is first met; the writers that are allowed now are not asked about.
    pub(super) fn check(
        &mut self,
        store: &Store,
        hash: &Hash,
        block: Bytes,
    ) -> Result<Option<Difference>, StoreError> {
        let candidate = match Candidate::decode(block, usize::MAX) {
            Ok(candidate) => candidate,
            Err(error) => return Ok(Some(Difference::Block(Corruption::Entry(*hash, error)))),
        };
        if !candidate.signed_by_own_key() {
            return Ok(Some(Difference::Signature(*hash)));
        }
        let identity = candidate.entry.identity;
        if self.identities.contains(&identity) {
            return Ok(None);
        }
        let found = match store.block(&identity) {
            Err(StoreError::Corrupt(error)) => Err(Difference::Block(error)),
            Ok(None) => Err(Difference::Block(Corruption::MissingBlock(identity))),
            Ok(Some(block)) => match Identity::decode(&block).and_then(Identity::verify) {
                Ok(_) => Ok(()),
                Err(_) => Err(Difference::Identity { entry: *hash, identity }),
            },
            Err(error) => return Err(error),
        };
        if self.identities.len() >= MAX_IDENTITIES_KEPT {
            self.identities.clear();
        }
        self.identities.insert(identity);
        Ok(found.err())
    }
}
