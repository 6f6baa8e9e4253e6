//! What the exchange has done and what it holds.

/// Totals since the start, and a few present numbers. Taken by [`Handle::stats`](super::Handle::stats).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Peers that speak bitswap now.
    pub peers_ready: u64,
    /// Blocks that we want now.
    pub wants_open: u64,
    /// Wants of peers that we hold now, served and unserved.
    pub wants_held: u64,

    /// Wanted blocks received.
    pub blocks_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Blocks received again shortly after the first time.
    pub blocks_duplicate: u64,
    /// Blocks that nobody asked for.
    pub blocks_unwanted: u64,
    /// Wanted blocks dropped because their session holds
    /// [`SESSION_MEMORY`](super::limits::SESSION_MEMORY) already; they are fetched again.
    pub blocks_overflowed: u64,
    /// Dont-haves received for wants of ours.
    pub dont_haves_received: u64,
    /// Messages of any content received.
    pub messages_received: u64,

    /// Blocks sent.
    pub blocks_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Haves and dont-haves sent.
    pub presences_sent: u64,
    /// Messages of any content sent.
    pub messages_sent: u64,
    /// Messages that could not be sent: no stream, a reset, a peer that does not read.
    pub sends_failed: u64,
    /// Peers whose wants were forgotten after [`MAX_SEND_FAILURES`](super::limits::MAX_SEND_FAILURES).
    pub peers_given_up: u64,

    /// Parts of messages left out: bad CIDs, blocks under an unknown hash function.
    pub parts_refused: u64,
    /// Wants refused because the peer has
    /// [`MAX_WANTS_HELD`](super::limits::MAX_WANTS_HELD) of them.
    pub wants_refused: u64,
    /// Presences dropped because [`MAX_PRESENCES`](super::limits::MAX_PRESENCES) wait.
    pub presences_dropped: u64,
    /// Messages from peers beyond [`MAX_PEERS`](super::limits::MAX_PEERS).
    pub peers_refused: u64,
    /// Blocks that could not be read from the store.
    pub lookups_failed: u64,
    /// Blocks not served because they exceed [`MAX_BLOCK`](super::limits::MAX_BLOCK).
    pub blocks_too_large: u64,

    /// Inbound messages refused for their length.
    pub messages_too_long: u64,
    /// Inbound messages refused as malformed, or for their number of parts.
    pub messages_malformed: u64,
    /// Inbound messages that stalled or took too long.
    pub messages_timed_out: u64,
    /// Inbound messages that ended early.
    pub messages_broken: u64,
    /// Inbound messages refused because [`INBOUND_MEMORY`](super::limits::INBOUND_MEMORY) is in use.
    pub messages_over_memory: u64,
}
