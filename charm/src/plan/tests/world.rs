//! A world for the plan: the facts of a unit, and what the steps make of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use juju_hooks::UnitName;
use juju_hooks::databag::{self, Bag};
use paperclip_client::certificate::{Certificate, Request, Signatures};

use super::super::*;
use crate::cluster::bags::{ApplicationBag, UnitBag};
use crate::config;
use crate::facts::{Addresses, Cluster, Facts, Storage, Tried};
use crate::machine::{Binary, Marker, NodeIdentity, Service, ServiceState};
use crate::node::{NodeReport, Peer};

pub(super) const CLUSTER_ID: &str = "02cc";

pub(super) fn machine() -> Machine {
    Machine::of(Path::new("/var/lib/juju/agents/unit-paperclip-0/charm"))
}

pub(super) fn request(unit: u32) -> Request {
    Request { id: CLUSTER_ID.into(), public_key: format!("02{unit:02}"), signature_id: "30".into() }
}

fn certified(request: Request) -> Certificate {
    let Request { id, public_key, signature_id } = request;
    let signatures = Signatures { id: signature_id, public_key: "31".into() };
    Certificate { id, public_key, signatures }
}

pub(super) fn certificate(unit: u32) -> Certificate {
    certified(request(unit))
}

pub(super) fn name(unit: u32) -> UnitName {
    format!("paperclip/{unit}").parse().unwrap()
}

/// A unit just after `install`: nothing but the machine, its storage and an empty peer relation.
pub(super) fn fresh(leader: bool) -> Facts {
    Facts {
        unit: name(0),
        model: "model".into(),
        model_uuid: "f6b3a2d0-0000-4000-8000-000000000000".into(),
        now: 1_000,
        hint: Hint::None,
        options: config::parse(&config::tests::given(&[])),
        leader: Some(leader),
        cluster: Some(Cluster {
            relation: "cluster:0".parse().unwrap(),
            own_bag: Bag::from([("private-address".into(), "10.0.0.1".into())]),
            own: UnitBag::default(),
            application_bag: Bag::new(),
            application: ApplicationBag::default(),
            turn: None,
            peers: BTreeMap::new(),
        }),
        addresses: Some(Addresses { bind: [10, 0, 0, 1].into(), ingress: vec!["10.0.0.1".into()] }),
        api_binding: None,
        storage: Some(storage()),
        planned: BTreeSet::new(),
        opened: BTreeSet::new(),
        claimant: None,
        user: false,
        installed: None,
        shipped_sha256: "aa".into(),
        unit_file: None,
        node_config: None,
        certificate: None,
        token: None,
        service: Service { state: ServiceState::Inactive, restarts: 0 },
        identity: None,
        node: None,
        memory: Memory::default(),
        related: Vec::new(),
        tried: Tried::default(),
    }
}

/// A storage that is attached and mounted.
pub(super) fn storage() -> Storage {
    let marker = Marker { storage: "data/0".into(), peer_id: None };
    let location = PathBuf::from("/var/lib/paperclip");
    Storage { id: "data/0".into(), location, marker: Some(marker), has_key: false }
}

/// Does what the steps say, as far as facts can show it.
pub(super) fn take(facts: &mut Facts, step: &Step) {
    let monitoring = Some(facts.monitoring());
    let cluster = facts.cluster.as_mut().unwrap();
    match step {
        Step::Claim => facts.claimant = Some(facts.unit.clone()),
        Step::AddUser => facts.user = true,
        Step::InstallBinary => facts.installed = Some(binary("aa")),
        Step::MakeCluster => {
            cluster.application.cluster_id = Some(CLUSTER_ID.into());
            cluster.application_bag = databag::encode(&cluster.application).unwrap();
        }
        Step::MakeToken => {
            cluster.application.token_secret = Some("secret:t".into());
            cluster.application_bag = databag::encode(&cluster.application).unwrap();
        }
        Step::Certify(asked) => {
            let answers = asked.iter().map(|(unit, request)| (unit.clone(), certified(request.clone())));
            cluster.application.certificates.extend(answers);
            cluster.application_bag = databag::encode(&cluster.application).unwrap();
        }
        Step::MarkStorage { marker, .. } => facts.storage.as_mut().unwrap().marker = Some(marker.clone()),
        Step::ReadIdentity { .. } => {
            facts.storage.as_mut().unwrap().has_key = true;
            facts.identity = Some(NodeIdentity { request: request(0) });
        }
        Step::WriteCertificate(text) => facts.certificate = Some(text.clone()),
        Step::FetchToken { .. } => (facts.token, facts.tried.token) = (Some("t".into()), true),
        Step::RemoveToken => facts.token = None,
        Step::WriteNodeConfig(text) => facts.node_config = Some(text.clone()),
        Step::WriteUnitFile(text) => facts.unit_file = Some(text.clone()),
        Step::Start(digest) | Step::Restart(digest) => {
            facts.installed = Some(binary(&facts.shipped_sha256));
            facts.memory.running = Some(digest.clone());
            facts.memory.running_monitoring = monitoring;
            facts.service.state = ServiceState::Active;
            facts.node = Some(report(&cluster.peers));
        }
        Step::Reload => facts.memory.running_monitoring = monitoring,
        Step::Stop => {
            facts.service.state = ServiceState::Inactive;
            facts.node = None;
        }
        Step::RemoveService => (facts.unit_file, facts.node_config) = (None, None),
        Step::Dial(address) => drop(facts.tried.dialled.insert(address.clone())),
        Step::OpenPort(port) => drop(facts.opened.insert(*port)),
        Step::ClosePort(port) => drop(facts.opened.remove(port)),
        Step::SetUnitBag(id, changes) if *id != cluster.relation => {
            let related = facts.related.iter_mut().find(|related| related.id == *id).unwrap();
            apply(&mut related.unit_bag, changes);
        }
        Step::SetApplicationBag(id, changes) if *id != cluster.relation => {
            let related = facts.related.iter_mut().find(|related| related.id == *id).unwrap();
            apply(related.application_bag.as_mut().unwrap(), changes);
        }
        Step::SetUnitBag(_, changes) => {
            apply(&mut cluster.own_bag, changes);
            cluster.own = UnitBag::read(&cluster.own_bag).unwrap();
        }
        Step::SetApplicationBag(_, changes) => {
            apply(&mut cluster.application_bag, changes);
            cluster.application = databag::decode(&cluster.application_bag).unwrap();
        }
        Step::Remember(memory) => facts.memory = (**memory).clone(),
    }
}

pub(super) fn binary(sha256: &str) -> Binary {
    Binary { stamp: "1".into(), sha256: sha256.into(), version: "0.1.0".into() }
}

pub(super) fn apply(bag: &mut Bag, changes: &Bag) {
    for (key, value) in changes {
        if value.is_empty() {
            bag.remove(key);
        } else {
            bag.insert(key.clone(), value.clone());
        }
    }
}

pub(super) fn report(peers: &BTreeMap<UnitName, UnitBag>) -> NodeReport {
    let peer = |id: String| Peer { id, in_step: true };
    NodeReport {
        ready: true,
        version: "0.1.0".into(),
        peer_id: "12D3own".into(),
        peers: peers.values().filter_map(|bag| bag.peer_id.clone()).map(peer).collect(),
        ..NodeReport::default()
    }
}

/// Runs a hook: plans and acts until there is nothing left. Gives all steps taken.
pub(super) fn settle(facts: &mut Facts) -> Vec<Step> {
    let mut taken = Vec::new();
    for _ in 0..20 {
        let steps = plan(facts, &machine()).unwrap();
        if steps.is_empty() {
            return taken;
        }
        for step in steps {
            take(facts, &step);
            taken.push(step);
        }
    }
    panic!("no end to it: {taken:#?}");
}

/// Another unit that serves.
pub(super) fn serving(unit: u32) -> UnitBag {
    UnitBag {
        schema: "1".into(),
        peer_id: Some(format!("12D3{unit}")),
        addresses: vec![format!("/ip4/10.0.0.{}/tcp/4747/p2p/12D3{unit}", unit + 1)],
        request: Some(request(unit)),
        version: Some("0.1.0".into()),
        ready: true,
        ..UnitBag::default()
    }
}

/// A unit of three that serves, with everything done.
pub(super) fn settled(leader: bool) -> Facts {
    let mut facts = fresh(leader);
    let cluster = facts.cluster.as_mut().unwrap();
    cluster.peers = BTreeMap::from([(name(1), serving(1)), (name(2), serving(2))]);
    cluster.application.cluster_id = Some(CLUSTER_ID.into());
    cluster.application.certificates = (0..3).map(|unit| (name(unit), certificate(unit))).collect();
    cluster.application.schema = "1".into();
    cluster.application_bag = databag::encode(&cluster.application).unwrap();
    settle(&mut facts);
    facts.identity = None;
    facts.tried = Tried::default();
    facts
}
