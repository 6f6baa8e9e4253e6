//! What any Juju charm written in Rust needs of Juju, and nothing more.
//!
//! * [`Environment`] reads what the unit agent put into the environment of the hook, once, into types: who we are
//!   ([`UnitName`]), and what happened ([`Event`]).
//! * [`Juju`] calls the hook tools (`relation-get`, `secret-add`, `status-set` and the rest) with typed arguments
//!   and typed answers. It reaches them through one trait, [`Invoke`]: [`Processes`] runs the real tools on
//!   `PATH`, [`Recorded`] answers from a script in tests.
//! * [`ToolError`] keeps the tool's exit code and text, so that a charm can tell "not the leader" from "no agent".
//! * [`databag`] turns structs into relation data and back, byte for byte the same every time: Juju compares bags
//!   as strings and wakes the other side for a moved space.
//!
//! The facts behind it (tool by tool, with Juju's sources) are in the project's `docs/charm/juju.md`.
//!
//! # A charm
//!
//! ```
//! use juju_hooks::{Environment, Event, Invoke, Juju, Lifecycle, Recorded, Status, ToolError};
//!
//! fn dispatch<I: Invoke>(environment: &Environment, juju: &Juju<I>) -> Result<(), ToolError> {
//!     match &environment.event {
//!         Event::Lifecycle(Lifecycle::ConfigChanged) => {
//!             let config = juju.config()?;
//!             let greeting = config.get("greeting").and_then(|value| value.as_str()).unwrap_or("hello");
//!             juju.set_status(Status::Active, greeting)
//!         }
//!         // Juju may send hooks this charm has never heard of: they are no error.
//!         _ => Ok(()),
//!     }
//! }
//!
//! // In a charm: `Environment::from_process()` and `Juju::new(Processes)`.
//! let environment = Environment::parse([
//!     ("JUJU_UNIT_NAME", "hello/0"),
//!     ("JUJU_CHARM_DIR", "/var/lib/juju/agents/unit-hello-0/charm"),
//!     ("JUJU_DISPATCH_PATH", "hooks/config-changed"),
//!     ("JUJU_HOOK_NAME", "config-changed"),
//! ])?;
//! let tools = Recorded::new()
//!     .answer("config-get --all --format=json", r#"{"greeting":"hei"}"#)
//!     .answer("status-set active -- hei", "");
//! dispatch(&environment, &Juju::new(&tools))?;
//! assert_eq!(tools.calls().last().map(String::as_str), Some("status-set active -- hei"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod databag;
mod environment;
mod error;
mod event;
mod invoke;
mod names;
mod tools;

pub use environment::{Environment, EnvironmentError};
pub use error::{Exit, ToolError};
pub use event::{
    Action, Event, Lifecycle, RelationEvent, RelationPhase, SecretEvent, SecretPhase, StorageEvent,
    StoragePhase,
};
pub use invoke::{Call, Invoke, Processes, Recorded, Reply};
pub use names::{NameError, RelationId, UnitName};
pub use tools::{
    BindAddress, ConfigValue, GoalState, GoalUnit, InterfaceAddress, Juju, LogLevel, Network, Owner, Port,
    Protocol, SecretContent, SecretInfo, SecretOptions, Settings, Status, StatusReport, Storage, Target,
};
