//! One node of the demo: a real process of this very program.

use super::error::{DemoError, system};
use paperclip_client::{
    Client, Reply,
    shape::{Peer, PeerState, Status},
};
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How often the nodes are looked at while something is waited for.
pub(super) const POLL: Duration = Duration::from_millis(25);

/// How long a node may take to stop; longer than it gives itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// How much of a log is shown when a node ends by itself, in bytes.
const LOG_SHOWN: usize = 2_000;

/// A running node. Killed if it is dropped before it was stopped.
pub(super) struct Process {
    number: usize,
    child: Child,
    client: Client,
    api_port: u16,
    listen_port: u16,
    data_dir: PathBuf,
    log: PathBuf,
    stopped: bool,
}

impl Process {
    /// Starts a node that dials `peers`.
    pub(super) fn start(
        number: usize,
        home: &Path,
        root_key: &Path,
        peers: &[String],
    ) -> Result<Self, DemoError> {
        let free = || free_port().map_err(system("looking for a free port"));
        let (api_port, listen_port) = (free()?, free()?);
        let (data_dir, log) = (home.join(format!("node-{number}")), home.join(format!("node-{number}.log")));
        let program = std::env::current_exe().map_err(system("finding this program"))?;
        let mut command = Command::new(program);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PAPERCLIP_"))
        {
            command.env_remove(name);
        }
        command.arg("run").arg("--data-dir").arg(&data_dir).arg("--root-key").arg(root_key);
        command.args(["--api", &format!("127.0.0.1:{api_port}")]);
        command.args(["--listen", &format!("/ip4/127.0.0.1/tcp/{listen_port}")]);
        command.args(peers.iter().flat_map(|peer| ["--peer", peer]));
        let child = command
            // Ctrl-C is the demo's; the nodes are stopped when it is done with them.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(system("making a log file"))?)
            .spawn()
            .map_err(system("starting a node"))?;
        let client = Client::new(&format!("127.0.0.1:{api_port}"))
            .map_err(|source| DemoError::Node { node: number, source })?;
        Ok(Self { number, child, client, api_port, listen_port, data_dir, log, stopped: false })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    pub(super) fn listen_port(&self) -> u16 {
        self.listen_port
    }

    pub(super) fn address(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.listen_port)
    }

    pub(super) fn get(&self, path: &str) -> Result<Reply, DemoError> {
        self.client.get(path).map_err(|source| DemoError::Node { node: self.number, source })
    }

    pub(super) fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, DemoError> {
        self.get(path)?.read().map_err(|source| DemoError::Node { node: self.number, source })
    }

    /// Whether it serves. One that cannot be reached yet does not.
    pub(super) fn is_ready(&self) -> Result<bool, DemoError> {
        Ok(self.client.get("/readyz").is_ok())
    }

    pub(super) fn peers(&self) -> Result<usize, DemoError> {
        let peers: Vec<Peer> = self.read("/v1/peers")?;
        Ok(peers.iter().filter(|peer| peer.state == PeerState::Connected).count())
    }

    /// What programs that drive the demo need to know.
    pub(super) fn describe(&self) -> Result<Json, DemoError> {
        let status: Status = self.read("/v1/status")?;
        Ok(json!({
            "node": self.number,
            "api": self.api(),
            "peer_id": status.peer_id,
            "addrs": status.addrs,
            "data_dir": self.data_dir.display().to_string(),
        }))
    }

    /// Errors when the process has ended.
    pub(super) fn check(&mut self) -> Result<(), DemoError> {
        match self.child.try_wait().map_err(system("looking after a node"))? {
            None => Ok(()),
            Some(status) => {
                self.stopped = true;
                Err(DemoError::Ended { node: self.number, status: status.to_string(), log: self.log_tail() })
            }
        }
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(&mut self) -> Result<(), DemoError> {
        if self.stopped {
            return Ok(());
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).map_err(|error| system("stopping a node")(error.into()))?;
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().map_err(system("stopping a node"))? {
                self.stopped = true;
                if status.success() {
                    return Ok(());
                }
                let (status, log) = (status.to_string(), self.log_tail());
                return Err(DemoError::Ended { node: self.number, status, log });
            }
            thread::sleep(POLL);
        }
        Err(DemoError::Timeout("a node stops"))
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let start = log.len().saturating_sub(LOG_SHOWN);
        String::from_utf8_lossy(log.get(start..).unwrap_or_default()).trim_end().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.stopped {
            // One that has ended meanwhile is as good as killed.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// A port that was free a moment ago. Nothing else on loopback takes ports at random in that moment, or the node says so.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
