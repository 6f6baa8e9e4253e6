//! Addresses of databases.

use crate::hash::{BadHash, Hash};
use std::{fmt, str::FromStr};

/// `/orbitdb/zdpu…`, the hash of a manifest: log id, pubsub topic and part of the heads protocol's name at once
/// (wire document, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Hash);

impl Address {
    /// The address of the database with this manifest.
    pub const fn new(manifest: Hash) -> Self {
        Self(manifest)
    }

    /// The hash of the manifest.
    pub const fn manifest(&self) -> Hash {
        self.0
    }
}

impl From<Hash> for Address {
    fn from(manifest: Hash) -> Self {
        Self(manifest)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/orbitdb/{}", self.0)
    }
}

/// The text is no database address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an OrbitDB address: expected /orbitdb/zdpu…")]
pub struct BadAddress;

impl Address {
    /// Reads what people give to name a database: its address, or only the hash of its manifest.
    ///
    /// # Errors
    /// [`BadAddress`] for anything else.
    pub fn named(text: &str) -> Result<Self, BadAddress> {
        text.parse().or_else(|error| text.parse().map(Self::new).map_err(|_: BadHash| error))
    }
}

impl From<BadHash> for BadAddress {
    fn from(_: BadHash) -> Self {
        Self
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    /// Takes what JavaScript's `isValidAddress` takes: backslashes for slashes, and one slash at the end.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let text = text.replace('\\', "/");
        let hash = text.strip_prefix("/orbitdb/").ok_or(BadAddress)?;
        Ok(Self(hash.strip_suffix('/').unwrap_or(hash).parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_address_or_its_hash() {
        let hash = "zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe";
        let address: Address = format!("/orbitdb/{hash}").parse().unwrap();
        assert_eq!(Address::named(hash), Ok(address));
        assert_eq!(Address::named(&address.to_string()), Ok(address));
        assert_eq!(hash.parse::<Address>(), Err(BadAddress), "a hash alone is no address");
        assert_eq!(Address::named("clips"), Err(BadAddress));
    }
}
