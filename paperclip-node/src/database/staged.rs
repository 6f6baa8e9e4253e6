//! Verified entries that wait for their ancestors, kept in the store so that they survive a restart and take no memory.

use super::task::Task;
use libp2p::PeerId;
use oplog::{
    Hash,
    join::{Effect, Source},
};
use p2p::bitswap::Session;
use std::sync::Arc;

impl Task {
    /// What was fetched and not committed before the last stop.
    pub(super) async fn resume_staged(&mut self, session: &mut Session) {
        // Collected first, since committing changes what is iterated over.
        let staged: Vec<Hash> = match self.store.staged_hashes().collect() {
            Ok(staged) => staged,
            Err(error) => return self.fail(Arc::new(error)),
        };
        if !staged.is_empty() {
            tracing::info!(address = %self.address, blocks = staged.len(), "resuming an interrupted fetch");
        }
        for hash in staged {
            let mut effects = Vec::new();
            let taken = self.store.whole_staged(&hash).and_then(|block| match block {
                Some(block) => self.joining.joiner.head(block, Source::Staged, &self.store, &mut effects),
                None => Ok(()), // committed meanwhile, or damaged
            });
            if let Err(error) = taken {
                return self.fail(Arc::new(error));
            }
            self.settle(effects, session).await;
        }
    }

    /// Keeps what was fetched, so that a restart can go on from it, and memory is not where a long history waits. What there
    /// is no room for is in memory no longer: it is fetched again when its heads are offered again. Gives what follows
    /// from that.
    pub(super) fn stage_pending(&mut self) -> Vec<Effect<PeerId>> {
        let mut effects = Vec::new();
        let staged = self.joining.joiner.stage(&mut effects);
        if staged.is_empty() {
            return effects;
        }
        let count = staged.len();
        let result = tokio::task::block_in_place(|| self.store.stage(&staged));
        match result {
            Ok(()) => tracing::debug!(address = %self.address, count, "staged"),
            Err(error) if error.is_poisoned() => self.fail(Arc::new(error)),
            Err(error) => {
                tracing::warn!(address = %self.address, %error, blocks = count, "fetched blocks dropped");
                self.metrics.queue_full("staged-blocks");
                staged.iter().for_each(|(hash, _)| self.joining.joiner.turn_away(*hash, &mut effects));
            }
        }
        effects
    }

    /// Lets go of staged blocks that nobody waits for any more.
    pub(super) fn unstage(&mut self) {
        let unstaged = std::mem::take(&mut self.joining.unstaged);
        if !unstaged.is_empty()
            && let Err(error) = tokio::task::block_in_place(|| self.store.unstage(&unstaged))
        {
            // They take room until the next start, which offers them again.
            tracing::warn!(address = %self.address, %error, blocks = unstaged.len(), "blocks not let go of");
        }
    }
}
