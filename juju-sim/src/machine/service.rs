//! Service of a machine: its process, which systemd starts, waits for and stops.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// How long a service may take to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a service may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How often a process is looked at while it is waited for.
const STEP: Duration = Duration::from_millis(5);

/// A service.
#[derive(Debug, Default)]
pub struct Service {
    /// Its unit file's settings, as of the last `daemon-reload`.
    pub(super) settings: BTreeMap<String, String>,
    /// Starts at boot.
    pub enabled: bool,
    /// Its process.
    pub(super) child: Option<Child>,
    /// How often it was restarted by itself.
    pub restarts: u32,
    /// It has failed and was given up.
    pub failed: bool,
    /// How often it was started, by whomever.
    pub starts: u32,
    /// When it was started lately, for systemd's limit.
    pub(super) recent: Vec<Instant>,
}

impl Service {
    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Kills the process as a crash would.
    pub fn crash(&mut self) {
        if let Some(child) = &mut self.child {
            // A process that is gone already has crashed before.
            let _ = child.kill();
        }
    }

    /// Kills the process for good, as the loss of the machine does.
    pub fn vanish(&mut self) {
        self.crash();
        if let Some(mut child) = self.child.take() {
            // There is nothing to be learnt from how it ended.
            let _ = child.wait();
        }
    }

    fn number(&self, setting: &str, default: u64) -> u64 {
        self.settings.get(setting).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// Whether systemd refuses another start: there were too many in a short time.
    pub(super) fn refused(&mut self) -> bool {
        let interval = Duration::from_secs(self.number("StartLimitIntervalSec", 10));
        self.recent.retain(|start| start.elapsed() < interval);
        self.recent.len() as u64 >= self.number("StartLimitBurst", 5)
    }

    /// Whether what the unit file makes a start depend on is there.
    pub(super) fn conditions_hold(&self) -> bool {
        self.settings.get("ConditionPathExists").is_none_or(|path| Path::new(path).exists())
    }

    /// Makes the process's own view of the file system, as far as that can fail: systemd refuses to start a service with
    /// a path that is not there.
    pub(super) fn sandbox(&self) -> Result<(), String> {
        let paths = ["ReadWritePaths", "ReadOnlyPaths", "BindPaths"].map(|name| self.settings.get(name));
        let paths = paths.into_iter().flatten().flat_map(|list| list.split_whitespace());
        for path in paths.filter(|path| !path.starts_with('-')) {
            if !Path::new(path).exists() {
                return Err(format!("status=226/NAMESPACE: {path}: No such file or directory"));
            }
        }
        Ok(())
    }

    /// Starts the process, and gives the socket at which it is to say that it is ready.
    pub(super) fn spawn(
        &mut self,
        log_path: &Path,
        socket_path: &Path,
        variables: &[(&'static str, String)],
    ) -> std::io::Result<UnixDatagram> {
        let line = self.settings.get("ExecStart").cloned().unwrap_or_default();
        let mut words = line.split_whitespace();
        let program = words.next().ok_or_else(|| std::io::Error::other("no ExecStart"))?;
        // The socket of an earlier start would be in the way.
        let _ = std::fs::remove_file(socket_path);
        let socket = UnixDatagram::bind(socket_path)?;
        socket.set_read_timeout(Some(STEP * 10))?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path)?;
        let child = Command::new(program)
            .args(words)
            .env_clear()
            .env("NOTIFY_SOCKET", socket_path)
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        self.starts += 1;
        Ok(socket)
    }

    pub(super) fn wait_ready(&mut self, socket: &UnixDatagram) -> Result<(), String> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let mut message = [0; 1024];
            if let Ok(length) = socket.recv(&mut message)
                && String::from_utf8_lossy(&message[..length]).lines().any(|line| line == "READY=1")
            {
                return Ok(());
            }
            if let Some(status) = self.ended() {
                return Err(format!("the process ended with {status}"));
            }
            if Instant::now() > deadline {
                self.stop();
                return Err("timeout was exceeded".into());
            }
        }
    }

    /// How the process ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())?;
        self.child = None;
        Some(status)
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // A process that is gone already needs no signal.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Runs what the unit file has for a reload.
    pub(super) fn reload(&self) -> Result<(), String> {
        let line =
            self.settings.get("ExecReload").ok_or("Job type reload is not applicable for the unit.")?;
        let pid = self.pid().ok_or("Unit cannot be reloaded because it is inactive.")?;
        let line = line.replace("$MAINPID", &pid.to_string());
        let mut words = line.split_whitespace();
        let ended = Command::new(words.next().unwrap_or_default()).args(words).status();
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the control process exited with {status}")),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + STOP_LIMIT;
        while let Some(child) = &mut self.child {
            if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
                self.child = None;
            } else if Instant::now() > deadline {
                self.crash();
            } else {
                std::thread::sleep(STEP);
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.crash();
        if let Some(child) = &mut self.child {
            let _ = child.wait();
        }
    }
}
