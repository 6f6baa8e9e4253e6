//! Keys of settings: names, defaults, and the values that they take.

use crate::logging::LogFormat;
use std::fmt;
use store::Durability;

/// One setting, as far as it is text: flags, variables, file keys, help and the reference are made from it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its key in a configuration file.
    pub name: &'static str,
    /// Its flag, without the dashes. The same as the name but for lists, whose flag is given once for each item.
    pub flag: &'static str,
    /// Whether it is a list.
    pub many: bool,
    /// Its value when nothing is given.
    pub default: DefaultValue,
    /// What it may be.
    pub allowed: Allowed,
    /// What it is, in one or two sentences.
    pub help: &'static str,
}

/// A setting's value when nothing is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// It has none.
    Nothing,
    /// As people write it.
    Text(&'static str),
    /// A constant of the code that uses the setting.
    Number(u64),
}

/// What a setting may be: told in faults, help and the reference, and held to when it is read.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// A whole number, the bounds included.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What it counts.
        unit: Unit,
    },
    /// One of these words.
    Choice(fn() -> Vec<&'static str>),
    /// A text of this form.
    Text {
        /// What stands for it in help texts.
        value: &'static str,
        /// The form, in words.
        form: &'static str,
    },
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Things.
    Things,
}

/// A type whose values have words.
pub(super) trait Choice: Copy + 'static {
    /// All of them.
    const CHOICES: &'static [(&'static str, Self)];

    fn names() -> Vec<&'static str> {
        Self::CHOICES.iter().map(|(name, _)| *name).collect()
    }
}

impl Choice for bool {
    const CHOICES: &'static [(&'static str, Self)] = &[("true", true), ("false", false)];
}

impl Choice for LogFormat {
    const CHOICES: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Choice for Durability {
    const CHOICES: &'static [(&'static str, Self)] = &[("strict", Self::Strict), ("relaxed", Self::Relaxed)];
}

impl Key {
    pub(super) const fn new(name: &'static str, allowed: Allowed, help: &'static str) -> Self {
        Self { name, flag: name, many: false, default: DefaultValue::Nothing, allowed, help }
    }

    pub(super) const fn list(self, flag: &'static str) -> Self {
        Self { flag, many: true, ..self }
    }

    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default: DefaultValue::Text(default), ..self }
    }

    pub(super) const fn or_number(self, default: u64) -> Self {
        Self { default: DefaultValue::Number(default), ..self }
    }

    /// Whether its flag may stand alone, for `true`.
    pub fn is_switch(&self) -> bool {
        matches!(self.allowed, Allowed::Choice(names) if names() == bool::names())
    }

    /// Its environment variable: `PAPERCLIP_` and the name. Items of a list are separated by commas there.
    pub fn env(&self) -> String {
        format!("PAPERCLIP_{}", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

impl DefaultValue {
    /// The value as people would write it.
    pub fn text(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Text(text) => Some(text.to_owned()),
            Self::Number(number) => Some(number.to_string()),
        }
    }
}

impl Allowed {
    pub(super) const fn number(least: u64, most: u64, unit: Unit) -> Self {
        Self::Number { least, most, unit }
    }

    pub(super) const fn choice<T: Choice>() -> Self {
        Self::Choice(T::names)
    }

    pub(super) const fn text(value: &'static str, form: &'static str) -> Self {
        Self::Text { value, form }
    }

    /// What stands for the value in help texts.
    pub fn value_name(&self) -> String {
        match self {
            Self::Number { unit: Unit::Bytes, .. } => "BYTES".to_owned(),
            Self::Number { unit: Unit::Seconds, .. } => "SECONDS".to_owned(),
            Self::Number { unit: Unit::Things, .. } => "NUMBER".to_owned(),
            Self::Choice(names) => names().join("|"),
            Self::Text { value, .. } => (*value).to_owned(),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { least, most, .. } => write!(f, "a whole number from {least} to {most}"),
            Self::Choice(names) => f.write_str(&names().join(" or ")),
            Self::Text { form, .. } => f.write_str(form),
        }
    }
}
