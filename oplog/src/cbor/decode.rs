//! Reading, with the verdicts of JavaScript's decoder.

use super::value::{DuplicateKey, Map, NotFinite, Value};
use cid::Cid;
use std::borrow::Cow;

/// How deep lists and maps may nest. JavaScript has no such limit but its stack; a reader of hostile bytes needs one.
pub const MAX_DEPTH: usize = 256;

/// Why bytes are no dag-cbor that JavaScript would take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input stops within a value.
    #[error("input ends in the middle of a value")]
    Truncated,
    /// There are bytes behind the value.
    #[error("{0} bytes follow the value")]
    TrailingBytes(usize),
    /// An integer or a length is written in more bytes than it needs.
    #[error("integer or length in more bytes than necessary")]
    NotShortest,
    /// A list, map, text or byte string of indefinite length.
    #[error("indefinite length")]
    Indefinite,
    /// A tag other than 42.
    #[error("tag {0} is not supported")]
    Tag(u64),
    /// Tag 42 on something that is no CID.
    #[error("a link that holds no CID")]
    BadLink,
    /// A simple value other than false, true, null, undefined.
    #[error("simple value {0} is not supported")]
    Simple(u8),
    /// NaN or an infinity.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),
    /// A map key that is no text.
    #[error("a map key that is not a text")]
    KeyNotText,
    /// A map names a key twice.
    #[error(transparent)]
    DuplicateKey(#[from] DuplicateKey),
    /// Lists and maps nest deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// JavaScript reads it, and would write it otherwise. Only [`decode_canonical`] minds.
    #[error("not in canonical form")]
    NotCanonical,
}

/// Reads the one value that `input` holds.
pub fn decode(input: &[u8]) -> Result<Value, DecodeError> {
    let (value, length) = decode_first(input)?;
    match input.len() - length {
        0 => Ok(value),
        rest => Err(DecodeError::TrailingBytes(rest)),
    }
}

/// Reads the one value that `input` holds and errors unless `input` is what [`encode`](super::encode) makes of it. Costs no
/// more than [`decode`]: what departs from the canonical form is noticed where it is read.
pub fn decode_canonical(input: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader { input, at: 0, canonical: true };
    let value = reader.value(MAX_DEPTH)?;
    match input.len() - reader.at {
        0 if reader.canonical => Ok(value),
        0 => Err(DecodeError::NotCanonical),
        rest => Err(DecodeError::TrailingBytes(rest)),
    }
}

/// Reads the first value of `input` and says how many bytes it took. Heads travel like this, one behind the other with
/// nothing between them (wire document, section 10).
pub fn decode_first(input: &[u8]) -> Result<(Value, usize), DecodeError> {
    let mut reader = Reader { input, at: 0, canonical: true };
    let value = reader.value(MAX_DEPTH)?;
    Ok((value, reader.at))
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    /// Whether everything so far was as the encoder writes it. Lengths and integers always are: others are errors.
    canonical: bool,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, DecodeError> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = self.argument(info)?;
        match major {
            0 => Ok(Value::Int(argument.into())),
            1 => Ok(Value::Int(-1 - i128::from(argument))),
            2 => Ok(Value::Bytes(self.take_long(argument)?.to_vec())),
            3 => Ok(Value::Text(self.text(argument)?)),
            4 => self.list(argument, depth),
            5 => self.map(argument, depth),
            _ => self.link(argument),
        }
    }

    fn simple(&mut self, info: u8) -> Result<Value, DecodeError> {
        Ok(match info {
            20 => Value::Bool(false),
            21 => Value::Bool(true),
            22 => Value::Null,
            23 => self.departed(Value::Null), // undefined
            24 => return Err(DecodeError::Simple(self.take(1)?[0])),
            25 => {
                let number = Value::number(half(u16::from_be_bytes(self.array()?)))?;
                self.departed(number)
            }
            26 => {
                let number = Value::number(f32::from_be_bytes(self.array()?).into())?;
                self.departed(number)
            }
            27 => match Value::number(f64::from_be_bytes(self.array()?))? {
                float @ Value::Float(_) => float,
                integer => self.departed(integer),
            },
            31 => return Err(DecodeError::Indefinite),
            other => return Err(DecodeError::Simple(other)),
        })
    }

    /// Takes a value that the encoder writes otherwise.
    fn departed(&mut self, value: Value) -> Value {
        self.canonical = false;
        value
    }

    fn list(&mut self, length: u64, depth: usize) -> Result<Value, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        let length = self.plausible(length)?;
        let mut list = Vec::with_capacity(length.min(PREALLOCATE));
        for _ in 0..length {
            list.push(self.value(depth)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, length: u64, depth: usize) -> Result<Value, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        let length = self.plausible(length)?;
        let mut pairs = Vec::with_capacity(length.min(PREALLOCATE));
        for _ in 0..length {
            let first = self.take(1)?[0];
            if first >> 5 != 3 {
                return Err(DecodeError::KeyNotText);
            }
            let argument = self.argument(first & 0x1f)?;
            let key = self.text(argument)?;
            pairs.push((key, self.value(depth)?));
        }
        let (map, in_order) = Map::read(pairs)?;
        self.canonical &= in_order;
        Ok(Value::Map(map))
    }

    fn link(&mut self, tag: u64) -> Result<Value, DecodeError> {
        if tag != 42 {
            return Err(DecodeError::Tag(tag));
        }
        let first = self.take(1)?[0];
        if first >> 5 != 2 {
            return Err(DecodeError::BadLink);
        }
        let length = self.argument(first & 0x1f)?;
        let bytes = self.take_long(length)?.strip_prefix(&[0]).ok_or(DecodeError::BadLink)?;
        let cid = Cid::try_from(bytes).map_err(|_| DecodeError::BadLink)?;
        if cid.encoded_len() == bytes.len() { Ok(Value::Link(cid)) } else { Err(DecodeError::BadLink) }
    }

    /// JavaScript's `TextDecoder` replaces what is no UTF-8, and so the text no longer re-encodes to the same bytes.
    fn text(&mut self, length: u64) -> Result<String, DecodeError> {
        let text = String::from_utf8_lossy(self.take_long(length)?);
        self.canonical &= matches!(text, Cow::Borrowed(_));
        Ok(text.into_owned())
    }

    fn argument(&mut self, info: u8) -> Result<u64, DecodeError> {
        let (argument, least) = match info {
            0..24 => return Ok(info.into()),
            24 => (u64::from(self.take(1)?[0]), 24),
            25 => (u64::from(u16::from_be_bytes(self.array()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.array()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.array()?), 0x1_0000_0000),
            _ => return Err(DecodeError::Indefinite),
        };
        if argument < least { Err(DecodeError::NotShortest) } else { Ok(argument) }
    }

    /// A count of items, each of which takes at least a byte, that the rest of the input can hold.
    fn plausible(&self, count: u64) -> Result<usize, DecodeError> {
        let rest = self.input.len() - self.at;
        usize::try_from(count).ok().filter(|count| *count <= rest).ok_or(DecodeError::Truncated)
    }

    fn take_long(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        self.take(usize::try_from(length).map_err(|_| DecodeError::Truncated)?)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.input[self.at..].get(..length).ok_or(DecodeError::Truncated)?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated)
    }
}

/// A declared length is not trusted with more memory than this many items until the items are there.
const PREALLOCATE: usize = 64;

/// IEEE 754 binary16, which dag-cbor readers must understand and writers must not use.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * f64::powi(2.0, -24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * f64::powi(2.0, exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}
