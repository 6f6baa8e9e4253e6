//! Every bound of the block exchange, by name.

use std::time::Duration;

/// A message's largest size in bytes without its length prefix, both ways; JavaScript's own limit (wire document,
/// section 12).
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// Wants, cancels, blocks and presences in one inbound message, together.
pub const MAX_PARTS: usize = 32_768;

/// Block bytes after which an answer takes no further block. Small enough that a peer sees progress and others get
/// their turn, large enough that streams and round trips do not matter.
pub const ANSWER_TARGET: usize = 1024 * 1024;

/// The largest block that is served or received: what fits a message next to its CID and the framing around it.
pub const MAX_BLOCK: usize = MAX_MESSAGE - 1024;

/// A block below this size is sent in answer to want-have; telling that we have it would cost a round trip more
/// than it saves. JavaScript's own number.
pub const INLINE_BLOCK: usize = 1024;

/// The longest CID taken from a message, in bytes. A CIDv1 with a 64-byte digest has 70.
pub const MAX_CID: usize = 80;

/// Wants held for one peer: those queued and those that we could not serve yet. A JavaScript server holds 1024;
/// its clients know no limit, so we hold more. Further wants are answered with dont-have and forgotten.
pub const MAX_WANTS_HELD: usize = 4096;

/// Presences (have, dont-have) that wait to be sent to one peer. Further ones are dropped; they are hints.
pub const MAX_PRESENCES: usize = 4096;

/// Peers that the exchange knows, ready ones and those that merely sent a message.
pub const MAX_PEERS: usize = 1024;

/// Wants that we leave open at one peer: what a JavaScript server holds before it forgets the rest.
pub const MAX_WANTS_AT_PEER: usize = 1024;

/// Wants and cancels in one message of ours, some 50 bytes each.
pub const MAX_ENTRIES: usize = 1024;

/// CIDs looked up in the store for one answer.
pub const LOOKUP_BATCH: usize = 1024;

/// Look-ups in the store at a time, each on a thread of its own.
pub const MAX_LOOKUPS: usize = 4;

/// Peers that are being sent an answer at a time; with [`ANSWER_TARGET`] the memory that answers take.
pub const MAX_ANSWERS: usize = 32;

/// How long a want waits for a peer that sends us nothing at all before the next peer is asked too.
pub const NEXT_PEER_AFTER: Duration = Duration::from_secs(1);

/// How long a want waits for a peer that is busy sending us other blocks.
pub const BUSY_PEER_AFTER: Duration = Duration::from_secs(10);

/// When every peer was asked in vain, all are asked again after this, then after twice as long, and so on. They
/// remember the want. Ours and Go send the block once they have it; Helia looks again only when we write to it.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The longest pause between two rounds of asking.
pub const ASK_AGAIN_AT_MOST: Duration = Duration::from_secs(30);

/// Pause after a message could not be sent; doubles with every further failure.
pub const RESEND_AFTER: Duration = Duration::from_millis(250);

/// The longest such pause.
pub const RESEND_AT_MOST: Duration = Duration::from_secs(32);

/// Failures in a row after which a peer's wants are forgotten and it is left alone until it asks again.
pub const MAX_SEND_FAILURES: u32 = 6;

/// How often the engine is told the time.
pub const TICK: Duration = Duration::from_millis(250);

/// Wants of one session that are with the engine or received and not taken yet: the capacity of its queue, so a
/// received block always finds room and a slow session stalls nobody.
pub const SESSION_WINDOW: usize = 1024;

/// Bytes of received blocks that may wait in a session's queue. Blocks beyond it are dropped and fetched again when
/// there is room: only a session that takes nothing while its blocks are huge gets there.
pub const SESSION_MEMORY: usize = 64 * 1024 * 1024;

/// CIDs that a session keeps for later when its window is full.
pub const SESSION_BACKLOG: usize = 65_536;

/// CIDs of blocks received lately, to tell a duplicate from a block that nobody asked for.
pub const RECENT_BLOCKS: usize = 4096;

/// Commands on their way to the driver; whoever sends more waits.
pub const COMMAND_QUEUE: usize = 256;

/// Decoded messages on their way to the engine; whoever reads more waits, and so does the peer that sends them.
pub const INBOX: usize = 16;

/// Inbound streams that wait for a reader.
pub const INBOUND_QUEUE: usize = 256;

/// Streams of one peer that are read at a time; JavaScript opens one per message.
pub const READERS_PER_PEER: usize = 4;

/// Bytes of unfinished inbound messages of all peers together. A message that passes it is refused.
pub const INBOUND_MEMORY: usize = 128 * 1024 * 1024;

/// An inbound stream is given up when nothing arrives for this long; JavaScript does the same.
pub const READ_STALL: Duration = Duration::from_secs(10);

/// An inbound message must be complete after this long.
pub const READ_AT_MOST: Duration = Duration::from_secs(120);

/// An outbound stream is given up when the peer takes nothing for this long.
pub const WRITE_STALL: Duration = Duration::from_secs(15);

/// An outbound message must be gone after this long.
pub const WRITE_AT_MOST: Duration = Duration::from_secs(120);
