//! The rights that an `orbitdb` access controller grants: the content of its database, followed as it changes (wire
//! document, section 8).

use crate::database::{Database, ReadError};
use oplog::{
    Value,
    access::{AccessList, Capabilities, Writers},
};
use tokio_util::sync::CancellationToken;

/// Who may write to the database that `guard` guards. `inner` is the guard's own list: its admins.
pub(super) async fn writers(guard: &Database, inner: &AccessList) -> Result<Writers, ReadError> {
    let mut pairs: Vec<(&str, Value)> = Vec::new();
    for capability in ["write", "admin"] {
        pairs.extend(guard.get(capability)?.map(|(_, value)| (capability, value)));
    }
    Ok(Capabilities::from_pairs(pairs.iter().map(|(key, value)| (*key, value)), inner).writers())
}

/// Tells the guarded database of every change.
pub(super) async fn follow(guard: Database, inner: AccessList, guarded: Database, stop: CancellationToken) {
    let mut status = guard.status();
    let mut heads = status.borrow_and_update().heads.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = status.changed() => if changed.is_err() {
                return;
            },
        }
        let now = status.borrow_and_update().heads.clone();
        if now == heads {
            continue;
        }
        heads = now;
        match writers(&guard, &inner).await {
            Ok(writers) => {
                if guarded.set_writers(writers).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(guard = %guard.address(), %error, "cannot read the access controller")
            }
        }
    }
}
