//! The Juju interface `alm`: what an application and its lifecycle manager tell each other.
//!
//! The specification for people is `docs/alm/README.md`. This crate is the same in types, for charms in Rust and for whoever
//! wants to check one in any language:
//!
//! * [`application`] and [`manager`] have the bags of both sides, [`operation`] requests and their results;
//! * [`read`] reads what the other side wrote, within bounds, or says why it is refused;
//! * [`version`] says which version two sides speak;
//! * [`serving`] decides what an application does about requests;
//! * [`conformance`] judges recorded bags by the rules that no schema can say;
//! * `schema`, with the feature of that name, makes the JSON Schemas that are kept in `docs/alm/`.
//!
//! ```
//! use alm_interface::{operation::State, read, serving};
//! use juju_hooks::databag::Bag;
//!
//! // What `relation-get --app` of a unit of ours printed of the manager:
//! let bag = Bag::from([
//!     ("schema".to_owned(), "2".to_owned()),
//!     ("application".to_owned(), "alm-charm".to_owned()),
//!     ("requests".to_owned(), r#"[{"deadline":900,"id":"r1","issued":300,"op":"resync@1","to":"shop/0"}]"#.to_owned()),
//! ]);
//! let manager = read::manager(&bag)?.unwrap();
//! let unit = "shop/0".parse()?;
//! let now = 310;
//! let serving = serving::serve(&manager.requests, Some(&unit), &["resync@1".parse()?], &[], now);
//! assert_eq!(serving.begin.unwrap().op.name(), "resync");
//! assert_eq!(serving.results[0].state, State::Running);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod application;
pub mod at_most;
pub mod conformance;
pub mod manager;
pub mod operation;
pub mod prometheus;
pub mod read;
#[cfg(feature = "schema")]
pub mod schema;
pub mod serving;
pub mod text;
pub mod version;
pub mod window;
