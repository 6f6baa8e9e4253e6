//! dag-cbor as JavaScript OrbitDB writes and reads it (wire document, section 1).
//!
//! JavaScript checks a signature over a *re-encoding* of what it decoded, so what matters is not only which bytes are
//! accepted but what becomes of them: [`decode`] normalises exactly as the JavaScript does, [`encode`] writes the one
//! canonical form. A value that went through either can be signed and verified by any peer. [`decode_canonical`] takes that form
//! and no other.

mod decode;
mod encode;
mod value;

pub use decode::{DecodeError, MAX_DEPTH, decode, decode_canonical, decode_first};
pub use encode::{encode, encode_entries_of, encode_map};
pub use value::{DuplicateKey, MAX_SAFE_INTEGER, Map, NotFinite, Value};
