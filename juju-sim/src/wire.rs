//! What the tool executables and the simulator say to each other: one JSON line each way over a unix socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A call of a hook tool, or of a program of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// `JUJU_CONTEXT_ID` of the caller; empty for programs of the machine.
    pub context: String,
    /// The name it was called by.
    pub tool: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its standard input, where it reads it.
    pub input: Option<String>,
    /// The caller's working directory.
    pub directory: String,
}

/// How the call ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Reply {
    /// Exit 0 with this output.
    #[must_use]
    pub fn ok(stdout: impl Into<String>) -> Self {
        Self { code: 0, stdout: stdout.into(), stderr: String::new() }
    }

    /// A failure with one line of text, as Juju's tools tell it.
    #[must_use]
    pub fn failed(code: i32, text: impl std::fmt::Display) -> Self {
        Self { code, stdout: String::new(), stderr: format!("ERROR {text}\n") }
    }
}

/// Makes a call.
///
/// # Errors
/// The simulator is not there, or went away.
pub fn call(socket: &Path, call: &Call) -> std::io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    write(&mut stream, call)?;
    read(&stream)
}

/// Reads one message.
///
/// # Errors
/// The other side is gone or talks nonsense.
pub fn read<T: serde::de::DeserializeOwned>(stream: &UnixStream) -> std::io::Result<T> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Writes one message.
///
/// # Errors
/// The other side is gone.
pub fn write<T: Serialize>(stream: &mut UnixStream, message: &T) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}
