//! What can go wrong around a test, named; the tests' own assertions are not here.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// The result of everything in the harness, and of the tests themselves.
pub type Result<T, E = HarnessError> = std::result::Result<T, E>;

/// Why the harness could not do what a test asked for.
#[derive(thiserror::Error)]
pub enum HarnessError {
    /// There is no `npm` to install the JavaScript peer with.
    #[error(
        "the interop tests need npm, which is not on the PATH; get it with `apt-get install npm` or from https://nodejs.org (it brings its own Node 24)"
    )]
    NpmMissing,
    /// `npm ci` did not succeed.
    #[error("`npm ci` in {folder} failed ({status}); run it there by hand to see why:\n{stderr}")]
    NpmFailed {
        /// The folder of the JavaScript peer.
        folder: PathBuf,
        /// How npm ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// There is no browser.
    #[error(
        "the browser test needs Chromium, which is not at {path}; get it with `apt-get install chromium`, or set PAPERCLIP_CHROMIUM to another Chromium or Chrome"
    )]
    ChromiumMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The node's binary has not been built.
    #[error("no paperclip-node binary at {path}; `make test` builds it first, or set PAPERCLIP_NODE to one")]
    NodeMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file, process or pipe failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The JavaScript peer answered a command with an error.
    #[error("JavaScript peer, {command}: {error}")]
    Js {
        /// The command.
        command: String,
        /// The error with its stack.
        error: String,
    },
    /// The JavaScript peer did not answer in time, or is gone.
    #[error("JavaScript peer gave no answer to {command}; its log ends:\n{log}")]
    JsSilent {
        /// The command that waits.
        command: String,
        /// The end of its standard error.
        log: String,
    },
    /// The node's API refused a request.
    #[error("{method} {path}: {status} {body}")]
    Api {
        /// The request's method.
        method: String,
        /// Its path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The problem document.
        body: String,
    },
    /// A request got no answer, or one that the client does not understand.
    #[error(transparent)]
    Client(#[from] paperclip_client::ClientError),
    /// An answer had another shape than the contract says.
    #[error("{what} has an unexpected shape ({source}): {text}")]
    Shape {
        /// Whose answer.
        what: String,
        /// What was received.
        text: String,
        /// Where it departs.
        source: serde_json::Error,
    },
    /// A value is not in the notation it should be in.
    #[error("not {notation}: {text}")]
    Notation {
        /// The notation expected.
        notation: &'static str,
        /// The value.
        text: String,
    },
    /// A node process ended, or never became ready.
    #[error("node {what}; its log ends:\n{log}")]
    Node {
        /// What happened.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// A command line ended with another exit code than 0.
    #[error("`paperclip-node {args}` exited with {code:?}: {stderr}")]
    Cli {
        /// The arguments.
        args: String,
        /// The exit code, if it had one.
        code: Option<i32>,
        /// Its standard error.
        stderr: String,
    },
    /// A condition does not hold (yet).
    #[error("{0}")]
    NotYet(String),
    /// A condition never came to hold.
    #[error("after {deadline:?} still not: {what}\nlast seen: {last}")]
    Eventually {
        /// The condition.
        what: String,
        /// How long it was waited for.
        deadline: Duration,
        /// What the last look showed.
        last: Box<HarnessError>,
    },
}

/// A test that returns an error is reported through `Debug`; people want to read the sentence.
impl std::fmt::Debug for HarnessError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Names what was being done when the operating system said no.
pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> HarnessError {
    let what = what.into();
    move |source| HarnessError::Io { what, source }
}

/// Reads JSON into a type, naming whose JSON it is.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(what: &str, value: serde_json::Value) -> Result<T> {
    let text = value.to_string();
    serde_json::from_value(value).map_err(|source| HarnessError::Shape {
        what: what.to_owned(),
        text,
        source,
    })
}
