//! What the unit agent tells a hook in its environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::event::{
    Action, Event, Lifecycle, RelationEvent, RelationPhase, SecretEvent, SecretPhase, StorageEvent,
    StoragePhase,
};
use crate::names::{NameError, RelationId, UnitName};

/// Why the environment is not that of a hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable that every such hook has is missing or empty.
    #[error("{variable} is not set: this program is run by Juju as the charm's dispatch")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// A variable holds something else than Juju puts there.
    #[error("{variable}: {source}")]
    Name {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it.
        source: NameError,
    },
    /// The revision of a secret is not a number.
    #[error("JUJU_SECRET_REVISION: {0:?} is not a number")]
    Revision(String),
}

/// Who we are and what happened: the environment of one hook, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// This unit.
    pub unit: UnitName,
    /// Where the charm's files are. It is also the working directory of every hook.
    pub charm_dir: PathBuf,
    /// The model's name.
    pub model_name: String,
    /// The model's UUID.
    pub model_uuid: String,
    /// The agent's version, such as `3.6.9`.
    pub juju_version: String,
    /// The availability zone; empty where the cloud has none.
    pub availability_zone: String,
    /// Why the charm runs.
    pub event: Event,
}

impl Environment {
    /// Reads this process's own environment. Variables that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`EnvironmentError`] when a variable that the hook must have is missing or malformed.
    pub fn from_process() -> Result<Self, EnvironmentError> {
        Self::parse(
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))),
        )
    }

    /// Reads the given variables.
    ///
    /// # Errors
    /// [`EnvironmentError`] when a variable that the hook must have is missing or malformed.
    pub fn parse<K, V>(variables: impl IntoIterator<Item = (K, V)>) -> Result<Self, EnvironmentError>
    where
        K: Into<String>,
        V: Into<String>,
    {
        let variables = Variables(variables.into_iter().map(|(k, v)| (k.into(), v.into())).collect());
        let unit: UnitName = variables.name("JUJU_UNIT_NAME")?;
        Ok(Self {
            charm_dir: PathBuf::from(variables.required("JUJU_CHARM_DIR")?),
            model_name: variables.optional("JUJU_MODEL_NAME"),
            model_uuid: variables.optional("JUJU_MODEL_UUID"),
            juju_version: variables.optional("JUJU_VERSION"),
            availability_zone: variables.optional("JUJU_AVAILABILITY_ZONE"),
            event: event(&variables)?,
            unit,
        })
    }
}

struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Juju sets some variables to the empty string where they do not apply: empty is absent.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn optional(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    fn required(&self, variable: &'static str) -> Result<&str, EnvironmentError> {
        self.get(variable).ok_or(EnvironmentError::Missing { variable })
    }

    fn name<T: std::str::FromStr<Err = NameError>>(
        &self,
        variable: &'static str,
    ) -> Result<T, EnvironmentError> {
        self.required(variable)?.parse().map_err(|source| EnvironmentError::Name { variable, source })
    }

    fn unit(&self, variable: &'static str) -> Result<Option<UnitName>, EnvironmentError> {
        self.get(variable)
            .map(str::parse)
            .transpose()
            .map_err(|source| EnvironmentError::Name { variable, source })
    }
}

fn event(variables: &Variables) -> Result<Event, EnvironmentError> {
    let path = variables.get("JUJU_DISPATCH_PATH").unwrap_or_default();
    if let Some(script) = path.strip_prefix("actions/") {
        let name = variables.get("JUJU_ACTION_NAME").unwrap_or(script).to_owned();
        return Ok(Event::Action(Action { name, id: variables.optional("JUJU_ACTION_UUID") }));
    }
    // The hook's name has its own variable; the path is the same name for agents that leave it out.
    let hook = variables.get("JUJU_HOOK_NAME").or_else(|| path.strip_prefix("hooks/")).unwrap_or_default();
    if let Some(lifecycle) = Lifecycle::from_name(hook) {
        return Ok(Event::Lifecycle(lifecycle));
    }
    if let Some(event) = relation(variables, hook)? {
        return Ok(Event::Relation(event));
    }
    if let Some(event) = storage(variables, hook)? {
        return Ok(Event::Storage(event));
    }
    if let Some(event) = secret(variables, hook)? {
        return Ok(Event::Secret(event));
    }
    Ok(Event::Unknown(hook.to_owned()))
}

fn relation(variables: &Variables, hook: &str) -> Result<Option<RelationEvent>, EnvironmentError> {
    let Some((endpoint, phase)) = hook.rsplit_once("-relation-") else {
        return Ok(None);
    };
    let phase = match phase {
        "created" => RelationPhase::Created,
        "joined" => RelationPhase::Joined,
        "changed" => RelationPhase::Changed,
        "departed" => RelationPhase::Departed { departing: variables.unit("JUJU_DEPARTING_UNIT")? },
        "broken" => RelationPhase::Broken,
        _ => return Ok(None),
    };
    let id: RelationId = variables.name("JUJU_RELATION_ID")?;
    Ok(Some(RelationEvent {
        endpoint: endpoint.to_owned(),
        id,
        phase,
        remote_application: variables.optional("JUJU_REMOTE_APP"),
        remote_unit: variables.unit("JUJU_REMOTE_UNIT")?,
    }))
}

fn storage(variables: &Variables, hook: &str) -> Result<Option<StorageEvent>, EnvironmentError> {
    let Some((name, phase)) = hook.rsplit_once("-storage-") else {
        return Ok(None);
    };
    let phase = match phase {
        "attached" => StoragePhase::Attached,
        "detaching" => StoragePhase::Detaching,
        _ => return Ok(None),
    };
    Ok(Some(StorageEvent {
        name: name.to_owned(),
        id: variables.required("JUJU_STORAGE_ID")?.to_owned(),
        location: variables.get("JUJU_STORAGE_LOCATION").map(str::to_owned),
        phase,
    }))
}

fn secret(variables: &Variables, hook: &str) -> Result<Option<SecretEvent>, EnvironmentError> {
    let phase = match hook {
        "secret-changed" => SecretPhase::Changed,
        "secret-rotate" => SecretPhase::Rotate,
        "secret-expired" => SecretPhase::Expired,
        "secret-remove" => SecretPhase::Remove,
        _ => return Ok(None),
    };
    let revision = variables
        .get("JUJU_SECRET_REVISION")
        .map(|text| text.parse().map_err(|_| EnvironmentError::Revision(text.to_owned())))
        .transpose()?;
    Ok(Some(SecretEvent {
        id: variables.required("JUJU_SECRET_ID")?.to_owned(),
        label: variables.get("JUJU_SECRET_LABEL").map(str::to_owned),
        revision,
        phase,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(hook: &str, more: &[(&str, &str)]) -> Result<Event, EnvironmentError> {
        let path = format!("hooks/{hook}");
        let base = [
            ("JUJU_UNIT_NAME", "paperclip/0"),
            ("JUJU_CHARM_DIR", "/charm"),
            ("JUJU_DISPATCH_PATH", path.as_str()),
            ("JUJU_HOOK_NAME", hook),
        ];
        Environment::parse(base.into_iter().chain(more.iter().copied())).map(|environment| environment.event)
    }

    #[test]
    fn every_lifecycle_hook_has_its_name() {
        for hook in Lifecycle::ALL {
            assert_eq!(parse(hook.name(), &[]).unwrap(), Event::Lifecycle(hook));
            assert_eq!(Event::Lifecycle(hook).to_string(), hook.name());
        }
    }

    #[test]
    fn an_application_bag_change_has_no_remote_unit() {
        let variables = [
            ("JUJU_RELATION", "cluster"),
            ("JUJU_RELATION_ID", "cluster:3"),
            ("JUJU_REMOTE_APP", "paperclip"),
            ("JUJU_REMOTE_UNIT", ""),
        ];
        let Event::Relation(event) = parse("cluster-relation-changed", &variables).unwrap() else {
            panic!("not a relation event");
        };
        assert_eq!((event.phase, event.remote_unit), (RelationPhase::Changed, None));
        assert_eq!(event.id.to_string(), "cluster:3");
    }

    #[test]
    fn the_departing_unit_tells_who_leaves() {
        let variables = [
            ("JUJU_RELATION_ID", "cluster:3"),
            ("JUJU_REMOTE_UNIT", "paperclip/1"),
            ("JUJU_DEPARTING_UNIT", "paperclip/0"),
        ];
        let Event::Relation(event) = parse("cluster-relation-departed", &variables).unwrap() else {
            panic!("not a relation event");
        };
        assert_eq!(event.phase, RelationPhase::Departed { departing: Some("paperclip/0".parse().unwrap()) });
    }

    #[test]
    fn storage_secret_action_and_unknown_hooks() {
        let storage = parse("data-storage-attached", &[("JUJU_STORAGE_ID", "data/0")]).unwrap();
        assert!(
            matches!(&storage, Event::Storage(event) if event.name == "data" && event.location.is_none())
        );
        let secret = parse(
            "secret-remove",
            &[("JUJU_SECRET_ID", "secret:abc"), ("JUJU_SECRET_LABEL", ""), ("JUJU_SECRET_REVISION", "4")],
        );
        assert!(
            matches!(&secret.unwrap(), Event::Secret(event) if event.revision == Some(4) && event.label.is_none())
        );
        assert_eq!(parse("moon-phase", &[]).unwrap(), Event::Unknown("moon-phase".into()));
        assert_eq!(parse("x-relation-danced", &[]).unwrap(), Event::Unknown("x-relation-danced".into()));

        let action = Environment::parse([
            ("JUJU_UNIT_NAME", "paperclip/0"),
            ("JUJU_CHARM_DIR", "/charm"),
            ("JUJU_DISPATCH_PATH", "actions/show-heads"),
            ("JUJU_HOOK_NAME", ""),
            ("JUJU_ACTION_NAME", "show-heads"),
            ("JUJU_ACTION_UUID", "12"),
        ]);
        assert_eq!(
            action.unwrap().event,
            Event::Action(Action { name: "show-heads".into(), id: "12".into() })
        );
    }

    #[test]
    fn a_hook_without_its_variables_is_refused() {
        assert_eq!(
            parse("cluster-relation-joined", &[]),
            Err(EnvironmentError::Missing { variable: "JUJU_RELATION_ID" })
        );
        assert_eq!(
            Environment::parse([("PATH", "/bin")]),
            Err(EnvironmentError::Missing { variable: "JUJU_UNIT_NAME" })
        );
    }
}
