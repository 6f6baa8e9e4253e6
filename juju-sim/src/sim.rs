//! The simulator: it finds what each unit's agent would do next, and does it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::agent::{self, ActionRun, Hook, Run};
use crate::error::SimError;
use crate::machine::{Executables, Machine};
use crate::model::{Model, application_of};
use crate::outcome::{ActionOutcome, Fault, Outcome, Ran};
use crate::placement::LOOPBACKS;

/// The environment variable that sets the seed of the order among units.
const SEED: &str = "JUJU_SIM_SEED";
/// How often a hook may fail in a row before the simulator gives up. Juju itself never does.
const MAX_FAILURES: u32 = 5;
/// How many hooks may run before nothing is left to do.
const MAX_HOOKS: usize = 2000;
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// A simulated Juju with one model.
#[derive(Debug)]
pub struct Sim {
    /// The model.
    pub model: Model,
    /// Machines by the name of the unit on them, the one that was there first.
    pub machines: BTreeMap<String, Machine>,
    /// Units on the machine of another, and whose it is.
    pub(crate) guests: BTreeMap<String, String>,
    /// Everything that has run.
    pub history: Vec<Ran>,
    /// The log of the model.
    pub log: Vec<String>,
    pub(crate) faults: BTreeMap<String, Fault>,
    pub(crate) executables: Executables,
    pub(crate) network: [u8; 2],
    pub(crate) next_machine: u32,
    failures: BTreeMap<String, u32>,
    random: StdRng,
    // Last, so that the processes of the machines are gone before their files.
    pub(crate) directory: tempfile::TempDir,
}

impl Sim {
    /// An empty model. The order among units is drawn from a seed, printed so that a run can be repeated.
    ///
    /// # Errors
    /// The simulator's directory could not be made.
    pub fn new(executables: Executables) -> Result<Self, SimError> {
        let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
        eprintln_seed(seed);
        let mut random = StdRng::seed_from_u64(seed);
        // Models of different test processes and threads must not meet on the loopback network.
        let mut free = StdRng::from_os_rng();
        let network = [free.random_range(2..=250), free.random_range(1..=LOOPBACKS)];
        let early_relations = random.random();
        // Paths of unix sockets are limited to 107 bytes: not below a long TMPDIR.
        let directory = tempfile::Builder::new().prefix("sim").tempdir_in("/tmp")?;
        Ok(Self {
            model: Model { early_relations, ..Model::default() },
            machines: BTreeMap::new(),
            guests: BTreeMap::new(),
            history: Vec::new(),
            log: Vec::new(),
            faults: BTreeMap::new(),
            executables,
            network,
            next_machine: 0,
            failures: BTreeMap::new(),
            random,
            directory,
        })
    }

    /// A directory for the test's own use.
    #[must_use]
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Arms a fault for the unit's next run.
    pub fn inject(&mut self, unit: &str, fault: Fault) {
        self.faults.insert(unit.to_owned(), fault);
    }

    /// Runs the unit's next hook, if it has one.
    ///
    /// # Errors
    /// [`SimError`] when the hook could not be run, or broke a rule.
    pub fn step(&mut self, unit: &str) -> Result<Option<Ran>, SimError> {
        agent::enter_scopes(&mut self.model, unit);
        if !self.model.leads(unit)
            && let Some(holder) = self.model.units.get_mut(unit)
        {
            // Lost leadership is noticed without a hook.
            holder.local.knows_leading = false;
        }
        let Some(hook) = agent::next(&self.model, unit) else {
            return Ok(None);
        };
        self.run_hook(unit, &hook).map(Some)
    }

    /// Runs a hook.
    ///
    /// # Errors
    /// As [`Sim::step`].
    pub fn run_hook(&mut self, unit: &str, hook: &Hook) -> Result<Ran, SimError> {
        if *hook == Hook::Lifecycle("upgrade-charm") {
            self.replace_files(unit)?;
        }
        let finished = self.execute(unit, &Run::Hook(hook.clone()))?;
        match &finished.ran.outcome {
            Outcome::Done => {
                self.failures.remove(unit);
                self.check(unit, hook)?;
                agent::commit(&mut self.model, unit, hook);
                if let Hook::Storage { phase: "detaching", id, .. } = hook {
                    self.unmount_detached(id)?;
                }
                if *hook == Hook::Lifecycle("remove") {
                    self.forget(unit);
                }
                if finished.reboot {
                    self.reboot(unit)?;
                }
                self.tidy();
            }
            Outcome::Failed(_) => {
                if let Some(holder) = self.model.units.get_mut(unit) {
                    holder.local.failed = Some(hook.clone());
                    holder.status = ("error".into(), format!("hook failed: {:?}", hook.name()));
                }
                *self.failures.entry(unit.to_owned()).or_default() += 1;
            }
            // Queued again, not recorded as failed: the agent will find it anew.
            Outcome::Killed => {}
        }
        Ok(finished.ran)
    }

    /// What must hold after a hook, whatever the charm.
    fn check(&self, unit: &str, hook: &Hook) -> Result<(), SimError> {
        let Hook::Storage { phase: "detaching", id, .. } = hook else {
            return Ok(());
        };
        let (Some(machine), Some(storage)) = (self.machine(unit), self.model.storage.get(id)) else {
            return Ok(());
        };
        let holders = machine.holders(&storage.files);
        if holders.is_empty() {
            return Ok(());
        }
        Err(SimError::Violation(format!(
            "{unit}: umount {id}: target is busy, held by {}",
            holders.join(", ")
        )))
    }

    /// Runs hooks, units in random order, until no unit has anything to do.
    ///
    /// # Errors
    /// [`SimError::Failing`] when a hook fails again and again; [`SimError::Endless`].
    pub fn settle(&mut self) -> Result<(), SimError> {
        for _ in 0..MAX_HOOKS {
            let units: Vec<String> = self.model.units.keys().cloned().collect();
            let mut busy = Vec::new();
            for unit in units {
                if self.machine(&unit).is_some() {
                    agent::enter_scopes(&mut self.model, &unit);
                    if agent::next(&self.model, &unit).is_some() {
                        busy.push(unit);
                    }
                }
            }
            let Some(unit) = busy.choose(&mut self.random).cloned() else {
                return Ok(());
            };
            let Some(ran) = self.step(&unit)? else { continue };
            if self.failures.get(&unit).is_some_and(|count| *count >= MAX_FAILURES) {
                return Err(self.failing(ran));
            }
        }
        let last: Vec<String> =
            self.history.iter().rev().take(12).map(|ran| format!("{} {}", ran.unit, ran.what)).collect();
        Err(SimError::Endless(last.join(", ")))
    }

    fn failing(&self, ran: Ran) -> SimError {
        let log: Vec<String> = self.log.iter().rev().take(30).rev().cloned().collect();
        let why = format!("{:?}", ran.outcome);
        SimError::Failing { unit: ran.unit, what: ran.what, why, output: ran.output, log: log.join("\n") }
    }

    /// Time passes: every unit gets `update-status`, then what that brings about runs too.
    ///
    /// # Errors
    /// As [`Sim::settle`].
    pub fn tick(&mut self) -> Result<(), SimError> {
        self.settle()?;
        let units: Vec<String> = self.machines.keys().chain(self.guests.keys()).cloned().collect();
        for unit in units {
            if self
                .model
                .units
                .get(&unit)
                .is_some_and(|holder| holder.local.started && !holder.dying && !holder.lost)
            {
                self.run_hook(&unit, &Hook::Lifecycle("update-status"))?;
            }
        }
        self.settle()
    }

    /// Runs an action, as `juju run` does. It runs even while a hook is in error.
    ///
    /// # Errors
    /// [`SimError::Refused`] when the controller refuses the parameters.
    pub fn action(&mut self, unit: &str, name: &str, parameters: &Value) -> Result<ActionOutcome, SimError> {
        let charm = self
            .model
            .applications
            .get(application_of(unit))
            .and_then(|application| application.charm.as_ref());
        let charm = charm.ok_or_else(|| SimError::NoUnit(unit.to_owned()))?;
        let parameters = charm.parameters(name, parameters).map_err(SimError::Refused)?;
        self.perform(unit, name, Value::Object(parameters))
    }

    /// Runs an action with parameters that no controller has checked.
    ///
    /// # Errors
    /// [`SimError`] when it could not be run.
    pub fn perform(&mut self, unit: &str, name: &str, parameters: Value) -> Result<ActionOutcome, SimError> {
        let id = self.model.fresh();
        let finished = self.execute(unit, &Run::Action(ActionRun { name: name.into(), id, parameters }))?;
        let message = match finished.ran.outcome {
            Outcome::Done => finished.action.failed,
            Outcome::Failed(why) if why.starts_with("exit status") => Some(why),
            Outcome::Failed(_) => Some("committing requested changes failed".into()),
            Outcome::Killed => Some("action terminated".into()),
        };
        Ok(ActionOutcome {
            completed: message.is_none(),
            message: message.unwrap_or_default(),
            results: finished.action.results,
            log: finished.action.log,
        })
    }

    /// Waits until a condition holds, while the machines look after their services.
    ///
    /// # Errors
    /// [`SimError::Late`] with the last reason why it did not hold.
    pub fn wait_for<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<T, SimError> {
        let deadline = Instant::now() + limit;
        loop {
            for machine in self.machines.values_mut() {
                machine.look_after();
            }
            match holds(self) {
                Ok(value) => return Ok(value),
                Err(last) if Instant::now() > deadline => {
                    return Err(SimError::Late { limit, what: what.into(), last });
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    }
}

#[expect(clippy::print_stderr, reason = "the seed must be seen to repeat a failed run")]
fn eprintln_seed(seed: u64) {
    eprintln!("{SEED}={seed}");
}
