//! A typed client of the node's HTTP API (design document, "HTTP API").

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Method, Request};

use super::{Changes, Metrics};
use crate::error::parse;
use crate::js::{Entry, Row};
use crate::{HarnessError, Result};

/// How long one request may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);

/// What a path segment may hold as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A database as the node describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Database {
    /// `/orbitdb/zdpu...`
    pub address: String,
    /// The manifest's name.
    pub name: String,
    /// The manifest's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `events`, `keyvalue` or `documents`.
    pub reading: String,
    /// The field that names a document.
    pub index_by: Option<String>,
    /// Entries in the log.
    pub entries: u64,
    /// What two replicas compare: equal when their heads are.
    pub digest: String,
}

/// A database as a listing shows it: it may still be opening.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    /// `/orbitdb/zdpu...`
    pub address: String,
    /// The manifest's name, once it is known.
    pub name: Option<String>,
    /// `catalog`, `pinned` or `guard`.
    pub role: String,
    /// `opening`, `open` or `failed`.
    pub state: String,
}

/// One event of an events database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EventRow {
    /// The entry's hash.
    pub hash: String,
    /// The value, DAG-JSON.
    pub value: Value,
}

/// One key of a keyvalue database.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct KeyRow {
    /// The key.
    pub key: String,
    /// The value, DAG-JSON.
    pub value: Value,
    /// The hash of the entry that won.
    pub hash: String,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The content type, without parameters.
    pub content_type: String,
    /// The path of the next page of a listing (`Link: <path>; rel="next"`).
    pub next_page: Option<String>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The body as JSON, however deep it nests.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        let mut json = serde_json::Deserializer::from_str(&self.body);
        json.disable_recursion_limit();
        let read = Value::deserialize(&mut json).and_then(|read| json.end().map(|()| read));
        read.map_err(|source| HarnessError::Shape {
            what: format!("an answer of type {:?}", self.content_type),
            text: self.body.clone(),
            source,
        })
    }
}

/// The client. Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Api {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Api {
    pub(super) fn new(port: u16, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_DEADLINE))
            .max_idle_connections_per_host(32)
            .build();
        Self { agent: config.into(), base: format!("http://127.0.0.1:{port}"), token }
    }

    /// The same client without its token.
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// Sends a request as it is and takes whatever status comes.
    ///
    /// # Errors
    /// Only when there is no answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply> {
        let failed = |source: ureq::Error| HarnessError::Http {
            method: method.to_owned(),
            path: path.to_owned(),
            source: Box::new(source),
        };
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap_or_default())
            .uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // A request without a body has no content length either, as people send it.
        let response = if body.is_empty() && method != "POST" && method != "PUT" {
            self.agent.run(request.body(()).map_err(|e| failed(e.into()))?)
        } else {
            self.agent.run(request.body(body).map_err(|e| failed(e.into()))?)
        };
        let mut response = response.map_err(failed)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let kind = header("content-type").and_then(|kind| kind.split(';').next());
        let content_type = kind.unwrap_or_default().to_owned();
        let link = header("link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
        let next_page = link.map(str::to_owned);
        let body = response.body_mut().with_config().limit(u64::MAX).read_to_string().map_err(failed)?;
        Ok(Reply { status: response.status().as_u16(), content_type, next_page, body })
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let bytes = body.map(|value| value.to_string().into_bytes()).unwrap_or_default();
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
        if reply.content_type == "application/json" { reply.json() } else { Ok(Value::String(reply.body)) }
    }

    /// Everything that a listing holds, page after page.
    fn list<T: DeserializeOwned>(&self, what: &str, path: &str) -> Result<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let reply = self.ask("GET", &path, None)?;
            all.extend(parse::<Vec<T>>(what, reply.json()?)?);
            next = reply.next_page;
        }
        Ok(all)
    }

    fn list_of<T: DeserializeOwned>(&self, what: &str, db: &str, rest: &str) -> Result<Vec<T>> {
        self.list(what, &format!("/v1/databases/{}{rest}", segment(db)))
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
        self.request(method, &format!("/v1/databases/{}{rest}", segment(db)), body)
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
        parse("a database", self.post("/v1/databases", request)?)
    }

    /// Pins a database by its address.
    pub fn pin(&self, address: &str) -> Result<Value> {
        self.post("/v1/databases", &json!({ "address": address }))
    }

    /// Unpins a database.
    pub fn unpin(&self, db: &str) -> Result<()> {
        self.db("DELETE", db, "", None).map(drop)
    }

    /// All databases.
    pub fn databases(&self) -> Result<Vec<Listed>> {
        self.list("the databases", "/v1/databases")
    }

    /// One database.
    pub fn database(&self, db: &str) -> Result<Database> {
        parse("a database", self.db("GET", db, "", None)?)
    }

    /// Changes what is set for a database.
    pub fn set(&self, db: &str, change: &Value) -> Result<Database> {
        parse("a database", self.db("PATCH", db, "", Some(change))?)
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
        parse("a hash", self.db("POST", db, "/events", Some(value))?["hash"].take())
    }

    /// Events, newest first; `query` is `amount=10&lt=...` or empty.
    pub fn events(&self, db: &str, query: &str) -> Result<Vec<EventRow>> {
        self.list_of("events", db, &format!("/events?{query}"))
    }

    /// Puts a key.
    pub fn put(&self, db: &str, key: &str, value: &Value) -> Result<String> {
        let path = format!("/kv/{}", segment(key));
        parse("a hash", self.db("PUT", db, &path, Some(value))?["hash"].take())
    }

    /// The value of a key; none when it has none.
    pub fn get_key(&self, db: &str, key: &str) -> Result<Option<Value>> {
        found(self.db("GET", db, &format!("/kv/{}", segment(key)), None))
    }

    /// Deletes a key.
    pub fn del(&self, db: &str, key: &str) -> Result<String> {
        parse("a hash", self.db("DELETE", db, &format!("/kv/{}", segment(key)), None)?["hash"].take())
    }

    /// All keys.
    pub fn keys(&self, db: &str) -> Result<Vec<KeyRow>> {
        self.list_of("keys", db, "/kv")
    }

    /// Puts a document.
    pub fn put_doc(&self, db: &str, id: &str, document: &Value) -> Result<String> {
        let path = format!("/docs/{}", segment(id));
        parse("a hash", self.db("PUT", db, &path, Some(document))?["hash"].take())
    }

    /// A document by its id.
    pub fn get_doc(&self, db: &str, id: &str) -> Result<Option<Value>> {
        found(self.db("GET", db, &format!("/docs/{}", segment(id)), None))
    }

    /// Deletes a document.
    pub fn del_doc(&self, db: &str, id: &str) -> Result<String> {
        parse("a hash", self.db("DELETE", db, &format!("/docs/{}", segment(id)), None)?["hash"].take())
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
        let path = format!("/v1/databases/{}/changes", segment(db));
        Changes::follow(&format!("{}{path}", self.base), &path)
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
        self.post("/v1/peers", &json!({ "addr": addr }))
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
