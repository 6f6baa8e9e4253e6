//! Buckets of S3, and of everything that speaks like it: backups there are written, read, listed and removed.
//!
//! Keys and endpoints come from the environment, as for other S3 clients: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
//! `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, and those of roles.

use super::{super::target::authorities, s3_http::Connector};
use bytes::{Buf as _, Bytes};
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    ObjectMeta, ObjectStore as _, ObjectStoreExt as _, RetryConfig, WriteMultipart,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use std::{
    env,
    io::{self, Read, Write},
    path::PathBuf,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};

/// The file of the only authorities to trust, as other S3 clients name it.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// How often a request is tried again.
const RETRIES: usize = 3;

/// How long after its beginning a request may be tried again.
const RETRY_FOR: Duration = Duration::from_secs(60);

/// Bytes of a part of an upload. S3 takes 10,000 parts, so a backup may have 156 GiB.
const PART_BYTES: usize = 16 << 20;

/// Parts of an upload under way at once.
const MAX_PARTS: usize = 2;

/// Backups that are listed below one prefix.
const MAX_LISTED: usize = 10_000;

/// Why S3 did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum S3Error {
    /// Threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(#[source] io::Error),
    /// The authorities to trust cannot be read.
    #[error("{CA_BUNDLE}: {}: expected a readable file of certificates in PEM form", .0.display())]
    Authorities(PathBuf),
    /// S3 refused, or is not there.
    #[error(
        "s3://{place}: {source}; keys and endpoint are those of AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and \
         AWS_ENDPOINT_URL"
    )]
    Failed {
        /// Bucket and key.
        place: String,
        /// Why.
        source: object_store::Error,
    },
    /// There is more than is listed.
    #[error("s3://{0}: more than {MAX_LISTED} objects; give a longer prefix")]
    TooMany(String),
}

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    runtime: Runtime,
    store: AmazonS3,
    name: String,
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// Its key.
    pub(super) key: String,
    /// Its bytes.
    pub(super) size: u64,
    /// When it was written, as RFC 3339.
    pub(super) written: String,
}

impl Bucket {
    /// The bucket of this name. Asks nothing of it yet.
    pub(super) fn open(name: &str) -> Result<Self, S3Error> {
        let bundle = env::var_os(CA_BUNDLE).map(PathBuf::from);
        let roots =
            bundle.map(|path| authorities(&path).map_err(|_| S3Error::Authorities(path))).transpose()?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(S3Error::Threads)?;
        let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let builder = AmazonS3Builder::from_env().with_bucket_name(name).with_retry(retry);
        let store = builder.with_http_connector(Connector::new(roots)).build();
        let store = store.map_err(|source| S3Error::Failed { place: name.to_owned(), source })?;
        Ok(Self { runtime, store, name: name.to_owned() })
    }

    fn failed(&self, key: &str) -> impl Fn(object_store::Error) -> S3Error + use<> {
        let place = format!("{}/{key}", self.name);
        move |source| S3Error::Failed { place: place.clone(), source }
    }

    fn path(&self, key: &str) -> Result<Path, S3Error> {
        Path::parse(key).map_err(|error| self.failed(key)(error.into()))
    }

    /// Writes an object: what `fill` writes. It is there whole, or not at all when that fails.
    pub(super) fn upload<T, E: From<S3Error>>(
        &self,
        key: &str,
        fill: impl FnOnce(&mut Upload<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (path, failed) = (self.path(key)?, self.failed(key));
        let parts = self.runtime.block_on(self.store.put_multipart(&path)).map_err(&failed)?;
        let parts = self.runtime.block_on(async { WriteMultipart::new_with_chunk_size(parts, PART_BYTES) });
        let mut upload = Upload { bucket: self, parts };
        let filled = fill(&mut upload);
        let Upload { parts, .. } = upload;
        match filled {
            Ok(filled) => {
                self.runtime.block_on(parts.finish()).map_err(&failed)?;
                Ok(filled)
            }
            Err(error) => {
                if let Err(left) = self.runtime.block_on(parts.abort()) {
                    tracing::warn!(%left, "parts of an upload may be left in the bucket");
                }
                Err(error)
            }
        }
    }

    /// Reads an object.
    pub(super) fn download(&self, key: &str) -> Result<Download<'_>, S3Error> {
        let path = self.path(key)?;
        let found = self.runtime.block_on(self.store.get(&path)).map_err(self.failed(key))?;
        Ok(Download { bucket: self, pieces: found.into_stream(), piece: Bytes::new() })
    }

    /// The objects whose keys begin with a prefix that ends in a slash, or with none, in the order of their keys.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Object>, S3Error> {
        let path = self.path(prefix.trim_end_matches('/'))?;
        let listing = self.store.list(Some(&path)).take(MAX_LISTED + 1).try_collect::<Vec<ObjectMeta>>();
        let listed = self.runtime.block_on(listing).map_err(self.failed(prefix))?;
        if listed.len() > MAX_LISTED {
            return Err(S3Error::TooMany(format!("{}/{prefix}", self.name)));
        }
        let object = |meta: ObjectMeta| Object {
            key: meta.location.to_string(),
            size: meta.size,
            written: meta.last_modified.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        };
        let mut objects: Vec<Object> = listed.into_iter().map(object).collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Removes an object.
    pub(super) fn remove(&self, key: &str) -> Result<(), S3Error> {
        let path = self.path(key)?;
        self.runtime.block_on(self.store.delete(&path)).map_err(self.failed(key))
    }
}

/// An object being written.
#[derive(Debug)]
pub(super) struct Upload<'a> {
    bucket: &'a Bucket,
    parts: WriteMultipart,
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { bucket, parts } = self;
        bucket.runtime.block_on(async {
            parts.wait_for_capacity(MAX_PARTS).await?;
            parts.write(bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // a part goes when it is full, or the last one
    }
}

/// An object being read.
pub(super) struct Download<'a> {
    bucket: &'a Bucket,
    pieces: BoxStream<'static, object_store::Result<Bytes>>,
    piece: Bytes,
}

impl Read for Download<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.bucket.runtime.block_on(self.pieces.next()) {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let read = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..read]);
        Ok(read)
    }
}
