//! What `run` says at its start: to the log in two lines, to a person at a terminal in plain text.

use crate::{
    config::{Config, SETTINGS},
    identity::{ROOT_KEY, SIGNING_KEY},
    logging::LogFormat,
    node::Node,
    output::{Cell, Text, tell_text},
};
use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::PathBuf,
};

/// What the start of a node found in its data directory.
pub(super) struct Greeting {
    data_dir: PathBuf,
    had_signing_key: bool,
    had_root_key: bool,
    plain: bool,
}

impl Greeting {
    /// Looks before anything is made.
    pub(super) fn before(config: &Config) -> Self {
        let data_dir = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
        tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %data_dir.display(), "starting");
        Self {
            had_signing_key: data_dir.join(SIGNING_KEY).exists(),
            had_root_key: data_dir.join(ROOT_KEY).exists(),
            plain: config.log_format == LogFormat::Text && io::stderr().is_terminal(),
            data_dir,
        }
    }

    /// Says what was made, and to a person where the node is and what to do with it.
    pub(super) fn after(&self, node: &Node, api: SocketAddr) {
        let root_key = self.data_dir.join(ROOT_KEY);
        let made_root_key = !self.had_root_key && root_key.exists();
        if made_root_key {
            let file = root_key.display();
            tracing::info!(%file, "created the root key of a new cluster; keep a copy in a safe place");
        }
        if self.plain {
            tell_text(&self.text(node, api, made_root_key));
        }
    }

    fn text(&self, node: &Node, api: SocketAddr, made_root_key: bool) -> Text {
        let status = node.status();
        let identity = match (made_root_key, self.had_signing_key, &status.identity.hash) {
            (true, ..) => {
                format!("new: the node is its own cluster; keep a copy of {ROOT_KEY} in a safe place")
            }
            (_, false, _) => "new signing key".to_owned(),
            (.., Some(_)) => "as before".to_owned(),
            (.., None) => "not certified yet: `paperclip-node identity show` prints the request".to_owned(),
        };
        let at = if SETTINGS.api.key.default.text() == Some(api.to_string()) {
            String::new()
        } else {
            format!(" --api http://{api}")
        };
        let mut lines: Vec<(&'static str, Cell)> = vec![
            ("PaperClip", status.version.into()),
            ("data", self.data_dir.display().to_string().into()),
            ("identity", identity.into()),
            ("API", format!("http://{api}").into()),
        ];
        for (number, address) in status.listen.iter().enumerate() {
            lines.push((if number == 0 { "peers dial" } else { "" }, address.to_string().into()));
        }
        lines.push(("next", format!("paperclip-node db create notes --type events{at}").into()));
        lines.push(("", format!("paperclip-node status{at}").into()));
        Text::pairs(lines)
    }
}
