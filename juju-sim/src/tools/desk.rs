//! Call of a hook tool: what it works on, what it answers, why it fails.

use serde_json::Value;

use crate::context::Context;
use crate::model::{Model, Strings};

/// Why a tool fails.
#[derive(Debug)]
pub enum Failure {
    /// Wrong flags or arguments: exit 2.
    Usage(String),
    /// A failure while running: exit 1.
    Run(String),
}

/// A tool's answer: a value to be formatted, or text as it is.
#[derive(Debug)]
pub enum Answer {
    /// Nothing.
    Nothing,
    /// A value, printed in the asked format.
    Value(Value),
    /// Text, printed as it is.
    Text(String),
}

pub(crate) type Outcome = Result<Answer, Failure>;

/// What a tool works on.
pub struct Desk<'a> {
    /// The controller's model.
    pub model: &'a mut Model,
    /// The run that called.
    pub context: &'a mut Context,
    /// The call's standard input.
    pub input: Option<&'a str>,
    /// Lines of the log.
    pub log: &'a mut Vec<String>,
}

/// `k=v` arguments.
pub(crate) fn pairs(arguments: &[String]) -> Result<Strings, Failure> {
    arguments
        .iter()
        .map(|argument| {
            let (key, value) = argument
                .split_once('=')
                .ok_or_else(|| Failure::Usage(format!("expected \"key=value\", got {argument:?}")))?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A YAML map of strings.
pub(crate) fn yaml_map(text: &str) -> Result<Strings, Failure> {
    serde_yaml::from_str::<Option<Strings>>(text)
        .map(Option::unwrap_or_default)
        .map_err(|error| Failure::Run(format!("yaml: unmarshal errors: {error}")))
}
