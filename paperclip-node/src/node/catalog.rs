//! The catalog: the keyvalue database that lists what a cluster pins. Its address follows from the cluster's identity alone,
//! so every node knows it before it has met another.

use crate::database::Settings;
use oplog::{
    Address, Value,
    access::AccessList,
    cbor::Map,
    manifest::{AccessAddress, Manifest},
    reading::{DatabaseType as _, KeyValue, Reading, TYPES},
};

/// The name in the catalog's manifest.
pub const NAME: &str = "paperclip-catalog";

/// Databases that a cluster may pin. Each has tasks, queues and a topic of its own; a pin beyond it is refused.
pub const MAX_PINNED: usize = 10_000;

/// The catalog of the cluster named `cluster_id`: its manifest and its access list.
pub fn manifest(cluster_id: &str) -> (Manifest, AccessList) {
    let access = AccessList { write: vec![cluster_id.to_owned()] };
    let manifest = Manifest {
        name: NAME.to_owned(),
        kind: KeyValue.name().to_owned(),
        access: AccessAddress::Ipfs(access.hash()),
        meta: None,
    };
    (manifest, access)
}

/// How the catalog itself is opened: only nodes read it, and a name may be any text.
pub(super) fn settings() -> Settings {
    Settings { no_javascript: true, ..Settings::default() }
}

/// What the catalog says of one database. Its key is the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// Keep it.
    Pinned(Pin),
    /// Keep it no longer, and remove what is on disk of it.
    Removed,
}

/// A pinned database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pin {
    /// Its name, if the one who pinned it knew.
    pub name: Option<String>,
    /// How it is opened.
    pub settings: Settings,
}

impl Record {
    /// The value that is stored.
    pub fn to_value(&self) -> Value {
        let Self::Pinned(pin) = self else {
            return Map::from_iter([("removed", Value::Bool(true))]).into();
        };
        let mut map = Map::new();
        if let Some(name) = &pin.name {
            map.insert("name", name.as_str().into());
        }
        if pin.settings.allow_foreign_keys {
            map.insert("allowForeignKeys", Value::Bool(true));
        }
        if pin.settings.no_javascript {
            map.insert("javascript", Value::Bool(false));
        }
        if let Some(reading) = &pin.settings.reading {
            map.insert("as", reading.name().into());
            if let Some(field) = reading.index_by() {
                map.insert("indexBy", field.into());
            }
        }
        map.into()
    }

    /// Reads a key and its value; `None` for what is no record. Unknown fields are a later version's and left alone.
    pub fn from_pair(key: &str, value: &Value) -> Option<(Address, Self)> {
        let address = key.parse().ok()?;
        let is = |field| value.get(field) == Some(&Value::Bool(true));
        if is("removed") {
            return Some((address, Self::Removed));
        }
        let text = |field| value.get(field).and_then(Value::as_text);
        let name = text("name").map(str::to_owned);
        // A reading of a later version is found from the operations here.
        let reading = text("as").and_then(|word| Reading::parse(TYPES, word, text("indexBy")).ok());
        let settings = Settings {
            allow_foreign_keys: is("allowForeignKeys"),
            no_javascript: value.get("javascript") == Some(&Value::Bool(false)),
            reading,
        };
        value.as_map().map(|_| (address, Self::Pinned(Pin { name, settings })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oplog::reading::Documents;

    #[test]
    fn records_round_trip() {
        let key = "/orbitdb/zdpuAtAEwP5kN6qtBoa2v6E5G2WCZDoH4DbUtDtAqbxM8vrbe";
        for record in [
            Record::Removed,
            Record::Pinned(Pin::default()),
            Record::Pinned(Pin {
                name: Some("a".into()),
                settings: Settings {
                    allow_foreign_keys: true,
                    reading: Some(Reading::of(&Documents).by(Some("myCustomId")).unwrap()),
                    ..Settings::default()
                },
            }),
            Record::Pinned(Pin {
                name: None,
                settings: Settings {
                    reading: Some(Reading::of(&KeyValue)),
                    no_javascript: true,
                    ..Settings::default()
                },
            }),
        ] {
            assert_eq!(Record::from_pair(key, &record.to_value()), Some((key.parse().unwrap(), record)));
        }
        assert_eq!(Record::from_pair("no address", &Map::new().into()), None);
        assert_eq!(Record::from_pair(key, &Value::Null), None);
    }

    #[test]
    fn the_address_follows_from_the_cluster_alone() {
        assert_eq!(manifest("02ab").0.address(), manifest("02ab").0.address());
        assert_ne!(manifest("02ab").0.address(), manifest("02ac").0.address());
    }
}
