//! The JavaScript peer: start, identity, commands, end.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::lines::{CallId, JsonLines};
use super::release::Release;
use crate::Result;
use crate::error::parse;

/// Where a JavaScript peer keeps its blocks and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// LevelDB in its directory: survives a restart.
    Disk,
    /// Nothing survives.
    Memory,
}

/// By which way a JavaScript peer dials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP; it listens too.
    #[default]
    Tcp,
    /// Websockets, as a browser: it listens nowhere.
    WebSocket,
}

/// How a JavaScript peer is started. The services are those of OrbitDB's README, identify and pubsub, unless `ping` adds one.
#[derive(Clone, Copy, Debug)]
pub struct JsOptions {
    /// Which OrbitDB.
    pub release: Release,
    /// Where it keeps its data.
    pub storage: Storage,
    /// How it dials.
    pub transport: Transport,
    /// Whether it has the ping service, which OrbitDB's README does not register.
    pub ping: bool,
}

impl From<Storage> for JsOptions {
    fn from(storage: Storage) -> Self {
        Self { release: Release::default(), storage, transport: Transport::default(), ping: false }
    }
}

/// The identity that a JavaScript peer writes as.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// What access lists hold: the root public key, hex.
    pub id: String,
    /// The signing public key, hex; also the clock id.
    pub public_key: String,
    /// The identity block's hash.
    pub hash: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    peer_id: String,
    addrs: Vec<String>,
    identity: Identity,
}

/// One running JavaScript peer. Killed when dropped.
#[derive(Debug)]
pub struct JsPeer {
    process: JsonLines,
    info: Info,
}

impl JsPeer {
    /// Starts a peer with its keys, and with [`Storage::Disk`] its data, in `directory`; unless it uses websockets, it listens on
    /// a free port of loopback.
    ///
    /// # Errors
    /// No npm, no process, or a peer that does not come up.
    pub fn start(directory: &Path, options: impl Into<JsOptions>) -> Result<Self> {
        let JsOptions { release, storage, transport, ping } = options.into();
        let mut process = JsonLines::start(release, "peer.mjs", directory)?;
        let storage = if storage == Storage::Disk { "disk" } else { "memory" };
        let transport = if transport == Transport::Tcp { "tcp" } else { "websocket" };
        let options =
            json!({ "directory": directory, "storage": storage, "transport": transport, "ping": ping });
        let started = process.call("start", options)?;
        let info = parse("the JavaScript peer's start", started)?;
        Ok(Self { process, info })
    }

    /// The libp2p peer id.
    pub fn peer_id(&self) -> &str {
        &self.info.peer_id
    }

    /// The multiaddress it listens on, peer id included.
    pub fn addr(&self) -> &str {
        self.info.addrs.first().map_or("", String::as_str)
    }

    /// The identity it writes as.
    pub fn identity(&self) -> &Identity {
        &self.info.identity
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The peer's own error, or silence past [`DEADLINE`](crate::DEADLINE).
    pub fn call(&mut self, command: &str, args: Value) -> Result<Value> {
        self.process.call(command, args)
    }

    /// Sends a command and does not wait.
    ///
    /// # Errors
    /// The peer is gone.
    pub fn begin(&mut self, command: &str, args: Value) -> Result<CallId> {
        self.process.begin(command, args)
    }

    /// Waits for the answer of a command that was begun.
    ///
    /// # Errors
    /// The peer's own error, or silence past the deadline.
    pub fn finish(&mut self, call: CallId, deadline: Duration) -> Result<Value> {
        self.process.finish(call, deadline)
    }

    /// The events that have come since the last time this was asked, oldest first.
    pub fn take_events(&mut self) -> Vec<Value> {
        self.process.take_events()
    }

    /// Waits for an event; those before it are gone.
    ///
    /// # Errors
    /// It does not come before the deadline.
    pub fn wait_for_event(&mut self, deadline: Duration, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        self.process.wait_for_event(deadline, is_it)
    }

    /// Waits for as long as `span` and sees that no such event comes; other events are gone.
    ///
    /// # Errors
    /// One came, or the peer is gone.
    pub fn without_event(&mut self, span: Duration, is_it: impl Fn(&Value) -> bool) -> Result<()> {
        self.process.without_event(span, is_it)
    }

    /// Stops the peer in order: databases closed, stores flushed, process ended.
    ///
    /// # Errors
    /// It does not stop.
    pub fn stop(mut self) -> Result<()> {
        self.call("stop", json!({}))?;
        Ok(())
    }

    /// Takes the power away.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill(self) -> Result<()> {
        self.process.kill()
    }
}
