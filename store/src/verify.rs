//! Checking everything against everything.

use super::{
    database::DatabaseStore,
    differences::{Difference, VerifyReport},
    error::{Corruption, StoreError},
    record::{Heads, Indexed},
    signatures::Signatures,
};
use bytes::Bytes;
use oplog::{Entry, Hash, log::LogRead as _, order::Position};
use std::collections::HashSet;

impl DatabaseStore {
    /// Reads every entry and checks block, order, index, ancestors, heads and view against each other. `on_progress` is told
    /// the number of entries checked, every thousand of them. What is found can be mended by [`rebuild`](Self::rebuild), and
    /// by peers that have the entries.
    ///
    /// The database may be written meanwhile. Then entries that came after the start may be left out, and of heads and count
    /// only that is checked which holds whatever was written.
    pub fn verify(&self, on_progress: impl FnMut(u64)) -> Result<VerifyReport, StoreError> {
        self.verify_all(None, on_progress)
    }

    /// As [`verify`](Self::verify), and checks the signature of every entry and the certificates of their identities.
    pub fn verify_signatures(&self, on_progress: impl FnMut(u64)) -> Result<VerifyReport, StoreError> {
        self.verify_all(Some(Signatures::default()), on_progress)
    }

    fn verify_all(
        &self,
        mut signatures: Option<Signatures>,
        mut on_progress: impl FnMut(u64),
    ) -> Result<VerifyReport, StoreError> {
        let mut report = VerifyReport::default();
        let mut heads = HashSet::new();
        let before = self.readable_heads()?;
        for position in self.oldest_first(None) {
            let position = position?;
            self.verify_entry(&position, &mut heads, &mut report, signatures.as_mut())?;
            report.entries += 1;
            if report.entries.is_multiple_of(1000) {
                on_progress(report.entries);
            }
        }
        self.verify_heads(before.as_ref(), &heads, &mut report)?;
        for index in self.store.inner.secondary {
            index.verify_rows(self.rows(), &|hash| self.entry(hash), &mut report)?;
        }
        on_progress(report.entries);
        Ok(report)
    }

    fn verify_entry(
        &self,
        position: &Position,
        heads: &mut HashSet<Hash>,
        report: &mut VerifyReport,
        signatures: Option<&mut Signatures>,
    ) -> Result<(), StoreError> {
        let hash = position.hash;
        heads.insert(hash);
        match self.store.indexed(&hash)? {
            Some(Indexed::Entry(_, number, at)) if number == self.number && at == *position => {}
            _ => report.add(Difference::Misplaced(hash)),
        }
        let (entry, block) = match self.whole_entry(&hash, report) {
            Err(StoreError::Corrupt(error)) => {
                report.add(Difference::Block(error));
                return Ok(());
            }
            entry => entry?,
        };
        if let Some(signatures) = signatures
            && let Some(difference) = signatures.check(&self.store, &hash, block)?
        {
            report.add(difference);
        }
        if entry.position() != *position {
            report.add(Difference::Misplaced(hash));
        }
        if entry.id.parse() != Ok(self.address) {
            report.add(Difference::OtherLog(hash));
        }
        for ancestor in entry.next.iter().chain(&entry.refs) {
            if self.position(ancestor)?.is_none_or(|ancestor| ancestor >= *position) {
                report.add(Difference::MissingAncestor { entry: hash, ancestor: *ancestor });
            }
        }
        for replaced in &entry.next {
            heads.remove(replaced);
        }
        let mut secondary = self.store.inner.secondary.iter();
        secondary.try_for_each(|index| index.verify_entry(self.rows(), position, &entry, report))
    }

    fn whole_entry(&self, hash: &Hash, report: &mut VerifyReport) -> Result<(Entry, Bytes), StoreError> {
        let block = self.store.block(hash)?.ok_or(Corruption::MissingBlock(*hash))?;
        report.bytes += block.len() as u64;
        let entry = Entry::decode(&block).map_err(|error| Corruption::Entry(*hash, error))?;
        Ok((entry, block))
    }

    /// The heads and the count as they are kept; `None` where they cannot be read.
    fn readable_heads(&self) -> Result<Option<Heads>, StoreError> {
        match self.heads() {
            Err(StoreError::Corrupt(_)) => Ok(None),
            heads => heads,
        }
    }

    /// `counted` are the entries that no other one replaces, of those that were read. `before` is what was kept when the
    /// reading began.
    fn verify_heads(
        &self,
        before: Option<&Heads>,
        counted: &HashSet<Hash>,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let now = self.readable_heads()?;
        let hashes = |heads: Option<&Heads>| -> HashSet<Hash> {
            heads.map(|heads| heads.heads.iter().map(|head| head.hash).collect()).unwrap_or_default()
        };
        let len = |heads: Option<&Heads>| heads.map_or(0, |heads| heads.len);
        let (first, last) = (len(before), len(now.as_ref()));
        let fits = if before == now.as_ref() {
            hashes(before) == *counted
        } else {
            // Written meanwhile: an entry that was a head at the start and at the end is no other's parent.
            hashes(before).intersection(&hashes(now.as_ref())).all(|head| counted.contains(head))
        };
        if !fits {
            report.add(Difference::Heads);
        }
        if report.entries < first || report.entries > last {
            report.add(Difference::Count { stored: last, counted: report.entries });
        }
        Ok(())
    }
}
