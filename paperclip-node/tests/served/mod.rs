//! A node with its API on loopback, as a client sees it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by test binaries that each use a part"
)]

use paperclip_node::{
    api::{Api, Guard, Limits, Server},
    config::{Config, SETTINGS, Sources},
    metrics::Metrics,
    node::Node,
};
use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use ureq::{Agent, http};

/// What no test waits longer for.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A node with its API on loopback.
pub(crate) struct Served {
    pub(crate) runtime: Runtime,
    pub(crate) node: Node,
    pub(crate) address: SocketAddr,
    pub(crate) agent: Agent,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    dir: TempDir,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) json: Json,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn with_limits(limits: Limits) -> Self {
        Self::run(tempfile::tempdir().unwrap(), limits)
    }

    /// Ends the node and its API, and starts them anew on what is on disk.
    pub(crate) fn restart(self) -> Self {
        self.restart_after(|_| {})
    }

    /// The same, with something done to the data directory in between.
    pub(crate) fn restart_after(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let dir = self.finish();
        meanwhile(&dir.path().join("data"));
        Self::run(dir, Limits::default())
    }

    fn run(dir: TempDir, limits: Limits) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut sources = Sources::default();
        let given = [
            (&SETTINGS.data_dir.key, dir.path().join("data").display().to_string()),
            (&SETTINGS.listen.key, "/ip4/127.0.0.1/tcp/0".to_owned()),
        ];
        sources.flags(given.map(|(key, value)| (key, vec![value])));
        let config = Config::from_sources(&sources, Vec::new()).unwrap();
        let metrics = Metrics::new().unwrap();
        let node = runtime.block_on(Node::start(&config, metrics.clone())).unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0".parse().unwrap())).unwrap();
        let address = server.local_addr().unwrap();
        let stop = CancellationToken::new();
        let guard = Guard { token: None, metrics_open: false };
        let api = Api::new(node.clone(), metrics, guard, config.max_entry_bytes, limits, stop.clone());
        let serving = runtime.spawn(server.serve(api));
        let agent =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build();
        Self { runtime, node, address, agent: agent.into(), stop, serving, dir }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Json>) -> Reply {
        self.ask_with(method, path, &[], body)
    }

    /// The same with more header fields.
    pub(crate) fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Json>,
    ) -> Reply {
        let request = http::Request::builder().method(method).uri(self.url(path));
        let mut request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body.to_string()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        let text = response.body_mut().with_config().limit(1 << 30).read_to_string().unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Json::Null);
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), json }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Json) -> Reply {
        self.ask("POST", path, Some(body))
    }

    pub(crate) fn create(&self, name: &str, kind: &str) -> String {
        let reply = self.post("/v1/databases", &json!({ "name": name, "type": kind }));
        assert_eq!(reply.status, 201, "{}", reply.json);
        reply.json["address"].as_str().unwrap().to_owned()
    }

    /// Every item of a listing, and on how many pages.
    pub(crate) fn pages(&self, path: &str) -> (Vec<Json>, usize) {
        self.pages_of("GET", path, None)
    }

    /// The same for a listing that a document asks for.
    pub(crate) fn pages_of(&self, method: &str, path: &str, body: Option<&Json>) -> (Vec<Json>, usize) {
        let (mut items, mut pages) = (Vec::new(), 0);
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let reply = self.ask(method, &path, body);
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
    pub(crate) fn changes(&self, path: &str) -> impl BufRead + use<> {
        let agent: Agent = Agent::config_builder().timeout_recv_body(Some(DEADLINE)).build().into();
        BufReader::new(agent.get(self.url(path)).call().unwrap().into_body().into_reader())
    }

    pub(crate) fn metrics(&self) -> String {
        self.agent.get(self.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// Waits until a metric has a value. Some are brought up to date every few seconds.
    pub(crate) fn measures(&self, metric: &str, value: u64) {
        let line = format!("{metric} {value}");
        eventually(&line, || self.metrics().lines().any(|found| found == line).then_some(()));
    }

    /// Waits until the node is ready; what `/readyz` says then.
    pub(crate) fn ready(&self) -> Reply {
        eventually("the node is ready", || Some(self.get("/readyz")).filter(|ready| ready.status == 200))
    }

    /// How often the API refused for a reason.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        let metrics = self.metrics();
        let series = format!("paperclip_http_refused_total{{reason=\"{reason}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    /// Ends the node. What it leaves behind is its folder.
    pub(crate) fn finish(self) -> TempDir {
        self.stop.cancel();
        let ended = self.runtime.block_on(async { tokio::time::timeout(DEADLINE, self.serving).await });
        assert!(matches!(ended, Ok(Ok(()))), "the server ends when it is told to");
        self.runtime.block_on(self.node.shutdown()).unwrap();
        self.dir
    }
}

/// Asks again and again until there is something, but not for ever.
fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
