//! Signing of a database's entries: the author's key in a signing context of the database's own, blinded again and again.

use oplog::log::Writer;
use rand::TryRngCore as _;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::Instant};

/// Signatures of one blinding. A blinding takes as long as one signature, so this costs half a percent.
const SIGNATURES_PER_BLINDING: usize = 256;

/// How long one blinding is used, however few signatures are made.
const BLINDING_INTERVAL: Duration = Duration::from_secs(60);

/// In whose name the node writes.
#[derive(Debug, Clone)]
pub struct Author {
    /// The identity's id: what access lists name.
    pub id: String,
    /// The signing key and the identity block's hash.
    pub writer: Writer,
}

/// Gives the author of a database's entries, with a key whose context is blinded by count and by time.
pub(super) struct Signer {
    authors: watch::Receiver<Option<Arc<Author>>>,
    blinded: Option<Blinding>,
}

struct Blinding {
    /// The author as the node has it.
    of: Arc<Author>,
    author: Arc<Author>,
    left: usize,
    since: Instant,
}

impl Signer {
    pub(super) fn new(authors: watch::Receiver<Option<Arc<Author>>>) -> Self {
        Self { authors, blinded: None }
    }

    /// In whose name the node writes, for so many signatures; nobody before the node is certified.
    pub(super) fn author(&mut self, signatures: usize) -> Option<Arc<Author>> {
        let of = self.authors.borrow().clone()?;
        let kept = self.blinded.take().filter(|blinding| Arc::ptr_eq(&blinding.of, &of));
        let mut blinding = match kept {
            Some(kept) if kept.left >= signatures && kept.since.elapsed() < BLINDING_INTERVAL => kept,
            Some(kept) => Blinding::new(of, &kept.author),
            None => Blinding::new(Arc::clone(&of), &of),
        };
        blinding.left = blinding.left.saturating_sub(signatures);
        let author = Arc::clone(&blinding.author);
        self.blinded = Some(blinding);
        Some(author)
    }
}

impl Blinding {
    fn new(of: Arc<Author>, before: &Author) -> Self {
        let mut author = before.clone();
        let mut random = [0; 32];
        match rand::rngs::OsRng.try_fill_bytes(&mut random) {
            Ok(()) => author.writer.blind(&random),
            Err(error) => tracing::warn!(%error, "no random bytes: the signing key keeps its blinding"),
        }
        Self { of, author: Arc::new(author), left: SIGNATURES_PER_BLINDING, since: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::{identity::Identity, keys::SigningKey};

    fn author(byte: u8) -> Arc<Author> {
        let key = SigningKey::from_bytes([byte; 32]).unwrap();
        let identity = Identity::create(&key, &key);
        Arc::new(Author { id: identity.id.clone(), writer: Writer::new(identity, key) })
    }

    fn signer(author: Option<Arc<Author>>) -> (watch::Sender<Option<Arc<Author>>>, Signer) {
        let (certified, authors) = watch::channel(author);
        (certified, Signer::new(authors))
    }

    #[tokio::test(start_paused = true)]
    async fn a_blinding_ends_by_count_and_by_time() {
        let (_certified, mut signer) = signer(Some(author(1)));
        let first = signer.author(1).unwrap();
        assert!(Arc::ptr_eq(&first, &signer.author(SIGNATURES_PER_BLINDING - 1).unwrap()));
        let second = signer.author(1).unwrap();
        assert!(!Arc::ptr_eq(&first, &second), "by count");
        tokio::time::advance(BLINDING_INTERVAL - Duration::from_millis(1)).await;
        assert!(Arc::ptr_eq(&second, &signer.author(1).unwrap()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!Arc::ptr_eq(&second, &signer.author(1).unwrap()), "by time");
    }

    #[tokio::test]
    async fn the_author_is_the_one_that_is_certified_now() {
        let (certified, mut signer) = signer(None);
        assert!(signer.author(1).is_none());
        for byte in [1, 2] {
            certified.send_replace(Some(author(byte)));
            assert_eq!(signer.author(1).unwrap().id, author(byte).id);
        }
    }
}
