//! The contract between a PaperClip node and those who use it, stated once.
//!
//! The node serves it; the command line, the charm, the demo, the tests and the benchmarks are its clients. The crate knows
//! neither a network stack nor a store: it is as light as the charm that links it.
//!
//! | module | content |
//! | --- | --- |
//! | [`address`] | multiaddrs that a node can dial |
//! | [`certificate`] | the documents that make a node one of its cluster |

pub mod address;
pub mod certificate;
