//! What "the same database" means: the same heads and the same order of the same entries.

use std::time::Duration;

use crate::{Api, JsPeer, Result, ensure, ensure_eq, eventually};

/// Waits until a JavaScript peer and a node hold the same `entries` entries of a database, heads and order alike.
///
/// # Errors
/// They do not come to agree; what each had last.
pub fn js_agrees(js: &mut JsPeer, node: &Api, db: &str, entries: usize, deadline: Duration) -> Result<()> {
    eventually(deadline, &format!("JavaScript and PaperClip agree on {entries} entries"), || {
        let (theirs, ours) = (js.heads(db)?, node.heads(db)?);
        ensure_eq(&theirs, &ours)?;
        let (theirs, ours) = (js.hashes(db)?, node.hashes(db)?);
        ensure(ours.len() == entries && theirs.len() == entries, || {
            format!("JavaScript has {} entries, PaperClip {}, wanted {entries}", theirs.len(), ours.len())
        })?;
        ensure_eq(&theirs, &ours)
    })
}

/// Waits until nodes hold the same `entries` entries of a database, heads, order and digest alike.
///
/// # Errors
/// They do not come to agree; what the first pair had last.
pub fn nodes_agree(nodes: &[&Api], db: &str, entries: usize, deadline: Duration) -> Result<()> {
    eventually(deadline, &format!("{} nodes agree on {entries} entries", nodes.len()), || {
        let counts: Vec<u64> =
            nodes.iter().map(|api| Ok(api.database(db)?.entries)).collect::<Result<_>>()?;
        ensure(counts.iter().all(|&count| count == entries as u64), || {
            format!("they have {counts:?} entries, wanted {entries}")
        })?;
        for pair in nodes.windows(2) {
            let [left, right] = pair else { continue };
            ensure_eq(&left.heads(db)?, &right.heads(db)?)?;
            ensure_eq(&left.hashes(db)?, &right.hashes(db)?)?;
            ensure_eq(&left.database(db)?.digest, &right.database(db)?.digest)?;
        }
        Ok(())
    })
}
