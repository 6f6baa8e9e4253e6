//! One run of a charm: the process, its calls, its end.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::agent::{self, Run, Surroundings};
use crate::context::Context;
use crate::error::SimError;
use crate::outcome::{Fault, Outcome, Ran};
use crate::sim::Sim;
use crate::tools;
use crate::wire::{self, Call, Reply};

/// How long a hook may take before it is given up.
const HOOK_LIMIT: Duration = Duration::from_secs(180);

enum Heard {
    Called(Call, UnixStream),
    Ended(ExitStatus),
}

/// A run whose changes have been sent or dropped.
pub(crate) struct Finished {
    pub(crate) ran: Ran,
    pub(crate) action: crate::context::ActionState,
    pub(crate) reboot: bool,
}

impl Sim {
    /// Runs a charm once.
    pub(crate) fn execute(&mut self, unit: &str, run: &Run) -> Result<Finished, SimError> {
        let what = match run {
            Run::Hook(hook) => hook.name(),
            Run::Action(action) => format!("action {}", action.name),
        };
        if let Run::Hook(hook) = run {
            agent::forget_settings(&mut self.model, unit, hook);
        }
        let fault = self.faults.remove(unit);
        let id = format!("{unit}-{}-{:032x}", what.replace(' ', "-"), self.model.fresh());
        let mut context = Context::new(id, unit.to_owned(), run.clone());
        let started = Instant::now();
        let (status, output) = self.process(unit, run, &mut context, fault.as_ref())?;
        let elapsed = started.elapsed();
        let (calls, peak_kib) = (context.calls, context.peak_kib);
        if fault == Some(Fault::DeposedBeforeFlush) {
            self.depose(unit);
        }
        let action = std::mem::take(&mut context.action);
        let reboot = context.reboot;
        let outcome = match (status.success(), status.signal()) {
            (true, _) => context.flush(&mut self.model).map_or_else(Outcome::Failed, |()| Outcome::Done),
            (false, Some(_)) => Outcome::Killed,
            (false, None) => Outcome::Failed(format!("exit status {}", status.code().unwrap_or(-1))),
        };
        let ran = Ran { unit: unit.to_owned(), what, outcome, elapsed, calls, peak_kib, output };
        self.history.push(ran.clone());
        Ok(Finished { ran, action, reboot })
    }

    /// Starts the process, answers its calls and waits for its end.
    fn process(
        &mut self,
        unit: &str,
        run: &Run,
        context: &mut Context,
        fault: Option<&Fault>,
    ) -> Result<(ExitStatus, String), SimError> {
        let machine = self.machine(unit).ok_or_else(|| SimError::NoUnit(unit.to_owned()))?;
        let charm_dir = machine.charm_dir(unit);
        let socket = machine.socket(unit);
        let variables = agent::variables(
            run,
            &Surroundings {
                unit,
                charm_dir: &charm_dir,
                tools_dir: &machine.tools_dir(unit),
                programs_dir: &machine.programs_dir(),
                socket: &socket,
                context: &context.id,
                machine: machine.number,
            },
        );
        // A socket of the last run would be in the way.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        let mut child = Command::new(charm_dir.join("dispatch"))
            .env_clear()
            .envs(&variables)
            .envs(machine.loopback_variables())
            .current_dir(&charm_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = child.id();
        let outputs = [
            child.stdout.take().map(|pipe| thread::spawn(move || drain(pipe))),
            child.stderr.take().map(|pipe| thread::spawn(move || drain(pipe))),
        ];
        let (sender, heard) = channel();
        let calls = sender.clone();
        thread::spawn(move || listen(&listener, &calls));
        thread::spawn(move || {
            if let Ok(status) = child.wait() {
                // Nobody listens any more when the hook was given up.
                let _ = sender.send(Heard::Ended(status));
            }
        });
        let status = self.serve(unit, pid, &heard, context, fault)?;
        // The thread that listens ends at a connection without a call.
        drop(UnixStream::connect(&socket));
        let _ = std::fs::remove_file(&socket);
        let output = outputs.into_iter().flatten().filter_map(|thread| thread.join().ok()).collect();
        Ok((status, output))
    }

    fn serve(
        &mut self,
        unit: &str,
        pid: u32,
        heard: &Receiver<Heard>,
        context: &mut Context,
        fault: Option<&Fault>,
    ) -> Result<ExitStatus, SimError> {
        loop {
            match heard.recv_timeout(HOOK_LIMIT) {
                Ok(Heard::Ended(status)) => return Ok(status),
                Ok(Heard::Called(call, mut stream)) => {
                    if matches!(fault, Some(Fault::KillAtCall(n)) if context.calls + 1 >= *n) {
                        kill(pid);
                        continue;
                    }
                    context.peak_kib = peak_kib(pid).unwrap_or(context.peak_kib);
                    let reply = match fault {
                        Some(Fault::ToolFails { tool, text }) if call.tool == *tool => Reply::failed(1, text),
                        _ => self.answer(unit, context, &call),
                    };
                    // A caller that was killed does not read its answer.
                    let _ = wire::write(&mut stream, &reply);
                }
                Err(_) => {
                    kill(pid);
                    return Err(SimError::TooSlow { unit: unit.to_owned(), hook: context.id.clone() });
                }
            }
        }
    }

    fn answer(&mut self, unit: &str, context: &mut Context, call: &Call) -> Reply {
        let known = tools::TOOLS.contains(&call.tool.as_str());
        match self.machine_mut(unit) {
            Some(machine) if !known => machine.answer(call),
            _ => tools::answer(&mut self.model, context, &mut self.log, call),
        }
    }
}

/// The most memory a process has held resident, as Linux counts it.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // A process that has just ended needs no killing.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn listen(listener: &UnixListener, calls: &Sender<Heard>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { return };
        match wire::read::<Call>(&stream) {
            Ok(call) => {
                if calls.send(Heard::Called(call, stream)).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn drain(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
