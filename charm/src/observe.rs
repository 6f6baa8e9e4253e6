//! Reads the facts: from Juju, the machine and the node.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use juju_hooks::databag::{self, Bag};
use juju_hooks::{
    Environment, Event, Invoke, Juju, Lifecycle, LogLevel, RelationId, RelationPhase, SecretPhase,
    Settings as Given, StoragePhase, Target, ToolError, UnitName,
};
use paperclip_client::address;

use crate::cluster::bags::{ApplicationBag, UnitBag};
use crate::cluster::turns::Turn;
use crate::config::{self, ApiAddress};
use crate::error::CharmError;
use crate::facts::{self, Addresses, Cluster, Facts, Hint, Reach, Related, Storage, Tried};
use crate::machine::{Machine, NodeIdentity, Service, ServiceState};
use crate::names::{ALM, API_BINDING, CLUSTER, COS_AGENT, METRICS, STORAGE};
use crate::node::{NodeApi, NodeReport};

/// What does not change while a hook runs: read once.
#[derive(Debug)]
pub struct Fixed {
    hint: Hint,
    options: Given,
    leader: Option<bool>,
    cluster: Option<RelationId>,
    turn: OnceCell<Option<Turn>>,
    peers: BTreeMap<UnitName, UnitBag>,
    planned: BTreeSet<UnitName>,
    addresses: Option<Addresses>,
    api_binding: Option<IpAddr>,
    storage: Option<(String, PathBuf)>,
    related: Vec<(RelationId, Option<Reach>)>,
}

/// What the hook's name adds to the facts.
#[must_use]
pub fn hint(environment: &Environment) -> Hint {
    match &environment.event {
        Event::Lifecycle(Lifecycle::Install | Lifecycle::Start) => Hint::Arriving,
        Event::Lifecycle(Lifecycle::Stop) => Hint::Leaving,
        Event::Lifecycle(Lifecycle::Remove) => Hint::Removing,
        Event::Lifecycle(Lifecycle::UpdateStatus) => Hint::Clock,
        Event::Secret(event) if event.phase == SecretPhase::Changed => Hint::SecretChanged,
        Event::Storage(event) if event.name == STORAGE => match event.phase {
            StoragePhase::Attached => Hint::Attached,
            StoragePhase::Detaching => Hint::Leaving,
        },
        Event::Relation(event) if event.endpoint == CLUSTER => match &event.phase {
            RelationPhase::Departed { departing: Some(unit) } if *unit == environment.unit => Hint::Leaving,
            RelationPhase::Departed { departing: Some(unit) } => Hint::Departed(unit.clone()),
            RelationPhase::Departed { departing: None } => {
                event.remote_unit.clone().map_or(Hint::None, Hint::Departed)
            }
            _ => Hint::None,
        },
        _ => Hint::None,
    }
}

impl Fixed {
    /// Reads them.
    ///
    /// # Errors
    /// [`CharmError`] when Juju does not answer; the hook is to be run again.
    pub fn read<I: Invoke>(
        environment: &Environment,
        juju: &Juju<I>,
        machine: &Machine,
    ) -> Result<Self, CharmError> {
        let hint = hint(environment);
        let cluster = juju.relations(CLUSTER)?.into_iter().next();
        let mut related = Vec::new();
        for endpoint in [ALM, COS_AGENT, METRICS] {
            for id in juju.relations(endpoint)?.into_iter().filter(|id| !breaks(environment, id)) {
                let reach = reach(juju, &id)?;
                related.push((id, reach));
            }
        }
        let options = juju.config()?;
        // The last good options hold while the present ones are not.
        let settings = config::parse(&options).ok().or(machine.memory()?.settings);
        let api_binding = match settings.map(|settings| settings.api_address) {
            Some(ApiAddress::Binding) => addresses(juju, API_BINDING)?.map(|addresses| addresses.bind),
            _ => None,
        };
        Ok(Self {
            peers: match &cluster {
                Some(relation) => peers(juju, relation, &hint)?,
                None => BTreeMap::new(),
            },
            turn: OnceCell::new(),
            leader: leader(juju)?,
            planned: planned(juju)?,
            addresses: addresses(juju, CLUSTER)?,
            storage: storage(environment, juju)?,
            hint,
            options,
            cluster,
            api_binding,
            related,
        })
    }
}

/// Whether this hook is the last of a relation.
fn breaks(environment: &Environment, id: &RelationId) -> bool {
    matches!(&environment.event, Event::Relation(event) if event.phase == RelationPhase::Broken && event.id == *id)
}

/// Where the other side of a relation reaches this unit. A collector is on the same machine.
fn reach<I: Invoke>(juju: &Juju<I>, relation: &RelationId) -> Result<Option<Reach>, CharmError> {
    if relation.endpoint() == COS_AGENT {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        return Ok(Some(Reach { bind: vec![loopback], ingress: "localhost".into() }));
    }
    let network = match juju.network_of(relation) {
        Ok(network) => network,
        // No address yet.
        Err(ToolError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let of_interfaces = network.bind_addresses.iter().flat_map(|bind| &bind.addresses);
    let bind: Vec<IpAddr> = of_interfaces
        .filter_map(|address| address.value.parse().ok())
        // Nobody can be told a link-local address, and listening on one takes more than the address.
        .filter(|address| !matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()))
        .collect();
    let own = bind.first().map(ToString::to_string);
    Ok(network.ingress_addresses.into_iter().next().or(own).map(|ingress| Reach { bind, ingress }))
}

/// Whether this unit leads. A controller that cannot be asked is no reason to fail the hook.
fn leader<I: Invoke>(juju: &Juju<I>) -> Result<Option<bool>, CharmError> {
    match juju.is_leader() {
        Ok(leads) => Ok(Some(leads)),
        Err(error @ ToolError::Refused { .. }) => {
            juju.log(LogLevel::Warning, &format!("leadership unknown: {error}"))?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The units that the application is meant to have. What it is for can do without it.
fn planned<I: Invoke>(juju: &Juju<I>) -> Result<BTreeSet<UnitName>, CharmError> {
    match juju.goal_state() {
        Ok(goal) => {
            Ok(goal.units.into_iter().filter(|(_, unit)| !unit.is_going()).map(|(name, _)| name).collect())
        }
        Err(ToolError::Refused { .. }) => Ok(BTreeSet::new()),
        Err(error) => Err(error.into()),
    }
}

fn peers<I: Invoke>(
    juju: &Juju<I>,
    relation: &RelationId,
    hint: &Hint,
) -> Result<BTreeMap<UnitName, UnitBag>, CharmError> {
    let mut peers = BTreeMap::new();
    for unit in juju.relation_units(relation)? {
        if *hint == Hint::Departed(unit.clone()) {
            continue;
        }
        let bag = match juju.relation(relation, &Target::Unit(&unit)) {
            Ok(bag) => bag,
            // It left between two calls.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        };
        let mut read = UnitBag::read(&bag).or_else(|error| {
            juju.log(LogLevel::Warning, &format!("bag of {unit} ignored: {error}"))?;
            Ok::<_, CharmError>(UnitBag::default())
        })?;
        // One address that the node does not understand would keep it from starting.
        read.addresses.retain(|address| address::parse(address).is_some());
        peers.insert(unit, read);
    }
    Ok(peers)
}

fn addresses<I: Invoke>(juju: &Juju<I>, endpoint: &str) -> Result<Option<Addresses>, CharmError> {
    let network = match juju.network(endpoint) {
        Ok(network) => network,
        // No address yet.
        Err(ToolError::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let bind = network.bind_address().and_then(|address| address.parse().ok());
    Ok(bind.map(|bind| Addresses { bind, ingress: network.ingress_addresses }))
}

/// The storage and its mount point. What is being detached counts as gone, though Juju still lists it.
fn storage<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
) -> Result<Option<(String, PathBuf)>, CharmError> {
    let detaching = match &environment.event {
        Event::Storage(event) if event.phase == StoragePhase::Detaching => Some(&event.id),
        _ => None,
    };
    let instances = juju.storage_instances(STORAGE)?;
    let Some(instance) = instances.iter().find(|id| Some(*id) != detaching) else {
        return Ok(None);
    };
    match juju.storage(instance) {
        Ok(storage) => Ok(Some((instance.clone(), storage.location))),
        Err(ToolError::Refused { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads all facts as they are now.
///
/// # Errors
/// [`CharmError`] when Juju or the machine does not answer; the hook is to be run again.
pub fn observe<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
    machine: &Machine,
    fixed: &Fixed,
    tried: &Tried,
    identity: Option<&NodeIdentity>,
) -> Result<Facts, CharmError> {
    let installed = machine.installed()?;
    let leads = fixed.leader == Some(true) && !tried.deposed;
    let mut facts = Facts {
        unit: environment.unit.clone(),
        model: environment.model_name.clone(),
        model_uuid: environment.model_uuid.clone(),
        now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        hint: fixed.hint.clone(),
        options: config::parse(&fixed.options),
        leader: fixed.leader,
        // The units that have joined are the least that is meant.
        cluster: cluster(environment, juju, fixed)?,
        addresses: fixed.addresses.clone(),
        api_binding: fixed.api_binding,
        storage: mounted(machine, fixed.storage.as_ref())?,
        planned: fixed.planned.clone(),
        opened: juju.opened_ports()?.into_iter().collect(),
        claimant: machine.claimant()?,
        user: machine.has_user()?,
        shipped_sha256: machine.shipped_sha256(installed.as_ref())?,
        installed,
        unit_file: machine.installed_unit_file()?,
        node_config: crate::machine::read(&machine.config_path())?,
        certificate: crate::machine::read(&machine.certificate_path())?,
        token: crate::machine::read(&machine.token_path())?,
        service: machine.service()?,
        identity: identity.cloned(),
        node: None,
        memory: machine.memory()?,
        related: related(environment, juju, &fixed.related, leads)?,
        tried: tried.clone(),
    };
    if facts.neighbour().is_some() {
        see_nothing(&mut facts);
    }
    facts.node = report(&facts);
    Ok(facts)
}

/// What is on a machine that is another unit's is no fact about this one.
fn see_nothing(facts: &mut Facts) {
    (facts.installed, facts.unit_file, facts.node_config) = (None, None, None);
    (facts.certificate, facts.token) = (None, None);
    facts.service = Service { state: ServiceState::Inactive, restarts: 0 };
}

/// What is at the storage's mount point now.
fn mounted(machine: &Machine, known: Option<&(String, PathBuf)>) -> Result<Option<Storage>, CharmError> {
    let Some((id, location)) = known else { return Ok(None) };
    Ok(Some(Storage {
        id: id.clone(),
        marker: machine.marker(location)?,
        has_key: machine.has_key(&facts::data_dir(location)),
        location: location.clone(),
    }))
}

fn cluster<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
    fixed: &Fixed,
) -> Result<Option<Cluster>, CharmError> {
    let Some(relation) = &fixed.cluster else {
        return Ok(None);
    };
    let own_bag = own_bag(juju, relation, &Target::Unit(&environment.unit))?;
    let (application_bag, application) = application(environment, juju, relation)?;
    Ok(Some(Cluster {
        relation: relation.clone(),
        // What we or an older revision wrote and we cannot read is written anew.
        own: UnitBag::read(&own_bag).unwrap_or_default(),
        // The first look of a hook sees what the controller has.
        turn: fixed.turn.get_or_init(|| application.turn.clone()).clone(),
        application,
        own_bag,
        application_bag,
        peers: fixed.peers.clone(),
    }))
}

/// A bag of our own: settings that are not there yet are an empty bag.
fn own_bag<I: Invoke>(juju: &Juju<I>, relation: &RelationId, target: &Target<'_>) -> Result<Bag, CharmError> {
    match juju.relation(relation, target) {
        Err(error) if error.is_not_found() => Ok(Bag::new()),
        other => Ok(other?),
    }
}

/// Our application's bag of the peer relation. Older controllers do not let every unit read it in every hook: then there
/// is nothing in it for us yet.
fn application<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
    relation: &RelationId,
) -> Result<(Bag, ApplicationBag), CharmError> {
    let bag = match juju.relation(relation, &Target::Application(environment.unit.application())) {
        Err(error) if error.is_not_found() || error.is_denied() => Bag::new(),
        other => other?,
    };
    let read = databag::decode(&bag)?;
    Ok((bag, read))
}

fn related<I: Invoke>(
    environment: &Environment,
    juju: &Juju<I>,
    ids: &[(RelationId, Option<Reach>)],
    leads: bool,
) -> Result<Vec<Related>, CharmError> {
    ids.iter()
        .map(|(id, reach)| {
            let unit_bag = own_bag(juju, id, &Target::Unit(&environment.unit))?;
            let application_bag = if leads {
                Some(own_bag(juju, id, &Target::Application(environment.unit.application()))?)
            } else {
                None
            };
            Ok(Related { id: id.clone(), reach: reach.clone(), unit_bag, application_bag })
        })
        .collect()
}

/// The API of the running node; none while nobody knows where it is.
#[must_use]
pub fn api(facts: &Facts) -> Option<NodeApi> {
    facts.present_api().map(|address| NodeApi::new(address, token(facts).as_deref()))
}

/// The API of a node that is started with the present options.
#[must_use]
pub fn new_api(facts: &Facts) -> Option<NodeApi> {
    facts.api().map(|address| NodeApi::new(address, token(facts).as_deref()))
}

fn token(facts: &Facts) -> Option<String> {
    facts.token.as_ref().map(|token| token.trim().to_owned())
}

fn report(facts: &Facts) -> Option<NodeReport> {
    (facts.service.state == ServiceState::Active).then(|| api(facts)?.report()).flatten()
}
