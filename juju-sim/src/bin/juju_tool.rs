//! Every hook tool: which one is the name it is called by. Exit codes are those of Juju's tools.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use juju_sim::wire::{self, Call, Reply};

fn main() -> ExitCode {
    let reply = run().unwrap_or_else(|error| Reply::failed(1, error));
    // A caller that does not read is no concern of the tool.
    let _ = std::io::stdout().write_all(reply.stdout.as_bytes());
    let _ = std::io::stderr().write_all(reply.stderr.as_bytes());
    ExitCode::from(u8::try_from(reply.code).unwrap_or(1))
}

fn run() -> std::io::Result<Reply> {
    let mut arguments = std::env::args();
    let called = arguments.next().unwrap_or_default();
    let tool =
        Path::new(&called).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    let reads = arguments.windows(2).any(|pair| pair == ["--file", "-"])
        || arguments.iter().any(|argument| argument == "--file=-");
    let input = if reads {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        Some(text)
    } else {
        None
    };
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let directory = std::env::current_dir()?.display().to_string();
    let call = Call { context: variable("JUJU_CONTEXT_ID"), tool, arguments, input, directory };
    wire::call(&PathBuf::from(variable("JUJU_AGENT_SOCKET_ADDRESS")), &call)
}
