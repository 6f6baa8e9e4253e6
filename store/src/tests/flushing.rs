//! When a write is on disk.

use super::{Replica, address, block, put};
use crate::{Durability, FlushObserver, Store, StoreConfig};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};
use tempfile::TempDir;

#[tokio::test]
async fn one_flush_serves_all_that_wait() {
    let mut replica = Replica::new();
    for n in 0..50 {
        replica.write([put("key", &n.to_string())]);
    }
    let waiting: Vec<_> = (0..50).map(|_| replica.store.flushed()).collect();
    for flushed in waiting {
        flushed.await.unwrap();
    }
    assert_eq!(replica.store.stats().flushes, 1);
    replica.store.flushed().await.unwrap();
    assert_eq!(replica.store.stats().flushes, 1, "there was nothing more to flush");
    replica.write([put("key", "more")]);
    replica.store.flushed().await.unwrap();
    assert_eq!(replica.store.stats().flushes, 2);
}

#[tokio::test]
async fn an_observer_is_told_of_each_flush() {
    let dir = TempDir::new().unwrap();
    let count = Arc::new(AtomicU64::new(0));
    let observer = {
        let count = Arc::clone(&count);
        FlushObserver::new(move |_took| {
            count.fetch_add(1, Ordering::Relaxed);
        })
    };
    let config = StoreConfig { on_flush: Some(observer), ..StoreConfig::default() };
    let store = Store::open(dir.path(), &config).unwrap();
    for number in 0..3_u8 {
        store.put_blocks(&[block([number])]).unwrap();
        store.flushed().await.unwrap();
    }
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[test]
fn relaxed_durability_does_not_wait() {
    let dir = TempDir::new().unwrap();
    let config = StoreConfig { durability: Durability::Relaxed, ..StoreConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let store = Store::open(dir.path(), &config).unwrap();
    store.database(&address("db")).unwrap();
    let flushed = pin!(store.flushed());
    let polled = flushed.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(()))));
}
