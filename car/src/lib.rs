//! Backups of OrbitDB databases as CAR v1 files (<https://ipld.io/specs/transport/car/carv1/>).
//!
//! A backup is an [`Index`], then each database in the order of the index, then a closing record with counts and a digest. The
//! reference is `docs/reference/backup.md`. Nothing in here opens a file or a connection: it is given readers and writers.
//!
//! | file | concept |
//! | --- | --- |
//! | `writer`, `reader` | the container: blocks behind one another |
//! | `index` | what a backup holds |
//! | `closing` | how it ends |
//! | `contents` | what each block is, and whether it may stand there |
//! | `identities` | identity blocks, told once to both sides |
//! | `frontier` | whether a log is whole: from its heads down to its first entries |

mod closing;
mod contents;
mod frontier;
mod identities;
mod index;
mod reader;
mod writer;

pub use closing::{Closing, Failure, MAX_REASON_BYTES};
pub use contents::{Contents, Part, Refusal, ToJudge};
pub use frontier::{Frontier, FrontierError, MAX_FRONTIER};
pub use identities::{Identities, MAX_IDENTITIES};
pub use index::{Index, IndexError, Indexed, MAX_INDEX_BYTES, Role};
pub use reader::{Block, MAX_BLOCK_BYTES, ReadError, Reader};
pub use writer::Writer;

/// Bytes of a binary CID: version 1, dag-cbor, sha2-256 of 32 bytes. Every block of a backup has such a one.
const CID_BYTES: usize = 36;

/// The header without its root: `{roots: [CID], version: 1}` in dag-cbor, as the bytes before the CID and behind it.
const HEADER_BEFORE: &[u8] = b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00";
const HEADER_BEHIND: &[u8] = b"\x67version\x01";

/// Bytes of the header. Every backup has exactly one root, so they are the same for all.
const HEADER_BYTES: usize = HEADER_BEFORE.len() + CID_BYTES + HEADER_BEHIND.len();
