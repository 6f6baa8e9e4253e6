//! The cluster: what units tell each other, the root key that makes them one, and turns to restart.

pub mod bags;
pub mod root_key;
pub mod turns;
