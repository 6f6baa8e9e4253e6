//! The YAML files at the root and the code name the same options, actions, endpoints and storage, and the YAML keeps
//! the rules that Juju's own parser has and no linter checks (conventions document, section 8).

#![allow(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use oplog::reading::{TYPES, UNTYPED, names as types};
use paperclip_charm::actions::ACTIONS;
use paperclip_charm::config::{self, OPTIONS};
use paperclip_charm::names::{API_BINDING, ENDPOINTS, STORAGE};
use serde_yaml::Value;

fn yaml(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn names(map: &Value) -> BTreeSet<String> {
    map.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

fn kebab(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.bytes().all(inside) && !name.starts_with('-') && !name.ends_with('-')
}

#[test]
fn options_are_the_same_and_their_defaults_are_valid() {
    let document = yaml("config.yaml");
    let options = document["options"].as_mapping().unwrap();
    let declared: BTreeMap<&str, &str> = options
        .iter()
        .map(|(name, option)| (name.as_str().unwrap(), option["type"].as_str().unwrap()))
        .collect();
    assert_eq!(declared, OPTIONS.iter().copied().collect());

    let mut defaults = juju_hooks::Settings::new();
    for (name, option) in options {
        let name = name.as_str().unwrap();
        assert!(kebab(name), "{name}");
        assert!(
            option["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{name} has no description"
        );
        let default = &option["default"];
        let fits = match option["type"].as_str().unwrap() {
            "int" => default.is_i64(),
            "boolean" => default.is_bool(),
            _ => default.is_string(),
        };
        assert!(fits, "{name}: default of another type");
        defaults.insert(name.to_owned(), serde_json::to_value(default).unwrap());
    }
    assert!(config::parse(&defaults).is_ok());
}

#[test]
fn the_operators_page_lists_every_option_with_its_default() {
    let page = include_str!("../../docs/charm/operate.md");
    let cells = |cell: &str| cell.split(", ").map(|text| text.trim().replace('`', "")).collect::<Vec<_>>();
    let rows = page.lines().skip_while(|line| !line.starts_with("| option ")).skip(2);
    let mut listed = BTreeMap::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let columns: Vec<&str> = row.split('|').collect();
        listed.extend(cells(columns[1]).into_iter().zip(cells(columns[2])));
    }
    let document = yaml("config.yaml");
    let plain = |default: &Value| match default.as_str() {
        Some(text) => text.to_owned(),
        None => serde_yaml::to_string(default).unwrap().trim().to_owned(),
    };
    let options = document["options"].as_mapping().unwrap().iter();
    let declared: BTreeMap<String, String> = options
        .map(|(name, option)| (name.as_str().unwrap().to_owned(), plain(&option["default"])))
        .collect();
    assert_eq!(listed, declared);
}

#[test]
fn actions_are_the_same_with_their_parameters() {
    let document = yaml("actions.yaml");
    let declared = names(&document);
    assert_eq!(declared, ACTIONS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, parameters) in ACTIONS {
        assert!(kebab(name) && !name.starts_with("juju"), "{name}");
        let action = &document[name];
        assert!(action["description"].is_string(), "{name} has no description");
        assert_eq!(action["additionalProperties"], Value::Bool(false), "{name} takes anything");
        let known =
            ["description", "params", "required", "additionalProperties", "parallel", "execution-group"];
        assert!(names(action).iter().all(|key| known.contains(&key.as_str())), "{name}: unknown key");

        let empty = Value::Mapping(serde_yaml::Mapping::new());
        let schema = action.get("params").unwrap_or(&empty);
        let required: BTreeSet<&str> = action
            .get("required")
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let declared: BTreeSet<(String, String, bool)> = schema
            .as_mapping()
            .unwrap()
            .iter()
            .map(|(key, schema)| {
                let key = key.as_str().unwrap();
                assert!(schema["description"].is_string(), "{name} {key} has no description");
                (key.to_owned(), schema["type"].as_str().unwrap().to_owned(), required.contains(key))
            })
            .collect();
        let coded = parameters
            .iter()
            .map(|(key, kind, needed)| ((*key).to_owned(), (*kind).to_owned(), *needed))
            .collect();
        assert_eq!(declared, coded, "{name}");
    }
}

#[test]
fn a_database_is_created_of_any_type_that_there_is() {
    let kind = &yaml("actions.yaml")["create-database"]["params"]["type"];
    let declared: Vec<&str> = kind["enum"].as_sequence().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(declared, types(TYPES).collect::<Vec<_>>());
    assert_eq!(kind["default"].as_str(), Some(UNTYPED));
}

#[test]
fn endpoints_storage_and_bindings_are_the_same() {
    let document = yaml("metadata.yaml");
    let mut declared = BTreeSet::new();
    for role in ["peers", "provides", "requires"] {
        for (name, endpoint) in document.get(role).and_then(Value::as_mapping).into_iter().flatten() {
            let interface = endpoint["interface"].as_str().unwrap();
            declared.insert((name.as_str().unwrap().to_owned(), role.to_owned(), interface.to_owned()));
        }
    }
    let coded = ENDPOINTS
        .iter()
        .map(|(name, role, face)| ((*name).to_owned(), (*role).to_owned(), (*face).to_owned()))
        .collect();
    assert_eq!(declared, coded);

    assert_eq!(names(&document["storage"]), BTreeSet::from([STORAGE.to_owned()]));
    assert_eq!(document["storage"][STORAGE]["type"], "filesystem");
    assert_eq!(names(&document["extra-bindings"]), BTreeSet::from([API_BINDING.to_owned()]));
    for key in ["name", "summary", "description", "assumes", "maintainers"] {
        assert!(document.get(key).is_some(), "metadata.yaml has no {key}");
    }
}

/// `juju relate paperclip alm-charm` names no endpoints: it must stay the only pair that fits.
#[test]
fn no_interface_is_offered_twice() {
    let interfaces: BTreeSet<&str> = ENDPOINTS.iter().map(|(_, _, interface)| *interface).collect();
    assert_eq!(interfaces.len(), ENDPOINTS.len());
}

/// charmcraft refuses a key that stands in two of the files.
#[test]
fn charmcraft_yaml_only_says_how_to_pack() {
    let allowed = ["type", "platforms", "parts"];
    assert!(names(&yaml("charmcraft.yaml")).iter().all(|key| allowed.contains(&key.as_str())));
}
