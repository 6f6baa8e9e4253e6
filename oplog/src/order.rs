//! The order of entries (wire document, section 5).
//!
//! Entries are ordered by clock time, then clock id, then hash. The first two are JavaScript's; where both tie, JavaScript
//! leaves the order to the position in an array, which differs between replicas. The hash closes that hole: every replica
//! of this crate agrees (`docs/reference/order.md`).

use crate::{
    cbor::{MAX_SAFE_INTEGER, Value},
    hash::Hash,
};
use std::{cmp::Ordering, sync::Arc};

/// The longest clock id, in bytes. JavaScript writes a public key, 66 digits, and checks nothing.
pub const MAX_CLOCK_ID_BYTES: usize = 1024;

/// A Lamport time. JavaScript takes any number; ours has a magnitude of at most 2^53 - 1, beyond which JavaScript writers
/// can no longer advance. Fractions and negative times exist in the wild and are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time(f64);

impl Time {
    /// Before the first entry of any log: what an append to an empty log adds one to.
    pub const ZERO: Self = Self(0.0);

    /// The largest time, 2^53 - 1.
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is exact in an f64")]
    pub const MAX: Self = Self(MAX_SAFE_INTEGER as f64);

    /// Reads a time; `None` when it is no number of a magnitude up to 2^53 - 1.
    pub fn from_value(value: &Value) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "what is rounded is out of range in any case")]
        let time = match value {
            Value::Int(int) => *int as f64,
            Value::Float(float) => *float,
            _ => return None,
        };
        (time.abs() <= Self::MAX.0).then_some(Self(time + 0.0))
    }

    /// The time as a value: an integer unless it has a fraction.
    pub fn to_value(self) -> Value {
        Value::number(self.0).unwrap_or(Value::Null)
    }

    /// The time that follows, or `None` when it would be out of range.
    pub fn next(self) -> Option<Self> {
        let next = self.0 + 1.0;
        (next <= Self::MAX.0).then_some(Self(next))
    }

    /// Eight bytes whose order is the order of times.
    fn to_ordered_bytes(self) -> [u8; 8] {
        let bits = self.0.to_bits();
        let ordered = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
        ordered.to_be_bytes()
    }

    fn from_ordered_bytes(bytes: [u8; 8]) -> Self {
        let ordered = u64::from_be_bytes(bytes);
        Self(f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered }))
    }
}

impl Eq for Time {}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// When, and by which clock: the `clock` field of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Usually the writer's signing key in hex; nothing depends on that.
    pub id: Arc<str>,
    /// Lamport time.
    pub time: Time,
}

/// Where an entry stands in its log. Later entries are greater; iteration goes from the greatest down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Clock time first,
    pub time: Time,
    /// then clock id, in the order of UTF-16 code units as JavaScript compares texts,
    pub clock_id: Arc<str>,
    /// then hash.
    pub hash: Hash,
}

impl Position {
    /// The position of the entry with this clock and hash.
    pub fn new(clock: &Clock, hash: Hash) -> Self {
        Self { time: clock.time, clock_id: Arc::clone(&clock.id), hash }
    }

    /// Bytes whose order is the order of positions: time, clock id, 0, hash. A store can keep an index by them.
    pub fn to_key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(8 + self.clock_id.len() + 2 + 32);
        key.extend_from_slice(&self.time.to_ordered_bytes());
        for unit in self.clock_id.encode_utf16() {
            push_unit(&mut key, unit);
        }
        key.push(0);
        key.extend_from_slice(self.hash.digest());
        key
    }

    /// Reads what [`to_key`](Self::to_key) wrote; `None` for other bytes.
    pub fn from_key(key: &[u8]) -> Option<Self> {
        let (time, rest) = key.split_first_chunk::<8>()?;
        let (id, hash) = rest.split_last_chunk::<32>()?;
        let id = id.strip_suffix(&[0])?;
        Some(Self {
            time: Time::from_ordered_bytes(*time),
            clock_id: read_units(id)?.into(),
            hash: Hash::from_digest(*hash),
        })
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time
            .cmp(&other.time)
            .then_with(|| utf16_order(&self.clock_id, &other.clock_id))
            .then_with(|| self.hash.cmp(&other.hash))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn utf16_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Writes a code unit in the byte pattern of UTF-8, surrogates one by one (CESU-8), which sorts as the units do. Units 0 and
/// 1 take two bytes, the first of them 1, so that the byte 0 ends an id and sorts before all that could follow.
fn push_unit(key: &mut Vec<u8>, unit: u16) {
    let [high, low] = unit.to_be_bytes();
    match unit {
        0 | 1 => key.extend_from_slice(&[1, low + 1]),
        2..0x80 => key.push(low),
        0x80..0x800 => key.extend_from_slice(&[0xc0 | high << 2 | low >> 6, 0x80 | low & 0x3f]),
        _ => {
            key.extend_from_slice(&[0xe0 | high >> 4, 0x80 | (high & 0xf) << 2 | low >> 6, 0x80 | low & 0x3f])
        }
    }
}

fn read_units(mut bytes: &[u8]) -> Option<String> {
    let mut units = Vec::with_capacity(bytes.len());
    while let Some((&first, _)) = bytes.split_first() {
        let (unit, length) = match first {
            1 => (u16::from(*bytes.get(1)?).checked_sub(1)?, 2),
            0..0x80 => (u16::from(first), 1),
            0xc0..0xe0 => (u16::from(first & 0x1f) << 6 | continuation(bytes, 1)?, 2),
            _ => (u16::from(first & 0xf) << 12 | continuation(bytes, 1)? << 6 | continuation(bytes, 2)?, 3),
        };
        units.push(unit);
        bytes = bytes.get(length..)?;
    }
    String::from_utf16(&units).ok()
}

fn continuation(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at).map(|byte| u16::from(byte & 0x3f))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn position() -> impl Strategy<Value = Position> {
        let time = prop_oneof![any::<i16>().prop_map(f64::from), -4.0..4.0, Just(9_007_199_254_740_991.0)];
        let id = prop_oneof![".{0,4}", "[0-9a-f]{0,4}", "[\\x00ab\u{ffff}\u{10000}]{0,3}"];
        (time, id, any::<[u8; 32]>()).prop_map(|(time, id, digest)| Position {
            time: Time::from_value(&Value::Float(time)).unwrap(),
            clock_id: id.into(),
            hash: Hash::from_digest(digest),
        })
    }

    proptest! {
        #[test]
        fn keys_sort_as_positions_and_round_trip(a in position(), b in position()) {
            prop_assert_eq!(a.to_key().cmp(&b.to_key()), a.cmp(&b));
            prop_assert_eq!(Position::from_key(&a.to_key()), Some(a));
        }
    }

    #[test]
    fn time_stops_at_the_last_safe_integer() {
        assert_eq!(Time::MAX.next(), None);
        assert_eq!(Time::ZERO.next().unwrap().to_value(), Value::Int(1));
        assert_eq!(Time::from_value(&Value::Int(1 << 53)), None);
        assert_eq!(Time::from_value(&Value::Float(-1e300)), None);
        assert_eq!(Time::from_value(&Value::Float(-0.0)).unwrap().to_value(), Value::Int(0));
        assert_eq!(Time::from_value(&Value::Float(1.5)).unwrap().to_value(), Value::Float(1.5));
    }
}
