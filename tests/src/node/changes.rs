//! The stream of server-sent events of one database.

use std::io::{BufRead as _, BufReader, Lines, Read};

use crate::error::io;
use crate::js::Entry;
use crate::{HarnessError, Result, not_yet};

/// Entries as the node joins them; blocks until the next, ends when the node ends the stream.
pub struct Changes {
    lines: Lines<BufReader<Box<dyn Read + Send>>>,
    event: String,
}

impl Changes {
    pub(super) fn follow(stream: impl Read + Send + 'static) -> Self {
        Self { lines: BufReader::new(Box::new(stream) as Box<dyn Read + Send>).lines(), event: String::new() }
    }
}

impl Iterator for Changes {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.lines.next()? {
                Ok(line) => line,
                Err(source) => return Some(Err(io("reading the stream of changes")(source))),
            };
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut self.event);
            }
            // Comments keep the connection alive, and the id is in the data as well.
            let Some(data) = line.strip_prefix("data:") else { continue };
            if self.event != "entry" {
                return Some(not_yet(format!("the stream of changes said {}: {data}", self.event)));
            }
            return Some(serde_json::from_str(data).map_err(|source| HarnessError::Shape {
                what: "a change".to_owned(),
                text: data.to_owned(),
                source,
            }));
        }
    }
}
