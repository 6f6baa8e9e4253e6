//! `backup`, `backups`, `restore`: a running node's databases as one file, and back.

mod copy;
pub(super) mod error;
mod place;
mod s3;
mod s3_http;

use super::{error::CliError, target::ClientArgs};
use crate::output::{Cell, Output, Progress, Text, size, tell};
use car::{Closing, Index, Refusal};
use clap::Args;
use copy::{Sent, copy};
use durable_file::OWNERS_FILE;
use error::{BackupFileError, PlaceError};
use paperclip_client::{
    Client, db_path,
    http::encoded,
    shape::{BACKUP_MEDIA_TYPE, Database, RestoreReport, RestoredDatabase},
};
use place::{Place, is_folder, name, outdated};
use s3::{Bucket, Object};
use serde_json::{Value as Json, json};
use std::{
    fs::File,
    io::{self, Read},
    time::SystemTime,
};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// Name or address of a database; all databases if omitted
    db: Option<String>,
    /// Back up all databases and the catalog
    #[arg(long, conflicts_with = "db")]
    all: bool,
    /// File to write, readable by its owner only; - for standard output; s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ to name
    /// it by its time
    #[arg(long, value_name = "FILE")]
    to: Place,
    /// Number of backups of the same databases to keep below s3://BUCKET/PREFIX/, this one included
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    client: ClientArgs,
    /// File to read; - for standard input; s3://BUCKET/KEY
    #[arg(long, value_name = "FILE")]
    from: Place,
    /// Only check the backup, and change nothing
    #[arg(long)]
    check: bool,
    /// Name or address of the one database to restore
    #[arg(long, value_name = "DB", conflicts_with = "check")]
    only: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct BackupsArgs {
    /// Where they are: s3://BUCKET/ or s3://BUCKET/PREFIX/
    #[arg(value_name = "PLACE")]
    at: Place,
    /// Print one JSON document per line
    #[arg(long)]
    json: bool,
}

/// Writes a backup, and checks it on its way: what is there in the end is whole.
pub(super) fn back_up(args: &BackupArgs) -> Result<(), CliError> {
    let named_by_time = matches!(&args.to, Place::S3 { key, .. } if is_folder(key));
    if args.keep.is_some() && !named_by_time {
        return Err(PlaceError::KeepNeedsPrefix.into());
    }
    let client = args.client.connect()?;
    let what = match &args.db {
        Some(db) if named_by_time => hash_of(&client, db)?,
        _ => "all".to_owned(),
    };
    let path = match &args.db {
        Some(db) => format!("/v1/backup?database={}", encoded(db)),
        None => "/v1/backup".to_owned(),
    };
    let from = client.download(&path)?;
    let progress = Progress::waiting("backing up");
    let (place, (index, closing)) = write(&args.to, &what, from, &progress)?;
    drop(progress);
    for address in &index.missing {
        tell(&format!("{address}: left out, since no peer has provided it to the node so far"));
    }
    if let Some(keep) = args.keep {
        remove_outdated(&args.to, &what, keep.into())?;
    }
    let databases = index.databases.len();
    let told = format!("{databases} databases, {} entries, {}", closing.entries, size(Some(closing.bytes)));
    if place == Place::Standard {
        tell(&told);
        return Ok(());
    }
    let document = json!({
        "file": place.to_string(),
        "bytes": closing.bytes,
        "entries": closing.entries,
        "databases": databases,
        "missing": index.missing.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Ok(args.client.output().document(&document, || Text::line(format!("{place}: {told}")))?)
}

/// What a database is called in the names of its backups: names of databases may be any text.
fn hash_of(client: &Client, db: &str) -> Result<String, CliError> {
    let database: Database = client.get(&db_path(db, &[]))?.read()?;
    Ok(database.address.rsplit('/').next().unwrap_or_default().to_owned())
}

/// Writes what is downloaded to its place, which is given with its whole name.
fn write(
    to: &Place,
    what: &str,
    from: impl Read,
    progress: &Progress,
) -> Result<(Place, (Index, Closing)), BackupFileError> {
    match to {
        Place::Standard => Ok((Place::Standard, copy(from, io::stdout().lock(), progress)?)),
        Place::File(path) => {
            let mut copied = None;
            let filled = durable_file::replace_with(path, OWNERS_FILE, |file| {
                copied = Some(copy(from, file, progress)?);
                Ok(())
            });
            filled.map_err(|error| match error {
                BackupFileError::Write { source, .. } => {
                    BackupFileError::Write { path: path.clone(), source }
                }
                other => other,
            })?;
            let copied = copied.ok_or(Refusal::NoClosing { blocks: 0 })?;
            Ok((to.clone(), copied))
        }
        Place::S3 { bucket, key } => {
            let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs());
            let key = if is_folder(key) { format!("{key}{}", name(what, now)) } else { key.clone() };
            let copied = Bucket::open(bucket)?.upload(&key, |upload| copy(from, upload, progress))?;
            Ok((Place::S3 { bucket: bucket.clone(), key }, copied))
        }
    }
}

/// Removes the older backups of the same thing, beyond those that are kept.
fn remove_outdated(at: &Place, what: &str, keep: usize) -> Result<(), BackupFileError> {
    let Place::S3 { bucket, key: folder } = at else { return Ok(()) };
    let bucket = Bucket::open(bucket)?;
    let listed = bucket.list(folder)?;
    for key in outdated(listed.iter().map(|object| &*object.key), folder, what, keep) {
        bucket.remove(key)?;
    }
    Ok(())
}

/// Lists the backups in a bucket.
pub(super) fn list(args: &BackupsArgs) -> Result<(), CliError> {
    let Place::S3 { bucket, key } = &args.at else {
        return Err(PlaceError::NoBucket(args.at.to_string()).into());
    };
    let listed = Bucket::open(bucket).and_then(|found| found.list(key)).map_err(BackupFileError::from)?;
    let place = |object: &Object| Place::S3 { bucket: bucket.clone(), key: object.key.clone() }.to_string();
    let document =
        |object: &Object| json!({ "file": place(object), "bytes": object.size, "written": object.written });
    let documents: Vec<Json> = listed.iter().map(document).collect();
    let cells = |object: &Object| vec![object.written.clone(), size(Some(object.size)), place(object)];
    let output = Output::new(args.json);
    Ok(output
        .documents(&documents, || Text::table(&["WRITTEN", "SIZE", "PLACE"], listed.iter().map(cells)))?)
}

/// Restores a backup, or only checks it.
pub(super) fn restore(args: &RestoreArgs) -> Result<(), CliError> {
    let client = args.client.connect()?;
    let bucket = match &args.from {
        Place::S3 { bucket, .. } => Some(Bucket::open(bucket).map_err(BackupFileError::from)?),
        Place::Standard | Place::File(_) => None,
    };
    let from: Box<dyn Read> = match (&args.from, &bucket) {
        (Place::S3 { key, .. }, Some(bucket)) => {
            Box::new(bucket.download(key).map_err(BackupFileError::from)?)
        }
        (Place::File(path), _) => {
            let failed = |source| BackupFileError::Read { path: path.clone(), source };
            Box::new(File::open(path).map_err(failed)?)
        }
        _ => Box::new(io::stdin().lock()),
    };
    let mut path = format!("/v1/restore?check={}", args.check);
    if let Some(only) = &args.only {
        path.push_str(&format!("&only={}", encoded(only)));
    }
    let progress = Progress::waiting("restoring");
    let answer = client.upload(&path, BACKUP_MEDIA_TYPE, Sent::new(from, &progress))?;
    drop(progress);
    let report: RestoreReport = answer.read()?;
    args.client.output().document(&answer.json()?, || {
        let header = ["NAME", "ENTRIES", "NEW", "AS IN THE BACKUP", "ADDRESS"];
        Text::table(&header, report.databases.iter().map(cells))
    })?;
    if let Some(catalog) = &report.foreign_catalog {
        tell(&format!(
            "the backup is of another cluster: its databases are pinned here, and its catalog {catalog} was left out"
        ));
    }
    for address in &report.missing {
        tell(&format!("{address}: pinned when the backup was made, and not in it"));
    }
    Ok(())
}

fn cells(database: &RestoredDatabase) -> Vec<Cell> {
    let equal = match database.equal {
        None => "-".into(),
        Some(true) => Cell::good("yes"),
        // It was written to since, which is as it should be.
        Some(false) => "and more".into(),
    };
    vec![
        database.name.as_str().into(),
        database.entries.to_string().into(),
        database.new.map_or_else(|| "-".to_owned(), |new| new.to_string()).into(),
        equal,
        database.address.as_str().into(),
    ]
}
