//! A simulated machine: a root directory, its programs, its services.

mod loopback;
mod programs;
mod service;
mod systemctl;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use service::Service;

use crate::tools::TOOLS;
use crate::wire::{Call, Reply};

/// The programs of the machine that the simulator stands in for.
const PROGRAMS: [&str; 5] = ["systemctl", "useradd", "chown", "runuser", "journalctl"];

/// A machine with units on it.
#[derive(Debug)]
pub struct Machine {
    /// Its number.
    pub number: u32,
    /// Its root directory.
    pub root: PathBuf,
    /// What 127.0.0.1 stands for on it.
    pub loopback: Ipv4Addr,
    /// Its services by name.
    pub services: BTreeMap<String, Service>,
    /// Files and who was given them.
    pub owners: BTreeMap<PathBuf, String>,
}

/// Where the executables of the simulator are.
#[derive(Debug, Clone)]
pub struct Executables {
    /// `juju-tool`.
    pub juju_tool: PathBuf,
    /// `machine-tool`.
    pub machine_tool: PathBuf,
}

impl Machine {
    /// Sets up a machine below `base`.
    ///
    /// # Errors
    /// The directories could not be made.
    pub fn set_up(
        base: &Path,
        number: u32,
        loopback: Ipv4Addr,
        executables: &Executables,
    ) -> std::io::Result<Self> {
        let root = base.join(format!("m{number}"));
        let machine = Self { number, root, loopback, services: BTreeMap::new(), owners: BTreeMap::new() };
        for directory in ["etc/systemd/system", "var/log", "run", "tmp", "usr/bin"] {
            std::fs::create_dir_all(machine.root.join(directory))?;
        }
        std::fs::write(machine.root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n")?;
        for program in PROGRAMS {
            let path = machine.programs_dir().join(program);
            // The charm that runs it says by its environment which agent is to answer.
            let script = format!(
                "#!/bin/sh\nexec {} \"$JUJU_AGENT_SOCKET_ADDRESS\" {program} \"$@\"\n",
                executables.machine_tool.display()
            );
            std::fs::write(&path, script)?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        }
        Ok(machine)
    }

    /// Makes a place on the machine for a unit's agent, with its tools.
    ///
    /// # Errors
    /// The directories could not be made.
    pub fn add_agent(&self, unit: &str, executables: &Executables) -> std::io::Result<()> {
        for directory in [self.agent_dir(unit), self.tools_dir(unit)] {
            std::fs::create_dir_all(directory)?;
        }
        for tool in TOOLS {
            std::os::unix::fs::symlink(&executables.juju_tool, self.tools_dir(unit).join(tool))?;
        }
        Ok(())
    }

    /// The agent's directory of a unit.
    #[must_use]
    pub fn agent_dir(&self, unit: &str) -> PathBuf {
        self.root.join("var/lib/juju/agents").join(tag(unit))
    }

    /// The charm's directory of a unit.
    #[must_use]
    pub fn charm_dir(&self, unit: &str) -> PathBuf {
        self.agent_dir(unit).join("charm")
    }

    /// The tools' directory of a unit.
    #[must_use]
    pub fn tools_dir(&self, unit: &str) -> PathBuf {
        self.root.join("var/lib/juju/tools").join(tag(unit))
    }

    /// The agent's socket of a unit.
    #[must_use]
    pub fn socket(&self, unit: &str) -> PathBuf {
        self.agent_dir(unit).join("agent.socket")
    }

    /// Where the machine's own programs are.
    #[must_use]
    pub fn programs_dir(&self) -> PathBuf {
        self.root.join("usr/bin")
    }

    /// Puts a charm's files in place, instead of what was there.
    ///
    /// # Errors
    /// A file could not be copied.
    pub fn deploy(&self, unit: &str, charm: &Path) -> std::io::Result<()> {
        let target = self.charm_dir(unit);
        if target.exists() {
            std::fs::remove_dir_all(&target)?;
        }
        link_tree(charm, &target)
    }

    /// Answers a program of the machine.
    pub fn answer(&mut self, call: &Call) -> Reply {
        let outcome = match call.tool.as_str() {
            "systemctl" => self.systemctl(&call.arguments),
            "useradd" => self.useradd(&call.arguments),
            "chown" => self.chown(&call.arguments),
            "runuser" => self.runuser(&call.arguments),
            "journalctl" => self.journalctl(&call.arguments),
            other => Err((127, format!("{other}: not found"))),
        };
        match outcome {
            Ok(stdout) => Reply::ok(stdout),
            Err((code, text)) => Reply { code, stdout: String::new(), stderr: format!("{text}\n") },
        }
    }

    /// Processes of the machine that hold files below a path open: what makes `umount` say "target is busy".
    #[must_use]
    pub fn holders(&self, path: &Path) -> Vec<String> {
        let below = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let pids = self.services.values().filter_map(Service::pid);
        pids.filter(|pid| {
            let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            files
                .filter_map(|file| std::fs::read_link(file.path()).ok())
                .any(|target| target.starts_with(&below))
        })
        .map(|pid| pid.to_string())
        .collect()
    }
}

fn tag(unit: &str) -> String {
    format!("unit-{}", unit.replace('/', "-"))
}

/// Copies a directory, by hard links where that is possible.
fn link_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_tree(&entry.path(), &target)?;
        } else if std::fs::hard_link(entry.path(), &target).is_err() {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
