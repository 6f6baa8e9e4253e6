//! Reasons of libp2p's errors in one line for people: what it says innermost is what happened.

use libp2p::{TransportError, swarm::DialError};
use std::{collections::BTreeSet, error::Error, io};

/// Why an address cannot be listened on.
pub(super) fn listen_reason(error: &TransportError<io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => "the kind of address is not supported".to_owned(),
        TransportError::Other(error) => innermost(error),
    }
}

/// Why a peer cannot be dialled: every reason once, whatever addresses were tried.
pub(super) fn dial_reason(error: &DialError) -> String {
    match error {
        DialError::Transport(tried) => {
            let reasons: BTreeSet<String> = tried.iter().map(|(_, error)| innermost(error)).collect();
            reasons.into_iter().collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

/// The innermost reason: the outer ones repeat addresses over several lines.
fn innermost(error: &dyn Error) -> String {
    let mut source = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}
