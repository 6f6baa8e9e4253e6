//! The Python libraries that judge us, in a virtual environment beside the build.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The interpreter of the environment, made on first use. Two test processes that make it at once wait for each other.
pub fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let requirements = folder().join("requirements.txt");
        let wanted = std::fs::read_to_string(&requirements).unwrap();
        let build = Path::new(env!("CARGO_BIN_EXE_juju-tool")).parent().unwrap();
        let lock = std::fs::File::create(build.join("juju-sim-python.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let environment = build.join("juju-sim-python");
        let stamp = environment.join("installed.txt");
        let python = environment.join("bin/python3");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return python;
        }
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment));
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements));
        std::fs::write(stamp, wanted).unwrap();
        python
    })
}

/// Where our Python files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: these tests need Python 3 with venv (Debian: python3-venv) and PyPI")
    });
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: these tests need Python 3 with venv and PyPI: {text}");
}
