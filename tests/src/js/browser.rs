//! The app of `docs/cookbook/browsers.md` in a real Chromium.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::Release;
use super::lines::JsonLines;
use crate::error::parse;
use crate::{HarnessError, Result};

/// Where Debian's and Ubuntu's packages put it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// What the app shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Shown {
    /// The listed texts, in the view's order.
    pub texts: Vec<String>,
    /// Whom the app writes as; empty until the database is open.
    pub identity: String,
    /// The database's address; empty until it is open.
    pub address: String,
    /// Open connections to peers.
    pub links: u64,
}

/// A browser with the app. Killed when dropped.
#[derive(Debug)]
pub struct Browser {
    process: JsonLines,
}

impl Browser {
    /// Starts Chromium with an empty profile in `directory`, and serves the app on loopback.
    ///
    /// `PAPERCLIP_CHROMIUM` names another binary than [`CHROMIUM`].
    ///
    /// # Errors
    /// No Chromium, no npm, or code in the book that cannot be bundled.
    pub fn start(directory: &Path) -> Result<Self> {
        let executable =
            std::env::var_os("PAPERCLIP_CHROMIUM").map_or_else(|| CHROMIUM.into(), PathBuf::from);
        if !executable.exists() {
            return Err(HarnessError::ChromiumMissing { path: executable });
        }
        let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cookbook/browsers.md");
        let mut process = JsonLines::start(Release::V4, "browser.mjs", directory)?;
        process.call("start", json!({ "book": book, "directory": directory, "executable": executable }))?;
        Ok(Self { process })
    }

    /// Opens the app anew, as a reload does, with the node at a websocket multiaddress.
    ///
    /// # Errors
    /// The page cannot be had.
    pub fn open(&mut self, node: &str) -> Result<()> {
        self.process.call("open", json!({ "node": node }))?;
        Ok(())
    }

    /// Types a text into the app and presses its button.
    ///
    /// # Errors
    /// The app has no such field or button.
    pub fn add(&mut self, text: &str) -> Result<()> {
        self.process.call("add", json!({ "text": text }))?;
        Ok(())
    }

    /// What the app shows now.
    ///
    /// # Errors
    /// The app lacks one of the parts, or has thrown an error since the last look.
    pub fn look(&mut self) -> Result<Shown> {
        if let Some(thrown) = self.process.take_events().first() {
            let error = thrown["error"].as_str().unwrap_or_default().to_owned();
            return Err(HarnessError::Js { command: "the app in the browser".to_owned(), error });
        }
        parse("the app in the browser", self.process.call("look", Value::Object(serde_json::Map::new()))?)
    }
}
