//! OrbitDB's operation log in pure Rust.
//!
//! A *log* is a Merkle-DAG of signed *entries* that many writers extend without coordination; joining two replicas is
//! commutative, associative and idempotent. This crate holds everything about logs that needs no machine: the codec
//! ([`cbor`], [`entry`], [`identity`], [`manifest`]), the order of entries ([`order`]), appending, iterating and joining
//! ([`log`], [`join`]) and what is seen of a log ([`reading`], [`view`]).
//!
//! Nothing in here does I/O, waits, reads a clock or draws a random number. What it needs it is given (a [`log::LogRead`],
//! keys, blocks); what it wants done it returns as values ([`log::Commit`], [`join::Effect`]). So every failure can be
//! replayed in a test.
//!
//! Blocks are byte-exact with JavaScript OrbitDB 4.0.0. "Wire document" in these docs is `orbitdb-wire.md`, the measured
//! facts of that implementation.
//!
//! ```
//! use oplog::{identity::Identity, keys::SigningKey, log::{Log, Writer},
//! memory::MemoryLog, view::Operation};
//!
//! let root = SigningKey::from_bytes([1; 32]).expect("a valid scalar");
//! let signing = SigningKey::from_bytes([2; 32]).expect("a valid scalar");
//! let writer = Writer::new(Identity::create(&root, &signing), signing);
//!
//! let mut store = MemoryLog::default();
//! let mut log = Log::empty("/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe".parse().expect("an address"));
//! let added = log.append(Operation::add("hello".into()), &writer).expect("the clock has room");
//! let commit = log.commit(vec![added], &store).expect("memory does not fail");
//! store.apply(commit);
//! assert_eq!(store.len(), 1);
//! ```

pub mod access;
pub mod address;
mod base58;
pub mod cbor;
pub mod entry;
pub mod hash;
pub mod identity;
pub mod javascript;
pub mod join;
pub mod json;
pub mod keys;
pub mod log;
pub mod manifest;
pub mod memory;
pub mod order;
pub mod reading;
pub mod shares;
pub mod view;

pub use address::Address;
pub use cbor::Value;
pub use entry::Entry;
pub use hash::Hash;
