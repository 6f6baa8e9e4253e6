//! Where settings come from: flags win over environment variables, those over the file.

use super::{
    fault::{Fault, FileError},
    given::{Given, Place},
    key::Key,
    table::KEYS,
};
use serde_yaml::Value;
use std::collections::BTreeMap;

/// What the names of all variables begin with.
const VARIABLE_PREFIX: &str = "PAPERCLIP_";

/// Variables beside those of settings: what names the configuration file, and what the client commands read.
const OTHER_VARIABLES: [&str; 3] = ["PAPERCLIP_CONFIG", "PAPERCLIP_TOKEN_FILE", "PAPERCLIP_CA_FILE"];

/// What every setting was given, by the name of its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    given: BTreeMap<&'static str, Given>,
}

impl Sources {
    /// Takes what the command line gave. To be called first: what is there already stays.
    pub fn flags(&mut self, given: impl IntoIterator<Item = (&'static Key, Vec<String>)>) {
        for (key, items) in given {
            self.add(key, Place::Flag, items);
        }
    }

    /// Takes what the environment gives: variables and their values. Empty ones count as not set, those of other programs are
    /// left alone, unknown ones of PaperClip are faults.
    pub fn environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
        faults: &mut Vec<Fault>,
    ) {
        let ours = |name: &String| name.starts_with(VARIABLE_PREFIX) && !is_service_link(name);
        for (name, text) in variables.into_iter().filter(|(name, text)| ours(name) && !text.is_empty()) {
            let Some(key) = KEYS.iter().find(|key| key.env() == name) else {
                if !OTHER_VARIABLES.contains(&name.as_str()) {
                    let names = KEYS.iter().map(|key| key.env());
                    let known = names.chain(OTHER_VARIABLES.map(str::to_owned)).collect();
                    faults.push(Fault::unknown(name, "not a variable of PaperClip", known));
                }
                continue;
            };
            let items = if key.many {
                text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
            } else {
                vec![text]
            };
            self.add(key, Place::Environment, items);
        }
    }

    /// Takes what a file's text gives. Unknown keys and values that are no text, number or boolean are faults.
    ///
    /// # Errors
    /// [`FileError`] when it is no YAML mapping.
    pub fn file(
        &mut self,
        path: &std::path::Path,
        text: &str,
        faults: &mut Vec<Fault>,
    ) -> Result<(), FileError> {
        let yaml = serde_yaml::from_str(text);
        let mapping = match yaml.map_err(|source| FileError::Yaml { path: path.into(), source })? {
            Value::Null => return Ok(()),
            Value::Mapping(mapping) => mapping,
            _ => return Err(FileError::NoMapping { path: path.into() }),
        };
        for (name, value) in mapping {
            let Some(key) = name.as_str().and_then(|name| KEYS.iter().find(|key| key.name == name)) else {
                let name = scalar(&name).unwrap_or_else(|| "(no text)".to_owned());
                let known = KEYS.iter().map(|key| key.name.to_owned()).collect();
                faults.push(Fault::unknown(name, "not a setting", known));
                continue;
            };
            match items(key, &value) {
                Some(items) => self.add(key, Place::File, items),
                None => faults.push(Fault::shape(key, shape(&value))),
            }
        }
        Ok(())
    }

    /// What a setting was given, its default if nothing. An empty list is something.
    pub fn get(&self, key: &Key) -> Given {
        let given = self.given.get(key.name).filter(|given| key.many || !given.items.is_empty());
        given.cloned().unwrap_or_else(|| Given {
            place: Place::Default,
            items: key.default.text().into_iter().collect(),
        })
    }

    fn add(&mut self, key: &'static Key, place: Place, items: Vec<String>) {
        self.given.entry(key.name).or_insert(Given { place, items });
    }
}

/// Whether a variable is what Kubernetes and Docker set for a service called `paperclip…`, such as
/// `PAPERCLIP_SERVICE_HOST` and `PAPERCLIP_API_PORT_4748_TCP`. No setting is named so.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_PORT")
        || ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part))
}

fn items(key: &Key, value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Sequence(list) if key.many => list.iter().map(scalar).collect(),
        single => scalar(single).map(|text| vec![text]),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        _ => "this value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::named as key;
    use std::path::Path;

    fn from_file(text: &str) -> (Result<Sources, FileError>, Vec<Fault>) {
        let (mut sources, mut faults) = (Sources::default(), Vec::new());
        let read = sources.file(Path::new("node.yaml"), text, &mut faults);
        (read.map(|()| sources), faults)
    }

    #[test]
    fn flags_win_over_environment_over_file_over_default() {
        let mut sources = Sources::default();
        sources.flags([(key("api"), vec!["flag".to_owned()])]);
        let environment = [
            ("PAPERCLIP_API", "environment"),
            ("PAPERCLIP_DURABILITY", "environment"),
            ("PAPERCLIP_PEERS", "/a, /b,"),
            ("PAPERCLIP_ANNOUNCE", ""),
        ];
        let mut faults = Vec::new();
        sources.environment(environment.map(|(name, text)| (name.into(), text.into())), &mut faults);
        assert_eq!(faults, []);
        let text = "api: file\ndurability: file\nlog-format: file\npeers: [/c]\nannounce: /d\n";
        sources.file(Path::new("node.yaml"), text, &mut Vec::new()).unwrap();
        let get = |name: &str| sources.get(key(name));
        assert_eq!(get("api"), Given { place: Place::Flag, items: vec!["flag".to_owned()] });
        assert_eq!(get("durability").items, ["environment"]);
        assert_eq!(get("peers").items, ["/a", "/b"]);
        assert_eq!(get("log-format").items, ["file"]);
        assert_eq!(get("announce").items, ["/d"]);
        assert_eq!(get("exchange-interval"), Given { place: Place::Default, items: vec!["30".to_owned()] });
        assert_eq!(get("root-key").items, Vec::<String>::new());
    }

    #[test]
    fn a_key_without_a_value_is_not_given_and_an_empty_list_is_empty() {
        let sources = from_file("data-dir:\ncache-bytes: null\nlisten: []\n").0.unwrap();
        assert_eq!(sources.get(key("data-dir")).items, ["./paperclip-data"]);
        assert_eq!(sources.get(key("cache-bytes")).place, Place::Default);
        assert_eq!(sources.get(key("listen")).items, Vec::<String>::new());
    }

    #[test]
    fn unknown_keys_and_shapes_are_all_named() {
        let (read, faults) = from_file("cache-byte: 1\napi: [a, b]\n7: x\nlog-level: {a: b}\n");
        assert!(read.is_ok());
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(told[0] == "cache-byte: not a setting; did you mean cache-bytes?", "{told:?}");
        assert_eq!(told[1], "api (file): a list is not one value");
        assert!(told[2].starts_with("7: not a setting; there are data-dir, listen, "));
        assert_eq!(told[3], "log-level (file): a mapping is not one value");
    }

    #[test]
    fn unknown_variables_of_paperclip_are_named_and_those_of_others_are_not() {
        let names = [
            "HOME",
            "PAPERCLIP_CONFIG",
            "PAPERCLIP_TOKEN_FILE",
            "PAPERCLIP_CA_FILE",
            "PAPERCLIP_SERVICE_HOST",
            "PAPERCLIP_SERVICE_PORT_API",
            "PAPERCLIP_PORT",
            "PAPERCLIP_API_PORT_4748_TCP_ADDR",
            "PAPERCLIP_CACHE_BYTE",
            "PAPERCLIP_SHOESIZE",
        ];
        let mut faults = Vec::new();
        Sources::default().environment(names.map(|name| (name.to_owned(), "1".to_owned())), &mut faults);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let near = "PAPERCLIP_CACHE_BYTE: not a variable of PaperClip; did you mean PAPERCLIP_CACHE_BYTES?";
        assert_eq!((told.len(), told[0].as_str()), (2, near), "{told:?}");
        assert!(
            told[1].starts_with("PAPERCLIP_SHOESIZE: not a variable of PaperClip; there are "),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_no_configuration_gets_one_line() {
        for (text, told) in [
            ("api: \"127.0.0", "node.yaml: not valid YAML: "),
            ("api: 1\napi: 2\n", "node.yaml: not valid YAML: duplicate entry with key \"api\""),
            ("- a\n- b\n", "node.yaml: expected lines of the form `key: value`"),
        ] {
            let error = from_file(text).0.unwrap_err().to_string();
            assert!(error.starts_with(told) && error.lines().count() == 1, "{error}");
        }
        assert_eq!(from_file("# nothing\n").0.unwrap(), Sources::default());
    }
}
