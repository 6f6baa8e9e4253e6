//! `secret-*`.
//!
//! Content never stands in an argument (arguments are visible to every user of the machine): it goes through a file
//! that only root can read, removed before the method returns.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::ToolError;
use crate::invoke::Invoke;

use super::{Juju, decode};

/// What a secret holds: keys of `[a-z0-9-]`, at least three characters; together at most 1 MB.
pub type SecretContent = BTreeMap<String, String>;

/// Whose a secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The application's: written by the leader, read by every unit without a grant.
    Application,
    /// This unit's alone.
    Unit,
}

/// What goes with a new secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOptions<'a> {
    /// Whose it is.
    pub owner: Owner,
    /// The name its owner finds it by again.
    pub label: &'a str,
    /// For people.
    pub description: &'a str,
}

/// What the owner can know of a secret without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecretInfo {
    /// The newest revision.
    pub revision: u64,
    /// Its label.
    #[serde(default)]
    pub label: String,
    /// Whose it is.
    pub owner: Owner,
}

/// A file that holds secret content while a tool reads it.
struct ContentFile(PathBuf);

impl ContentFile {
    fn write(content: &SecretContent) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!(".juju-secret-{}", std::process::id()));
        // A leftover of a killed hook with the same process id would be in the way; whose it is does not matter.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let file_guard = Self(path);
        file.write_all(&serde_json::to_vec(content)?)?;
        Ok(file_guard)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ContentFile {
    fn drop(&mut self) {
        // Nothing can be done about a file that will not go; the temporary directory is the machine's own.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl<I: Invoke> Juju<I> {
    /// `secret-add`: makes a secret and gives its URI, `secret:<id>`. Application secrets: leader only.
    ///
    /// # Errors
    /// [`ToolError::is_denied`] when this unit is not the leader; [`ToolError::Input`] when the content could not
    /// be handed over.
    pub fn add_secret(
        &self,
        options: &SecretOptions<'_>,
        content: &SecretContent,
    ) -> Result<String, ToolError> {
        let owner = match options.owner {
            Owner::Application => "application",
            Owner::Unit => "unit",
        };
        let flags = ["--owner", owner, "--label", options.label, "--description", options.description]
            .map(str::to_owned);
        let stdout = self.with_content("secret-add", flags.into(), content)?;
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    }

    /// `secret-set`: a new revision. The same content makes none.
    ///
    /// # Errors
    /// As [`Juju::add_secret`]; [`ToolError::is_not_found`] for an unknown secret.
    pub fn set_secret(&self, id: &str, content: &SecretContent) -> Result<(), ToolError> {
        self.with_content("secret-set", vec![id.to_owned()], content).map(drop)
    }

    fn with_content(
        &self,
        tool: &'static str,
        mut arguments: Vec<String>,
        content: &SecretContent,
    ) -> Result<Vec<u8>, ToolError> {
        // The agent opens the file, not the tool: an absolute path, and standard input will not do.
        let file =
            ContentFile::write(content).map_err(|source| ToolError::Input { tool: tool.into(), source })?;
        arguments.extend(["--file".to_owned(), file.path().display().to_string()]);
        self.run(tool, arguments, None)
    }

    /// `secret-get`: the content, at the revision this unit follows; `refresh` moves on to the newest.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`], [`ToolError::is_denied`].
    pub fn secret(&self, id: &str, refresh: bool) -> Result<SecretContent, ToolError> {
        let refresh = refresh.then_some("--refresh");
        let stdout = self.run("secret-get", [id, "--format=json"].into_iter().chain(refresh), None)?;
        decode("secret-get", &stdout, false)
    }

    /// `secret-info-get --label`: what the owner can know of its secret.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] when this unit owns none with this label.
    pub fn secret_info(&self, label: &str) -> Result<BTreeMap<String, SecretInfo>, ToolError> {
        self.ask("secret-info-get", ["--label", label, "--format=json"])
    }

    /// `secret-ids`: the ids of the secrets this unit owns (as leader, the application's too).
    ///
    /// # Errors
    /// [`ToolError`] as the tool gives it.
    pub fn secret_ids(&self) -> Result<Vec<String>, ToolError> {
        // The tool prints `null`, not `[]`, when there are none.
        Ok(self.ask::<Option<Vec<String>>, _>("secret-ids", ["--format=json"])?.unwrap_or_default())
    }

    /// `secret-grant`: lets the other side of a relation read a secret. Granting again is no error.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] for an unknown secret or relation.
    pub fn grant_secret(&self, id: &str, relation: &crate::RelationId) -> Result<(), ToolError> {
        self.tell("secret-grant", [id, "-r", &relation.to_string()])
    }

    /// `secret-revoke`: takes the grant back.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] for an unknown secret or relation.
    pub fn revoke_secret(&self, id: &str, relation: &crate::RelationId) -> Result<(), ToolError> {
        self.tell("secret-revoke", [id, "-r", &relation.to_string()])
    }

    /// `secret-remove`: removes one revision, or the whole secret.
    ///
    /// # Errors
    /// [`ToolError::is_not_found`] for an unknown secret.
    pub fn remove_secret(&self, id: &str, revision: Option<u64>) -> Result<(), ToolError> {
        let revision = revision.map(|revision| ["--revision".to_owned(), revision.to_string()]);
        self.tell("secret-remove", std::iter::once(id.to_owned()).chain(revision.into_iter().flatten()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Reply};
    use std::cell::RefCell;

    /// Reads the file it is pointed to, as the agent does.
    #[derive(Default)]
    struct Agent {
        seen: RefCell<Vec<(Vec<String>, String)>>,
    }

    impl Invoke for &Agent {
        fn invoke(&self, call: &Call) -> std::io::Result<Reply> {
            let path = call.arguments.last().cloned().unwrap_or_default();
            self.seen.borrow_mut().push((call.arguments.clone(), std::fs::read_to_string(path)?));
            Ok(Reply { failure: None, stdout: b"secret:9m4e2mr0ui3e8a215n4g\n".to_vec(), stderr: Vec::new() })
        }
    }

    #[test]
    fn content_is_in_a_file_and_the_file_is_gone_afterwards() {
        let agent = Agent::default();
        let options = SecretOptions { owner: Owner::Application, label: "cluster", description: "root key" };
        let content = SecretContent::from([("root-key".into(), "hush".into())]);
        let id = Juju::new(&agent).add_secret(&options, &content).unwrap();
        assert_eq!(id, "secret:9m4e2mr0ui3e8a215n4g");
        let (arguments, file) = agent.seen.borrow()[0].clone();
        assert_eq!(file, r#"{"root-key":"hush"}"#);
        assert!(!arguments.join(" ").contains("hush"));
        assert!(!Path::new(arguments.last().unwrap()).exists());
    }

    #[test]
    fn no_secrets_is_null() {
        let tools = crate::Recorded::new().answer("secret-ids --format=json", "null\n");
        assert!(Juju::new(&tools).secret_ids().unwrap().is_empty());
    }

    #[test]
    fn an_answer_with_a_secret_is_never_shown() {
        let tools = crate::Recorded::new().answer("secret-get secret:x --format=json", "hush");
        let error = Juju::new(&tools).secret("secret:x", false).unwrap_err();
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}
