//! What the scenarios share: the packed charm, a deployment of it, the nodes' API.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what is not as expected fails the test")]

pub mod python;

use std::path::{Path, PathBuf};
use std::time::Duration;

use juju_sim::machine::Executables;
use juju_sim::model::Pool;
use juju_sim::{Sim, SimError};
use paperclip_client::Client;
use serde_json::{Value, json};

/// How long nodes may take to agree.
pub const AGREE: Duration = Duration::from_secs(60);
/// The port for peers. Not the charm's default: a node that somebody runs on this machine must not be in the way.
pub const LISTEN_PORT: u16 = 14_747;
/// The port of the API.
pub const API_PORT: u16 = 14_748;

/// The files of the charm beside its binaries.
const FILES: [&str; 5] = ["metadata.yaml", "config.yaml", "actions.yaml", "charmcraft.yaml", "icon.svg"];

/// The simulator's executables.
pub fn executables() -> Executables {
    Executables {
        juju_tool: env!("CARGO_BIN_EXE_juju-tool").into(),
        machine_tool: env!("CARGO_BIN_EXE_machine-tool").into(),
    }
}

/// A binary of another package: named by a variable, else beside our own.
fn binary(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    let own = PathBuf::from(env!("CARGO_BIN_EXE_juju-tool"));
    let profile = own.parent().unwrap();
    let places = [profile.join(name), profile.with_file_name("release").join(name)];
    places.iter().find(|path| path.exists()).cloned().unwrap_or_else(|| {
        panic!("{name} is not built: run `make test`, or `cargo build -p {name}`, or set {variable}")
    })
}

/// A directory with the charm as it is packed.
pub fn charm(sim: &Sim, name: &str) -> PathBuf {
    let directory = sim.scratch(name);
    std::fs::create_dir_all(directory.join("bin")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in FILES {
        std::fs::copy(root.join(file), directory.join(file)).unwrap();
    }
    std::fs::copy(binary("paperclip-charm", "PAPERCLIP_CHARM"), directory.join("dispatch")).unwrap();
    std::fs::copy(binary("paperclip-node", "PAPERCLIP_NODE"), directory.join("bin/paperclip-node")).unwrap();
    directory
}

/// A new revision of the charm whose node is another build: the same program with a tail that no loader reads.
pub fn next_revision(sim: &Sim, name: &str) -> PathBuf {
    use std::io::Write;
    let directory = charm(sim, name);
    let mut node =
        std::fs::OpenOptions::new().append(true).open(directory.join("bin/paperclip-node")).unwrap();
    node.write_all(b"\n# another build\n").unwrap();
    directory
}

/// A simulated Juju with so many units of the charm, settled.
pub struct Deployment {
    /// Juju.
    pub sim: Sim,
}

impl Deployment {
    /// `juju deploy paperclip -n units`, with the API on each machine's own address, because all machines share one
    /// loopback interface here.
    pub fn new(units: u32) -> Self {
        let mut deployment = Self::unsettled(units);
        deployment.sim.settle().unwrap();
        deployment
    }

    /// The same with storage that can be detached and outlives its machine: `--storage data=<pool of volumes>`.
    pub fn on_volumes(units: u32) -> Self {
        let mut deployment = Self::of(0, "binding", API_PORT);
        deployment.sim.model.pool = Pool::Volume;
        for _ in 0..units {
            deployment.sim.add_unit("paperclip").unwrap();
        }
        deployment
    }

    /// The same, before any hook has run.
    pub fn unsettled(units: u32) -> Self {
        Self::of(units, "binding", API_PORT)
    }

    /// One unit whose API others can reach, which asks for a token, and the port of it.
    pub fn with_open_api() -> (Self, u16) {
        let port = std::net::TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let mut deployment = Self::of(1, "0.0.0.0", port);
        deployment.sim.settle().unwrap();
        deployment.active();
        (deployment, port)
    }

    fn of(units: u32, api_address: &str, api_port: u16) -> Self {
        let mut sim = Sim::new(executables()).unwrap();
        let charm = charm(&sim, "charm");
        let options = [
            ("api-address", json!(api_address)),
            ("api-port", json!(api_port)),
            ("listen-port", json!(LISTEN_PORT)),
        ];
        sim.deploy("paperclip", &charm, units, &options).unwrap();
        Self { sim }
    }

    /// The names of the units.
    pub fn units(&self) -> Vec<String> {
        self.sim.model.units_of("paperclip")
    }

    /// The leader.
    pub fn leader(&self) -> String {
        self.sim.model.applications["paperclip"].leader.clone().unwrap()
    }

    /// A unit that does not lead.
    pub fn follower(&self) -> String {
        self.units().into_iter().find(|unit| *unit != self.leader()).unwrap()
    }

    /// A unit's status and message.
    pub fn status(&self, unit: &str) -> (String, String) {
        self.sim.model.units[unit].status.clone()
    }

    /// Ticks until every unit is active.
    pub fn active(&mut self) {
        for _ in 0..40 {
            self.sim.tick().unwrap();
            if self.units().iter().all(|unit| self.whole(unit)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        let statuses: Vec<String> =
            self.units().iter().map(|unit| format!("{unit}: {:?}", self.status(unit))).collect();
        panic!("not active: {}\n{}", statuses.join("; "), self.tail());
    }

    /// Whether a unit is active and misses no other.
    fn whole(&self, unit: &str) -> bool {
        let (status, message) = self.status(unit);
        status == "active" && !message.contains(" units, ")
    }

    /// The end of the log.
    pub fn tail(&self) -> String {
        let lines: Vec<&str> = self.sim.log.iter().rev().take(40).rev().map(String::as_str).collect();
        lines.join("\n")
    }

    /// The hooks that ran since `from`, as `unit hook`.
    pub fn hooks_since(&self, from: usize) -> Vec<String> {
        self.sim.history[from..].iter().map(|ran| format!("{} {}", ran.unit, ran.what)).collect()
    }

    /// How often a unit's node was started.
    pub fn starts(&self, unit: &str) -> u32 {
        self.sim.machines[unit].services.get("paperclip-node").map_or(0, |service| service.starts)
    }

    /// The bag of the peer relation.
    pub fn bag(&self, owner: &str) -> juju_sim::model::Strings {
        self.sim.bag(0, owner)
    }

    /// Asks a unit's node.
    pub fn get(&self, unit: &str, path: &str) -> Result<Value, String> {
        ask(&format!("http://{}:{API_PORT}", self.sim.model.units[unit].address), path, None)
    }

    /// Posts to a unit's node.
    pub fn post(&self, unit: &str, path: &str, body: &Value) -> Result<Value, String> {
        ask(&format!("http://{}:{API_PORT}", self.sim.model.units[unit].address), path, Some(body))
    }

    /// Runs an action that must complete.
    pub fn action(&mut self, unit: &str, name: &str, parameters: Value) -> juju_sim::ActionOutcome {
        let outcome = self.sim.action(unit, name, &parameters).unwrap();
        assert!(outcome.completed, "{name} on {unit}: {}", outcome.message);
        outcome
    }

    /// Creates a database of events by the leader's action.
    pub fn create(&mut self, name: &str) {
        let leader = self.leader();
        self.action(&leader, "create-database", json!({ "name": name }));
    }

    /// Appends an event on a unit; it counts as acknowledged when this returns.
    pub fn add(&mut self, unit: &str, database: &str, value: &str) {
        let path = format!("/v1/databases/{database}/events");
        self.wait(&format!("{unit} takes a write to {database}"), |this| {
            this.post(unit, &path, &json!(value))
        });
    }

    /// The values of a database's events on a unit, sorted.
    pub fn values(&self, unit: &str, database: &str) -> Result<Vec<String>, String> {
        let events = self.get(unit, &format!("/v1/databases/{database}/events?amount=1000"))?;
        let items = events.as_array().or_else(|| events["events"].as_array()).cloned().unwrap_or_default();
        let mut values: Vec<String> =
            items.iter().filter_map(|event| event["value"].as_str().map(str::to_owned)).collect();
        values.sort();
        Ok(values)
    }

    /// Waits until these units have exactly these values.
    pub fn agree(&mut self, units: &[String], database: &str, values: &[&str]) {
        let mut wanted: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        wanted.sort();
        for unit in units {
            self.wait(&format!("{unit} has all of {database}"), |this| {
                let found = this.values(unit, database)?;
                if found == wanted { Ok(()) } else { Err(format!("{found:?} is not {wanted:?}")) }
            });
        }
    }

    /// Waits for a condition of the nodes.
    pub fn wait<T>(&mut self, what: &str, mut holds: impl FnMut(&Self) -> Result<T, String>) -> T {
        let deadline = std::time::Instant::now() + AGREE;
        loop {
            for machine in self.sim.machines.values_mut() {
                machine.look_after();
            }
            match holds(self) {
                Ok(value) => return value,
                Err(last) if std::time::Instant::now() > deadline => {
                    let error = SimError::Late { limit: AGREE, what: what.into(), last };
                    panic!("{error}\n{}", self.tail());
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

/// Asks a node at this URL: a `GET` without a body, else a `POST`.
pub fn ask(url: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let client = Client::new(url).map_err(|error| error.to_string())?;
    let answer = match body {
        Some(body) => client.post(path, body),
        None => client.get(path),
    };
    let answer = answer.map_err(|error| format!("{url}{path}: {error}"))?;
    answer.json().or(Ok(Value::String(answer.body)))
}
