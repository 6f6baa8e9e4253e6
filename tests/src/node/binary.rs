//! Where the node's binary is, and running its client commands.

use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::error::{io, parse};
use crate::{DEADLINE, HarnessError, Result, eventually, not_yet};

/// The node's binary: `PAPERCLIP_NODE`, or the one built beside this test's own target folder.
///
/// # Errors
/// [`HarnessError::NodeMissing`] when nobody built it.
pub fn node_binary() -> Result<PathBuf> {
    let path = match std::env::var_os("PAPERCLIP_NODE") {
        Some(path) => PathBuf::from(path),
        None => {
            // A test is <target>/<profile>/deps/<test>, a program <target>/<profile>/<program>.
            let own = std::env::current_exe().map_err(io("finding the test's own binary"))?;
            let folder = own.parent().unwrap_or(&own);
            let profile = folder.parent().filter(|_| folder.ends_with("deps")).unwrap_or(folder);
            profile.join("paperclip-node")
        }
    };
    if path.is_file() { Ok(path) } else { Err(HarnessError::NodeMissing { path }) }
}

/// The node's binary as a command that inherits no `PAPERCLIP_*` setting from whoever runs the tests.
pub(super) fn command() -> Result<Command> {
    let mut command = Command::new(node_binary()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PAPERCLIP_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    Ok(command)
}

/// How a command line ended.
#[derive(Clone, Debug)]
pub struct CliOutput {
    /// The arguments, for messages.
    pub args: String,
    /// Exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CliOutput {
    /// The output, given that the command succeeded.
    ///
    /// # Errors
    /// [`HarnessError::Cli`] when it did not.
    pub fn success(self) -> Result<Self> {
        if self.code == Some(0) {
            Ok(self)
        } else {
            Err(HarnessError::Cli { args: self.args, code: self.code, stderr: self.stderr })
        }
    }

    /// Standard output as one JSON document.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        let what = format!("`paperclip-node {}`", self.args);
        serde_json::from_str(&self.stdout)
            .map_err(|source| HarnessError::Shape { what: what.clone(), text: self.stdout.clone(), source })
            .and_then(|value| parse(&what, value))
    }
}

/// Runs `paperclip-node` with these arguments to its end, which must come before [`DEADLINE`].
///
/// # Errors
/// It can't be run at all or does not end; a failing command is not an error here.
pub fn cli<S: AsRef<OsStr>>(args: &[S]) -> Result<CliOutput> {
    cli_with(args, &[])
}

/// The same with these variables in its environment.
///
/// # Errors
/// See [`cli`].
pub fn cli_with<S: AsRef<OsStr>>(args: &[S], environment: &[(&str, &str)]) -> Result<CliOutput> {
    let words: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
    let words = words.join(" ");
    let mut child = command()?
        .args(args)
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io("running paperclip-node"))?;
    // Read while it runs: a full pipe would keep it from ending.
    let stdout = child.stdout.take().map(|pipe| std::thread::spawn(|| read(pipe)));
    let stderr = child.stderr.take().map(|pipe| std::thread::spawn(|| read(pipe)));
    let ended = eventually(DEADLINE, &format!("`paperclip-node {words}` ends"), || {
        let status = child.try_wait().map_err(io("looking after paperclip-node"))?;
        status.map_or_else(|| not_yet("it runs"), Ok)
    });
    if ended.is_err() {
        child.kill().map_err(io("killing paperclip-node"))?;
    }
    let text =
        |reader: Option<JoinHandle<String>>| reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    let (stdout, stderr) = (text(stdout), text(stderr));
    match ended {
        Ok(status) => Ok(CliOutput { args: words, code: status.code(), stdout, stderr }),
        Err(_) => {
            Err(HarnessError::Node { what: format!("command `{words}` did not end"), log: stdout + &stderr })
        }
    }
}

fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What came before a broken pipe is all there is.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
