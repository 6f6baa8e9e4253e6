//! `secret-*`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::desk::{Answer, Desk, Failure, Outcome, pairs, yaml_map};
use super::{Flags, relation};
use crate::model::{Secret, Strings, application_of};

/// Largest content, in bytes of base64.
const MAX_CONTENT: usize = 1_000_000;

fn not_found(name: &str) -> Failure {
    Failure::Run(format!("secret {name:?} not found"))
}

/// Content from `--file` and `k=v`, `k#base64=v`, `k#file=path` arguments.
fn content(flags: &Flags, arguments: &[String]) -> Result<Strings, Failure> {
    let mut content = match flags.value("file") {
        None => Strings::new(),
        // The agent opens the file, so standard input is not among the choices.
        Some(path) => {
            yaml_map(&std::fs::read_to_string(path).map_err(|error| Failure::Run(error.to_string()))?)?
        }
    };
    for (key, value) in pairs(arguments)? {
        if let Some(key) = key.strip_suffix("#base64") {
            let bytes = STANDARD.decode(&value).map_err(|error| Failure::Run(error.to_string()))?;
            content.insert(key.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        } else if let Some(key) = key.strip_suffix("#file") {
            let text = std::fs::read_to_string(&value).map_err(|error| Failure::Run(error.to_string()))?;
            content.insert(key.to_owned(), text);
        } else {
            content.insert(key, value);
        }
    }
    for key in content.keys() {
        let fits = key.len() >= 3
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !key.ends_with('-');
        if !fits {
            return Err(Failure::Usage(format!("key {key:?} not valid")));
        }
    }
    if content.values().map(|value| value.len().div_ceil(3) * 4).sum::<usize>() > MAX_CONTENT {
        return Err(Failure::Run("secret content too large".into()));
    }
    Ok(content)
}

pub(super) fn add(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let content = content(flags, &flags.rest)?;
    if content.is_empty() {
        return Err(Failure::Usage("missing secret value".into()));
    }
    let unit = desk.context.unit.clone();
    let owner = match flags.value("owner").unwrap_or("application") {
        "application" => application_of(&unit).to_owned(),
        "unit" => unit.clone(),
        other => return Err(Failure::Usage(format!("secret owner {other:?} not valid"))),
    };
    owned(desk, &owner)?;
    let label = flags.value("label").unwrap_or_default().to_owned();
    let taken = |secret: &Secret| !label.is_empty() && secret.owner == owner && secret.label == label;
    if desk.context.all_secrets(desk.model).values().any(taken) {
        return Err(Failure::Run(format!("secret with label {label:?} already exists")));
    }
    let id = format!("{:0>20}", desk.model.fresh());
    let secret = Secret {
        owner,
        label,
        description: flags.value("description").unwrap_or_default().to_owned(),
        revisions: [(1, content)].into(),
        followed: [(unit, 1)].into(),
        granted: std::collections::BTreeSet::new(),
    };
    desk.context.secrets.insert(id.clone(), secret);
    Ok(Answer::Text(format!("secret:{id}\n")))
}

/// Application secrets are the leader's.
fn owned(desk: &Desk<'_>, owner: &str) -> Result<(), Failure> {
    let unit = &desk.context.unit;
    let fits = owner == unit || owner == application_of(unit) && desk.model.leads(unit);
    if fits { Ok(()) } else { Err(Failure::Run("this unit is not the leader".into())) }
}

fn parse(text: &str) -> Result<String, Failure> {
    let id = text.strip_prefix("secret:").unwrap_or(text);
    let id = id.rsplit('/').next().unwrap_or_default();
    let fits = id.len() == 20 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fits { Ok(id.to_owned()) } else { Err(Failure::Usage(format!("secret URI {text:?} not valid"))) }
}

/// The secret that is meant, by id or by label.
fn find(flags: &Flags, desk: &Desk<'_>) -> Result<(String, Secret), Failure> {
    if let Some(text) = flags.at(0) {
        let id = parse(text)?;
        let secret = desk.context.secret(desk.model, &id).cloned().ok_or_else(|| not_found(&id))?;
        return Ok((id, secret));
    }
    let label = flags.value("label").unwrap_or_default();
    let unit = &desk.context.unit;
    let own = |secret: &Secret| secret.owner == *unit || secret.owner == application_of(unit);
    desk.context
        .all_secrets(desk.model)
        .into_iter()
        .find(|(_, secret)| own(secret) && secret.label == label)
        .ok_or_else(|| not_found(label))
}

pub(super) fn set(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let (id, mut secret) = find(flags, desk)?;
    owned(desk, &secret.owner)?;
    let content = content(flags, flags.rest.get(1..).unwrap_or_default())?;
    let newest = secret.revisions.last_key_value().map(|(number, content)| (*number, content.clone()));
    if let Some(label) = flags.value("label") {
        secret.label = label.to_owned();
    }
    if let Some((number, old)) = newest
        && !content.is_empty()
        && old != content
    {
        secret.revisions.insert(number + 1, content);
    }
    desk.context.secrets.insert(id, secret);
    Ok(Answer::Nothing)
}

pub(super) fn get(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let (id, mut secret) = find(flags, desk)?;
    let unit = desk.context.unit.clone();
    let application = application_of(&unit);
    let may = secret.owner == unit
        || application_of(&secret.owner) == application && !secret.owner.contains('/')
        || secret.granted.contains(application);
    if !may {
        return Err(Failure::Run("permission denied".into()));
    }
    let newest = secret.revisions.keys().next_back().copied().unwrap_or(1);
    let follows = secret.followed.get(&unit).copied();
    let wanted =
        if flags.is_set("peek") || flags.is_set("refresh") { newest } else { follows.unwrap_or(newest) };
    let content = secret.revisions.get(&wanted).cloned().ok_or_else(|| not_found(&id))?;
    if !flags.is_set("peek") {
        secret.followed.insert(unit, wanted);
        match desk.context.secrets.contains_key(&id) {
            true => drop(desk.context.secrets.insert(id, secret)),
            // Which revision is followed is known to the controller at once.
            false => drop(desk.model.secrets.insert(id, secret)),
        }
    }
    Ok(Answer::Value(match flags.at(1) {
        None => json!(content),
        Some(key) => json!(content.get(key).ok_or_else(|| not_found(key))?),
    }))
}

pub(super) fn info(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let (id, secret) = find(flags, desk)?;
    let owner = if secret.owner.contains('/') { "unit" } else { "application" };
    if owner == "application" && !desk.model.leads(&desk.context.unit) {
        return Err(not_found(&id));
    }
    let mut document = Map::new();
    let revision = secret.revisions.keys().next_back().copied().unwrap_or(1);
    document.insert(
        id,
        json!({
            "revision": revision, "label": secret.label, "owner": owner, "description": secret.description,
            "rotation": "never",
        }),
    );
    Ok(Answer::Value(Value::Object(document)))
}

pub(super) fn ids(desk: &Desk<'_>) -> Outcome {
    let unit = &desk.context.unit;
    let leads = desk.model.leads(unit);
    let mine = |secret: &Secret| secret.owner == *unit || leads && secret.owner == application_of(unit);
    let ids: Vec<String> = desk
        .context
        .all_secrets(desk.model)
        .into_iter()
        .filter(|(_, secret)| mine(secret))
        .map(|(id, _)| id)
        .collect();
    Ok(Answer::Value(if ids.is_empty() { Value::Null } else { json!(ids) }))
}

pub(super) fn grant(flags: &Flags, desk: &mut Desk<'_>, grant: bool) -> Outcome {
    let (id, mut secret) = find(flags, desk)?;
    owned(desk, &secret.owner)?;
    let number = relation::which(flags, desk)?;
    let remote = desk.model.relations[&number].remote(application_of(&desk.context.unit)).to_owned();
    if grant {
        secret.granted.insert(remote);
    } else {
        secret.granted.remove(&remote);
    }
    desk.context.secrets.insert(id, secret);
    Ok(Answer::Nothing)
}

pub(super) fn remove(flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    let (id, secret) = find(flags, desk)?;
    owned(desk, &secret.owner)?;
    let revision = flags.value("revision").map(str::parse).transpose();
    let revision = revision.map_err(|_| Failure::Usage("invalid revision".into()))?;
    desk.context.secrets.remove(&id);
    desk.context.removed_secrets.push((id, revision));
    Ok(Answer::Nothing)
}
