//! Backups: written to whoever asks, and restored.

use super::of_store;
use crate::{
    api::{
        Api,
        extract::Query,
        places::Place,
        problem::{Kind, Problem},
        shutting_down,
    },
    backup::{self, BackupError, CheckError, Checked, PIPE_QUEUE, PipeReader, PipeWriter},
    database::RestoringError,
    metrics::{ApiRefusal, RestoreEnd},
    node::{RestoreError, RestoreReport},
};
use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt as _, stream};
use oplog::{Address, log::heads_digest};
use paperclip_client::shape::{self, BACKUP_MEDIA_TYPE, BackUp, Restore, RestoredDatabase};
use std::convert::Infallible;
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};

/// GET `/v1/backup`
pub(crate) async fn back_up(
    State(api): State<Api>,
    Query(BackUp { database }): Query<BackUp>,
) -> Result<Response, Problem> {
    let place = api.backup_place()?;
    let node = api.node().clone();
    let chosen = spawn_blocking(move || node.backup(database.as_deref())).await;
    let logs = chosen.map_err(|_| shutting_down())?.map_err(Problem::from)??;
    let (sender, receiver) = mpsc::channel::<Bytes>(PIPE_QUEUE);
    let metrics = api.shared_metrics();
    spawn_blocking(move || {
        match backup::write(&logs, PipeWriter::new(sender)) {
            Ok(closing) => {
                metrics.backed_up(closing.bytes);
                tracing::info!(entries = closing.entries, bytes = closing.bytes, "backed up");
            }
            Err(error) => {
                metrics.backup_failed();
                tracing::error!(%error, "a backup was not finished");
            }
        }
        drop(place);
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (Ok::<Bytes, Infallible>(piece), receiver))
    });
    let pieces = pieces.take_until(api.stop().clone().cancelled_owned());
    Ok(([(header::CONTENT_TYPE, BACKUP_MEDIA_TYPE)], Body::from_stream(pieces)).into_response())
}

/// POST `/v1/restore`
pub(crate) async fn restore(
    State(api): State<Api>,
    Query(Restore { check, only }): Query<Restore>,
    request: Request,
) -> Result<Response, Problem> {
    if !is_backup(request.headers()) {
        let wanted = format!("send Content-Type: {BACKUP_MEDIA_TYPE}, without Content-Encoding");
        return Err(Problem::new(Kind::UnsupportedMediaType, wanted));
    }
    let _place = api.restore_place()?;
    let (sender, receiver) = mpsc::channel(PIPE_QUEUE);
    let node = api.node().clone();
    let checking = spawn_blocking(move || node.check_backup(PipeReader::new(receiver)));
    receive(&api, request, sender).await?;
    let checked = checking.await.map_err(|_| shutting_down())?.inspect_err(|error| {
        if !check {
            let refused = matches!(error, CheckError::Refused(_));
            api.metrics().restored(if refused { RestoreEnd::Refused } else { RestoreEnd::Failed });
        }
    })?;
    let report = if check {
        None
    } else {
        let restored = api.node().restore(&checked, only.as_deref()).await;
        api.metrics().restored(if restored.is_ok() { RestoreEnd::Done } else { RestoreEnd::Failed });
        Some(restored?)
    };
    Ok(axum::Json(shape(&checked, report)).into_response())
}

fn is_backup(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| {
        headers.get(name).is_some_and(|given| given.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    let encoded = headers.contains_key(header::CONTENT_ENCODING) && !is(header::CONTENT_ENCODING, "identity");
    is(header::CONTENT_TYPE, BACKUP_MEDIA_TYPE) && !encoded
}

/// Hands a body on piece by piece. All of it is read, also when what was read is refused already: a client hears nothing before it
/// has sent everything.
async fn receive(api: &Api, request: Request, sender: mpsc::Sender<Bytes>) -> Result<(), Problem> {
    let place = request.extensions().get::<Place>().cloned();
    let stall = api.limits().body_stall;
    let mut pieces = request.into_body().into_data_stream();
    loop {
        if let Some(place) = &place {
            place.await_body(true);
        }
        let piece = match timeout(stall, pieces.next()).await {
            Ok(Some(piece)) => piece.map_err(|error| Problem::new(Kind::MalformedBody, error))?,
            Ok(None) => break,
            Err(_) => {
                api.metrics().api_refused(ApiRefusal::SlowBody);
                let detail = format!("nothing came for {} s; nothing was changed", stall.as_secs());
                return Err(Problem::new(Kind::SlowBody, detail));
            }
        };
        if let Some(place) = &place {
            place.answer();
        }
        // Who has refused it takes no more.
        let _ = sender.send(piece).await;
    }
    if let Some(place) = &place {
        place.answer();
    }
    Ok(())
}

fn shape(checked: &Checked, report: Option<RestoreReport>) -> shape::RestoreReport {
    let restored = report.is_some();
    let texts = |addresses: &[Address]| addresses.iter().map(ToString::to_string).collect();
    let RestoreReport { databases, foreign_catalog, .. } = report.unwrap_or_default();
    let of = |database: &car::Indexed| {
        let done = databases.iter().find(|done| done.address == database.address);
        (!restored || done.is_some()).then(|| RestoredDatabase {
            address: database.address.to_string(),
            name: database.name.clone(),
            entries: database.entries,
            digest: heads_digest(database.heads.iter().copied()),
            new: done.map(|done| done.new),
            equal: done.map(|done| done.equal),
        })
    };
    shape::RestoreReport {
        restored,
        created: checked.index.created,
        cluster_id: checked.index.cluster.clone(),
        bytes: checked.closing.bytes,
        entries: checked.closing.entries,
        databases: checked.index.databases.iter().filter_map(of).collect(),
        foreign_catalog: foreign_catalog.map(|address| address.to_string()),
        missing: texts(&checked.index.missing),
    }
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let kind = match &error {
            BackupError::Store(store) => return of_store(store),
            BackupError::Scratch(system) if is_full(system) => Kind::DiskFull,
            BackupError::NotHere(_) => Kind::NotOpen,
            BackupError::Log(_) | BackupError::Length { .. } | BackupError::Manifest(..) => Kind::Damaged,
            BackupError::Index => Kind::TooLarge,
            BackupError::Scratch(_) | BackupError::Output(_) => return Self::internal(&error),
        };
        Self::new(kind, error)
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match &error {
            CheckError::Refused(_) => Self::new(Kind::UnusableBackup, error),
            CheckError::Spool(system) if is_full(system) => Self::new(Kind::DiskFull, error),
            CheckError::Spool(_) => Self::internal(&error),
        }
    }
}

impl From<RestoreError> for Problem {
    fn from(error: RestoreError) -> Self {
        let kind = match error {
            RestoreError::Node(error) => return (*error).into(),
            RestoreError::Entries(_, RestoringError::Store(store)) => return of_store(&store),
            RestoreError::NotInBackup(..) => Kind::UnknownDatabase,
            RestoreError::Ambiguous(_) => Kind::AmbiguousName,
            RestoreError::NotOpen(_) | RestoreError::Entries(..) => Kind::NotOpen,
            RestoreError::Spool(_) => return Self::internal(&error),
        };
        Self::new(kind, error)
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
