//! The JavaScript peer by itself: when these fail, no interop test says anything about PaperClip.

use paperclip_tests::{JsPeer, Result, Storage, folder};
use serde_json::json;

#[test]
fn two_javascript_peers_replicate_values_of_every_kind() -> Result<()> {
    let home = folder()?;
    let mut a = JsPeer::start(&home.path().join("a"), Storage::Disk)?;
    let mut b = JsPeer::start(&home.path().join("b"), Storage::Memory)?;
    let values = [
        json!(5),
        json!(1.5),
        json!(18_446_744_073_709_551_615_u64),
        json!({ "/": { "bytes": "AP8" } }),
        json!({ "z": null, "a": [true, "\u{1f4ce}"] }),
    ];
    let db = a.create("values", "events", json!({}))?.address;
    let hashes = a.add_many(&db, &values)?;
    b.dial(a.addr())?;
    b.open(&db)?;
    b.await_head(&db, &hashes[4])?;
    let seen: Vec<_> = b.all(&db)?.into_iter().map(|row| row.value).collect();
    assert_eq!(seen, values);
    assert_eq!(b.entries(&db)?, a.entries(&db)?);
    Ok(())
}

#[test]
fn a_peer_on_disk_keeps_its_data_and_its_names_over_a_restart() -> Result<()> {
    let home = folder()?;
    let mut before = JsPeer::start(home.path(), Storage::Disk)?;
    let db = before.create("kept", "events", json!({}))?.address;
    let hash = before.add(&db, &json!("still here"))?;
    let (peer, identity) = (before.peer_id().to_owned(), before.identity().hash.clone());
    before.stop()?;

    let mut after = JsPeer::start(home.path(), Storage::Disk)?;
    after.open(&db)?;
    assert_eq!(after.heads(&db)?, [hash]);
    assert_eq!(after.peer_id(), peer);
    assert_eq!(after.identity().hash, identity);
    Ok(())
}
