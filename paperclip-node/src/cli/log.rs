//! `log`: the entries underneath a database.

use super::{error::CliError, target::AtDatabase};
use crate::output::{Listing, cell, json_line, rows};
use clap::{Args, Subcommand};
use paperclip_client::{Client, db_path, http::encoded};
use serde_json::Value as Json;

/// The columns of a list of entries.
const HEADER: [&str; 3] = ["HASH", "TIME", "PAYLOAD"];

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Print the heads: the entries that no other entry refers to
    Heads(AtDatabase),
    /// Print entries, newest first
    Iter {
        #[command(flatten)]
        at: AtDatabase,
        #[command(flatten)]
        range: RangeArgs,
    },
    /// Print one entry
    Show {
        #[command(flatten)]
        at: AtDatabase,
        /// Hash of the entry: zdpu…
        hash: String,
    },
}

/// Which entries, with the meaning that JavaScript's `iterator` gives these options.
#[derive(Debug, Args)]
pub(super) struct RangeArgs {
    /// Maximum number of entries
    #[arg(long, value_name = "N")]
    amount: Option<usize>,
    /// Only entries after this one
    #[arg(long, value_name = "HASH")]
    gt: Option<String>,
    /// Only this entry and those after it
    #[arg(long, value_name = "HASH")]
    gte: Option<String>,
    /// Only ancestors of this entry
    #[arg(long, value_name = "HASH")]
    lt: Option<String>,
    /// Only this entry and its ancestors
    #[arg(long, value_name = "HASH")]
    lte: Option<String>,
}

impl RangeArgs {
    fn query(&self) -> String {
        let amount = self.amount.map(|amount| amount.to_string());
        let named =
            [("amount", &amount), ("gt", &self.gt), ("gte", &self.gte), ("lt", &self.lt), ("lte", &self.lte)];
        let given =
            named.iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value.as_ref()?))));
        given.collect::<Vec<_>>().join("&")
    }
}

pub(super) fn execute(command: LogCommand) -> Result<(), CliError> {
    match command {
        LogCommand::Heads(at) => {
            let heads = at.client.connect()?.get(&db_path(&at.db, &["heads"]))?.json()?;
            print(&at, &heads, &mut Listing::new(&HEADER))
        }
        LogCommand::Iter { at, range } => iterate(&at, &at.client.connect()?, &range),
        LogCommand::Show { at, hash } => {
            let entry = at.client.connect()?.get(&db_path(&at.db, &["entries", &hash]))?.json()?;
            Ok(at.client.output().value(&entry)?)
        }
    }
}

fn iterate(at: &AtDatabase, client: &Client, range: &RangeArgs) -> Result<(), CliError> {
    let mut path = Some(format!("{}?{}", db_path(&at.db, &["entries"]), range.query()));
    let mut listing = Listing::new(&HEADER);
    while let Some(current) = path {
        let answer = client.get(&current)?;
        print(at, &answer.json()?, &mut listing)?;
        path = answer.next;
    }
    Ok(())
}

fn print(at: &AtDatabase, entries: &Json, listing: &mut Listing) -> Result<(), CliError> {
    if at.client.json {
        return Ok(rows(entries).iter().try_for_each(json_line)?);
    }
    let cells = |entry: &Json| {
        let time = entry.pointer("/clock/time").map_or_else(|| "-".to_owned(), Json::to_string);
        let payload = entry.get("payload").map_or_else(|| "-".to_owned(), Json::to_string);
        vec![cell(entry, "hash"), time, payload]
    };
    Ok(listing.print(&rows(entries).iter().map(cells).collect::<Vec<_>>())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_asked_for() {
        let range = RangeArgs { amount: Some(3), gt: None, gte: None, lt: Some("a b".into()), lte: None };
        assert_eq!(range.query(), "amount=3&lt=a%20b");
    }
}
