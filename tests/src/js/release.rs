//! Release of OrbitDB that a JavaScript peer runs.

/// Which OrbitDB a JavaScript peer runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// OrbitDB 4.0.0 on js-libp2p 3.3: `tests/js`, with every command.
    #[default]
    V4,
    /// OrbitDB 2.5 on js-libp2p 2.8, as Voyager sets it up: `tests/js-2.5`, with few commands, in memory.
    V2_5,
}
