//! The command line as a process: usage, keys as files, the node's start and end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use std::{
    fs::{self, Permissions},
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const DEADLINE: Duration = Duration::from_secs(30);

/// The program, with none of the settings of whoever runs the tests.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PAPERCLIP_"))
    {
        command.env_remove(name);
    }
    command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> Json {
    assert!(output.status.success(), "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once_with_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.yaml");
    fs::write(&file, "durability: maybe\nunheard-of: 1\npeers: [nowhere]\n").unwrap();
    let output = program()
        .args(["run", "--config", &text(&file), "--cache-bytes", "lots"])
        .args(["--api", "0.0.0.0:4783"])
        .env("PAPERCLIP_MAX_CONNECTIONS", "few")
        .env("PAPERCLIP_DATADIR", "/data")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    for line in [
        "--cache-bytes: lots is not a whole number",
        "PAPERCLIP_MAX_CONNECTIONS: few is not a whole number",
        "durability (file): maybe is not strict or relaxed",
        "peers (file): nowhere is not ",
        "unheard-of: not a setting",
        "PAPERCLIP_DATADIR: not a variable of PaperClip; did you mean PAPERCLIP_DATA_DIR?",
        "api: 0.0.0.0:4783 is reachable from other machines; set api-token-file as well",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    assert_eq!(told.lines().count(), 7, "{told}");
}

#[test]
fn wrong_usage_is_told_from_a_failed_request() {
    assert_eq!(run(&["add", "db", "not json"]).status.code(), Some(2));
    assert_eq!(run(&["query", "db", "--limit", "many"]).status.code(), Some(2));
    assert_eq!(run(&[]).status.code(), Some(2));
    let nobody = run(&["db", "list", "--api", "http://127.0.0.1:1"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("cannot reach http://127.0.0.1:1: connection refused"));
    assert!(run(&["--version"]).status.success());
}

#[test]
fn a_request_travels_to_the_root_key_and_back_as_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&folder.path().join(name));
    let made = json(&run(&["identity", "new-root", &at("root.key"), "--json"]));
    let id = made["id"].as_str().unwrap();
    let again = run(&["identity", "new-root", &at("root.key")]);
    assert_eq!(again.status.code(), Some(1), "a key is never overwritten");

    let show = ["identity", "show", "--data-dir", &at("data"), "--cluster-id", id, "--json"];
    let shown = json(&run(&show));
    assert_eq!((&shown["certified"], shown["id"].as_str()), (&Json::Bool(false), Some(id)));
    fs::write(at("request.json"), shown["request"].to_string()).unwrap();
    let certify = ["identity", "certify", &at("request.json"), "--root-key", &at("root.key"), "--json"];
    let certificate = json(&run(&certify));
    assert_eq!(certificate["public_key"], shown["public_key"]);
    fs::write(at("certificate.json"), certificate.to_string()).unwrap();
    let given = program().args(show).args(["--certificate", &at("certificate.json")]).output().unwrap();
    assert_eq!(json(&given)["certified"], Json::Bool(true));
    assert_eq!(json(&run(&show))["certified"], Json::Bool(true), "a certificate is kept");

    json(&run(&["identity", "new-root", &at("other.key"), "--json"]));
    let other = ["identity", "certify", &at("request.json"), "--root-key", &at("other.key")];
    let refused = run(&other);
    assert_eq!(refused.status.code(), Some(1), "the request is another cluster's");
    fs::set_permissions(at("root.key"), Permissions::from_mode(0o644)).unwrap();
    assert!(stderr(&run(&certify)).contains("chmod 600"));
}

/// A node with its standard error, killed when dropped.
struct Node(Child);

impl Node {
    fn start(data: &Path, with: &[(&str, &str)]) -> Self {
        let arguments =
            ["run", "--data-dir", &text(data), "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "127.0.0.1:0"];
        let child = program().args(arguments).envs(with.iter().copied()).stderr(Stdio::piped()).spawn();
        Self(child.unwrap())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::yield_now();
        }
        panic!("the node did not end within {DEADLINE:?}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The socket that a service manager listens on.
struct Manager(UnixDatagram);

impl Manager {
    fn listen(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    /// The next message.
    fn hear(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// Waits for a line, and gives the messages that came before it.
    fn hear_until(&self, line: &str) -> Vec<String> {
        let mut before = Vec::new();
        loop {
            let message = self.hear();
            if message.lines().any(|told| told == line) {
                return before;
            }
            before.push(message);
        }
    }
}

#[test]
fn the_service_manager_hears_when_a_node_serves_and_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let path = folder.path().join(format!("notify-{}", signal.as_raw()));
        let manager = Manager::listen(&path);
        let mut node = Node::start(&folder.path().join("data"), &[("NOTIFY_SOCKET", &text(&path))]);
        manager.hear_until("READY=1");
        node.signal(signal);
        assert_eq!(manager.hear(), "STOPPING=1\n");
        assert_eq!(node.exit_code(), Some(0));
    }
}

#[test]
fn a_node_without_a_certificate_is_not_ready_and_asks_for_more_time_until_it_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&folder.path().join(name));
    let made = json(&run(&["identity", "new-root", &at("root.key"), "--json"]));
    let id = made["id"].as_str().unwrap();
    let manager = Manager::listen(&folder.path().join("notify"));
    let with = [
        ("NOTIFY_SOCKET", at("notify")),
        ("PAPERCLIP_CLUSTER_ID", id.to_owned()),
        ("PAPERCLIP_CERTIFICATE", at("certificate.json")),
    ];
    let shown = json(&run(&["identity", "show", "--data-dir", &at("data"), "--cluster-id", id, "--json"]));
    let with: Vec<(&str, &str)> = with.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut node = Node::start(&folder.path().join("data"), &with);
    let first = manager.hear();
    assert!(first.contains("not certified") && first.contains("EXTEND_TIMEOUT_USEC="), "{first}");

    fs::write(at("request.json"), shown["request"].to_string()).unwrap();
    let certify = ["identity", "certify", &at("request.json"), "--root-key", &at("root.key"), "--json"];
    fs::write(at("certificate.json"), json(&run(&certify)).to_string()).unwrap();
    manager.hear_until("READY=1");
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    let mut logged = String::new();
    std::io::Read::read_to_string(&mut node.0.stderr.take().unwrap(), &mut logged).unwrap();
    let (certified, ready) = (logged.find("certified by the cluster\n"), logged.find(" ready "));
    assert!(certified.is_some() && certified < ready, "{logged}");
}

#[test]
fn log_lines_are_json_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::listen(&path);
    let notify = text(&path);
    let with = [("PAPERCLIP_LOG_FORMAT", "json"), ("NOTIFY_SOCKET", notify.as_str())];
    let mut node = Node::start(&folder.path().join("data"), &with);
    manager.hear_until("READY=1");
    node.signal(Signal::TERM);
    assert_eq!(node.exit_code(), Some(0));
    let mut logged = String::new();
    std::io::Read::read_to_string(&mut node.0.stderr.take().unwrap(), &mut logged).unwrap();
    let lines: Vec<Json> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |message: &str| {
        let found =
            lines.iter().find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)));
        found.unwrap_or_else(|| panic!("no line {message:?}\n{logged}"))
    };
    assert!(line("ready")["api"].is_string(), "{logged}");
    assert_eq!(line("starting")["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(line("starting")["data_dir"], text(&folder.path().join("data")));
    assert_eq!(line("created the root key")["file"], text(&folder.path().join("data/root.key")));
    assert!(!logged.contains("local_peer_id"), "{logged}");
}

#[test]
fn a_value_may_come_from_standard_input() {
    let mut child = program()
        .args(["add", "db", "-", "--api", "http://127.0.0.1:1"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"half\":").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "it is read and checked before anything is sent");
    assert!(stderr(&output).contains("not JSON"));
}
