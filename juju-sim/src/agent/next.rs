//! The order of hooks (`juju.md` section 3): what the agent finds to do next, and what it remembers once it is done.

use super::{Hook, LocalRelation};
use crate::model::{Model, Pool, Strings, application_of};

/// Has the unit enter the scopes of its application's relations: the others then see it.
pub fn enter_scopes(model: &mut Model, unit: &str) {
    let Some(holder) = model.units.get(unit).filter(|holder| !holder.dying) else {
        return;
    };
    let address = holder.address.clone();
    let application = application_of(unit).to_owned();
    for id in model.relations_of(&application) {
        let done = model.units[unit].local.relations.get(&id).is_some_and(|local| local.done);
        let Some(relation) = model.relations.get_mut(&id).filter(|relation| !relation.dying && !done) else {
            continue;
        };
        if relation.scope.insert(unit.to_owned()) {
            relation.write(unit, &addresses(&address));
        }
    }
}

/// What Juju itself writes into a unit's bag.
pub(crate) fn addresses(address: &str) -> Strings {
    [
        ("private-address", address.to_owned()),
        ("ingress-address", address.to_owned()),
        ("egress-subnets", format!("{address}/32")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Options and addresses as one text: `config-changed` runs when it differs.
fn config_key(model: &Model, unit: &str) -> String {
    let application = &model.applications[application_of(unit)];
    format!("{:?} {}", application.config, model.units[unit].address)
}

/// The hook that comes next; none when the unit is idle.
#[must_use]
pub fn next(model: &Model, unit: &str) -> Option<Hook> {
    let holder = model.units.get(unit).filter(|holder| !holder.lost)?;
    let local = &holder.local;
    if let Some(failed) = &local.failed {
        return Some(failed.clone());
    }
    if local.start_queued {
        return Some(Hook::Lifecycle("start"));
    }
    if !local.installed {
        return attached(model, unit).or(Some(Hook::Lifecycle("install")));
    }
    if local.rebooted && local.started {
        return Some(Hook::Lifecycle("start"));
    }
    if !holder.dying
        && let Some(hook) = created(model, unit)
    {
        return Some(hook);
    }
    if model.leads(unit) && !local.knows_leading && !holder.dying {
        return Some(Hook::Lifecycle("leader-elected"));
    }
    if local.started
        && let Some(hook) = secret(model, unit)
    {
        return Some(hook);
    }
    if let Some(hook) = detaching(model, unit).or_else(|| attached(model, unit)) {
        return Some(hook);
    }
    if holder.dying {
        return removal(model, unit);
    }
    if local.revision != model.applications[application_of(unit)].revision {
        return Some(Hook::Lifecycle("upgrade-charm"));
    }
    if local.config_seen.as_ref() != Some(&config_key(model, unit)) {
        return Some(Hook::Lifecycle("config-changed"));
    }
    if local.started { relations(model, unit) } else { None }
}

fn attached(model: &Model, unit: &str) -> Option<Hook> {
    let local = &model.units[unit].local;
    let (id, storage) = model.storage.iter().find(|(id, storage)| {
        storage.unit.as_deref() == Some(unit) && !storage.detaching && !local.attached.contains(*id)
    })?;
    (!model.units[unit].dying).then(|| storage_hook("attached", id, &storage.location))
}

fn detaching(model: &Model, unit: &str) -> Option<Hook> {
    let holder = &model.units[unit];
    let (id, storage) = model.storage.iter().find(|(id, storage)| {
        storage.unit.as_deref() == Some(unit)
            && (storage.detaching || holder.dying)
            && holder.local.attached.contains(*id)
    })?;
    Some(storage_hook("detaching", id, &storage.location))
}

fn storage_hook(phase: &'static str, id: &str, location: &std::path::Path) -> Hook {
    Hook::Storage { phase, id: id.to_owned(), location: location.display().to_string() }
}

fn created(model: &Model, unit: &str) -> Option<Hook> {
    let local = &model.units[unit].local;
    let not_yet = |id: &u32| local.relations.get(id).is_none_or(|known| !known.created);
    let id = model
        .relations_of(application_of(unit))
        .into_iter()
        .find(|id| !model.relations[id].dying && not_yet(id))?;
    Some(relation_hook(model, unit, id, "created", None, None))
}

fn secret(model: &Model, unit: &str) -> Option<Hook> {
    let local = &model.units[unit].local;
    model.secrets.iter().find_map(|(id, secret)| {
        let newest = *secret.revisions.keys().next_back()?;
        let follows = *secret.followed.get(unit)?;
        let told = local.secrets_told.get(id).copied().unwrap_or(follows);
        (newest > told).then(|| Hook::Secret { phase: "changed", id: id.clone(), revision: newest })
    })
}

fn relation_hook(
    model: &Model,
    unit: &str,
    id: u32,
    phase: &'static str,
    remote: Option<&str>,
    departing: Option<&str>,
) -> Hook {
    let relation = &model.relations[&id];
    let own = application_of(unit);
    Hook::Relation {
        phase,
        id,
        endpoint: relation.endpoint(own).unwrap_or_default().to_owned(),
        application: relation.remote(own).to_owned(),
        unit: remote.map(str::to_owned),
        departing: departing.map(str::to_owned),
    }
}

/// Relations of the unit that are not over for it: those with other applications first, then peers.
fn open_relations<'a>(model: &'a Model, unit: &str) -> Vec<(u32, Option<&'a LocalRelation>)> {
    let local = &model.units[unit].local;
    let mut open: Vec<(u32, Option<&LocalRelation>)> = model
        .relations_of(application_of(unit))
        .into_iter()
        .map(|id| (id, model.units[unit].local.relations.get(&id)))
        .filter(|(id, _)| local.relations.get(id).is_some_and(|known| known.created && !known.done))
        .collect();
    open.sort_by_key(|(id, _)| (model.relations[id].is_peer(), *id));
    open
}

fn relations(model: &Model, unit: &str) -> Option<Hook> {
    for (id, known) in open_relations(model, unit) {
        let (relation, Some(known)) = (&model.relations[&id], known) else {
            continue;
        };
        let hook = |phase, remote: Option<&str>, departing: Option<&str>| {
            Some(relation_hook(model, unit, id, phase, remote, departing))
        };
        // Right after `joined` comes that unit's `changed`, before anything else in the relation.
        if let Some((joined, _)) = known.members.iter().find(|(_, seen)| seen.is_none()) {
            return hook("changed", Some(joined), None);
        }
        let present = relation.members(unit);
        if let Some(gone) = known.members.keys().find(|name| relation.dying || !present.contains(name)) {
            return hook("departed", Some(gone), Some(gone));
        }
        if relation.dying {
            return hook("broken", None, None);
        }
        let remote = relation.remote(application_of(unit));
        if relation.bags.get(remote).is_some_and(|bag| bag.version > known.application_seen) {
            return hook("changed", None, None);
        }
        if let Some(new) = present.iter().find(|name| !known.members.contains_key(*name)) {
            return hook("joined", Some(new), None);
        }
        let version = |name: &str| relation.bags.get(name).map_or(0, |bag| bag.version);
        if let Some((changed, _)) = known.members.iter().find(|(name, seen)| **seen != Some(version(name))) {
            return hook("changed", Some(changed), None);
        }
    }
    None
}

/// The hooks of a unit that is being removed, after its storage has gone.
fn removal(model: &Model, unit: &str) -> Option<Hook> {
    for (id, known) in open_relations(model, unit) {
        let Some(known) = known else { continue };
        if let Some(remote) = known.members.keys().next() {
            return Some(relation_hook(model, unit, id, "departed", Some(remote), Some(unit)));
        }
        if !model.relations[&id].is_peer() {
            return Some(relation_hook(model, unit, id, "broken", None, None));
        }
    }
    if model.units[unit].local.stopped {
        Some(Hook::Lifecycle("remove"))
    } else {
        Some(Hook::Lifecycle("stop"))
    }
}

/// Drops what the agent has read of the bag of the unit that a hook is about.
pub(crate) fn forget_settings(model: &mut Model, unit: &str, hook: &Hook) {
    let Hook::Relation { id, unit: Some(remote), .. } = hook else { return };
    let holder = model.units.get_mut(unit);
    if let Some(known) = holder.and_then(|holder| holder.local.relations.get_mut(id)) {
        known.settings.remove(remote);
    }
}

/// Remembers that a hook ran.
pub fn commit(model: &mut Model, unit: &str, hook: &Hook) {
    let key = config_key(model, unit);
    let revision = model.applications[application_of(unit)].revision;
    let Some(holder) = model.units.get_mut(unit) else {
        return;
    };
    let local = &mut holder.local;
    local.failed = None;
    match hook {
        Hook::Lifecycle("install") => (local.installed, local.revision) = (true, revision),
        Hook::Lifecycle("start") => {
            (local.started, local.start_queued, local.rebooted) = (true, false, false)
        }
        Hook::Lifecycle("stop") => local.stopped = true,
        Hook::Lifecycle("leader-elected") => local.knows_leading = true,
        Hook::Lifecycle("upgrade-charm") => (local.revision, local.config_seen) = (revision, None),
        Hook::Lifecycle("config-changed") => {
            local.config_seen = Some(key);
            local.start_queued = !local.started;
        }
        Hook::Lifecycle(_) | Hook::Unknown(_) => {}
        Hook::Storage { phase: "attached", id, .. } => drop(local.attached.insert(id.clone())),
        Hook::Storage { id, .. } => {
            local.attached.remove(id);
            // What cannot be detached stays until the machine goes.
            if let Some(storage) = model.storage.get_mut(id).filter(|storage| storage.pool == Pool::Volume) {
                (storage.unit, storage.detaching) = (None, false);
            }
        }
        Hook::Secret { id, revision, .. } => drop(local.secrets_told.insert(id.clone(), *revision)),
        Hook::Relation { phase, id, unit: remote, .. } => {
            commit_relation(model, unit, *id, phase, remote.as_deref());
        }
    }
}

fn commit_relation(model: &mut Model, unit: &str, id: u32, phase: &str, remote: Option<&str>) {
    let Some(relation) = model.relations.get_mut(&id) else {
        return;
    };
    let version = |name: &str| relation.bags.get(name).map_or(0, |bag| bag.version);
    let application_version = version(relation.remote(application_of(unit)));
    let remote_version = remote.map(version);
    let Some(holder) = model.units.get_mut(unit) else {
        return;
    };
    let known = holder.local.relations.entry(id).or_default();
    match (phase, remote) {
        ("created", _) => known.created = true,
        ("joined", Some(remote)) => drop(known.members.insert(remote.to_owned(), None)),
        ("changed", Some(remote)) => drop(known.members.insert(remote.to_owned(), remote_version)),
        ("changed", None) => known.application_seen = application_version,
        ("departed", Some(remote)) => drop(known.members.remove(remote)),
        ("broken", _) => {
            known.done = true;
            relation.scope.remove(unit);
        }
        _ => {}
    }
    // A unit that has parted from all its peers is out of the relation: now the others see it go.
    if holder.dying && known.members.is_empty() && relation.is_peer() {
        known.done = true;
        relation.scope.remove(unit);
    }
}
