//! The manager of the interface `alm`, without I/O.
//!
//! It observes applications over their relations, decides under a policy, asks, confirms what came of it, and keeps a record:
//!
//! * [`cluster`] has what is observed, [`watch`] what this machine has noticed over time, [`health`] the judgement of each unit;
//! * [`policy`] has what the operator wants, [`command`] what the operator asks for now;
//! * [`state`] is all that the next leader must know: what is open, what was done;
//! * [`decide`] makes the next state, and [`bag`] what each application is told;
//! * [`status`] is the one line for people.
//!
//! The state and the bags are written in the same hook, so that either both are there for the next leader, or neither is.
//! Nothing here reads a clock or a file: the time is given.

pub mod bag;
pub mod cluster;
pub mod command;
mod confirm;
pub mod decide;
pub mod health;
pub mod inputs;
pub mod operation;
pub mod policy;
pub mod state;
pub mod status;
mod turn;
pub mod watch;
