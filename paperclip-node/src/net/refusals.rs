//! Inbound connections that were refused, counted by reason.

use super::hosts::TooManyOfHost;
use libp2p::{
    allow_block_list,
    connection_limits::Exceeded,
    swarm::{ConnectionDenied, ListenError},
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Why an inbound connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedConnection {
    /// There are as many as there may be, of all peers or of this one.
    Limit,
    /// There are as many from its address as there may be.
    Address,
    /// The peer is refused for its offences.
    Offences,
}

impl RefusedConnection {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Limit, Self::Address, Self::Offences];

    /// A short name for a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Address => "address",
            Self::Offences => "offences",
        }
    }

    fn of(denied: &ConnectionDenied) -> Option<Self> {
        if denied.downcast_ref::<TooManyOfHost>().is_some() {
            Some(Self::Address)
        } else if denied.downcast_ref::<Exceeded>().is_some() {
            Some(Self::Limit)
        } else {
            denied.downcast_ref::<allow_block_list::Blocked>().map(|_| Self::Offences)
        }
    }
}

/// Counts since the start, shared by the network's task and its handles.
#[derive(Debug, Clone, Default)]
pub struct ConnectionRefusals(Arc<[AtomicU64; RefusedConnection::ALL.len()]>);

impl ConnectionRefusals {
    /// Counts a connection that did not come about, if it was refused.
    pub(super) fn note(&self, error: &ListenError) {
        let ListenError::Denied { cause } = error else { return };
        let refused = RefusedConnection::of(cause);
        if let Some(at) = RefusedConnection::ALL.iter().position(|reason| Some(*reason) == refused) {
            self.0[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often, by reason.
    pub fn counts(&self) -> [(&'static str, u64); RefusedConnection::ALL.len()] {
        let mut at = 0;
        RefusedConnection::ALL.map(|reason| {
            at += 1;
            (reason.label(), self.0[at - 1].load(Ordering::Relaxed))
        })
    }
}
