//! The commands of `peer.mjs`, typed. Values are DAG-JSON here and typed notation on the pipe.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::JsPeer;
use crate::error::parse;
use crate::values::{from_typed, to_typed};
use crate::{DEADLINE, Result};

/// A database that a JavaScript peer has open.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenDatabase {
    /// `/orbitdb/zdpu...`
    pub address: String,
    /// The manifest's name.
    pub name: String,
    /// `events`, `keyvalue` or `documents`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The access controller's address.
    pub access_controller: Option<String>,
}

/// One row of a view or of an iteration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Row {
    /// The entry's hash.
    pub hash: String,
    /// The key, for keyvalue and documents.
    pub key: Option<String>,
    /// The value, DAG-JSON.
    pub value: Value,
}

/// An entry as OrbitDB shows it; field names are JavaScript's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Entry {
    /// Block hash.
    pub hash: String,
    /// Log id: the database's address.
    pub id: String,
    /// Payload, DAG-JSON.
    pub payload: Value,
    /// Parents.
    pub next: Vec<String>,
    /// Skip references.
    pub refs: Vec<String>,
    /// Lamport clock.
    pub clock: Clock,
    /// Version of the format.
    pub v: u64,
    /// The signer's public key.
    pub key: String,
    /// The identity block's hash.
    pub identity: String,
    /// DER signature, hex.
    pub sig: String,
}

/// A Lamport clock.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Clock {
    /// Whose.
    pub id: String,
    /// How late.
    pub time: i64,
}

/// An entry signed on request, part of no log.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Crafted {
    /// The entry's hash.
    pub hash: String,
    /// Its block.
    pub hex: String,
    /// The signer's identity id.
    pub identity_id: String,
    /// The hash of the signer's identity block.
    pub identity_hash: String,
}

/// The private keys of an identity, hex. Made for one test and gone with it.
#[derive(Clone, Deserialize)]
pub struct PrivateKeys {
    /// The root key, which certifies.
    pub root: String,
    /// The key that signs entries.
    pub signing: String,
}

/// What a raw heads stream gave back.
#[derive(Clone, Debug, Deserialize)]
pub struct HeadsReply {
    /// Frames received, hex.
    pub received: Vec<String>,
    /// `fin`, `reset` or `timeout`.
    pub end: String,
}

/// How far a flood came.
#[derive(Clone, Debug, Deserialize)]
pub struct Flood {
    /// Bytes that left.
    pub sent: u64,
    /// `stopped` by the other side, or `done`.
    pub end: String,
}

/// How long measured work took inside the peer's own process.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Measured {
    /// Milliseconds.
    pub ms: f64,
}

impl Measured {
    /// `count` pieces of work per second.
    #[must_use]
    pub fn rate(&self, count: usize) -> f64 {
        count as f64 * 1000.0 / self.ms
    }
}

/// How long measured work may take; the largest is minutes of appends.
const MEASURED_DEADLINE: Duration = Duration::from_secs(600);

fn hashes(answer: &Value, field: &str) -> Result<Vec<String>> {
    parse("a list of hashes", answer[field].clone())
}

fn hash(answer: &Value) -> Result<String> {
    parse("a hash", answer["hash"].clone())
}

impl JsPeer {
    /// Connects to a multiaddress.
    ///
    /// # Errors
    /// As [`JsPeer::call`], here and below.
    pub fn dial(&mut self, addr: &str) -> Result<()> {
        self.call("dial", json!({ "addr": addr })).map(drop)
    }

    /// Closes the connections to a peer.
    pub fn hangup(&mut self, peer_id: &str) -> Result<()> {
        self.call("hangup", json!({ "peerId": peer_id })).map(drop)
    }

    /// The peer ids it is connected to.
    pub fn peers(&mut self) -> Result<Vec<String>> {
        hashes(&self.call("peers", json!({}))?, "peers")
    }

    /// Creates a database; `options` may name `write`, `accessController`, `meta`, `indexBy`.
    pub fn create(&mut self, name: &str, kind: &str, options: Value) -> Result<OpenDatabase> {
        let mut args = options;
        args["name"] = json!(name);
        args["type"] = json!(kind);
        parse("an open database", self.call("create", args)?)
    }

    /// Creates a database as OrbitDB's API documentation shows: `open(name, { Database: <database>() })`, where the manifest
    /// says `events` whatever the database is. `database` is `Documents`, `KeyValueIndexed` or `Lists`, a type of an app's
    /// own; `options` as above.
    pub fn create_with(&mut self, name: &str, database: &str, options: Value) -> Result<OpenDatabase> {
        let mut args = options;
        args["name"] = json!(name);
        args["database"] = json!(database);
        parse("an open database", self.call("create", args)?)
    }

    /// Appends an operation as it is, DAG-JSON.
    pub fn operate(&mut self, db: &str, operation: &Value) -> Result<String> {
        hash(&self.call("operate", json!({ "db": db, "operation": to_typed(operation)? }))?)
    }

    /// Opens a database by its address; its blocks may come from peers.
    pub fn open(&mut self, address: &str) -> Result<OpenDatabase> {
        parse("an open database", self.call("open", json!({ "address": address }))?)
    }

    /// Opens a database without replicating it; [`JsPeer::sync`] begins.
    pub fn open_offline(&mut self, address: &str) -> Result<OpenDatabase> {
        parse("an open database", self.call("open", json!({ "address": address, "sync": false }))?)
    }

    /// Starts replicating a database that was opened offline.
    pub fn sync(&mut self, db: &str) -> Result<()> {
        self.call("sync", json!({ "db": db })).map(drop)
    }

    /// Closes a database.
    pub fn close(&mut self, db: &str) -> Result<()> {
        self.call("close", json!({ "db": db })).map(drop)
    }

    /// Appends an event.
    pub fn add(&mut self, db: &str, value: &Value) -> Result<String> {
        hash(&self.call("add", json!({ "db": db, "value": to_typed(value)? }))?)
    }

    /// Appends events one after another.
    pub fn add_many(&mut self, db: &str, values: &[Value]) -> Result<Vec<String>> {
        let values: Vec<Value> = values.iter().map(to_typed).collect::<Result<_>>()?;
        hashes(&self.call("addMany", json!({ "db": db, "values": values }))?, "hashes")
    }

    /// Puts a key of a keyvalue database.
    pub fn put(&mut self, db: &str, key: &str, value: &Value) -> Result<String> {
        hash(&self.call("put", json!({ "db": db, "key": key, "value": to_typed(value)? }))?)
    }

    /// Puts a document.
    pub fn put_doc(&mut self, db: &str, document: &Value) -> Result<String> {
        hash(&self.call("put", json!({ "db": db, "value": to_typed(document)? }))?)
    }

    /// Deletes a key or a document.
    pub fn del(&mut self, db: &str, key: &str) -> Result<String> {
        hash(&self.call("del", json!({ "db": db, "key": key }))?)
    }

    /// The value of a key, the document of an id; null when there is none.
    pub fn get(&mut self, db: &str, key: &str) -> Result<Value> {
        from_typed(&self.call("get", json!({ "db": db, "key": key }))?["value"])
    }

    /// The database's rows, oldest first.
    pub fn all(&mut self, db: &str) -> Result<Vec<Row>> {
        rows(self.call("all", json!({ "db": db }))?)
    }

    /// The rows that `options` (gt, gte, lt, lte, amount) select, newest first.
    pub fn iterate(&mut self, db: &str, options: Value) -> Result<Vec<Row>> {
        rows(self.call("iterate", json!({ "db": db, "options": options }))?)
    }

    /// The heads' hashes, greatest first.
    pub fn heads(&mut self, db: &str) -> Result<Vec<String>> {
        hashes(&self.call("heads", json!({ "db": db }))?, "heads")
    }

    /// The hashes of the whole log, newest first.
    pub fn hashes(&mut self, db: &str) -> Result<Vec<String>> {
        hashes(&self.call("hashes", json!({ "db": db }))?, "hashes")
    }

    /// The whole log, newest first.
    pub fn entries(&mut self, db: &str) -> Result<Vec<Entry>> {
        let mut answer = self.call("entries", json!({ "db": db }))?;
        let list: Vec<Value> = parse("entries", answer["entries"].take())?;
        list.into_iter()
            .map(|mut entry| {
                entry["payload"] = from_typed(&entry["payload"])?;
                parse("an entry", entry)
            })
            .collect()
    }

    /// `count` concurrent entries by as many writers on top of the present heads.
    pub fn fork(&mut self, db: &str, count: usize, label: &str) -> Result<Vec<String>> {
        hashes(&self.call("fork", json!({ "db": db, "count": count, "label": label }))?, "hashes")
    }

    /// Adds a random history: `steps` appends by `writers` writers that join each other now and then.
    pub fn weave(&mut self, db: &str, writers: usize, steps: usize, seed: u32) -> Result<()> {
        let args = json!({ "db": db, "writers": writers, "steps": steps, "seed": seed });
        self.call("weave", args).map(drop)
    }

    /// Every block of the log and of the identities it names, as hex.
    pub fn log_blocks(&mut self, db: &str) -> Result<Vec<String>> {
        hashes(&self.call("logBlocks", json!({ "db": db }))?, "blocks")
    }

    /// The private keys it writes with, hex.
    pub fn keys(&mut self) -> Result<PrivateKeys> {
        parse("private keys", self.call("keys", json!({}))?)
    }

    /// Grants a capability of an `orbitdb` access controller.
    pub fn grant(&mut self, db: &str, capability: &str, id: &str) -> Result<()> {
        self.call("grant", json!({ "db": db, "capability": capability, "identity": id })).map(drop)
    }

    /// Takes a capability back.
    pub fn revoke(&mut self, db: &str, capability: &str, id: &str) -> Result<()> {
        self.call("revoke", json!({ "db": db, "capability": capability, "identity": id })).map(drop)
    }

    /// The capabilities and who has them.
    pub fn capabilities(&mut self, db: &str) -> Result<BTreeMap<String, Vec<String>>> {
        let mut answer = self.call("capabilities", json!({ "db": db }))?;
        parse("capabilities", answer["capabilities"].take())
    }

    /// Waits until `hash` is a head of the log.
    pub fn await_head(&mut self, db: &str, hash: &str) -> Result<()> {
        let call = self.begin("awaitHead", json!({ "db": db, "hash": hash }))?;
        self.finish(call, DEADLINE).map(drop)
    }

    /// Runs one of the commands of `lib/measure.mjs`.
    pub fn measured(&mut self, command: &str, args: Value) -> Result<Measured> {
        let call = self.begin(command, args)?;
        parse("a measurement", self.finish(call, MEASURED_DEADLINE)?)
    }

    /// Stores a block given as hex; the hash.
    pub fn put_block(&mut self, hex: &str) -> Result<String> {
        hash(&self.call("putBlock", json!({ "hex": hex }))?)
    }

    /// A block as hex, from the peers when it is not here.
    pub fn get_block(&mut self, hash: &str) -> Result<String> {
        parse("a block", self.call("getBlock", json!({ "hash": hash }))?["hex"].take())
    }

    /// Signs an entry as asked (`identity`, `logId`, `payload`, `time`, `next`, `refs`, `namedIdentity`), in no log.
    pub fn craft(&mut self, args: Value) -> Result<Crafted> {
        let mut args = args;
        args["payload"] = to_typed(&args["payload"])?;
        parse("a crafted entry", self.call("craft", args)?)
    }

    /// Publishes raw bytes on a topic.
    pub fn publish(&mut self, topic: &str, hex: &str) -> Result<()> {
        self.call("publish", json!({ "topic": topic, "hex": hex })).map(drop)
    }

    /// Publishes so many messages of junk as fast as it can. How many of them somebody was there to hear.
    pub fn junk_messages(&mut self, topic: &str, count: usize) -> Result<u64> {
        let answer = self.call("junkMessages", json!({ "topic": topic, "count": count }))?;
        parse("a count", answer["heard"].clone())
    }

    /// The peers known to have subscribed to a topic.
    pub fn subscribers(&mut self, topic: &str) -> Result<Vec<String>> {
        hashes(&self.call("subscribers", json!({ "topic": topic }))?, "peers")
    }

    /// Opens a heads stream to `remote`, sends the frames, closes its half, reads what comes.
    pub fn send_heads(&mut self, remote: &str, db: &str, frames: &[String]) -> Result<HeadsReply> {
        let args = json!({ "remote": remote, "db": db, "frames": frames });
        parse("a heads reply", self.call("sendHeads", args)?)
    }

    /// Sends the chunk on one heads stream again and again, `limit` bytes at most.
    pub fn flood_heads(&mut self, remote: &str, db: &str, chunk_hex: &str, limit: u64) -> Result<Flood> {
        let args = json!({ "remote": remote, "db": db, "chunkHex": chunk_hex, "limit": limit });
        parse("a flood", self.call("floodHeads", args)?)
    }

    /// Sends well-signed heads, numbered like this, each with a parent of its own that exists nowhere, all on one stream.
    pub fn junk_heads(&mut self, remote: &str, db: &str, numbers: Range<usize>) -> Result<Flood> {
        let args = json!({ "remote": remote, "db": db, "first": numbers.start, "count": numbers.len() });
        parse("a flood", self.call("junkHeads", args)?)
    }
}

fn rows(mut answer: Value) -> Result<Vec<Row>> {
    let list: Vec<Value> = parse("rows", answer["rows"].take())?;
    list.into_iter()
        .map(|mut row| {
            row["value"] = from_typed(&row["value"])?;
            parse("a row", row)
        })
        .collect()
}
