//! The unit itself: configuration, status, leadership, log, state, storage, actions.

use serde_json::{Map, Value, json};

use super::Flags;
use super::desk::{Answer, Desk, Failure, Outcome, pairs, yaml_map};
use crate::agent::Hook;
use crate::model::application_of;

/// Statuses a charm may set.
const SETTABLE: [&str; 4] = ["maintenance", "blocked", "waiting", "active"];
/// Keys of results that are Juju's own.
const RESERVED: [&str; 4] = ["stdout", "stderr", "stdout-encoding", "stderr-encoding"];

pub(super) fn run(tool: &str, flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    match tool {
        "config-get" => config_get(flags, desk),
        "status-set" => status_set(flags, desk),
        "status-get" => status_get(flags, desk),
        "is-leader" => Ok(Answer::Value(json!(desk.model.leads(&desk.context.unit)))),
        "juju-log" => log(flags, desk),
        "application-version-set" => {
            let version = flags.at(0).unwrap_or_default().to_owned();
            let application = application_of(&desk.context.unit).to_owned();
            if let Some(application) = desk.model.applications.get_mut(&application) {
                application.version = version;
            }
            Ok(Answer::Nothing)
        }
        "goal-state" => goal_state(desk),
        "state-get" => state_get(flags, desk),
        "state-set" => state_set(flags, desk),
        "state-delete" => {
            state(desk).remove(flags.at(0).unwrap_or_default());
            Ok(Answer::Nothing)
        }
        "storage-list" => storage_list(flags, desk),
        "storage-get" => storage_get(flags, desk),
        "storage-add" => Ok(Answer::Nothing),
        "juju-reboot" => reboot(flags, desk),
        "action-get" | "action-set" | "action-fail" | "action-log" => action(tool, flags, desk),
        "resource-get" => {
            Err(Failure::Run(format!("could not download resource: {:?} not found", flags.at(0))))
        }
        other => Err(Failure::Run(format!("{other}: not provided by this cloud"))),
    }
}

fn config_get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let application = &desk.model.applications[application_of(&desk.context.unit)];
    if let Some(key) = flags.at(0) {
        return Ok(Answer::Value(application.option(key)));
    }
    let names = application.charm.iter().flat_map(|charm| charm.options.keys());
    let all: Map<String, Value> = names
        .map(|name| (name.clone(), application.option(name)))
        .filter(|(_, value)| flags.is_set("all") || !value.is_null())
        .collect();
    Ok(Answer::Value(Value::Object(all)))
}

fn status_set(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let status =
        flags.at(0).ok_or_else(|| Failure::Usage("invalid args, require <status> [message]".into()))?;
    if !SETTABLE.contains(&status) {
        let text = format!("invalid status {status:?}, expected one of [{}]", SETTABLE.join(" "));
        return Err(Failure::Usage(text));
    }
    let told = (status.to_owned(), flags.at(1).unwrap_or_default().to_owned());
    let unit = desk.context.unit.clone();
    if flags.is_set("application") {
        if !desk.model.leads(&unit) {
            return Err(Failure::Run("this unit is not the leader".into()));
        }
        if let Some(application) = desk.model.applications.get_mut(application_of(&unit)) {
            application.status = Some(told);
        }
    } else if let Some(unit) = desk.model.units.get_mut(&unit) {
        unit.status = told;
    }
    Ok(Answer::Nothing)
}

fn status_get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let unit = &desk.context.unit;
    if flags.is_set("application") {
        if !desk.model.leads(unit) {
            return Err(Failure::Run("this unit is not the leader".into()));
        }
        let own = desk.model.applications[application_of(unit)].status.clone();
        let (status, message) = own.unwrap_or_else(|| ("unknown".into(), String::new()));
        let document = json!({ "status": status, "message": message, "status-data": {}, "units": {} });
        return Ok(Answer::Value(json!({ "application-status": document })));
    }
    let (status, message) = &desk.model.units[unit].status;
    Ok(Answer::Value(if flags.is_set("include-data") {
        json!({ "status": status, "message": message, "status-data": {} })
    } else {
        json!({ "status": status })
    }))
}

fn log(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let level = flags.value("log-level").unwrap_or("INFO");
    let relation = match desk.context.hook() {
        Some(Hook::Relation { endpoint, id, .. }) => format!("{endpoint}:{id}: "),
        _ => String::new(),
    };
    desk.log.push(format!("{} {level} {relation}{}", desk.context.unit, flags.rest.join(" ")));
    Ok(Answer::Nothing)
}

fn goal_state(desk: &Desk<'_>) -> Outcome {
    let application = application_of(&desk.context.unit);
    let since = "2026-01-01 00:00:00Z";
    let units: Map<String, Value> = desk
        .model
        .units_of(application)
        .into_iter()
        .map(|name| {
            let status = if desk.model.units[&name].dying { "dying" } else { "active" };
            (name, json!({ "status": status, "since": since }))
        })
        .collect();
    Ok(Answer::Value(json!({ "units": units, "relations": {} })))
}

/// The unit's store with this run's writes.
fn state<'a>(desk: &'a mut Desk<'_>) -> &'a mut crate::model::Strings {
    let known = desk.model.units.get(&desk.context.unit).map(|unit| unit.state.clone()).unwrap_or_default();
    desk.context.state.get_or_insert(known)
}

fn state_get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let known = &desk.model.units[&desk.context.unit].state;
    let store = desk.context.state.as_ref().unwrap_or(known);
    match flags.at(0) {
        None | Some("-") => Ok(Answer::Value(if store.is_empty() { Value::Null } else { json!(store) })),
        Some(key) => match store.get(key) {
            Some(value) => Ok(Answer::Value(json!(value))),
            None if flags.is_set("strict") => Err(Failure::Run(format!("{key:?} not found"))),
            None => Ok(Answer::Value(json!(""))),
        },
    }
}

fn state_set(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let mut changes = pairs(&flags.rest)?;
    if flags.value("file").is_some() {
        changes.extend(yaml_map(desk.input.unwrap_or_default())?);
    }
    let too_large = |(key, value): (&String, &String)| key.len() > 256 || value.len() > 64 << 10;
    if changes.iter().any(too_large) {
        return Err(Failure::Run("max allowed size exceeded".into()));
    }
    state(desk).extend(changes);
    Ok(Answer::Nothing)
}

fn storage_list(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let attached = &desk.model.units[&desk.context.unit].local.attached;
    let now = match desk.context.hook() {
        Some(Hook::Storage { id, .. }) => Some(id),
        _ => None,
    };
    let ids: Vec<&String> = desk
        .model
        .storage
        .iter()
        .filter(|(id, storage)| {
            storage.unit.as_ref() == Some(&desk.context.unit) && (attached.contains(*id) || Some(*id) == now)
        })
        .filter(|(_, storage)| flags.at(0).is_none_or(|name| name == storage.name))
        .map(|(id, _)| id)
        .collect();
    Ok(Answer::Value(json!(ids)))
}

fn storage_get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let id = match (flags.value("storage"), desk.context.hook()) {
        (Some(id), _) => id.to_owned(),
        (None, Some(Hook::Storage { id, .. })) => id.clone(),
        _ => return Err(Failure::Usage("no storage instance specified".into())),
    };
    let storage =
        desk.model.storage.get(&id).filter(|storage| storage.unit.as_ref() == Some(&desk.context.unit));
    let storage = storage
        .ok_or_else(|| Failure::Usage(format!("invalid value {id:?} for option -s: storage not found")))?;
    let document = json!({ "kind": "filesystem", "location": storage.location });
    Ok(Answer::Value(match flags.at(0) {
        None => document,
        Some(key) => document
            .get(key)
            .cloned()
            .ok_or_else(|| Failure::Run(format!("invalid storage attribute {key:?}")))?,
    }))
}

fn reboot(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    if desk.context.action_run().is_some() {
        return Err(Failure::Run("juju-reboot is not supported when running an action.".into()));
    }
    if flags.is_set("now") {
        return Err(Failure::Run("juju-reboot --now is not simulated".into()));
    }
    desk.context.reboot = true;
    Ok(Answer::Nothing)
}

fn action(tool: &str, flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let Some(run) = desk.context.action_run() else {
        return Err(Failure::Run("not running an action".into()));
    };
    match tool {
        "action-get" => {
            let path = flags.at(0).unwrap_or_default();
            let found = path
                .split('.')
                .filter(|part| !part.is_empty())
                .try_fold(&run.parameters, |value, part| value.get(part));
            Ok(Answer::Value(found.cloned().unwrap_or(Value::Null)))
        }
        "action-fail" => {
            desk.context.action.failed = Some(
                flags
                    .at(0)
                    .unwrap_or("action failed without reason given, check action for errors")
                    .to_owned(),
            );
            Ok(Answer::Nothing)
        }
        "action-log" => {
            desk.context.action.log.push(flags.rest.join(" "));
            Ok(Answer::Nothing)
        }
        _ => action_set(flags, desk),
    }
}

fn action_set(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    for (key, value) in pairs(&flags.rest)? {
        let parts: Vec<&str> = key.split('.').collect();
        for part in &parts {
            let inside = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if part.is_empty() || !inside || part.starts_with('-') || part.ends_with('-') {
                return Err(Failure::Usage(format!(
                    "key {part:?} must start and end with lowercase alphanumeric, and contain only lowercase alphanumeric and hyphens"
                )));
            }
        }
        if parts.iter().any(|part| RESERVED.contains(part)) {
            return Err(Failure::Usage(format!("cannot set reserved action key {key:?}")));
        }
        insert(&mut desk.context.action.results, &parts, value);
    }
    Ok(Answer::Nothing)
}

/// Dotted keys nest.
fn insert(results: &mut Map<String, Value>, parts: &[&str], value: String) {
    match parts {
        [] => {}
        [last] => drop(results.insert((*last).to_owned(), Value::String(value))),
        [first, rest @ ..] => {
            let inner = results.entry((*first).to_owned()).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            if let Some(inner) = inner.as_object_mut() {
                insert(inner, rest, value);
            }
        }
    }
}
