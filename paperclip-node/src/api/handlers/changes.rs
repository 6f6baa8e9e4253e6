//! Changes as server-sent events: each entry as it comes into the log.

use super::log::any;
use crate::{
    api::{
        Api,
        extract::{self, Path, Query},
        problem::{Kind, Problem},
        shape::entry_of,
    },
    database::{Change, Database, ReadError},
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt as _, stream};
use oplog::{Entry, order::Position};
use paperclip_client::shape::{self, Since};
use prometheus::IntGauge;
use serde_json::json;
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

/// Entries read at once while a follower catches up.
const CATCH_UP_ENTRIES: usize = 64;

/// How often an idle stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// GET `/v1/databases/{db}/changes`
pub(crate) async fn follow(
    State(api): State<Api>,
    Path(db): Path<String>,
    Query(from): Query<Since>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let database = any(&api, &db)?;
    let place = Place::take(&api)?;
    // Whatever comes in from here on is seen, at worst twice; see the reference.
    let live = database.changes();
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let since = match resumed.or(from.since) {
        Some(text) => {
            let hash = extract::hash(Kind::MalformedQuery, &text)?;
            let unknown = || Problem::new(Kind::UnknownEntry, format!("since: the log has no entry {hash}"));
            Some(database.entry(&hash)?.ok_or_else(unknown)?.position())
        }
        None => None,
    };
    let follower = Follower { database, live, catching_up: since, read: VecDeque::new(), _place: place };
    let events = stream::unfold(follower, |mut follower| async move {
        follower.next().await.map(|event| (Ok::<Event, Infallible>(event), follower))
    });
    let events = events.take_until(api.stop().clone().cancelled_owned());
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// One of the bounded number of streams; given back when the stream ends, however it ends.
struct Place {
    open: IntGauge,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(api: &Api) -> Result<Self, Problem> {
        let permit = api.stream_place()?;
        let open = api.metrics().change_streams().clone();
        open.inc();
        Ok(Self { open, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

struct Follower {
    database: Database,
    live: broadcast::Receiver<Change>,
    /// The last entry read from the log, while there are more than the live ones.
    catching_up: Option<Position>,
    read: VecDeque<Entry>,
    _place: Place,
}

impl Follower {
    /// The next event; `None` when the database is closed or cannot be read.
    async fn next(&mut self) -> Option<Event> {
        if let Some(entry) = self.caught_up().await? {
            return entry_event(&entry);
        }
        loop {
            match self.live.recv().await {
                Ok(change) => match entry_of(&change) {
                    Some(entry) => return entry_event(&entry),
                    None => tracing::error!(hash = %change.position.hash, "a change is no entry"),
                },
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    return Event::default().event("missed").json_data(json!({ "entries": missed })).ok();
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The next entry of the log, if there is one that the follower has not seen.
    async fn caught_up(&mut self) -> Option<Option<Entry>> {
        if self.read.is_empty()
            && let Some(last) = self.catching_up.take()
        {
            match self.database.entries_after(last, CATCH_UP_ENTRIES).await {
                Ok(entries) => self.read = entries.into(),
                Err(error) => return give_up(&error),
            }
            self.catching_up = self.read.back().map(Entry::position);
        }
        Some(self.read.pop_front())
    }
}

fn give_up(error: &ReadError) -> Option<Option<Entry>> {
    tracing::error!(%error, "a stream of changes ends");
    None
}

fn entry_event(entry: &Entry) -> Option<Event> {
    let event = Event::default().event("entry").id(entry.hash.to_string());
    event.json_data(shape::Entry::from(entry)).ok()
}
