//! The hook tools, as the agent answers them (`juju.md` sections 5 to 8).

mod desk;
mod flags;
mod network;
mod relation;
mod secret;
mod unit;

use serde_json::Value;

use crate::context::Context;
use crate::model::Model;
use crate::wire::{Call, Reply};

pub use desk::{Answer, Desk, Failure};
pub use flags::Flags;

use desk::Outcome;

/// Every tool there is.
pub const TOOLS: [&str; 40] = [
    "action-fail",
    "action-get",
    "action-log",
    "action-set",
    "application-version-set",
    "close-port",
    "config-get",
    "goal-state",
    "is-leader",
    "juju-log",
    "juju-reboot",
    "network-get",
    "open-port",
    "opened-ports",
    "relation-get",
    "relation-ids",
    "relation-list",
    "relation-model-get",
    "relation-set",
    "resource-get",
    "secret-add",
    "secret-get",
    "secret-grant",
    "secret-ids",
    "secret-info-get",
    "secret-remove",
    "secret-revoke",
    "secret-set",
    "state-delete",
    "state-get",
    "state-set",
    "status-get",
    "status-set",
    "storage-add",
    "storage-get",
    "storage-list",
    "unit-get",
    "credential-get",
    "k8s-raw-get",
    "k8s-raw-set",
];

/// Answers a call.
pub fn answer(model: &mut Model, context: &mut Context, log: &mut Vec<String>, call: &Call) -> Reply {
    if call.context != context.id {
        return Reply::failed(1, format!("bad request: bad context id {:?}", call.context));
    }
    if call.arguments.iter().any(|argument| argument == "--help") {
        return Reply::ok(format!("Usage: {} [options]\n", call.tool));
    }
    context.calls += 1;
    let mut desk = Desk { model, context, input: call.input.as_deref(), log };
    let flags = match Flags::parse(&call.tool, &call.arguments) {
        Ok(flags) => flags,
        Err(text) => return Reply::failed(2, text),
    };
    match run(&call.tool, &flags, &mut desk) {
        Ok(answer) => Reply::ok(format(&answer, flags.value("format"))),
        Err(Failure::Usage(text)) => Reply::failed(2, text),
        Err(Failure::Run(text)) => Reply::failed(1, text),
    }
}

fn run(tool: &str, flags: &Flags, desk: &mut Desk<'_>) -> Outcome {
    match tool {
        "relation-ids" => relation::ids(flags, desk),
        "relation-list" => relation::list(flags, desk),
        "relation-get" => relation::get(flags, desk),
        "relation-set" => relation::set(flags, desk),
        "relation-model-get" => relation::model(flags, desk),
        "network-get" => network::get(flags, desk),
        "unit-get" => network::unit_get(flags, desk),
        "open-port" => network::port(flags, desk, true),
        "close-port" => network::port(flags, desk, false),
        "opened-ports" => network::opened(desk),
        "secret-add" => secret::add(flags, desk),
        "secret-set" => secret::set(flags, desk),
        "secret-get" => secret::get(flags, desk),
        "secret-info-get" => secret::info(flags, desk),
        "secret-ids" => secret::ids(desk),
        "secret-grant" => secret::grant(flags, desk, true),
        "secret-revoke" => secret::grant(flags, desk, false),
        "secret-remove" => secret::remove(flags, desk),
        other => unit::run(other, flags, desk),
    }
}

/// Prints a value. `smart`, the default: strings raw, lists one a line, `True` and `False`, nothing for null.
fn format(answer: &Answer, format: Option<&str>) -> String {
    let value = match answer {
        Answer::Nothing => return String::new(),
        Answer::Text(text) => return text.clone(),
        Answer::Value(value) => value,
    };
    match (format, value) {
        (Some("json"), value) => format!("{value}\n"),
        (Some("yaml"), value) => serde_yaml::to_string(value).unwrap_or_default(),
        (_, Value::Null) => String::new(),
        (_, Value::String(text)) if text.is_empty() => String::new(),
        (_, Value::String(text)) => format!("{text}\n"),
        (_, Value::Bool(value)) => format!("{}\n", if *value { "True" } else { "False" }),
        (_, Value::Array(items)) => items
            .iter()
            .map(|item| format!("{}\n", item.as_str().map_or(item.to_string(), str::to_owned)))
            .collect(),
        (_, value) => serde_yaml::to_string(value).unwrap_or_default(),
    }
}
