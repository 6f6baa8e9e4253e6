//! Waiting for a watched value inside a `poll` function.

use futures::{
    FutureExt as _,
    future::{self, BoxFuture},
};
use tokio::sync::watch;

/// Ends when the value that `watched` sees changes, never if it can change no more. To be made anew after
/// [`watch::Receiver::mark_unchanged`].
pub(crate) fn next_change<T: Send + Sync + 'static>(
    mut watched: watch::Receiver<T>,
) -> BoxFuture<'static, ()> {
    async move {
        if watched.changed().await.is_err() {
            future::pending::<()>().await;
        }
    }
    .boxed()
}
