//! The flags of `run`: one for each setting of the table, so that none can be forgotten.

use crate::config::{Config, ConfigError, KEYS, Key};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use std::path::PathBuf;

const CONFIG: &str = "config";

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFlags {
    /// The configuration file.
    pub file: Option<PathBuf>,
    given: Vec<(&'static Key, Vec<String>)>,
}

impl ConfigFlags {
    /// The configuration, from these flags, the environment and the file.
    ///
    /// # Errors
    /// [`ConfigError`], with every fault.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        // A variable that is not UTF-8 fits no setting; replacement characters make that show in the fault.
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Config::load(self.given.clone(), variables, self.file.as_deref())
    }
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>(CONFIG).cloned();
        self.given = KEYS
            .iter()
            .filter_map(|key| Some((*key, matches.get_many::<String>(key.name)?.cloned().collect())))
            .collect();
        Ok(())
    }
}

impl Args for ConfigFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .env("PAPERCLIP_CONFIG")
            .hide_env(true)
            .value_parser(value_parser!(PathBuf))
            .help("YAML file with the settings below, without the dashes [env:\u{a0}PAPERCLIP_CONFIG]");
        KEYS.iter().map(|key| flag(key)).fold(command.arg(file), Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(key: &Key) -> Arg {
    // Spaces that do not break keep each pair of brackets on one line.
    let default = key.default.text().map_or_else(String::new, |text| format!(" [default:\u{a0}{text}]"));
    let arg = Arg::new(key.name)
        .long(key.flag)
        .value_name(key.allowed.value_name())
        .help(format!("{}{default} [env:\u{a0}{}]", key.help, key.env()))
        .action(ArgAction::Append);
    if key.is_switch() { arg.num_args(0..=1).default_missing_value("true") } else { arg }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn load(arguments: &[&str]) -> Result<Config, ConfigError> {
        let matches = ConfigFlags::augment_args(Command::new("run")).try_get_matches_from(arguments).unwrap();
        let flags = ConfigFlags::from_arg_matches(&matches).unwrap();
        Config::load(flags.given, [], flags.file.as_deref())
    }

    #[test]
    fn flags_become_settings() {
        let config = load(&[
            "run",
            "--api",
            "127.0.0.1:1",
            "--peer",
            "/ip4/10.0.0.1/tcp/1",
            "--peer=/ip4/10.0.0.2/tcp/1",
            "--metrics-open",
        ])
        .unwrap();
        assert_eq!(config.api, SocketAddr::from(([127, 0, 0, 1], 1)));
        assert_eq!(config.peers.len(), 2);
        assert!(config.metrics_open);
        assert!(!load(&["run", "--metrics-open", "false"]).unwrap().metrics_open);
    }

    #[test]
    fn faults_name_the_flag() {
        let told = load(&["run", "--peer", "here", "--durability", "maybe"]).unwrap_err().to_string();
        assert!(
            told.contains("--peer: here is not ")
                && told.contains("--durability: maybe is not strict or relaxed")
        );
    }
}
