//! The node's process: start, readiness, signals, restart.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use serde_json::Value;

use super::{Api, binary};
use crate::error::io;
use crate::ports::free_port;
use crate::{DEADLINE, HarnessError, Result, eventually, not_yet};

/// How much of a log is shown when something fails.
const LOG_SHOWN: usize = 4_000;

/// The unit of times in `/proc`: a hundredth of a second, as Linux shows them to programs whatever its own clock.
const TICK: Duration = Duration::from_millis(10);

/// The end of a log file, for messages.
pub(crate) fn log_tail(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(log) => String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_SHOWN)..]).into_owned(),
        Err(error) => format!("({}: {error})", path.display()),
    }
}

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub struct NodeOptions {
    /// Multiaddresses to dial and keep dialling.
    pub peers: Vec<String>,
    /// Further arguments of `run`.
    pub args: Vec<String>,
    /// The bearer token that the API asks for, when `args` set one up.
    pub token: Option<String>,
}

/// One node on loopback. Killed when dropped; its data stays in its folder.
#[derive(Debug)]
pub struct Node {
    folder: PathBuf,
    options: NodeOptions,
    listen_port: u16,
    api_port: u16,
    api: Api,
    child: Option<Child>,
    peer_id: String,
}

impl Node {
    /// Starts a node with its data and log in `folder`, and waits until it is ready.
    ///
    /// # Errors
    /// No binary, or a node that does not become ready.
    pub fn start(folder: &Path, options: NodeOptions) -> Result<Self> {
        let (listen_port, api_port) = (free_port()?, free_port()?);
        std::fs::create_dir_all(folder).map_err(io(format!("creating {}", folder.display())))?;
        let api = Api::new(api_port, options.token.as_deref());
        let mut node = Self {
            folder: folder.to_owned(),
            options,
            listen_port,
            api_port,
            api,
            child: None,
            peer_id: String::new(),
        };
        node.run()?;
        Ok(node)
    }

    /// Starts the process again with the data it had, and waits until it is ready.
    ///
    /// # Errors
    /// It runs already, or does not become ready.
    pub fn run(&mut self) -> Result<()> {
        if self.child.is_some() {
            return not_yet("the node is running already");
        }
        let log = self.log_path();
        let stderr =
            File::options().create(true).append(true).open(&log).map_err(io("opening the node's log"))?;
        let stdout = stderr.try_clone().map_err(io("opening the node's log"))?;
        let child = binary::command()?
            .arg("run")
            .args(self.arguments())
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()
            .map_err(io("starting paperclip-node"))?;
        self.child = Some(child);
        self.wait_until_ready()
    }

    fn arguments(&self) -> Vec<String> {
        let mut args = vec![
            "--data-dir".to_owned(),
            self.data_dir().display().to_string(),
            "--listen".to_owned(),
            format!("/ip4/127.0.0.1/tcp/{}", self.listen_port),
            "--api".to_owned(),
            format!("127.0.0.1:{}", self.api_port),
        ];
        for peer in &self.options.peers {
            args.extend(["--peer".to_owned(), peer.clone()]);
        }
        args.extend(self.options.args.iter().cloned());
        args
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.exited()? {
                self.child = None;
                return Err(self.broken(&format!("ended at start with {status}")));
            }
            if self.api.get("/readyz").is_ok() {
                break;
            }
            if Instant::now() > until {
                return Err(self.broken("is not ready"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = self.api.status()?;
        match status["peer_id"].as_str() {
            Some(peer_id) => peer_id.clone_into(&mut self.peer_id),
            None => return Err(self.broken("shows no peer_id in its status")),
        }
        Ok(())
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait().map_err(io("looking after the node")),
            None => Ok(None),
        }
    }

    fn broken(&self, what: &str) -> HarnessError {
        HarnessError::Node { what: what.to_owned(), log: log_tail(&self.log_path()) }
    }

    /// The typed client of its API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Its libp2p peer id.
    pub fn peer_id(&self) -> &str {
        &self.peer_id
    }

    /// The multiaddress that others dial, peer id included.
    pub fn addr(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}/p2p/{}", self.listen_port, self.peer_id)
    }

    /// The address that browsers dial, peer id included: the first of its websocket listeners.
    ///
    /// # Errors
    /// It has none.
    pub fn websocket_addr(&self) -> Result<String> {
        let status = self.api.status()?;
        let mut addrs = status["addrs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let websocket = addrs.find(|addr| addr.contains("/ws/"));
        websocket.map(str::to_owned).ok_or_else(|| self.broken("listens for no websockets"))
    }

    /// The URL of its API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api_port)
    }

    /// The port that other peers dial.
    pub fn listen_port(&self) -> u16 {
        self.listen_port
    }

    /// The port of its API.
    pub fn api_port(&self) -> u16 {
        self.api_port
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its log file.
    pub fn log_path(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Changes what the next [`Node::run`] is given.
    pub fn options_mut(&mut self) -> &mut NodeOptions {
        &mut self.options
    }

    /// Whether the process runs.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.is_some() && self.exited()?.is_none())
    }

    /// Resident memory in bytes (`VmRSS`).
    ///
    /// # Errors
    /// It does not run.
    pub fn resident_bytes(&self) -> Result<u64> {
        let pid = self.child.as_ref().map(Child::id).unwrap_or_default();
        let path = format!("/proc/{pid}/status");
        let text = std::fs::read_to_string(&path).map_err(io(format!("reading {path}")))?;
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| self.broken("shows no resident memory"))
    }

    /// CPU time of the process since its start, in user and kernel mode.
    ///
    /// # Errors
    /// It does not run.
    pub fn cpu_time(&self) -> Result<Duration> {
        let pid = self.child.as_ref().map(Child::id).unwrap_or_default();
        let path = format!("/proc/{pid}/stat");
        let text = std::fs::read_to_string(&path).map_err(io(format!("reading {path}")))?;
        // proc(5): the fields after the name in brackets begin with the third; utime and stime are the 14th and 15th
        let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
        let ticks =
            fields.map(|fields| fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()));
        let ticks: u64 = ticks.map(Iterator::sum).ok_or_else(|| self.broken("shows no CPU time"))?;
        Ok(TICK * u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    /// Kills the process as a power cut would.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().map_err(io("killing the node"))?;
            child.wait().map_err(io("waiting for the node"))?;
        }
        Ok(())
    }

    /// Asks the process to end (SIGTERM) and waits; how it ended.
    ///
    /// # Errors
    /// It does not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        let Some(child) = &self.child else {
            return not_yet("the node is not running");
        };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| self.broken("has no process id"))?;
        kill_process(pid, Signal::TERM)
            .map_err(|errno| HarnessError::Io { what: "sending SIGTERM".to_owned(), source: errno.into() })?;
        let status = eventually(DEADLINE, "the node ends after SIGTERM", || match self.exited()? {
            Some(status) => Ok(status),
            None => not_yet(log_tail(&self.log_path())),
        })?;
        self.child = None;
        Ok(status)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.kill();
        if std::thread::panicking() {
            let tail = log_tail(&self.log_path());
            // The only word a failing test can have from a process that ends with it.
            #[expect(clippy::print_stderr, reason = "a failing test shows what its node logged")]
            {
                eprintln!("log of {}:\n{tail}", self.folder.display());
            }
        }
    }
}
