//! Addresses and ports.

use serde_json::{Map, Value, json};

use super::Flags;
use super::desk::{Answer, Desk, Failure, Outcome};
use crate::model::application_of;

fn address(desk: &Desk<'_>) -> String {
    desk.model.units.get(&desk.context.unit).map(|unit| unit.address.clone()).unwrap_or_default()
}

pub(super) fn unit_get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    match flags.at(0) {
        Some("private-address" | "public-address") => Ok(Answer::Value(json!(address(desk)))),
        other => Err(Failure::Usage(format!("unknown setting {:?}", other.unwrap_or_default()))),
    }
}

pub(super) fn get(flags: &Flags, desk: &Desk<'_>) -> Outcome {
    let binding = flags.at(0).ok_or_else(|| Failure::Usage("no arguments specified".into()))?;
    let charm = desk.model.applications[application_of(&desk.context.unit)].charm.as_ref();
    let known = charm.is_some_and(|charm| {
        charm.endpoints.contains_key(binding) || charm.bindings.iter().any(|name| name == binding)
    });
    if !known {
        return Err(Failure::Run(format!("no network config found for binding {binding:?}")));
    }
    let address = address(desk);
    let whole = json!({
        "bind-addresses": [{
            "mac-address": "00:16:3e:00:00:01",
            "interface-name": "eth0",
            "addresses": [{ "hostname": "", "value": address, "cidr": format!("{address}/32") }],
        }],
        "egress-subnets": [format!("{address}/32")],
        "ingress-addresses": [address],
    });
    let parts: Map<String, Value> = [
        ("bind-address", json!(address)),
        ("ingress-address", json!(address)),
        ("egress-subnets", whole["egress-subnets"].clone()),
    ]
    .into_iter()
    .filter(|(name, _)| flags.is_set(name))
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    Ok(Answer::Value(match parts.len() {
        0 => whole,
        1 => parts.into_iter().next().map_or(Value::Null, |(_, value)| value),
        _ => Value::Object(parts),
    }))
}

pub(super) fn port(flags: &Flags, desk: &mut Desk<'_>, open: bool) -> Outcome {
    let text = flags.at(0).ok_or_else(|| Failure::Usage("no port or range specified".into()))?;
    let bad = || Failure::Usage(format!("invalid port {text:?}"));
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let range = if text == "icmp" {
        ("icmp".to_owned(), 0, 0)
    } else {
        if !matches!(protocol, "tcp" | "udp") {
            return Err(bad());
        }
        let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
        (protocol.to_owned(), from.parse().map_err(|_| bad())?, to.parse().map_err(|_| bad())?)
    };
    if let Some(conflict) = conflict(desk, &range).filter(|_| open) {
        return Err(Failure::Run(format!("cannot open {text} (unit {:?}): {conflict}", desk.context.unit)));
    }
    let known = desk.model.units.get(&desk.context.unit).map(|unit| unit.ports.clone()).unwrap_or_default();
    let ports = desk.context.ports.get_or_insert(known);
    if open {
        ports.insert(range);
    } else {
        ports.remove(&range);
    }
    Ok(Answer::Nothing)
}

/// Another unit on the machine that has a port of this range open.
fn conflict(desk: &Desk<'_>, range: &(String, u16, u16)) -> Option<String> {
    let root = &desk.model.units.get(&desk.context.unit)?.root;
    let others =
        desk.model.units.iter().filter(|(name, unit)| **name != desk.context.unit && unit.root == *root);
    let mut held = others.flat_map(|(name, unit)| unit.ports.iter().map(move |port| (name, port)));
    let (name, held) = held.find(|(_, held)| held.0 == range.0 && held.1 <= range.2 && range.1 <= held.2)?;
    Some(format!("port range conflicts with {} (unit {name:?})", shown(held)))
}

fn shown((protocol, from, to): &(String, u16, u16)) -> String {
    match (protocol.as_str(), from == to) {
        ("icmp", _) => "icmp".to_owned(),
        (_, true) => format!("{from}/{protocol}"),
        (_, false) => format!("{from}-{to}/{protocol}"),
    }
}

pub(super) fn opened(desk: &Desk<'_>) -> Outcome {
    let known = desk.model.units.get(&desk.context.unit).map(|unit| unit.ports.clone()).unwrap_or_default();
    let ports = desk.context.ports.clone().unwrap_or(known);
    let shown: Vec<String> = ports.iter().map(shown).collect();
    Ok(Answer::Value(json!(shown)))
}
