//! A JavaScript process and its lines of JSON (`tests/js/lib/lines.mjs`).

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Release, install};
use crate::error::io;
use crate::node::log_tail;
use crate::{DEADLINE, HarnessError, Result, not_yet};

/// Lines read from the process and not looked at yet; beyond it the pipe fills and the process waits.
const LINES_QUEUED: usize = 10_000;
/// Events kept for a test to look at; the oldest go first.
const EVENTS_KEPT: usize = 10_000;

/// A command that has been sent and not been answered yet.
#[derive(Debug)]
#[must_use = "a command that was begun is finished with `finish`"]
pub struct CallId {
    id: u64,
    command: String,
}

/// A Node 24 process that answers commands. Killed when dropped.
#[derive(Debug)]
pub(super) struct JsonLines {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    answers: BTreeMap<u64, Value>,
    events: VecDeque<Value>,
    next_id: u64,
    log: PathBuf,
}

impl JsonLines {
    /// Starts a script of a release's folder, with its standard error in `directory`.
    ///
    /// # Errors
    /// No npm, or no process.
    pub(super) fn start(release: Release, script: &str, directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(io(format!("creating {}", directory.display())))?;
        let log = directory.join("peer.log");
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(io(format!("opening {}", log.display())))?;
        let mut child = Command::new(install::runtime(release)?)
            .arg(install::folder(release).join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(io(format!("starting {script}")))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for as pipes");
        };
        let (sender, lines) = sync_channel(LINES_QUEUED);
        std::thread::spawn(move || read_lines(stdout, &sender));
        Ok(Self { child, stdin, lines, answers: BTreeMap::new(), events: VecDeque::new(), next_id: 0, log })
    }

    /// Sends a command and waits for its answer, no longer than [`DEADLINE`].
    pub(super) fn call(&mut self, command: &str, args: Value) -> Result<Value> {
        let call = self.begin(command, args)?;
        self.finish(call, DEADLINE)
    }

    /// Sends a command and does not wait.
    pub(super) fn begin(&mut self, command: &str, args: Value) -> Result<CallId> {
        self.next_id += 1;
        let id = self.next_id;
        let mut line = args;
        line["id"] = json!(id);
        line["cmd"] = json!(command);
        let sent = writeln!(self.stdin, "{line}").and_then(|()| self.stdin.flush());
        match sent {
            Ok(()) => Ok(CallId { id, command: command.to_owned() }),
            Err(_) => Err(self.silent(command)),
        }
    }

    /// Waits for the answer of a command that was begun.
    pub(super) fn finish(&mut self, call: CallId, deadline: Duration) -> Result<Value> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(answer) = self.answers.remove(&call.id) {
                return match answer.get("error") {
                    Some(error) => Err(HarnessError::Js {
                        command: call.command,
                        error: error.as_str().unwrap_or_default().to_owned(),
                    }),
                    None => Ok(answer),
                };
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.sort(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(self.silent(&call.command));
                }
            }
        }
    }

    /// The events that have come since the last time this was asked, oldest first.
    pub(super) fn take_events(&mut self) -> Vec<Value> {
        while let Ok(line) = self.lines.try_recv() {
            self.sort(line);
        }
        self.events.drain(..).collect()
    }

    /// Waits for an event; those before it are gone.
    pub(super) fn wait_for_event(
        &mut self,
        deadline: Duration,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let until = Instant::now() + deadline;
        loop {
            while let Some(event) = self.events.pop_front() {
                if is_it(&event) {
                    return Ok(event);
                }
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.sort(line),
                Err(_) => return Err(self.silent("the wait for an event")),
            }
        }
    }

    /// Waits for as long as `span` and sees that no such event comes; other events are gone.
    pub(super) fn without_event(&mut self, span: Duration, is_it: impl Fn(&Value) -> bool) -> Result<()> {
        let begun = Instant::now();
        let until = begun + span;
        loop {
            while let Some(event) = self.events.pop_front() {
                if is_it(&event) {
                    return not_yet(format!("{event} came after {:?}", begun.elapsed()));
                }
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.sort(line),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(self.silent("the wait without an event")),
            }
        }
    }

    /// Takes the power away.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill().map_err(io("killing a JavaScript process"))?;
        self.child.wait().map_err(io("waiting for a JavaScript process"))?;
        Ok(())
    }

    fn sort(&mut self, line: Value) {
        match line.get("id").and_then(Value::as_u64) {
            Some(id) => {
                self.answers.insert(id, line);
            }
            None => {
                if self.events.len() == EVENTS_KEPT {
                    self.events.pop_front();
                }
                self.events.push_back(line);
            }
        }
    }

    fn silent(&self, command: &str) -> HarnessError {
        HarnessError::JsSilent { command: command.to_owned(), log: log_tail(&self.log) }
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends when the process closes its output or its owner is dropped.
fn read_lines(stdout: ChildStdout, sender: &SyncSender<Value>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { return };
        // A library may print to standard output past the redirection; what is not JSON is not for us.
        if let Ok(value) = serde_json::from_str(&line)
            && sender.send(value).is_err()
        {
            return;
        }
    }
}
