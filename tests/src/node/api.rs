//! The node's HTTP API, as tests ask it: the project's own client, and what a refusal was in full.

use std::ops::Deref;

use paperclip_client::http::encoded;
use paperclip_client::shape::{self, Connect, Event, OpenDatabase, Pin, Row as KeyRow, Written};
use paperclip_client::{Client, Reply, Request, db_path};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Changes, Metrics};
use crate::error::parse;
use crate::js::{Entry, Row};
use crate::{HarnessError, Result};

/// A database that is open.
#[derive(Clone, Debug)]
pub struct Database {
    /// `/orbitdb/zdpu...`
    pub address: String,
    /// The manifest's name.
    pub name: String,
    open: OpenDatabase,
}

impl Deref for Database {
    type Target = OpenDatabase;

    fn deref(&self) -> &OpenDatabase {
        &self.open
    }
}

impl Database {
    fn of(reply: &Reply) -> Result<Self> {
        let shape::Database { address, name, open, state, .. } = reply.read()?;
        match (name, open) {
            (Some(name), Some(open)) => Ok(Self { address, name, open }),
            _ => Err(HarnessError::NotYet(format!("{address} is {state}"))),
        }
    }
}

/// The client. Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Api(Client);

impl Api {
    pub(super) fn new(port: u16, token: Option<&str>) -> Self {
        Self(Client::local(([127, 0, 0, 1], port).into()).with_token(token))
    }

    /// The same client without its token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self(self.0.clone().with_token(None))
    }

    /// Sends a request as it is and takes whatever status comes.
    ///
    /// # Errors
    /// Only when there is no answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        // A request without a body has no content length either, as people send it.
        let body = (!body.is_empty() || method == "POST" || method == "PUT").then_some(body);
        Ok(self.0.send(&Request { headers, body, ..Request::new(method, path) })?)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&impl Serialize>) -> Result<Reply> {
        let bytes = body.map(|body| Request::json(body).into_bytes()).unwrap_or_default();
        let reply = self.send(method, path, &[("content-type", "application/json")], &bytes)?;
        match reply.status {
            200..300 => Ok(reply),
            status => Err(HarnessError::Api {
                method: method.to_owned(),
                path: path.to_owned(),
                status,
                body: reply.body,
            }),
        }
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let reply = self.ask(method, path, body)?;
        Ok(if reply.content_type == "application/json" { reply.json()? } else { Value::String(reply.body) })
    }

    /// Everything that a listing holds, page after page.
    fn list<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let reply = self.ask("GET", &path, None::<&Value>)?;
            all.extend(parse::<Vec<T>>(what, reply.json()?)?);
            next = reply.next;
        }
        Ok(all)
    }

    fn list_of<T: DeserializeOwned>(&self, what: &str, db: &str, rest: &str) -> Result<Vec<T>> {
        self.list(what, &format!("/v1/databases/{}{rest}", encoded(db)))
    }

    /// GET any path.
    ///
    /// # Errors
    /// [`HarnessError::Api`] with the problem document when the status is not 2xx; the same everywhere below.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.request("GET", path, None)
    }

    /// POST any path.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request("POST", path, Some(body))
    }

    fn db(&self, method: &str, db: &str, rest: &str, body: Option<&Value>) -> Result<Value> {
        self.request(method, &format!("/v1/databases/{}{rest}", encoded(db)), body)
    }

    fn write(&self, method: &str, db: &str, rest: &[&str], body: Option<&Value>) -> Result<String> {
        let Written { hash } = self.ask(method, &db_path(db, rest), body)?.read()?;
        Ok(hash)
    }

    /// The node's status.
    pub fn status(&self) -> Result<Value> {
        self.get("/v1/status")
    }

    /// The node's metrics.
    pub fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::parse(&self.send("GET", "/metrics", &[], &[])?.body))
    }

    /// Creates a database that `write` may write to.
    pub fn create(&self, name: &str, kind: &str, write: &[&str]) -> Result<Database> {
        self.create_with(&json!({ "name": name, "type": kind, "access": { "type": "ipfs", "write": write } }))
    }

    /// Creates a database from a full request.
    pub fn create_with(&self, request: &Value) -> Result<Database> {
        Database::of(&self.ask("POST", "/v1/databases", Some(request))?)
    }

    /// Pins a database by its address.
    pub fn pin(&self, address: &str) -> Result<Value> {
        Ok(self.ask("POST", "/v1/databases", Some(&Pin::new(address)))?.json()?)
    }

    /// Unpins a database.
    pub fn unpin(&self, db: &str) -> Result<()> {
        self.db("DELETE", db, "", None).map(drop)
    }

    /// All databases.
    pub fn databases(&self) -> Result<Vec<shape::Database>> {
        self.list("the databases", "/v1/databases")
    }

    /// One database.
    pub fn database(&self, db: &str) -> Result<Database> {
        Database::of(&self.ask("GET", &db_path(db, &[]), None::<&Value>)?)
    }

    /// Changes what is set for a database.
    pub fn set(&self, db: &str, change: &Value) -> Result<Database> {
        Database::of(&self.ask("PATCH", &db_path(db, &[]), Some(change))?)
    }

    /// All documents.
    pub fn docs(&self, db: &str) -> Result<Vec<KeyRow>> {
        self.list_of("documents", db, "/docs")
    }

    /// What a database refused.
    pub fn refused(&self, db: &str) -> Result<Value> {
        self.db("GET", db, "/refused", None)
    }

    /// One database, with all that the node tells of it.
    pub fn shown(&self, db: &str) -> Result<Value> {
        self.db("GET", db, "", None)
    }

    /// Appends an event.
    pub fn add(&self, db: &str, value: &Value) -> Result<String> {
        self.write("POST", db, &["events"], Some(value))
    }

    /// Events, newest first; `query` is `amount=10&lt=...` or empty.
    pub fn events(&self, db: &str, query: &str) -> Result<Vec<Event>> {
        self.list_of("events", db, &format!("/events?{query}"))
    }

    /// Puts a key.
    pub fn put(&self, db: &str, key: &str, value: &Value) -> Result<String> {
        self.write("PUT", db, &["kv", key], Some(value))
    }

    /// The value of a key; none when it has none.
    pub fn get_key(&self, db: &str, key: &str) -> Result<Option<Value>> {
        found(self.db("GET", db, &format!("/kv/{}", encoded(key)), None))
    }

    /// Deletes a key.
    pub fn del(&self, db: &str, key: &str) -> Result<String> {
        self.write("DELETE", db, &["kv", key], None)
    }

    /// All keys.
    pub fn keys(&self, db: &str) -> Result<Vec<KeyRow>> {
        self.list_of("keys", db, "/kv")
    }

    /// Puts a document.
    pub fn put_doc(&self, db: &str, id: &str, document: &Value) -> Result<String> {
        self.write("PUT", db, &["docs", id], Some(document))
    }

    /// A document by its id.
    pub fn get_doc(&self, db: &str, id: &str) -> Result<Option<Value>> {
        found(self.db("GET", db, &format!("/docs/{}", encoded(id)), None))
    }

    /// Deletes a document.
    pub fn del_doc(&self, db: &str, id: &str) -> Result<String> {
        self.write("DELETE", db, &["docs", id], None)
    }

    /// Documents by filter, sort and page.
    pub fn query(&self, db: &str, query: &Value) -> Result<Vec<Row>> {
        parse("documents", self.db("POST", db, "/query", Some(query))?)
    }

    /// The heads' hashes, greatest first.
    pub fn heads(&self, db: &str) -> Result<Vec<String>> {
        let entries: Vec<Entry> = self.list_of("heads", db, "/heads")?;
        Ok(entries.into_iter().map(|entry| entry.hash).collect())
    }

    /// Entries, newest first.
    pub fn entries(&self, db: &str, query: &str) -> Result<Vec<Entry>> {
        self.list_of("entries", db, &format!("/entries?{query}"))
    }

    /// One entry.
    pub fn entry(&self, db: &str, hash: &str) -> Result<Entry> {
        parse("an entry", self.db("GET", db, &format!("/entries/{hash}"), None)?)
    }

    /// The hashes of the whole log, newest first.
    pub fn hashes(&self, db: &str) -> Result<Vec<String>> {
        let entries = self.entries(db, "amount=-1")?;
        Ok(entries.into_iter().map(|entry| entry.hash).collect())
    }

    /// Follows a database: every entry as it is joined, from now on.
    pub fn changes(&self, db: &str) -> Result<Changes> {
        Ok(Changes::follow(self.0.stream(&db_path(db, &["changes"]))?))
    }

    /// Compares with the peers again.
    pub fn resync(&self, db: &str) -> Result<Value> {
        self.db("POST", db, "/resync", Some(&json!({})))
    }

    /// Checks every block, signature and derived state.
    pub fn verify(&self, db: &str) -> Result<Value> {
        self.db("POST", db, "/verify", Some(&json!({})))
    }

    /// The peers.
    pub fn peers(&self) -> Result<Value> {
        self.get("/v1/peers")
    }

    /// Connects to a multiaddress.
    pub fn connect(&self, addr: &str) -> Result<Value> {
        Ok(self.ask("POST", "/v1/peers", Some(&Connect { addr: addr.to_owned() }))?.json()?)
    }
}

/// A value, or none where the node says that there is no such key; a missing database is an error.
fn found(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(HarnessError::Api { status: 404, body, .. }) if body.contains("#unknown-key") => Ok(None),
        Err(error) => Err(error),
    }
}
