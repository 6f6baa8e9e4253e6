//! Where the node's binary is, and running its client commands.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{io, parse};
use crate::{HarnessError, Result};

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

/// Runs `paperclip-node` with these arguments to its end.
///
/// # Errors
/// It can't be run at all; a failing command is not an error here.
pub fn cli<S: AsRef<OsStr>>(args: &[S]) -> Result<CliOutput> {
    let output = command()?.args(args).output().map_err(io("running paperclip-node"))?;
    let words: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
    Ok(CliOutput {
        args: words.join(" "),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
