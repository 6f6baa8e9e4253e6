//! Flags of the tools: they may stand anywhere, `--` ends them.

use std::collections::BTreeMap;

/// A tool's arguments, taken apart.
#[derive(Debug, Default)]
pub struct Flags {
    values: BTreeMap<&'static str, String>,
    /// What is no flag, in order.
    pub rest: Vec<String>,
}

/// A flag: its long name, its short one, whether a value follows.
type Flag = (&'static str, Option<&'static str>, bool);

const RELATION: Flag = ("relation", Some("r"), true);
const FILE: Flag = ("file", None, true);

fn known(tool: &str) -> &'static [Flag] {
    match tool {
        "config-get" => &[("all", Some("a"), false)],
        "relation-list" | "relation-get" => &[RELATION, ("app", None, false)],
        "relation-set" => &[RELATION, ("app", None, false), FILE],
        "relation-model-get" => &[RELATION],
        "network-get" => &[
            RELATION,
            ("bind-address", None, false),
            ("ingress-address", None, false),
            ("egress-subnets", None, false),
            ("primary-address", None, false),
        ],
        "status-set" => &[("application", None, false)],
        "status-get" => &[("application", None, false), ("include-data", None, false)],
        "juju-log" => &[("log-level", Some("l"), true), ("debug", None, false)],
        "open-port" | "close-port" => &[("endpoints", None, true)],
        "opened-ports" => &[("endpoints", None, false)],
        "state-get" => &[("strict", None, false)],
        "state-set" => &[FILE],
        "storage-get" => &[("storage", Some("s"), true)],
        "juju-reboot" => &[("now", None, false)],
        "secret-add" | "secret-set" => &[
            FILE,
            ("label", None, true),
            ("owner", None, true),
            ("description", None, true),
            ("rotate", None, true),
            ("expire", None, true),
        ],
        "secret-get" => &[("label", None, true), ("peek", None, false), ("refresh", None, false)],
        "secret-info-get" => &[("label", None, true)],
        "secret-grant" => &[RELATION, ("unit", None, true)],
        "secret-revoke" => &[RELATION, ("app", None, true), ("unit", None, true)],
        "secret-remove" => &[("revision", None, true)],
        _ => &[],
    }
}

/// A flag and the value written to it. As in Juju's flag package the value of a short flag follows at once: `-r7`; an
/// equals sign would be part of it.
fn apart(argument: &str) -> (&str, Option<String>) {
    if argument.starts_with("--") {
        return match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument, None),
        };
    }
    match argument.char_indices().nth(2) {
        Some((end, _)) => (&argument[..end], Some(argument[end..].to_owned())),
        None => (argument, None),
    }
}

impl Flags {
    /// Takes a tool's arguments apart.
    ///
    /// # Errors
    /// The text for exit 2.
    pub fn parse(tool: &str, arguments: &[String]) -> Result<Self, String> {
        let mut flags = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                flags.rest.extend(arguments.cloned());
                break;
            }
            if argument == "-" || !argument.starts_with('-') {
                flags.rest.push(argument.clone());
                continue;
            }
            let (name, value) = apart(argument);
            let bare = name.trim_start_matches('-');
            if bare == "format" || bare == "o" || bare == "output" {
                let value = value.or_else(|| arguments.next().cloned()).unwrap_or_default();
                if bare == "format" {
                    flags.values.insert("format", value);
                }
                continue;
            }
            let flag = known(tool).iter().find(|(long, short, _)| *long == bare || *short == Some(bare));
            let Some((long, _, takes)) = flag else {
                return Err(format!("option provided but not defined: {name}"));
            };
            let value = match (takes, value) {
                (_, Some(value)) => value,
                (false, None) => "true".into(),
                (true, None) => {
                    arguments.next().cloned().ok_or_else(|| format!("option needs an argument: {name}"))?
                }
            };
            flags.values.insert(long, value);
        }
        Ok(flags)
    }

    /// A flag's value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether a flag without value is set.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| !matches!(value, "false" | "False"))
    }

    /// The argument at a place.
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&str> {
        self.rest.get(place).map(String::as_str)
    }
}
