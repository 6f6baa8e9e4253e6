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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, SETTINGS, Sources},
        database::Settings,
        metrics::Metrics,
        node::{Create, CreateAccess, Node},
    };
    use oplog::{
        reading::{KeyValue, Reading},
        view::Operation,
    };
    use std::{path::Path, time::Duration};

    async fn node(dir: &Path) -> Node {
        let root = dir.join("cluster.key");
        crate::create_key(&root).unwrap();
        let mut sources = Sources::default();
        sources.flags([
            (&SETTINGS.data_dir.key, vec![dir.join("data").display().to_string()]),
            (&SETTINGS.listen.key, vec!["/ip4/127.0.0.1/tcp/0".to_owned()]),
            (&SETTINGS.root_key.key, vec![root.display().to_string()]),
        ]);
        let config = Config::from_sources(&sources, Vec::new()).unwrap();
        Node::start(&config, Metrics::new().unwrap()).await.unwrap()
    }

    async fn database(node: &Node, name: &str) -> Database {
        let (reading, access) = (Reading::of(&KeyValue), CreateAccess::Ipfs(Vec::new()));
        let create = Create { name: name.into(), reading, access, meta: None, settings: Settings::default() };
        node.create(create).await.unwrap();
        node.database(name).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_grant_between_the_first_reading_and_the_following_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let (guard, guarded) = (database(&node, "guard").await, database(&node, "guarded").await);
        let inner = AccessList { write: Vec::new() };
        let read = guard.status().borrow().heads.clone();
        let guest = "02".repeat(33);
        guard.append(Operation::put("write", Value::List(vec![guest.as_str().into()]))).await.unwrap();

        let stop = CancellationToken::new();
        let (_healed, damaged) = watch::channel(0);
        let mut status = guarded.status();
        let following = tokio::spawn(follow(guard, inner, read, guarded, damaged, stop.clone()));
        let known = status.wait_for(|status| status.writers.allow(&guest));
        drop(tokio::time::timeout(Duration::from_secs(20), known).await.expect("in time").unwrap());
        stop.cancel();
        following.await.unwrap();
        node.shutdown().await.unwrap();
    }
}
