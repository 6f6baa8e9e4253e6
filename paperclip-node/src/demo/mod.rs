//! `demo`: several real nodes on this machine that converge, for a person to watch or a program to drive.
//!
//! The last node reaches the others only through relays of the demo's own. They are cut while all nodes write at once, and
//! mended afterwards, so what is seen is what a network fault does: each side goes on, and both agree when it is over.

mod args;
mod display;
mod error;
mod process;
mod relay;
mod scenario;
mod summary;

pub(crate) use args::DemoArgs;
pub(crate) use error::DemoError;

use display::Display;
use error::system;
use scenario::Demo;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// Runs the demonstration.
///
/// # Errors
/// [`DemoError`]; whatever was started is stopped, and its data removed, all the same.
pub(crate) fn run(args: &DemoArgs) -> Result<(), DemoError> {
    let runtime = Runtime::new().map_err(system("starting threads"))?;
    let interrupted = CancellationToken::new();
    runtime.spawn(watch_signals(interrupted.clone()));
    let home =
        tempfile::Builder::new().prefix("paperclip-demo-").tempdir().map_err(system("making a folder"))?;
    let mut display = Display::new(args.json);
    let shown = Demo::start(args, home.path(), &runtime, &interrupted, &mut display).and_then(|mut demo| {
        let shown = demo.show(&mut display).and_then(|()| demo.keep(args.keep, &mut display));
        let stopped = demo.stop(&mut display);
        shown.and(stopped)
    });
    runtime.shutdown_background();
    shown.and(home.close().map_err(system("removing the data")))
}

async fn watch_signals(interrupted: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    interrupted.cancel();
}
