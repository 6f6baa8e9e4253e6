//! A database's task while entries of a backup are taken in.

use super::{restore::Restore, task::Task};
use oplog::access::Writers;
use p2p::bitswap::Session;

impl Task {
    pub(super) async fn restore(&mut self, command: Restore, session: &mut Session) {
        match command {
            Restore::Begin { writers, open } => {
                self.restoring.open = Some((writers, open));
                self.judge_by_writers();
            }
            Restore::Entries { blocks, reply } => {
                let local = self.network.local();
                self.offered(local, blocks, session).await;
                self.restoring.replies.push(reply);
            }
        }
    }

    /// Tells whoever restores that there is room, and notices its end.
    pub(super) fn tell_restoring(&mut self) {
        if self.restoring.open.as_ref().is_some_and(|(_, open)| open.is_closed()) {
            self.restoring.open = None;
            self.judge_by_writers();
        }
        if self.joining.verifier.has_room() {
            for reply in self.restoring.replies.drain(..) {
                // whoever waited may have given up
                let _ = reply.send(());
            }
        }
    }

    /// Tells the joiner who may write.
    pub(super) fn judge_by_writers(&mut self) {
        let also = self.restoring.open.as_ref().map(|(writers, _)| writers);
        let writers = match (&self.writers, also) {
            (Writers::Only(now), Some(Writers::Only(also))) => {
                Writers::Only(now.union(also).cloned().collect())
            }
            (now, None) => now.clone(),
            _ => Writers::Anyone,
        };
        self.joining.joiner.set_writers(writers);
    }
}
