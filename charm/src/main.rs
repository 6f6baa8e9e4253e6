//! What Juju runs as `dispatch`.

use std::io::Write;
use std::process::ExitCode;

use juju_hooks::{Environment, Juju, Processes};
use paperclip_charm::dispatch::dispatch;
use paperclip_charm::error::CharmError;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error goes to the Juju log. If even that is gone, the exit code still tells.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), CharmError> {
    let environment = Environment::from_process()?;
    dispatch(&environment, &Juju::new(Processes))
}
