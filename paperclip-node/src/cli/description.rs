//! Descriptions of databases for people: in a table, and one by one.

use crate::output::{Cell, Text, duration};
use paperclip_client::shape::{Database, OpenDatabase, Refused, State, UnreachableBlock};

/// Databases as a table, and below it why some of them cannot be served.
pub(super) fn listing(databases: &[Database]) -> Text {
    let table = Text::table(&HEADER, databases.iter().map(row));
    let failed = databases.iter().filter_map(|database| {
        let error = database.error.as_deref()?;
        Some(Text::line(Cell::bad(format!("{}: {error}", database.label()))))
    });
    failed.reduce(Text::then).map_or(table.clone(), |failed| table.apart(failed))
}

/// The columns of a list of databases.
const HEADER: [&str; 7] = ["NAME", "READ AS", "STATE", "ENTRIES", "HEADS", "PENDING", "ADDRESS"];

/// The cells of one database in such a list.
fn row(database: &Database) -> Vec<Cell> {
    let open = database.open.as_ref();
    let figure = |of: fn(&OpenDatabase) -> u64| Cell::from(optional(open.map(of)));
    vec![
        optional(database.name.as_deref()).into(),
        optional(open.map(|open| open.reading.as_str())).into(),
        state(database.state),
        figure(|open| open.entries),
        figure(|open| open.heads),
        figure(|open| open.pending),
        database.address.as_str().into(),
    ]
}

fn state(state: State) -> Cell {
    match state {
        State::Open => Cell::good(state.word()),
        State::Opening => Cell::warning(state.word()),
        State::Failed => Cell::bad(state.word()),
    }
}

/// A text for a cell; `-` for what is not there.
pub(super) fn optional(known: Option<impl ToString>) -> String {
    known.map_or_else(|| "-".to_owned(), |known| known.to_string())
}

/// Lines of a list of texts: each on a line of its own, `-` for none.
pub(super) fn listed(name: &'static str, items: &[String]) -> Vec<(&'static str, Cell)> {
    if items.is_empty() {
        return vec![(name, "-".into())];
    }
    let lines = items.iter().enumerate();
    lines.map(|(at, text)| (if at == 0 { name } else { "" }, text.as_str().into())).collect()
}

/// The reading, with the field that names a document, and whether it was chosen or found.
fn reading(open: &OpenDatabase) -> String {
    let field = open.index_by.as_ref().map(|field| format!(" by {field}")).unwrap_or_default();
    let chosen = if open.reading_chosen { " (set)" } else { " (inferred)" };
    format!("{}{field}{chosen}", open.reading)
}

/// How many refused entries are shown; `--json` has all that the node lists.
const SHOWN_REFUSED: usize = 10;

/// How many entries were refused, and for what.
fn refused(open: &OpenDatabase) -> String {
    let counts = open.refused_by_reason.iter().map(|(reason, count)| format!("{reason} {count}"));
    match counts.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => open.refused.to_string(),
        counts => format!("{} ({counts})", open.refused),
    }
}

/// One database, with the last entries that it refused.
pub(super) fn describe(database: &Database, refused: &[Refused]) -> Text {
    let state = match database.state {
        State::Opening => Cell::warning("opening: waiting for a peer that has it"),
        other => state(other),
    };
    let mut lines = vec![
        ("address", Cell::from(database.address.as_str())),
        ("name", optional(database.name.as_deref()).into()),
        ("state", state),
    ];
    let open = database.open.as_ref();
    lines.extend(open.map(figures).unwrap_or_default());
    if let Some(error) = &database.error {
        lines.push(("error", Cell::bad(error.as_str())));
    }
    let problems = open.map_or(&[][..], |open| &open.problems);
    lines.extend(problems.iter().map(|problem| ("problem", Cell::bad(problem.as_str()))));
    let mut text = Text::pairs(lines);
    if !refused.is_empty() {
        text = text.apart(last_refused(refused));
    }
    match open.and_then(|open| open.unreachable_blocks.as_deref()) {
        None | Some([]) => text,
        Some(blocks) => text.apart(unreachable(blocks)),
    }
}

/// What is known of an open database.
fn figures(open: &OpenDatabase) -> Vec<(&'static str, Cell)> {
    let figure = |name: &'static str, figure: u64| vec![(name, Cell::from(figure.to_string()))];
    let mut lines = [
        vec![("type", open.kind.as_str().into())],
        vec![("read as", reading(open).into())],
        vec![("javascript", open.javascript.to_string().into())],
        vec![("access", open.access.address.as_str().into())],
        listed("writers", &open.access.write),
        figure("entries", open.entries),
        figure("heads", open.heads),
        vec![("digest", open.digest.as_str().into())],
        figure("pending", open.pending),
        vec![("refused", refused(open).into())],
        figure("unreadable", open.unreadable),
        listed("peers", &open.peers),
        vec![("last exchange", duration(open.seconds_since_exchange).into())],
    ]
    .concat();
    if let Some(meta) = &open.meta {
        lines.push(("meta", meta.to_string().into()));
    }
    match open.damaged_blocks.as_deref() {
        None | Some([]) => {}
        Some(hashes) => lines.extend(listed("damaged blocks", hashes)),
    }
    lines
}

fn last_refused(refused: &[Refused]) -> Text {
    let cells = refused.iter().take(SHOWN_REFUSED).map(|entry| {
        vec![
            entry.hash.clone(),
            duration(Some(entry.age_seconds)),
            optional(entry.writer.as_ref().or(entry.key.as_ref())),
            optional(entry.peer.as_deref()),
            entry.detail.clone(),
        ]
    });
    let header = ["HASH", "AGO", "WRITER", "PEER", "WHY"];
    Text::line(Cell::bad("last refused:")).then(Text::table(&header, cells))
}

fn unreachable(blocks: &[UnreachableBlock]) -> Text {
    let cells = blocks
        .iter()
        .map(|block| vec![block.hash.clone(), duration(Some(block.age_seconds)), block.asked.to_string()]);
    let header = ["HASH", "MISSING FOR", "REQUESTS"];
    Text::line(Cell::bad("unreachable blocks:")).then(Text::table(&header, cells))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_database_is_described_whatever_is_known_of_it() {
        let database = json!({
            "address": "/orbitdb/zdpu1", "name": "a", "role": "pinned", "state": "open", "type": "events",
            "reading": "documents", "reading_chosen": true, "index_by": "n", "javascript": true,
            "access": { "type": "ipfs", "address": "/ipfs/zdpu2", "write": ["*"] },
            "entries": 7, "heads": 1, "digest": "d", "pending": 0, "unreachable": 1, "damaged": 0, "unreadable": 0,
            "refused": 3, "refused_by_reason": { "bad-signature": 1, "encrypted": 2 },
            "problems": ["look here"], "peers": [], "seconds_since_exchange": 3.0,
            "unreachable_blocks": [{ "hash": "zdpu3", "age_seconds": 300.0, "asked": 4 }],
        });
        let refused = json!({
            "hash": "zdpu4", "reason": "encrypted", "age_seconds": 2.0, "writer": null, "key": "02ab", "peer": "12D3",
            "detail": "no",
        });
        let refused = [serde_json::from_value(refused).unwrap()];
        let text = describe(&serde_json::from_value(database).unwrap(), &refused).in_full();
        for line in [
            "writers         *",
            "read as         documents by n (set)",
            "peers           -",
            "zdpu3  5 min        4",
            "zdpu4  2 s  02ab    12D3  no",
            "refused         3 (bad-signature 1, encrypted 2)",
            "problem         look here",
        ] {
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert!(text.lines().any(|shown| words(shown) == words(line)), "{line}: {text}");
        }
    }

    #[test]
    fn one_that_no_peer_has_given_yet_says_so() {
        let opening =
            json!({ "address": "/orbitdb/zdpu1", "name": null, "role": "pinned", "state": "opening" });
        let text = describe(&serde_json::from_value(opening).unwrap(), &[]).in_full();
        assert!(text.contains("opening: waiting for a peer that has it"), "{text}");
    }
}
