//! systemd, as far as a charm sees it: unit files, `Type=notify`, restarts after a failure.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::Machine;
use super::programs::Outcome;

/// How long a service may take to say that it is ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a service may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How often a service is started again before it is given up.
const BURST: u32 = 10;
/// How often a process is looked at while it is waited for.
const STEP: Duration = Duration::from_millis(5);

/// A service.
#[derive(Debug, Default)]
pub struct Service {
    /// Its unit file's settings, as of the last `daemon-reload`.
    settings: BTreeMap<String, String>,
    /// Starts at boot.
    pub enabled: bool,
    /// Its process.
    child: Option<Child>,
    /// How often it was restarted by itself.
    pub restarts: u32,
    /// It has failed and was given up.
    pub failed: bool,
    /// How often it was started, by whomever.
    pub starts: u32,
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

    /// Starts the process, and gives the socket at which it is to say that it is ready.
    fn spawn(&mut self, log_path: &Path, socket_path: &Path) -> std::io::Result<UnixDatagram> {
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
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        self.starts += 1;
        Ok(socket)
    }

    fn wait_ready(&mut self, socket: &UnixDatagram) -> Result<(), String> {
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
    fn ended(&mut self) -> Option<ExitStatus> {
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

    fn stop(&mut self) {
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

impl Machine {
    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("var/log/{name}.log"))
    }

    fn unit_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("etc/systemd/system/{name}.service"))
    }

    pub(super) fn systemctl(&mut self, arguments: &[String]) -> Outcome {
        let rest: Vec<&str> =
            arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with('-')).collect();
        self.look_after();
        match rest.as_slice() {
            ["daemon-reload"] => self.reload(),
            ["show", name] => Ok(self.show(name)),
            [verb, name] => {
                if !self.services.contains_key(*name) {
                    return Err((5, format!("Unit {name}.service could not be found.")));
                }
                self.act(verb, name)
            }
            _ => Err((1, format!("systemctl {}: not simulated", arguments.join(" ")))),
        }
    }

    fn act(&mut self, verb: &str, name: &str) -> Outcome {
        let Some(service) = self.services.get_mut(name) else {
            return Ok(String::new());
        };
        match verb {
            "enable" => service.enabled = true,
            "disable" => service.enabled = false,
            // systemd forgets units that neither run nor have failed.
            "reset-failed" if service.child.is_none() && !service.failed => {
                return Err((
                    1,
                    format!("Failed to reset failed state of unit {name}.service: Unit not loaded."),
                ));
            }
            "reset-failed" => (service.failed, service.restarts) = (false, 0),
            "stop" => {
                service.stop();
                service.failed = false;
            }
            "start" => return self.start(name),
            "restart" => {
                service.stop();
                return self.start(name);
            }
            other => return Err((1, format!("Unknown command verb {other}."))),
        }
        Ok(String::new())
    }

    /// Reads all unit files.
    fn reload(&mut self) -> Outcome {
        let directory = self.root.join("etc/systemd/system");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let Some(name) =
                entry.file_name().to_str().and_then(|name| name.strip_suffix(".service")).map(str::to_owned)
            else {
                continue;
            };
            let text =
                std::fs::read_to_string(self.unit_path(&name)).map_err(|error| (1, error.to_string()))?;
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            let settings = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            self.services.entry(name.clone()).or_default().settings = settings;
            found.push(name);
        }
        self.services.retain(|name, service| found.contains(name) || service.child.is_some());
        Ok(String::new())
    }

    fn show(&self, name: &str) -> String {
        let service = self.services.get(name);
        let state = match service {
            Some(service) if service.child.is_some() => "active",
            Some(service) if service.failed => "failed",
            _ => "inactive",
        };
        format!("ActiveState={state}\nNRestarts={}\n", service.map_or(0, |service| service.restarts))
    }

    /// Starts a service and waits for its word that it is ready, as `Type=notify` has it.
    fn start(&mut self, name: &str) -> Outcome {
        let failed = |text: String| (1, format!("Job for {name}.service failed: {text}"));
        let log_path = self.log_path(name);
        let socket_path = self.root.join("run/notify");
        let service = self.services.get_mut(name).ok_or((5, format!("Unit {name}.service not found.")))?;
        if service.child.is_some() {
            return Ok(String::new());
        }
        let socket = service.spawn(&log_path, &socket_path).map_err(|error| failed(error.to_string()))?;
        let outcome = match service.settings.get("Type").map(String::as_str) {
            Some("notify") => service.wait_ready(&socket),
            _ => Ok(()),
        };
        service.failed = outcome.is_err();
        outcome.map(|()| String::new()).map_err(failed)
    }

    /// What systemd does by itself: it starts again what has crashed.
    pub fn look_after(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let Some(service) = self.services.get_mut(&name) else {
                continue;
            };
            let Some(status) = service.ended() else { continue };
            let again = service.settings.get("Restart").is_some_and(|policy| policy == "on-failure");
            if status.success() || !again {
                continue;
            }
            service.restarts += 1;
            if service.restarts > BURST {
                service.failed = true;
            } else {
                // One that does not come up is given up at once, and shown as failed: the back-off is not simulated.
                let _ = self.start(&name);
            }
        }
    }

    /// The machine goes down and comes up again: services die, enabled ones start.
    pub fn reboot(&mut self) {
        let names: Vec<String> = self.services.keys().cloned().collect();
        for name in names {
            let Some(service) = self.services.get_mut(&name) else {
                continue;
            };
            service.stop();
            service.restarts = 0;
            if service.enabled {
                // A service that does not come up at boot is seen by the charm as failed.
                let _ = self.start(&name);
            }
        }
    }
}
