//! A simulated Juju: one model, its applications' real charms run for every hook on simulated machines, with the real
//! names of the hook tools on `PATH`.
//!
//! It is built from the facts in `docs/charm/juju.md`, not from what a charm happens to need: the child's
//! environment is made from nothing, databags are seen by those who may see them, writes are buffered and sent when the
//! hook exits with 0, hooks come in the agent's order, failed hooks are run again. Where it can be judged from
//! outside it is: the Python library `ops` runs on top of its tools (`tests/ops.rs`).
//!
//! A machine is a directory. Its `systemctl` really starts and stops processes, so three units of a charm are three
//! running workloads on loopback addresses of their own.
//!
//! What it is not: hooks of different units never overlap in time (on real machines they do), there is one cloud with one
//! network, and no cross-model relations, subordinates or Kubernetes.

pub mod agent;
pub mod charm;
mod context;
mod error;
pub mod machine;
pub mod model;
mod operator;
mod outcome;
mod placement;
mod run;
mod sim;
mod storage;
pub mod tools;
pub mod wire;

pub use error::SimError;
pub use outcome::{ActionOutcome, Fault, Outcome, Ran};
pub use sim::Sim;

/// The model's name.
pub const MODEL_NAME: &str = "sim";
/// The model's UUID.
pub const MODEL_UUID: &str = "3f2b1c7e-5a4d-4c1b-9e0f-2a6d8b7c9e01";
/// The agents' version.
pub const VERSION: &str = "3.6.12";
