//! The HTTP API of a real node, as a client sees it. What goes wrong with single requests is tested from outside, in `tests/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use paperclip_node::{
    api::{Api, Guard, MAX_CONNECTIONS, MAX_PAGE_BYTES, Server},
    config::{Config, KEYS, Sources},
    metrics::Metrics,
    node::Node,
};
use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use ureq::{Agent, http};

const DEADLINE: Duration = Duration::from_secs(20);

/// A node with its API on loopback.
struct Served {
    runtime: Runtime,
    node: Node,
    address: SocketAddr,
    agent: Agent,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _dir: TempDir,
}

/// An answer.
struct Reply {
    status: u16,
    headers: http::HeaderMap,
    json: Json,
}

impl Served {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let mut sources = Sources::default();
        let given = [
            ("data-dir", dir.path().join("data").display().to_string()),
            ("listen", "/ip4/127.0.0.1/tcp/0".to_owned()),
        ];
        let key = |name: &str| KEYS.iter().find(|key| key.name == name).unwrap();
        sources.flags(given.map(|(name, value)| (key(name), vec![value])));
        let config = Config::from_sources(&sources, Vec::new()).unwrap();
        let metrics = Metrics::new().unwrap();
        let node = runtime.block_on(Node::start(&config, metrics.clone())).unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap())).unwrap();
        let address = server.local_addr().unwrap();
        let stop = CancellationToken::new();
        let guard = Guard { token: None, metrics_open: false };
        let api = Api::new(node.clone(), metrics, guard, config.max_entry_bytes, stop.clone());
        let serving = runtime.spawn(server.serve(api));
        let agent =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build();
        Self { runtime, node, address, agent: agent.into(), stop, serving, _dir: dir }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        let request = http::Request::builder().method(method).uri(self.url(path));
        let request = request.header("content-type", "application/json");
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body.to_string()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        let text = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Json::Null);
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), json }
    }

    fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, None)
    }

    fn post(&self, path: &str, body: &Json) -> Reply {
        self.ask("POST", path, Some(body))
    }

    fn create(&self, name: &str, kind: &str) -> String {
        let reply = self.post("/v1/databases", &json!({ "name": name, "type": kind }));
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["address"].as_str().unwrap().to_owned()
    }

    /// Every item of a listing, and on how many pages.
    fn pages(&self, path: &str) -> (Vec<Json>, usize) {
        let (mut items, mut pages) = (Vec::new(), 0);
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let reply = self.get(&path);
            assert_eq!(reply.status, 200, "{}", reply.json);
            items.extend(reply.json.as_array().unwrap().clone());
            pages += 1;
            next = reply.headers.get("link").map(|link| {
                let link = link.to_str().unwrap();
                link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned()
            });
        }
        (items, pages)
    }

    /// The stream of changes of a database, line by line.
    fn changes(&self, path: &str) -> impl BufRead + use<> {
        let agent: Agent = Agent::config_builder().timeout_recv_body(Some(DEADLINE)).build().into();
        BufReader::new(agent.get(self.url(path)).call().unwrap().into_body().into_reader())
    }

    fn finish(self) {
        self.stop.cancel();
        let ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, self.serving).await });
        assert!(matches!(ended, Ok(Ok(()))), "the server ends when it is told to");
        self.runtime.block_on(self.node.shutdown()).unwrap();
    }
}

fn values(rows: &[Json]) -> Vec<Json> {
    rows.iter().map(|row| row["value"].clone()).collect()
}

/// The hash of the next entry on a stream of changes.
fn next_id(changes: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(changes.read_line(&mut line).unwrap(), 0, "the stream ended");
        if let Some(id) = line.strip_prefix("id:") {
            return id.trim().to_owned();
        }
    }
}

#[test]
fn large_listings_come_in_pages_that_lead_to_all_of_them() {
    let served = Served::start();
    served.create("large", "events");
    let third = "x".repeat(MAX_PAGE_BYTES / 3);
    for n in 0..8 {
        assert_eq!(served.post("/v1/databases/large/events", &json!([n, third])).status, 201);
    }
    let numbers = |rows: &[Json]| -> Vec<u64> {
        rows.iter().map(|row| row.pointer("/value/0").and_then(Json::as_u64).unwrap()).collect()
    };
    let (all, pages) = served.pages("/v1/databases/large/events");
    assert_eq!(numbers(&all), [7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(pages, 3, "a page holds what begins within its bytes");
    let (some, _) = served.pages("/v1/databases/large/events?amount=5");
    assert_eq!(numbers(&some), [7, 6, 5, 4, 3]);
    let oldest = all[7]["hash"].as_str().unwrap();
    let (closest, _) = served.pages(&format!("/v1/databases/large/events?gt={oldest}&amount=4"));
    assert_eq!(numbers(&closest), [4, 3, 2, 1], "with gt alone the amount counts from there");
    let (none, _) = served.pages("/v1/databases/large/events?amount=0");
    assert!(none.is_empty());
    served.finish();
}

#[test]
fn keys_are_paged_newest_first_and_carry_their_entrys_hash() {
    let served = Served::start();
    served.create("kv", "keyvalue");
    let mut hash = String::new();
    for n in 0..7 {
        let reply = served.ask("PUT", &format!("/v1/databases/kv/kv/key%20{n}"), Some(&json!(n)));
        hash = reply.json["hash"].as_str().unwrap().to_owned();
    }
    let (rows, pages) = served.pages("/v1/databases/kv/kv?limit=3");
    assert_eq!((values(&rows), pages), ((0..7).rev().map(|n| json!(n)).collect(), 3));
    let reply = served.get("/v1/databases/kv/kv/key%206");
    assert_eq!(
        (reply.json, reply.headers["etag"].to_str().unwrap()),
        (json!(6), format!("\"{hash}\"").as_str())
    );
    assert_eq!(served.ask("DELETE", "/v1/databases/kv/kv/key%206", None).status, 200);
    assert_eq!(served.get("/v1/databases/kv/kv/key%206").status, 404);
    assert_eq!(served.pages("/v1/databases/kv/kv").0.len(), 6);
    served.finish();
}

#[test]
fn documents_need_their_id_and_are_found_by_filter() {
    let served = Served::start();
    served.create("docs", "documents");
    for n in 0..5 {
        let document = json!({ "_id": format!("d{n}"), "n": n, "odd": n % 2 == 1 });
        assert_eq!(served.ask("PUT", &format!("/v1/databases/docs/docs/d{n}"), Some(&document)).status, 200);
    }
    for wrong in [json!({ "_id": "other" }), json!({}), json!("d9")] {
        assert_eq!(served.ask("PUT", "/v1/databases/docs/docs/d9", Some(&wrong)).status, 422, "{wrong}");
    }
    let query = json!({ "filter": { "odd": false, "n": { "$gt": 0 } }, "sort": "-n", "limit": 1 });
    let found = served.post("/v1/databases/docs/query", &query).json;
    assert_eq!(values(found.as_array().unwrap()), [json!({ "_id": "d4", "n": 4, "odd": false })]);
    assert_eq!(
        served.post("/v1/databases/docs/query", &json!({ "filter": { "n": { "$like": 1 } } })).status,
        400
    );
    assert_eq!(served.get("/v1/databases/docs/kv/d1").status, 409, "documents are not keys");
    served.finish();
}

#[test]
fn a_name_of_two_databases_is_refused_with_their_addresses() {
    let served = Served::start();
    let (first, second) = (served.create("twice", "events"), served.create("twice", "keyvalue"));
    let reply = served.get("/v1/databases/twice");
    assert_eq!(reply.status, 409);
    let mut named: Vec<&str> =
        reply.json["addresses"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    named.sort_unstable();
    let mut made = [first.as_str(), second.as_str()];
    made.sort_unstable();
    assert_eq!(named, made);
    let bare = first.strip_prefix("/orbitdb/").unwrap();
    for way in [first.replace('/', "%2F"), bare.to_owned()] {
        assert_eq!(served.get(&format!("/v1/databases/{way}")).json["type"], "events", "{way}");
    }
    let again = served.post("/v1/databases", &json!({ "name": "twice", "type": "events" }));
    assert_eq!((again.status, &again.json["address"]), (200, &json!(first)), "equal databases are one");
    served.finish();
}

#[test]
fn changes_are_followed_from_an_entry_on_and_end_with_the_node() {
    let served = Served::start();
    served.create("log", "events");
    let add = |n: u32| {
        let reply = served.post("/v1/databases/log/events", &json!(n));
        reply.json["hash"].as_str().unwrap().to_owned()
    };
    let old: Vec<String> = (0..150).map(add).collect();
    let mut since = served.changes(&format!("/v1/databases/log/changes?since={}", old[9]));
    let mut now = served.changes("/v1/databases/log/changes");
    for expected in &old[10..] {
        assert_eq!(&next_id(&mut since), expected);
    }
    let new = add(150);
    assert_eq!(next_id(&mut now), new);
    assert_eq!(next_id(&mut since), new);
    assert_eq!(served.get("/v1/databases/log/changes?since=zdpu").status, 400);
    served.stop.cancel();
    let mut rest = String::new();
    drop(now.read_to_string(&mut rest));
    assert!(!rest.contains("id:"), "{rest}");
    served.finish();
}

#[test]
fn connections_are_bounded_and_places_come_back() {
    let served = Served::start();
    let connect = || {
        let stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    };
    let answers = |stream: &mut TcpStream| -> bool {
        // One that is closed at once may refuse the request or end without an answer.
        let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
        sent.is_ok() && stream.read(&mut [0; 1024]).unwrap_or(0) > 0
    };
    let mut open: Vec<TcpStream> = (0..MAX_CONNECTIONS).map(|_| connect()).collect();
    assert!(open.iter_mut().all(&answers));
    assert!(!answers(&mut connect()), "one too many");
    drop(open.split_off(MAX_CONNECTIONS - 2));
    let deadline = Instant::now() + DEADLINE;
    while !answers(&mut connect()) {
        assert!(Instant::now() < deadline, "the places of closed connections come back");
    }
    let metrics =
        served.agent.get(served.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(!metrics.contains("paperclip_http_refused_total{reason=\"connections\"} 0"), "{metrics}");
    drop(open);
    served.finish();
}

#[test]
fn a_stopping_api_answers_what_it_accepted_and_takes_no_more() {
    let served = Served::start();
    served.create("log", "events");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (agent, url) = (served.agent.clone(), served.url("/v1/databases/log/events"));
            std::thread::spawn(move || {
                let mut acknowledged = 0_u64;
                loop {
                    let request = http::Request::post(&url).header("content-type", "application/json");
                    match agent.run(request.body(json!(writer).to_string()).unwrap()) {
                        Ok(response) if response.status() == 201 => acknowledged += 1,
                        Ok(response) => panic!("an accepted request was answered with {}", response.status()),
                        Err(_) => return acknowledged,
                    }
                }
            })
        })
        .collect();
    let database = served.node.database("log").unwrap();
    let mut status = database.status();
    let written = status.wait_for(|status| status.len >= 50);
    drop(served.runtime.block_on(async { tokio::time::timeout(DEADLINE, written).await }).unwrap().unwrap());
    served.stop.cancel();
    let acknowledged: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert!(database.status().borrow().len >= acknowledged && acknowledged >= 50);
    served.finish();
}
