//! The rights that an `orbitdb` access controller grants: the content of its database, followed as it changes (wire
//! document, section 8).

use crate::database::{Database, ReadError};
use oplog::{
    Value,
    access::{AccessList, Capabilities, Writers},
    order::Position,
};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Who may write to the database that `guard` guards. `inner` is the guard's own list: its admins.
pub(super) async fn writers(guard: &Database, inner: &AccessList) -> Result<Writers, ReadError> {
    let mut pairs: Vec<(&str, Value)> = Vec::new();
    for capability in ["write", "admin"] {
        pairs.extend(guard.get(capability)?.map(|(_, value)| (capability, value)));
    }
    Ok(Capabilities::from_pairs(pairs.iter().map(|(key, value)| (*key, value)), inner).writers())
}

/// As [`writers`]; what is damaged is waited for until a peer has healed it. `damaged` counts it.
pub(super) async fn whole_writers(
    guard: &Database,
    inner: &AccessList,
    mut damaged: watch::Receiver<usize>,
) -> Result<Writers, ReadError> {
    loop {
        damaged.mark_unchanged();
        match writers(guard, inner).await {
            Err(error) if error.damaged().is_some() => {
                tracing::error!(guard = %guard.address(), %error, "waiting for the access controller to be healed");
                damaged.changed().await.map_err(|_| ReadError::Stopping)?;
            }
            read => return read,
        }
    }
}

/// Tells the guarded database of every change since the guard's heads were `read`. What is damaged keeps the rights as they
/// were until it is healed.
pub(super) async fn follow(
    guard: Database,
    inner: AccessList,
    read: Arc<[Position]>,
    guarded: Database,
    mut damaged: watch::Receiver<usize>,
    stop: CancellationToken,
) {
    let mut status = guard.status();
    let mut followed = Some(read);
    loop {
        let now = Some(status.borrow_and_update().heads.clone());
        if now != followed {
            damaged.mark_unchanged();
            match writers(&guard, &inner).await {
                Ok(writers) => {
                    if guarded.set_writers(writers).await.is_err() {
                        return;
                    }
                    followed = now;
                }
                Err(error) => {
                    followed = None;
                    tracing::error!(guard = %guard.address(), %error, "cannot read the access controller");
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = status.changed() => if changed.is_err() {
                return;
            },
            changed = damaged.changed() => if changed.is_err() {
                return;
            },
        }
    }
}
