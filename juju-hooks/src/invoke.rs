//! How a hook tool is reached: as a process, or from a script in tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use crate::error::Exit;

/// One call of a hook tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The tool's name, such as `relation-get`.
    pub tool: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it reads from standard input. None: nothing.
    pub input: Option<Vec<u8>>,
}

impl Call {
    /// The call as one line: tool and arguments with a space between. Standard input is not in it.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = self.tool.to_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(argument);
        }
        line
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// None when the tool exited with 0.
    pub failure: Option<Exit>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// A way to the hook tools.
pub trait Invoke {
    /// Makes the call and waits for its end.
    ///
    /// # Errors
    /// The tool could not be run at all. A tool that ran and failed is a [`Reply`] with a failure.
    fn invoke(&self, call: &Call) -> std::io::Result<Reply>;
}

impl<I: Invoke + ?Sized> Invoke for &I {
    fn invoke(&self, call: &Call) -> std::io::Result<Reply> {
        (**self).invoke(call)
    }
}

/// The real tools, found on `PATH`, run as processes with this process's environment (they need the context id and
/// the agent's socket from it).
///
/// Answers are held in memory whole; Juju bounds the largest (a relation bag) to 16 MiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Processes;

impl Invoke for Processes {
    fn invoke(&self, call: &Call) -> std::io::Result<Reply> {
        let mut child = Command::new(call.tool)
            .args(&call.arguments)
            .stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), call.input.as_ref()) {
            // A tool that refuses its arguments ends without reading: its own text tells more than the broken pipe.
            match stdin.write_all(input) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
                _ => drop(stdin),
            }
        }
        let output = child.wait_with_output()?;
        let failure = match (output.status.code(), output.status.signal()) {
            (Some(0), _) => None,
            (Some(code), _) => Some(Exit::Code(code)),
            (None, signal) => Some(Exit::Signal(signal.unwrap_or_default())),
        };
        Ok(Reply { failure, stdout: output.stdout, stderr: output.stderr })
    }
}

/// Answers from a script, and remembers what was asked: for tests of charms.
///
/// Each call is looked up by its whole [line](Call::line). The answers given for a line are used in order; the last
/// one is used again and again. A call that the script has no answer for fails like a tool that is not on `PATH`.
#[derive(Debug, Default)]
pub struct Recorded {
    answers: RefCell<BTreeMap<String, VecDeque<Reply>>>,
    calls: RefCell<Vec<Call>>,
}

impl Recorded {
    /// A script without answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds: this line is answered with this standard output and exit 0.
    #[must_use]
    pub fn answer(self, line: &str, stdout: &str) -> Self {
        self.reply(line, Reply { failure: None, stdout: stdout.into(), stderr: Vec::new() })
    }

    /// Adds: this line fails with this code and text.
    #[must_use]
    pub fn refuse(self, line: &str, code: i32, text: &str) -> Self {
        let stderr = format!("ERROR {text}\n").into_bytes();
        self.reply(line, Reply { failure: Some(Exit::Code(code)), stdout: Vec::new(), stderr })
    }

    fn reply(self, line: &str, reply: Reply) -> Self {
        self.answers.borrow_mut().entry(line.to_owned()).or_default().push_back(reply);
        self
    }

    /// The lines of all calls so far.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.calls.borrow().iter().map(Call::line).collect()
    }

    /// What the last call of this tool had on its standard input.
    #[must_use]
    pub fn last_input(&self, tool: &str) -> Option<Vec<u8>> {
        self.calls.borrow().iter().rev().find(|call| call.tool == tool).and_then(|call| call.input.clone())
    }
}

impl Invoke for Recorded {
    fn invoke(&self, call: &Call) -> std::io::Result<Reply> {
        self.calls.borrow_mut().push(call.clone());
        let mut answers = self.answers.borrow_mut();
        let line = call.line();
        let Some(queue) = answers.get_mut(&line) else {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, format!("no answer for: {line}")));
        };
        let next = if queue.len() > 1 { queue.pop_front() } else { queue.front().cloned() };
        next.ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, line))
    }
}
