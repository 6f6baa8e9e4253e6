//! The values of the tree.

use super::{
    error::Corruption,
    journal::{Location, Offset},
    keys::{MAX_VIEW_KEY, Number},
};
use oplog::{Hash, order::Position, view::Winner};

/// The length of a digest at the end of a position's key.
const DIGEST: usize = 32;

impl Location {
    /// Bytes of the written form.
    const SIZE: usize = 16;

    pub(super) fn encode(self) -> [u8; Self::SIZE] {
        let mut value = [0; Self::SIZE];
        value[..4].copy_from_slice(&self.segment.to_be_bytes());
        value[4..12].copy_from_slice(&self.at.to_be_bytes());
        value[12..].copy_from_slice(&self.length.to_be_bytes());
        value
    }

    fn read(value: &[u8]) -> Option<(Self, &[u8])> {
        let (segment, value) = value.split_first_chunk()?;
        let (at, value) = value.split_first_chunk()?;
        let (length, rest) = value.split_first_chunk()?;
        let [segment, length] = [*segment, *length].map(u32::from_be_bytes);
        Some((Self { segment, at: u64::from_be_bytes(*at), length }, rest))
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, Corruption> {
        match Self::read(value) {
            Some((location, [])) => Ok(location),
            _ => Err(Corruption::Record("location")),
        }
    }
}

/// What the index says of a committed block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Indexed {
    /// An entry of this database, at this position.
    Entry(Location, Number, Position),
    /// A block of another kind.
    Other(Location),
}

const ENTRY: u8 = 1;
const OTHER: u8 = 2;

impl Indexed {
    pub(super) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Entry(location, number, position) => {
                let key = position.to_key();
                let clock = &key[..key.len() - DIGEST];
                [&[ENTRY], &location.encode()[..], &number.0.to_be_bytes(), clock].concat()
            }
            Self::Other(location) => [&[OTHER], &location.encode()[..]].concat(),
        }
    }

    pub(super) fn decode(value: &[u8], hash: &Hash) -> Result<Self, Corruption> {
        let read = || {
            let (&tag, value) = value.split_first()?;
            let (location, rest) = Location::read(value)?;
            match tag {
                ENTRY => {
                    let (number, clock) = rest.split_first_chunk()?;
                    let position = Position::from_key(&[clock, hash.digest()].concat())?;
                    Some(Self::Entry(location, Number(u32::from_be_bytes(*number)), position))
                }
                OTHER => rest.is_empty().then_some(Self::Other(location)),
                _ => None,
            }
        };
        read().ok_or(Corruption::Record("index"))
    }

    /// The same block at another place.
    pub(super) fn moved_to(&self, location: Location) -> Self {
        match self {
            Self::Entry(_, number, position) => Self::Entry(location, *number, position.clone()),
            Self::Other(_) => Self::Other(location),
        }
    }

    pub(super) fn location(&self) -> Location {
        match self {
            Self::Entry(location, ..) | Self::Other(location) => *location,
        }
    }

    /// The database of an entry, without reading more of the value than that.
    pub(super) fn number(value: &[u8]) -> Option<Number> {
        let (&ENTRY, rest) = value.split_first()? else { return None };
        let (number, _) = rest.get(Location::SIZE..)?.split_first_chunk()?;
        Some(Number(u32::from_be_bytes(*number)))
    }
}

/// How far the tree has followed the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Everything before this is in the tree.
    pub(super) followed: Offset,
    /// Everything before this was on disk when the tree was written.
    pub(super) synced: Offset,
    /// The epoch of the file in which `followed` is.
    pub(super) epoch: u64,
}

impl Checkpoint {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut value = Vec::new();
        for offset in [self.followed, self.synced] {
            value.extend_from_slice(&offset.segment.to_be_bytes());
            value.extend_from_slice(&offset.at.to_be_bytes());
        }
        value.extend_from_slice(&self.epoch.to_be_bytes());
        value
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, Corruption> {
        let offset = |value: &[u8; 12]| {
            let (segment, rest) = value.split_first_chunk()?;
            Some(Offset {
                segment: u32::from_be_bytes(*segment),
                at: u64::from_be_bytes(*rest.first_chunk()?),
            })
        };
        let read = || {
            let (followed, rest) = value.split_first_chunk()?;
            let (synced, rest) = rest.split_first_chunk()?;
            let epoch = u64::from_be_bytes(rest.try_into().ok()?);
            Some(Self { followed: offset(followed)?, synced: offset(synced)?, epoch })
        };
        read().ok_or(Corruption::Record("checkpoint"))
    }
}

/// The heads of a database, greatest first, and its number of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heads {
    pub(super) heads: Vec<Position>,
    pub(super) len: u64,
}

impl Heads {
    pub(super) fn encode(heads: &[Position], len: u64) -> Vec<u8> {
        let mut value = len.to_be_bytes().to_vec();
        for key in heads.iter().map(Position::to_key) {
            value.extend_from_slice(&(key.len() as u64).to_be_bytes());
            value.extend_from_slice(&key);
        }
        value
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, Corruption> {
        Self::read(value).ok_or(Corruption::Record("heads"))
    }

    fn read(value: &[u8]) -> Option<Self> {
        let (len, mut rest) = value.split_first_chunk()?;
        let mut heads = Vec::new();
        while let Some((length, more)) = rest.split_first_chunk() {
            let (key, more) = more.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
            heads.push(Position::from_key(key)?);
            rest = more;
        }
        rest.is_empty().then(|| Self { heads, len: u64::from_be_bytes(*len) })
    }
}

/// A winner: whether it deleted the key, and its position.
pub(super) fn encode_winner(winner: &Winner) -> Vec<u8> {
    [&[u8::from(winner.deleted)][..], &winner.position.to_key()].concat()
}

pub(super) fn decode_winner(value: &[u8]) -> Result<Winner, Corruption> {
    let read = || {
        let (&deleted, key) = value.split_first()?;
        Some(Winner { position: Position::from_key(key)?, deleted: deleted != 0 })
    };
    read().ok_or(Corruption::Record("view"))
}

/// Stands for a key that is too long to be kept twice and is read from the entry. No byte of UTF-8.
const LONG_KEY: u8 = 0xff;

/// The key that a live winner shows.
pub(super) fn encode_live(key: &str) -> &[u8] {
    if key.len() > MAX_VIEW_KEY { &[LONG_KEY] } else { key.as_bytes() }
}

/// The key, or `None` when it is to be read from the entry.
pub(super) fn decode_live(value: &[u8]) -> Result<Option<&str>, Corruption> {
    if value == [LONG_KEY] {
        return Ok(None);
    }
    std::str::from_utf8(value).map(Some).map_err(|_| Corruption::Record("live"))
}

/// A registered database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registration {
    pub(super) number: Number,
}

impl Registration {
    pub(super) fn encode(self) -> [u8; 4] {
        self.number.0.to_be_bytes()
    }

    pub(super) fn decode(value: &[u8]) -> Result<Self, Corruption> {
        let number = value.try_into().map_err(|_| Corruption::Record("database"))?;
        Ok(Self { number: Number(u32::from_be_bytes(number)) })
    }
}

/// A big-endian number.
pub(super) fn decode_count(value: &[u8]) -> Result<u64, Corruption> {
    value.try_into().map(u64::from_be_bytes).map_err(|_| Corruption::Record("count"))
}
