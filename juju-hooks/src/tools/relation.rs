//! `relation-*`: who is on the other side, and the databags.

use crate::databag::Bag;
use crate::error::ToolError;
use crate::invoke::Invoke;
use crate::names::{RelationId, UnitName};

use super::Juju;

/// Whose bag of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'a> {
    /// A unit's: our own, or one on the other side.
    Unit(&'a UnitName),
    /// An application's: the other side's; our own only as leader, or in a peer relation.
    Application(&'a str),
}

impl<I: Invoke> Juju<I> {
    /// `relation-ids`: the relations of an endpoint. Empty for an unknown endpoint; broken relations are left out.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn relations(&self, endpoint: &str) -> Result<Vec<RelationId>, ToolError> {
        self.ask("relation-ids", ["--format=json", endpoint])
    }

    /// `relation-list`: the units on the other side that have joined. Never this unit.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] when the relation is gone.
    pub fn relation_units(&self, relation: &RelationId) -> Result<Vec<UnitName>, ToolError> {
        self.ask("relation-list", ["--format=json", "-r", &relation.to_string()])
    }

    /// `relation-list --app`: the application on the other side.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] when the relation is gone.
    pub fn relation_application(&self, relation: &RelationId) -> Result<String, ToolError> {
        self.ask("relation-list", ["--format=json", "-r", &relation.to_string(), "--app"])
    }

    /// `relation-get`: a whole bag. A bag that nobody has written to is empty.
    ///
    /// # Errors
    /// [`ToolError::is_denied`] for an application bag this unit may not read; [`ToolError::is_not_found`] for a
    /// relation or settings that do not exist (yet).
    pub fn relation(&self, relation: &RelationId, target: &Target<'_>) -> Result<Bag, ToolError> {
        let mut arguments = vec!["--format=json".to_owned(), "-r".to_owned(), relation.to_string()];
        match target {
            Target::Unit(unit) => arguments.extend(["-".to_owned(), unit.to_string()]),
            Target::Application(name) => {
                arguments.extend(["--app".to_owned(), "-".to_owned(), (*name).to_owned()]);
            }
        }
        Ok(self.ask::<Option<Bag>, _>("relation-get", arguments)?.unwrap_or_default())
    }

    /// `relation-set` for this unit's bag: sets the given keys, removes those with an empty value. Nothing given,
    /// nothing called.
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn set_relation(&self, relation: &RelationId, changes: &Bag) -> Result<(), ToolError> {
        self.relation_set(relation, changes, &[])
    }

    /// `relation-set --app` for this application's bag. Leader only.
    ///
    /// # Errors
    /// [`ToolError::is_denied`] when this unit is not the leader.
    pub fn set_relation_application(&self, relation: &RelationId, changes: &Bag) -> Result<(), ToolError> {
        self.relation_set(relation, changes, &["--app"])
    }

    fn relation_set(&self, relation: &RelationId, changes: &Bag, flags: &[&str]) -> Result<(), ToolError> {
        if changes.is_empty() {
            return Ok(());
        }
        // By standard input, not argv: one argument is limited to 128 KiB. JSON is YAML, which the tool reads.
        let input = serde_json::to_vec(changes)
            .map_err(|error| ToolError::Input { tool: "relation-set".into(), source: error.into() })?;
        let relation = relation.to_string();
        let arguments =
            ["-r", relation.as_str()].into_iter().chain(flags.iter().copied()).chain(["--file", "-"]);
        self.run("relation-set", arguments, Some(input)).map(drop)
    }

    /// `relation-model-get`: the UUID of the model the other side lives in (Juju 4).
    ///
    /// # Errors
    /// [`ToolError::Run`] on agents that do not have the tool.
    pub fn relation_model(&self, relation: &RelationId) -> Result<String, ToolError> {
        #[derive(serde::Deserialize)]
        struct Model {
            uuid: String,
        }
        let model: Model = self.ask("relation-model-get", ["--format=json", "-r", &relation.to_string()])?;
        Ok(model.uuid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Exit, Recorded};

    #[test]
    fn a_bag_is_written_by_standard_input_and_read_whole() {
        let id: RelationId = "cluster:0".parse().unwrap();
        let unit: UnitName = "paperclip/1".parse().unwrap();
        let tools = Recorded::new()
            .answer("relation-set -r cluster:0 --app --file -", "")
            .answer("relation-get --format=json -r cluster:0 - paperclip/1", "{\"a\":\"1\"}\n");
        let juju = Juju::new(&tools);
        juju.set_relation_application(&id, &Bag::from([("k".into(), "v".into())])).unwrap();
        assert_eq!(tools.last_input("relation-set").unwrap(), br#"{"k":"v"}"#);
        assert_eq!(juju.relation(&id, &Target::Unit(&unit)).unwrap(), Bag::from([("a".into(), "1".into())]));
        juju.set_relation(&id, &Bag::new()).unwrap();
        assert_eq!(tools.calls().len(), 2, "nothing to write calls nothing");
    }

    #[test]
    fn a_refusal_keeps_code_and_text() {
        let id: RelationId = "cluster:9".parse().unwrap();
        let tools = Recorded::new().refuse(
            "relation-list --format=json -r cluster:9",
            2,
            r#"invalid value "cluster:9" for option -r: relation not found"#,
        );
        let error = Juju::new(&tools).relation_units(&id).unwrap_err();
        assert!(error.is_not_found() && !error.is_denied());
        assert!(matches!(error, ToolError::Refused { exit: Exit::Code(2), .. }), "{error}");
    }

    #[test]
    fn an_answer_that_is_no_json_is_shown() {
        let tools = Recorded::new().answer("relation-ids --format=json cluster", "cluster:0\n");
        let error = Juju::new(&tools).relations("cluster").unwrap_err();
        assert!(error.to_string().contains("cluster:0"), "{error}");
    }
}
