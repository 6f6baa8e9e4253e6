//! Listeners for monitoring: what they answer, to whom, and that they change while the node runs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(60);

/// A free port on a loopback address that no other test uses.
fn free(last: u8) -> SocketAddr {
    TcpListener::bind((std::net::Ipv4Addr::new(127, 44, 7, last), 0)).unwrap().local_addr().unwrap()
}

/// A node whose API asks for a token, killed when dropped.
struct Node {
    child: Child,
    file: PathBuf,
    api: SocketAddr,
    _folder: TempDir,
}

impl Node {
    fn start(monitoring: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (file, token) = (folder.path().join("node.yaml"), folder.path().join("token"));
        fs::write(&token, "0123456789abcdef\n").unwrap();
        fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let api = free(1);
        let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PAPERCLIP_")) {
            command.env_remove(name);
        }
        command
            .args(["run", "--listen", "/ip4/127.0.0.1/tcp/0", "--api", &api.to_string()])
            .args(["--data-dir", folder.path().join("data").to_str().unwrap()])
            .args(["--api-token-file", token.to_str().unwrap(), "--config", file.to_str().unwrap()])
            .stderr(Stdio::null());
        fs::write(&file, monitoring).unwrap();
        Self { child: command.spawn().unwrap(), file, api, _folder: folder }
    }

    /// Gives the node another file and tells it so.
    fn reload(&self, monitoring: &str) {
        fs::write(&self.file, monitoring).unwrap();
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), Signal::HUP).unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Status and body of a request, as a Prometheus anywhere sends it; none when nobody listens.
fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Option<(u16, String)> {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE));
    let agent: ureq::Agent = config.build().into();
    let mut request = agent.get(format!("http://{address}{path}")).header("host", "node.example:4750");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.call().ok()?;
    Some((response.status().as_u16(), response.body_mut().read_to_string().unwrap()))
}

fn status(address: SocketAddr, path: &str) -> Option<u16> {
    Some(get(address, path, &[])?.0)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {DEADLINE:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn monitoring_has_listeners_of_its_own_that_change_while_the_node_runs() {
    let (first, second, third) = (free(2), free(3), free(4));
    let node = Node::start(&format!("metrics-listen: ['{first}', '{second}']\nplanned-nodes: 3\n"));
    for address in [first, second] {
        until("ready", || status(address, "/readyz") == Some(200));
        assert_eq!(status(address, "/healthz"), Some(200));
        let (_, metrics) = get(address, "/metrics", &[]).unwrap();
        assert!(metrics.contains("\npaperclip_planned_nodes 3\n"), "{metrics}");
        for elsewhere in ["/v1/status", "/openapi.json", "/v1/databases", "/"] {
            assert_eq!(status(address, elsewhere), Some(404), "{elsewhere}");
        }
        let of_a_page = [("origin", "http://evil.example")];
        assert_eq!(get(address, "/metrics", &of_a_page).unwrap().0, 403, "a page reads nothing");
    }
    assert_eq!(status(node.api, "/metrics"), Some(401), "the API is as closed as before");

    node.reload(&format!("metrics-listen: ['{second}', '{third}']\nplanned-nodes: 5\n"));
    until("the new address", || status(third, "/readyz") == Some(200));
    assert_eq!(status(second, "/readyz"), Some(200));
    assert_eq!(status(first, "/readyz"), None, "what is not listed is not listened on");
    until("the disk's size", || {
        let (_, metrics) = get(third, "/metrics", &[]).unwrap();
        let of =
            |name: &str| metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let (size, free) = (of("paperclip_disk_bytes "), of("paperclip_disk_free_bytes "));
        free > Some(0) && free <= size
    });
    let (_, metrics) = get(third, "/metrics", &[]).unwrap();
    assert!(metrics.contains("\npaperclip_planned_nodes 5\n"));

    // The port of an address that goes is free for one that comes.
    let everywhere = SocketAddr::new([0, 0, 0, 0].into(), third.port());
    node.reload(&format!("metrics-listen: '{everywhere}'\n"));
    until("every address", || {
        status(SocketAddr::new([127, 44, 7, 9].into(), third.port()), "/healthz") == Some(200)
    });

    node.reload("metrics-listen: [nowhere]\n");
    node.reload("metrics-listen: []\n");
    until("no listener", || status(third, "/healthz").is_none());
    assert_eq!(status(node.api, "/healthz"), Some(401), "the node runs on");
}

/// Another process may have the port when the node starts, and the address may come later: neither keeps a replica from
/// serving.
#[test]
fn an_address_that_cannot_be_had_is_tried_again() {
    let taken = TcpListener::bind("127.44.7.20:0").unwrap();
    let (address, other) = (taken.local_addr().unwrap(), free(21));
    let node = Node::start(&format!("metrics-listen: ['{address}', '{other}']\n"));
    until("ready", || status(other, "/readyz") == Some(200));
    drop(taken);
    until("the address that was taken", || status(address, "/readyz") == Some(200));
    drop(node);
}
