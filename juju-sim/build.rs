//! Compiles the library that gives each simulated machine a loopback address of its own.

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/machine/loopback.c";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-env-changed=CC");
    let library = PathBuf::from(std::env::var("OUT_DIR")?).join("loopback.so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let status = Command::new(&compiler)
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .args([SOURCE, "-ldl"])
        .status()
        .map_err(|error| format!("cannot run the C compiler {compiler}: {error}"))?;
    if !status.success() {
        return Err(format!("{compiler} cannot compile {SOURCE}").into());
    }
    println!("cargo::rustc-env=JUJU_SIM_LOOPBACK_LIBRARY={}", library.display());
    Ok(())
}
