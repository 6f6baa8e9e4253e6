//! `relation-*`.

use serde_json::{Value, json};

use super::Flags;
use super::desk::{Answer, Desk, Failure, Outcome, pairs, yaml_map};
use crate::agent::Hook;
use crate::context::BagKey;
use crate::model::application_of;

/// The relation that is meant: `-r`, else that of the hook.
pub(super) fn which(flags: &Flags, desk: &Desk<'_>) -> Result<u32, Failure> {
    let own = application_of(&desk.context.unit);
    let Some(text) = flags.value("relation") else {
        return match desk.context.hook() {
            Some(Hook::Relation { id, .. }) => Ok(*id),
            _ => Err(Failure::Usage("no relation id specified".into())),
        };
    };
    let number = text.rsplit_once(':').map_or(text, |(_, number)| number);
    let bad = |why: &str| Failure::Usage(format!("invalid value {text:?} for option -r: {why}"));
    let id: u32 = number.parse().map_err(|_| bad("invalid relation id"))?;
    let known = desk.model.relations.get(&id).is_some_and(|relation| relation.endpoint(own).is_some());
    if known { Ok(id) } else { Err(bad("relation not found")) }
}

pub(super) fn ids(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let own = application_of(&desk.context.unit);
    let endpoint = match (flags.at(0), desk.context.hook()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(Hook::Relation { endpoint, .. })) => endpoint.clone(),
        _ => return Err(Failure::Usage("no endpoint name specified".into())),
    };
    let known =
        |id: &u32| desk.model.units.get(&desk.context.unit).and_then(|unit| unit.local.relations.get(id));
    let over = |id: &u32| match known(id) {
        Some(known) => known.done,
        None => {
            let now = matches!(desk.context.hook(), Some(Hook::Relation { id: of, .. }) if of == id);
            !now && !desk.model.early_relations
        }
    };
    let mut found: Vec<String> = desk
        .model
        .relations
        .iter()
        .filter(|(id, relation)| relation.endpoint(own) == Some(&endpoint) && !over(id))
        .map(|(id, _)| format!("{endpoint}:{id}"))
        .collect();
    found.sort();
    Ok(Answer::Value(json!(found)))
}

pub(super) fn list(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let id = which(flags, desk)?;
    let relation = &desk.model.relations[&id];
    if flags.is_set("app") {
        return Ok(Answer::Value(json!(relation.remote(application_of(&desk.context.unit)))));
    }
    Ok(Answer::Value(json!(known_members(desk, id))))
}

/// The units that have joined as far as this unit's agent has told: not those that are only in the model.
fn known_members(desk: &Desk<'_>, id: u32) -> Vec<String> {
    let unit = &desk.context.unit;
    let mut members: Vec<String> = desk
        .model
        .units
        .get(unit)
        .and_then(|holder| holder.local.relations.get(&id))
        .map(|known| known.members.keys().cloned().collect())
        .unwrap_or_default();
    match desk.context.hook() {
        Some(Hook::Relation { phase: "joined", id: of, unit: Some(new), .. }) if *of == id => {
            members.push(new.clone())
        }
        Some(Hook::Relation { phase: "departed", id: of, unit: Some(gone), .. }) if *of == id => {
            members.retain(|name| name != gone);
        }
        _ => {}
    }
    members.sort();
    members.dedup();
    members
}

pub(super) fn get(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let id = which(flags, desk)?;
    let owner = target(flags, desk)?;
    let own = application_of(&desk.context.unit).to_owned();
    let relation = &desk.model.relations[&id];
    if owner == own && !relation.is_peer() && !desk.model.leads(&desk.context.unit) {
        return Err(Failure::Run("permission denied".into()));
    }
    if owner.contains('/') && owner != desk.context.unit && application_of(&owner) != relation.remote(&own) {
        return Err(Failure::Run("permission denied".into()));
    }
    if owner.contains('/') && !relation.bags.contains_key(&owner) {
        return Err(Failure::Run(format!(
            "cannot read relation settings: unit {owner:?}: settings not found"
        )));
    }
    let bag = match owner.contains('/') && owner != desk.context.unit {
        true => remembered(desk, id, &owner),
        false => desk.context.bag(desk.model, id, &owner),
    };
    Ok(Answer::Value(match flags.at(0) {
        None | Some("-") => json!(bag),
        Some(key) => bag.get(key).map_or(Value::Null, |value| json!(value)),
    }))
}

/// The bag of a remote unit: what the agent has read before, until a hook about that unit.
fn remembered(desk: &mut Desk<'_>, id: u32, owner: &str) -> crate::model::Strings {
    let bag = desk.context.bag(desk.model, id, owner);
    let unit = desk.context.unit.clone();
    let known = desk.model.units.get_mut(&unit).and_then(|holder| holder.local.relations.get_mut(&id));
    let Some(known) = known else { return bag };
    known.settings.entry(owner.to_owned()).or_insert(bag).clone()
}

/// Whose bag is meant.
fn target(flags: &Flags, desk: &Desk<'_>) -> Result<String, Failure> {
    let named = flags.at(1).map(str::to_owned);
    let of_hook = || match desk.context.hook() {
        Some(Hook::Relation { unit: Some(unit), .. }) if !flags.is_set("app") => Some(unit.clone()),
        Some(Hook::Relation { application, .. }) => Some(application.clone()),
        _ => None,
    };
    let target =
        named.or_else(of_hook).ok_or_else(|| Failure::Usage("no unit or application specified".into()))?;
    if flags.is_set("app") {
        return Ok(application_of(&target).to_owned());
    }
    if !target.contains('/') && flags.at(1).is_some() {
        return Err(Failure::Usage(format!("expected unit name, got application name {target:?}")));
    }
    Ok(target)
}

pub(super) fn set(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let id = which(flags, desk)?;
    let mut changes = match flags.value("file") {
        None => crate::model::Strings::new(),
        Some("-") => yaml_map(desk.input.unwrap_or_default())?,
        Some(path) => {
            yaml_map(&std::fs::read_to_string(path).map_err(|error| Failure::Run(error.to_string()))?)?
        }
    };
    changes.extend(pairs(&flags.rest)?);
    let unit = desk.context.unit.clone();
    let owner = if flags.is_set("app") { application_of(&unit).to_owned() } else { unit.clone() };
    if flags.is_set("app") && !desk.model.leads(&unit) {
        return Err(Failure::Run("cannot write relation settings".into()));
    }
    if owner == unit && !desk.model.relations[&id].scope.contains(&unit) {
        return Err(Failure::Run(format!(
            "cannot write relation settings: unit {unit:?}: settings not found"
        )));
    }
    desk.context.bags.entry(BagKey { relation: id, owner }).or_default().extend(changes);
    Ok(Answer::Nothing)
}

pub(super) fn model(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    which(flags, desk)?;
    Ok(Answer::Value(json!({ "uuid": crate::MODEL_UUID })))
}
