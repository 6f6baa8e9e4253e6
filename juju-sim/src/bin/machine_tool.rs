//! The programs of a simulated machine that a charm runs: `systemctl`, `useradd`, `chown`, `runuser`, `journalctl`. The
//! first argument is the machine's socket, the second the program's name.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use juju_sim::wire::{self, Call, Reply};

fn main() -> ExitCode {
    let reply =
        run().unwrap_or_else(|error| Reply { code: 1, stdout: String::new(), stderr: format!("{error}\n") });
    // A caller that does not read is no concern of the program.
    let _ = std::io::stdout().write_all(reply.stdout.as_bytes());
    let _ = std::io::stderr().write_all(reply.stderr.as_bytes());
    ExitCode::from(u8::try_from(reply.code).unwrap_or(1))
}

fn run() -> std::io::Result<Reply> {
    let mut arguments = std::env::args().skip(1);
    let (socket, tool) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let arguments: Vec<String> = arguments.collect();
    let call = Call {
        context: String::new(),
        tool: tool.clone(),
        arguments: arguments.clone(),
        input: None,
        directory: std::env::current_dir()?.display().to_string(),
    };
    let reply = wire::call(Path::new(&socket), &call)?;
    if tool == "runuser" && reply.code == 0 {
        // The simulator has checked the user; the command runs as whoever runs the tests.
        let command: Vec<&String> =
            arguments.iter().skip_while(|argument| *argument != "--").skip(1).collect();
        let (program, rest) = command.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        return Err(Command::new(program).args(rest).exec());
    }
    Ok(reply)
}
