//! The contract between a PaperClip node and those who use it, stated once.
//!
//! The node serves it; the command line, the charm, the demo, the tests and the benchmarks are its clients. The crate knows
//! neither a network stack nor a store: it is as light as the charm that links it.
//!
//! | module | content |
//! | --- | --- |
//! | [`address`] | multiaddrs that a node can dial |
//! | [`certificate`] | the documents that make a node one of its cluster |
//! | [`shape`] | what requests and responses of the API hold |
//! | [`problem`] | what can go wrong with a request |
//! | [`http`] | a blocking client of the API |

pub mod address;
pub mod certificate;
pub mod http;
pub mod problem;
pub mod shape;

pub use http::{Client, ClientError, Reply, Request, db_path};
