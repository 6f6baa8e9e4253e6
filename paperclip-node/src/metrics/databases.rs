//! Figures of each database, for a bounded number of them.

use super::{
    Metrics,
    register::{MetricsError, Register, signed},
};
use oplog::Address;
use prometheus::{GaugeVec, IntGauge, IntGaugeVec, Opts};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// How many databases have series of their own. What comes later is left out of them, and counted in
/// `paperclip_databases_unlabelled`.
pub const MAX_DATABASE_SERIES: usize = 1000;

/// A database as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Entries in the log.
    pub entries: u64,
    /// Its heads.
    pub heads: u64,
    /// Entries that wait for something before they can be joined.
    pub pending: u64,
    /// Those of them that wait for a peer to come.
    pub parked: u64,
    /// Blocks that no peer has given so far.
    pub unreachable: u64,
}

#[derive(Debug)]
pub(super) struct DatabaseMetrics {
    databases: IntGauge,
    failed: IntGauge,
    unlabelled: IntGauge,
    entries: IntGaugeVec,
    heads: IntGaugeVec,
    pending: IntGaugeVec,
    parked: IntGaugeVec,
    unreachable: IntGaugeVec,
    since_exchange: GaugeVec,
    // Rarely taken and never held across a wait: when a database changes owner or is exchanged, and at a scrape.
    exchanged: Mutex<BTreeMap<Address, Exchanged>>,
}

#[derive(Debug, Clone, Copy)]
struct Exchanged {
    at: Instant,
    labelled: bool,
}

impl DatabaseMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let since_exchange = Opts::new(
            "paperclip_database_seconds_since_exchange",
            "Seconds since heads were last compared with a peer, or since the database was opened, by database.",
        );
        Ok(Self {
            databases: register.gauge("paperclip_databases", "Databases that are open.")?,
            failed: register.gauge(
                "paperclip_databases_failed",
                "Databases that cannot be served or whose task has ended.",
            )?,
            unlabelled: register.gauge(
                "paperclip_databases_unlabelled",
                "Open databases without series of their own, because there are too many.",
            )?,
            entries: register.gauges(
                "paperclip_database_entries",
                "Entries in the log, by database.",
                &["db"],
            )?,
            heads: register.gauges("paperclip_database_heads", "Heads of the log, by database.", &["db"])?,
            pending: register.gauges(
                "paperclip_database_pending_entries",
                "Entries that wait for their ancestors or for verification, by database.",
                &["db"],
            )?,
            parked: register.gauges(
                "paperclip_database_parked_entries",
                "Pending entries that wait on disk for a peer to come, by database.",
                &["db"],
            )?,
            unreachable: register.gauges(
                "paperclip_database_unreachable_blocks",
                "Blocks that are needed and that no peer has given so far, by database.",
                &["db"],
            )?,
            since_exchange: register.add(GaugeVec::new(since_exchange, &["db"])?)?,
            exchanged: Mutex::default(),
        })
    }

    /// Brings the ages up to date.
    pub(super) fn age(&self) {
        for (address, exchanged) in self.table().iter().filter(|(_, exchanged)| exchanged.labelled) {
            let age = exchanged.at.elapsed().as_secs_f64();
            self.since_exchange.with_label_values(&[&address.to_string()]).set(age);
        }
    }

    /// The table stays whole whoever panicked while holding it: every change of it is one insertion or removal.
    fn table(&self) -> MutexGuard<'_, BTreeMap<Address, Exchanged>> {
        self.exchanged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the database has series of its own; the first [`MAX_DATABASE_SERIES`] have.
    fn admit(&self, address: &Address, exchanged: bool) -> bool {
        let mut table = self.table();
        let at = Instant::now();
        if let Some(known) = table.get_mut(address) {
            if exchanged {
                known.at = at;
            }
            return known.labelled;
        }
        let labelled = table.values().filter(|known| known.labelled).count() < MAX_DATABASE_SERIES;
        table.insert(*address, Exchanged { at, labelled });
        self.count(&table);
        labelled
    }

    fn count(&self, table: &BTreeMap<Address, Exchanged>) {
        let unlabelled = table.values().filter(|known| !known.labelled).count();
        self.databases.set(signed(table.len() as u64));
        self.unlabelled.set(signed(unlabelled as u64));
    }

    fn forget(&self, address: &Address) {
        let mut table = self.table();
        if table.remove(address).is_some_and(|known| known.labelled) {
            let label = address.to_string();
            for gauges in [&self.entries, &self.heads, &self.pending, &self.parked, &self.unreachable] {
                // A series that was never set is as good as removed.
                drop(gauges.remove_label_values(&[&label]));
            }
            drop(self.since_exchange.remove_label_values(&[&label]));
        }
        self.count(&table);
    }
}

impl Metrics {
    /// A database is open and looks like this.
    pub fn set_database(&self, address: &Address, figures: DatabaseFigures) {
        let metrics = &self.databases;
        if metrics.admit(address, false) {
            let label = address.to_string();
            for (gauges, figure) in [
                (&metrics.entries, figures.entries),
                (&metrics.heads, figures.heads),
                (&metrics.pending, figures.pending),
                (&metrics.parked, figures.parked),
                (&metrics.unreachable, figures.unreachable),
            ] {
                gauges.with_label_values(&[&label]).set(signed(figure));
            }
        }
    }

    /// So many databases cannot be served, or their task has ended.
    pub fn set_failed_databases(&self, failed: u64) {
        self.databases.failed.set(signed(failed));
    }

    /// Heads of a database were compared with a peer.
    pub fn exchanged(&self, address: &Address) {
        self.databases.admit(address, true);
    }

    /// A database was closed.
    pub fn forget_database(&self, address: &Address) {
        self.databases.forget(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::Hash;

    fn address(n: usize) -> Address {
        Address::new(Hash::of(&n.to_be_bytes()))
    }

    #[test]
    fn series_are_bounded_and_go_with_their_database() {
        let metrics = Metrics::new().unwrap();
        let figures = DatabaseFigures { entries: 7, ..DatabaseFigures::default() };
        (0..=MAX_DATABASE_SERIES).for_each(|n| metrics.set_database(&address(n), figures));
        let text = metrics.render().unwrap();
        assert!(text.contains(&format!("paperclip_database_entries{{db=\"{}\"}} 7", address(0))));
        assert!(!text.contains(&address(MAX_DATABASE_SERIES).to_string()));
        assert!(text.contains("\npaperclip_databases_unlabelled 1\n"));
        metrics.forget_database(&address(0));
        let text = metrics.render().unwrap();
        assert!(!text.contains(&address(0).to_string()));
        assert!(text.contains(&format!("\npaperclip_databases {MAX_DATABASE_SERIES}\n")));
    }

    #[test]
    fn the_age_of_an_exchange_starts_anew_with_each() {
        let metrics = Metrics::new().unwrap();
        metrics.set_database(&address(0), DatabaseFigures::default());
        let before = metrics.databases.table()[&address(0)].at;
        metrics.set_database(&address(0), DatabaseFigures::default());
        assert_eq!(metrics.databases.table()[&address(0)].at, before, "opened, not exchanged");
        metrics.exchanged(&address(0));
        assert!(metrics.databases.table()[&address(0)].at > before);
        assert!(metrics.render().unwrap().contains("paperclip_database_seconds_since_exchange{db="));
    }
}
