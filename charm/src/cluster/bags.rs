//! The databags of the peer relation `cluster`.
//!
//! Nothing secret is in them: the root key and the API token are Juju secrets, here only their URIs. Unknown keys
//! are ignored, because units run different revisions for a while during a refresh.

use std::collections::{BTreeMap, BTreeSet};

use juju_hooks::UnitName;
use juju_hooks::databag::{self, Bag, BagError};
use paperclip_client::certificate::{Certificate, Request};
use serde::{Deserialize, Serialize};

use crate::names::SCHEMA;

use super::turns::Turn;

/// Keys that Juju itself writes into every unit bag.
pub(crate) const JUJU_KEYS: [&str; 3] = ["private-address", "ingress-address", "egress-subnets"];
/// How many addresses of one unit are dialled: more than the interfaces of a machine, fewer than an attack.
pub const MAX_ADDRESSES: usize = 8;

/// What one unit tells the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct UnitBag {
    /// The layout's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schema: String,
    /// The node's libp2p peer id, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
    /// Where the node can be dialled: multiaddrs with the peer id.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The request to be certified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The node's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the node serves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
    /// The heartbeat: when the unit last said that it is there, by its own clock, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<u64>,
    /// The units that it has to exchange heads with before its restart is over.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub awaits: BTreeSet<UnitName>,
    /// Whether the unit has no machine of its own, so that there will never be a node of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub misplaced: bool,
    /// The digest of what the unit wants to restart into, from the wish until it is healthy again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_wanted: Option<String>,
}

/// What the leader tells everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ApplicationBag {
    /// The layout's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schema: String,
    /// The root key's public half, hex: the id that every node's identity carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// URI of the secret with the root key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_key_secret: Option<String>,
    /// URI of the secret with the API token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_secret: Option<String>,
    /// The answers to the units' requests.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<UnitName, Certificate>,
    /// Units that nobody waits for: their heartbeat has stopped, and the leader's node has no connection to them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub lost: BTreeSet<UnitName>,
    /// Whose turn to restart it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
}

impl UnitBag {
    /// Reads a bag. One that is empty but for Juju's own keys is the default.
    ///
    /// # Errors
    /// [`BagError`] when a key holds something else than it should.
    pub fn read(bag: &Bag) -> Result<Self, BagError> {
        let mut bag: Self = databag::decode(bag)?;
        bag.addresses.truncate(MAX_ADDRESSES);
        Ok(bag)
    }

    /// What to set so that `bag` holds this.
    ///
    /// # Errors
    /// [`BagError`] when it cannot be written as JSON.
    pub fn changes(&self, bag: &Bag) -> Result<Bag, BagError> {
        let new = Self { schema: SCHEMA.into(), ..self.clone() };
        Ok(databag::difference(bag, &databag::encode(&new)?, |key| JUJU_KEYS.contains(&key)))
    }
}

impl ApplicationBag {
    /// What to set so that `bag` holds this.
    ///
    /// # Errors
    /// [`BagError`] when it cannot be written as JSON.
    pub fn changes(&self, bag: &Bag) -> Result<Bag, BagError> {
        let new = Self { schema: SCHEMA.into(), ..self.clone() };
        Ok(databag::difference(bag, &databag::encode(&new)?, |_| false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paperclip_client::certificate::Signatures;

    #[test]
    fn a_fresh_unit_bag_is_empty_and_juju_keeps_its_own_keys() {
        let bag = Bag::from([("private-address".into(), "10.0.0.1".into()), ("future".into(), "x".into())]);
        let own = UnitBag::read(&bag).unwrap();
        assert_eq!(own, UnitBag::default());
        let changes = own.changes(&bag).unwrap();
        assert_eq!(changes, Bag::from([("schema".into(), "1".into()), ("future".into(), String::new())]));
    }

    #[test]
    fn bags_are_read_as_they_are_written_and_nothing_more_is_to_be_written() {
        let request = Request { id: "02aa".into(), public_key: "02bb".into(), signature_id: "30".into() };
        let unit = UnitBag {
            schema: "1".into(),
            peer_id: Some("12D3".into()),
            addresses: vec!["/ip4/10.0.0.1/tcp/4747/p2p/12D3".into()],
            request: Some(request.clone()),
            version: Some("0.1.0".into()),
            ready: true,
            reported_at: Some(7),
            awaits: BTreeSet::from(["paperclip/2".parse().unwrap()]),
            misplaced: false,
            restart_wanted: Some("abc".into()),
        };
        let bag = unit.changes(&Bag::new()).unwrap();
        assert_eq!(UnitBag::read(&bag).unwrap(), unit);
        assert!(unit.changes(&bag).unwrap().is_empty());

        let Request { id, public_key, signature_id } = request;
        let signatures = Signatures { id: signature_id, public_key: "31".into() };
        let certificate = Certificate { id, public_key, signatures };
        let application = ApplicationBag {
            schema: "1".into(),
            cluster_id: Some("02aa".into()),
            certificates: BTreeMap::from([("paperclip/0".parse().unwrap(), certificate)]),
            ..ApplicationBag::default()
        };
        let bag = application.changes(&Bag::new()).unwrap();
        assert_eq!(databag::decode::<ApplicationBag>(&bag).unwrap(), application);
        assert!(application.changes(&bag).unwrap().is_empty());
    }

    #[test]
    fn a_bag_of_nonsense_is_refused() {
        assert!(UnitBag::read(&Bag::from([("addresses".into(), "nonsense".into())])).is_err());
    }
}
