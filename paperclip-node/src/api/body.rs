//! Bodies of requests, read within bounds of size, time and memory.

use super::{
    Api, Limits,
    places::Place,
    problem::{Kind, Problem},
};
use crate::metrics::ApiRefusal;
use axum::{
    extract::Request,
    http::{HeaderMap, header},
};
use futures::StreamExt as _;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

/// The part of a body that takes no share of the memory for bodies: small writes do not wait for large ones.
const FREE_BYTES: usize = 64 * 1024;

/// What a client sends at least within [`Limits::body_stall`], unless the body ends.
const PROGRESS_BYTES: usize = 16 * 1024;

/// Memory for bodies that are being read.
#[derive(Debug)]
pub(super) struct BodyMemory {
    /// In KiB.
    pool: Semaphore,
    /// One body at a time goes on where the pool is empty. Else bodies of which each has half could wait for each other.
    beyond: Semaphore,
}

impl BodyMemory {
    pub(super) fn new(kib: u32) -> Self {
        Self { pool: Semaphore::new(kib as usize), beyond: Semaphore::new(1) }
    }
}

/// A body, with its share of the memory.
pub(super) struct Body<'a> {
    /// What the client sent.
    pub(super) bytes: Vec<u8>,
    _share: Share<'a>,
}

struct Share<'a> {
    memory: &'a BodyMemory,
    held: Option<SemaphorePermit<'a>>,
    beyond: Option<SemaphorePermit<'a>>,
}

impl Share<'_> {
    /// Takes what a buffer of so many bytes needs beyond what is held; waits for it. `None` at the API's end.
    async fn grow(&mut self, bytes: usize) -> Option<()> {
        let held = self.held.as_ref().map_or(0, SemaphorePermit::num_permits);
        let more = bytes.saturating_sub(FREE_BYTES).div_ceil(1024).saturating_sub(held);
        if more == 0 || self.beyond.is_some() {
            return Some(());
        }
        let more = u32::try_from(more).ok()?;
        tokio::select! {
            biased;
            taken = self.memory.pool.acquire_many(more) => {
                let taken = taken.ok()?;
                match &mut self.held {
                    Some(held) => held.merge(taken),
                    None => self.held = Some(taken),
                }
            }
            beyond = self.memory.beyond.acquire() => self.beyond = Some(beyond.ok()?),
        }
        Some(())
    }
}

/// Reads the body of a request.
pub(super) async fn read(request: Request, api: &Api) -> Result<Body<'_>, Problem> {
    if let Some(encoding) = encoding(request.headers()) {
        let detail = format!("Content-Encoding {encoding} is not supported; send the body as it is");
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let announced = announced_bytes(request.headers());
    if announced.is_some_and(|bytes| bytes > api.body_limit()) {
        return Err(too_large(api));
    }
    let place = request.extensions().get::<Place>().cloned();
    let share = Share { memory: api.body_memory(), held: None, beyond: None };
    let expected = announced.unwrap_or(api.body_limit());
    let reader = Reader { api, place, share, expected, bytes: Vec::new() };
    reader.read(request.into_body().into_data_stream()).await
}

struct Reader<'a> {
    api: &'a Api,
    place: Option<Place>,
    share: Share<'a>,
    /// How many bytes may come.
    expected: usize,
    bytes: Vec<u8>,
}

impl<'a> Reader<'a> {
    async fn read(mut self, mut stream: axum::body::BodyDataStream) -> Result<Body<'a>, Problem> {
        let Limits { body, body_stall, .. } = *self.api.limits();
        let end = Instant::now() + body;
        let mut stall = Instant::now() + body_stall;
        let mut progress = 0;
        self.await_client(true);
        loop {
            let chunk = match timeout_at(stall.min(end), stream.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(Problem::new(Kind::MalformedBody, error)),
                Ok(None) => break,
                Err(_) => return Err(self.too_slow()),
            };
            let needed = self.bytes.len() + chunk.len();
            if needed > self.api.body_limit() {
                return Err(too_large(self.api));
            }
            if needed > self.bytes.capacity() {
                let room = needed.max(FREE_BYTES).max(2 * self.bytes.capacity());
                self.make_room(room.min(self.expected.max(needed)), end).await?;
                stall = Instant::now() + body_stall;
            }
            self.bytes.extend_from_slice(&chunk);
            progress += chunk.len();
            if progress >= PROGRESS_BYTES {
                progress = 0;
                stall = Instant::now() + body_stall;
                self.await_client(true);
            } else {
                self.await_client(false);
            }
        }
        if let Some(place) = &self.place {
            place.answer();
        }
        Ok(Body { bytes: self.bytes, _share: self.share })
    }

    /// Makes the buffer so large, which may have to wait for others.
    async fn make_room(&mut self, room: usize, end: Instant) -> Result<(), Problem> {
        // The client is not to blame for what follows.
        if let Some(place) = &self.place {
            place.answer();
        }
        match timeout_at(end, self.share.grow(room)).await {
            Ok(Some(())) => {}
            Ok(None) => return Err(super::shutting_down()),
            Err(_) => {
                self.api.metrics().api_refused(ApiRefusal::Busy);
                return Err(Problem::new(
                    Kind::Busy,
                    "other bodies take all the memory that there is for bodies",
                ));
            }
        }
        self.bytes.reserve_exact(room - self.bytes.len());
        Ok(())
    }

    fn await_client(&self, progress: bool) {
        if let Some(place) = &self.place {
            place.await_body(progress);
        }
    }

    fn too_slow(&self) -> Problem {
        self.api.metrics().api_refused(ApiRefusal::SlowBody);
        let Limits { body, body_stall, .. } = self.api.limits();
        let (whole, kib, each) = (body.as_secs(), PROGRESS_BYTES / 1024, body_stall.as_secs());
        Problem::new(
            Kind::SlowBody,
            format!("a body has {whole} s, and {each} s for each {kib} KiB; nothing was done"),
        )
    }
}

fn too_large(api: &Api) -> Problem {
    api.metrics().api_refused(ApiRefusal::BodyTooLarge);
    Problem::new(Kind::TooLarge, format!("a body has at most {} bytes", api.body_limit()))
}

/// The encoding of the body, unless it is none.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let given = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoded = given.filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    encoded.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).next()
}

fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
