//! Everything the plan may know, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use juju_hooks::databag::Bag;
use juju_hooks::{Port, RelationId, UnitName};

use crate::cluster::bags::{ApplicationBag, UnitBag};
use crate::cluster::turns::Turn;
use crate::config::{ApiAddress, Fault, Settings};
use crate::machine::{Binary, Marker, Memory, Monitoring, NodeIdentity, Service};
use crate::node::NodeReport;

/// What the hook's name adds to the facts. Everything else about the hook is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Nothing.
    None,
    /// The unit begins: it is not leaving (any more).
    Arriving,
    /// Juju has just attached the storage: it is mounted for certain, and the unit is not leaving (any more).
    Attached,
    /// Storage goes, or the unit does.
    Leaving,
    /// The unit's last hook.
    Removing,
    /// A peer goes: it is to be forgotten even where it is still listed.
    Departed(UnitName),
    /// Time has passed.
    Clock,
    /// A secret has a new revision.
    SecretChanged,
}

/// The peer relation as this unit sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The relation.
    pub relation: RelationId,
    /// Our own bag, as it is.
    pub own_bag: Bag,
    /// Our own bag, read.
    pub own: UnitBag,
    /// The application's bag, as it is.
    pub application_bag: Bag,
    /// The application's bag, read.
    pub application: ApplicationBag,
    /// Whose turn to restart it was when the hook began: only what the controller has is acted on.
    pub turn: Option<Turn>,
    /// The other units that have joined, with their bags; an unreadable bag counts as empty.
    pub peers: BTreeMap<UnitName, UnitBag>,
}

impl Cluster {
    /// Whether this unit takes part: Juju writes its own keys into the bag of every unit that does. Before and after,
    /// the bag cannot be written.
    #[must_use]
    pub fn entered(&self) -> bool {
        !self.own_bag.is_empty()
    }
}

/// The addresses that Juju gives the `cluster` binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// To listen on.
    pub bind: IpAddr,
    /// To be reached at; IP addresses or host names.
    pub ingress: Vec<String>,
}

/// The `data` storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The instance, such as `data/0`.
    pub id: String,
    /// Where it is mounted, or is to be.
    pub location: PathBuf,
    /// Its marker, if there is one at the mount point.
    pub marker: Option<Marker>,
    /// Whether a node has made its keys below the mount point.
    pub has_key: bool,
}

impl Storage {
    /// The marker, where it is this storage's.
    #[must_use]
    pub fn own_marker(&self) -> Option<&Marker> {
        self.marker.as_ref().filter(|marker| marker.storage == self.id)
    }

    /// The node's own directory. The storage's root may hold `lost+found`, which is not ours.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        data_dir(&self.location)
    }
}

/// Where the other side of a relation reaches this unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The machine's own addresses, to listen on.
    pub bind: Vec<IpAddr>,
    /// What the other side is told: an IP address or a host name.
    pub ingress: String,
}

/// One relation with another application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The relation; it names the endpoint.
    pub id: RelationId,
    /// Where its other side reaches this unit; none while the machine has no address.
    pub reach: Option<Reach>,
    /// This unit's bag in it.
    pub unit_bag: Bag,
    /// This application's bag in it; known to the leader only.
    pub application_bag: Option<Bag>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Facts {
    /// This unit.
    pub unit: UnitName,
    /// The model's name.
    pub model: String,
    /// The model's UUID.
    pub model_uuid: String,
    /// Seconds since 1970.
    pub now: u64,
    /// What the hook's name adds.
    pub hint: Hint,
    /// The options, or all that is wrong with them.
    pub options: Result<Settings, Vec<Fault>>,
    /// Whether this unit leads. None while Juju cannot say.
    pub leader: Option<bool>,
    /// The peer relation; none before its first hook.
    pub cluster: Option<Cluster>,
    /// The `cluster` binding's addresses; none while the machine has none.
    pub addresses: Option<Addresses>,
    /// The `api` binding's address.
    pub api_binding: Option<IpAddr>,
    /// The `data` storage, if there is one.
    pub storage: Option<Storage>,
    /// The units that the application is meant to have, this one among them; none while Juju cannot say.
    pub planned: BTreeSet<UnitName>,
    /// The ports this unit has opened.
    pub opened: BTreeSet<Port>,
    /// The unit that this machine's node belongs to.
    pub claimant: Option<UnitName>,
    /// Whether the service's user exists.
    pub user: bool,
    /// The node that is installed.
    pub installed: Option<Binary>,
    /// SHA-256 of the node in the charm's directory.
    pub shipped_sha256: String,
    /// The unit file as it is.
    pub unit_file: Option<String>,
    /// The node's configuration file as it is.
    pub node_config: Option<String>,
    /// The node's certificate file as it is.
    pub certificate: Option<String>,
    /// The API token file as it is.
    pub token: Option<String>,
    /// The service.
    pub service: Service,
    /// The node's identity, where it was asked for in this hook.
    pub identity: Option<NodeIdentity>,
    /// What the running node says of itself; none when it does not answer.
    pub node: Option<NodeReport>,
    /// What the unit remembers.
    pub memory: Memory,
    /// Relations with other applications.
    pub related: Vec<Related>,
    /// What has been tried in this hook and need not be tried again in it.
    pub tried: Tried,
}

/// See [`Facts::tried`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    /// Addresses that were dialled.
    pub dialled: BTreeSet<String>,
    /// Ports that were opened or closed. Not every agent shows the hook its own changes.
    pub ports: BTreeSet<Port>,
    /// Ports that another unit on the machine has, with Juju's words.
    pub taken: BTreeMap<Port, String>,
    /// Why the service did not start.
    pub start: Option<String>,
    /// Why the running node does not answer monitoring where it was told to.
    pub monitoring: Option<String>,
    /// Why the node could not name its identity.
    pub identity: Option<String>,
    /// Why the root key or the API token could not be read.
    pub secret: Option<String>,
    /// Requests that the root key refused, with the reason.
    pub refused: BTreeMap<UnitName, String>,
    /// Whether the token was fetched in this hook.
    pub token: bool,
    /// Whether this unit turned out not to lead.
    pub deposed: bool,
}

impl Facts {
    /// The options that hold: the present ones if they are valid, else the last that were.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.options.as_ref().ok().or(self.memory.settings.as_ref())
    }

    /// Whether this unit leads for certain.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leader == Some(true) && !self.tried.deposed
    }

    /// Another unit that this machine's node belongs to.
    #[must_use]
    pub fn neighbour(&self) -> Option<&UnitName> {
        self.claimant.as_ref().filter(|claimant| **claimant != self.unit)
    }

    /// Whether the node must not run: the storage or the unit is going or gone.
    #[must_use]
    pub fn leaving(&self) -> bool {
        self.memory.leaving
    }

    /// How many units the application is meant to have, as far as is known.
    fn planned_units(&self) -> usize {
        let met = 1 + self.cluster.as_ref().map_or(0, |cluster| cluster.peers.len());
        if self.planned.is_empty() { met } else { self.planned.len() }
    }

    /// The storage, once it is certain that it is mounted.
    #[must_use]
    pub fn mounted(&self) -> Option<&Storage> {
        self.storage.as_ref().filter(|storage| storage.own_marker().is_some())
    }

    /// The node whose keys the storage should hold and does not.
    #[must_use]
    pub fn lost_key(&self) -> Option<&str> {
        let storage = self.mounted().filter(|storage| !storage.has_key)?;
        let of_memory = self.memory.storage.as_ref().filter(|memory| memory.storage == storage.id);
        [storage.own_marker(), of_memory].into_iter().flatten().find_map(|marker| marker.peer_id.as_deref())
    }

    /// The address the API listens on.
    #[must_use]
    pub fn api_ip(&self) -> Option<IpAddr> {
        match self.settings()?.api_address {
            ApiAddress::Loopback => Some(IpAddr::from([127, 0, 0, 1])),
            ApiAddress::Binding => self.api_binding,
            ApiAddress::Fixed(address) => Some(address),
        }
    }

    /// Where the API is to listen.
    #[must_use]
    pub fn api(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.api_ip()?, self.settings()?.api_port))
    }

    /// Where the API listens now, as far as is known: a running node keeps its address until it is its turn to restart.
    #[must_use]
    pub fn present_api(&self) -> Option<SocketAddr> {
        self.memory.running_api.or_else(|| self.api())
    }

    /// Where the node is to answer monitoring: for each relation that wants it, on that relation's addresses.
    #[must_use]
    pub fn monitoring(&self) -> Monitoring {
        let port = self.settings().map(|settings| settings.metrics_port);
        let reaches = self.related.iter().filter_map(|related| related.reach.as_ref());
        let addresses = reaches.flat_map(|reach| &reach.bind);
        let metrics_listen = addresses.filter_map(|ip| Some(SocketAddr::new(*ip, port?))).collect();
        Monitoring { metrics_listen, planned_nodes: self.planned_units() }
    }

    /// Where the other side of a relation finds metrics and health, as the host and port of a URL.
    #[must_use]
    pub fn monitoring_target(&self, related: &Related) -> Option<String> {
        let (reach, settings) = (related.reach.as_ref()?, self.settings()?);
        Some(format!("{}:{}", url_host(&reach.ingress), settings.metrics_port))
    }

    /// Whether others than programs on this machine can reach the API, so that it wants a token.
    #[must_use]
    pub fn api_is_open(&self) -> bool {
        self.api_ip().is_some_and(|address| !address.is_loopback())
    }
}

/// A host as it stands in a URL: an IPv6 address in brackets.
#[must_use]
pub fn url_host(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// The node's directory on a storage.
#[must_use]
pub fn data_dir(storage: &Path) -> PathBuf {
    storage.join("node")
}
