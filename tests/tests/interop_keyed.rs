//! Keyvalue and documents databases, and guarded ones, shared by JavaScript OrbitDB and PaperClip.

use std::collections::BTreeMap;
use std::path::Path;

use paperclip_tests::{
    Api, DEADLINE, HarnessError, JsPeer, Node, NodeOptions, Result, Storage, ensure, ensure_eq, eventually,
    folder, joined, js_agrees,
};
use serde_json::{Value, json};

fn pair(home: &Path) -> Result<(Node, JsPeer)> {
    pair_with(home, NodeOptions::default())
}

fn pair_with(home: &Path, options: NodeOptions) -> Result<(Node, JsPeer)> {
    let node = Node::start(&home.join("node"), options)?;
    let mut js = JsPeer::start(&home.join("js"), Storage::Disk)?;
    js.dial(&node.addr())?;
    Ok((node, js))
}

/// Key to (value, winning entry), as each side shows it.
type View = BTreeMap<String, (Value, String)>;

fn js_view(js: &mut JsPeer, db: &str) -> Result<View> {
    let rows = js.all(db)?;
    Ok(rows.into_iter().map(|row| (row.key.unwrap_or_default(), (row.value, row.hash))).collect())
}

fn node_view(api: &Api, db: &str) -> Result<View> {
    Ok(api.keys(db)?.into_iter().map(|row| (row.key, (row.value, row.hash))).collect())
}

fn views_agree(js: &mut JsPeer, api: &Api, db: &str) -> Result<View> {
    eventually(DEADLINE, "both show the same keys and values", || {
        let (theirs, ours) = (js_view(js, db)?, node_view(api, db)?);
        ensure_eq(&theirs, &ours)?;
        Ok(ours)
    })
}

#[test]
fn keyvalue_views_are_the_same_for_every_kind_of_key_and_value() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create("kv", "keyvalue", json!({ "write": ["*"] }))?.address;
    api.pin(&db)?;
    let values = [
        ("plain", json!("text")),
        ("clip \u{1f4ce} / \u{fc}?&#%", json!({ "nested": [1, 2.5, null] })),
        ("bytes", json!({ "/": { "bytes": "AAH/" } })),
        ("float", json!(-0.125)),
        ("big", json!(18_446_744_073_709_551_615_u64)),
        (" ", json!(false)),
    ];
    for (key, value) in &values {
        js.put(&db, &format!("js {key}"), value)?;
        api.put(&db, &format!("paperclip {key}"), value)?;
    }
    js_agrees(&mut js, api, &db, 12, DEADLINE)?;
    for (key, value) in &values {
        for writer in ["js", "paperclip"] {
            let key = format!("{writer} {key}");
            assert_eq!(api.get_key(&db, &key)?.as_ref(), Some(value), "{key}");
            assert_eq!(&js.get(&db, &key)?, value, "{key}");
        }
    }
    assert_eq!(views_agree(&mut js, api, &db)?.len(), 12);

    js.del(&db, "paperclip plain")?;
    api.del(&db, "js plain")?;
    js.put(&db, "js float", &json!("replaced"))?;
    js_agrees(&mut js, api, &db, 15, DEADLINE)?;
    let view = views_agree(&mut js, api, &db)?;
    assert_eq!(view.len(), 10);
    assert_eq!(view["js float"].0, json!("replaced"));
    assert_eq!(api.get_key(&db, "paperclip plain")?, None);
    Ok(())
}

#[test]
fn writes_to_one_key_at_once_have_one_winner_everywhere() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create("race", "keyvalue", json!({ "write": ["*"] }))?.address;
    api.pin(&db)?;
    js.put(&db, "contested", &json!("start"))?;
    js_agrees(&mut js, api, &db, 1, DEADLINE)?;
    for round in 0..10 {
        std::thread::scope(|scope| -> Result<()> {
            let ours = scope.spawn(|| api.put(&db, "contested", &json!(format!("paperclip {round}"))));
            js.put(&db, "contested", &json!(format!("js {round}")))?;
            joined(ours).map(drop)
        })?;
    }
    js_agrees(&mut js, api, &db, 21, DEADLINE)?;
    views_agree(&mut js, api, &db)?;
    Ok(())
}

#[test]
fn documents_are_the_same_and_a_key_field_of_its_own_is_respected() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create("docs", "documents", json!({ "write": ["*"] }))?.address;
    api.pin(&db)?;
    let doc = |id: &str, n: i64| json!({ "_id": id, "n": n, "tags": ["a", { "deep": n }], "raw": { "/": { "bytes": "AP8" } } });
    js.put_doc(&db, &doc("j\u{fc}rgen", 1))?;
    js.put_doc(&db, &doc("gone", 2))?;
    api.put_doc(&db, "ours", &doc("ours", 3))?;
    js_agrees(&mut js, api, &db, 3, DEADLINE)?;
    api.del_doc(&db, "gone")?;
    js.put_doc(&db, &doc("ours", 4))?;
    js_agrees(&mut js, api, &db, 5, DEADLINE)?;
    assert_eq!(js.get(&db, "ours")?, doc("ours", 4));
    assert_eq!(js.get(&db, "gone")?, Value::Null);
    for (id, expected) in
        [("j\u{fc}rgen", Some(doc("j\u{fc}rgen", 1))), ("ours", Some(doc("ours", 4))), ("gone", None)]
    {
        assert_eq!(api.get_doc(&db, id)?, expected, "{id}");
    }

    // The field is JavaScript's local choice; what travels is the key.
    let by_name = js.create("by-name", "documents", json!({ "write": ["*"], "indexBy": "name" }))?.address;
    js.put_doc(&by_name, &json!({ "name": "clip", "n": 1 }))?;
    api.pin(&by_name)?;
    js_agrees(&mut js, api, &by_name, 1, DEADLINE)?;
    let found = api.get_doc(&by_name, "clip")?;
    assert_eq!(found, Some(json!({ "name": "clip", "n": 1 })));
    Ok(())
}

#[test]
fn a_guarded_database_follows_its_grants() -> Result<()> {
    let home = folder()?;
    // A JavaScript peer refuses entries whose grant it does not know yet, and asks no second time (wire document, section
    // 8): it is the node's next exchange that saves it.
    let options = NodeOptions { args: vec!["--exchange-interval=2".to_owned()], ..NodeOptions::default() };
    let (node, mut js) = pair_with(home.path(), options)?;
    let api = node.api();
    let db = js.create("guarded", "events", json!({ "accessController": "orbitdb" }))?.address;
    js.add(&db, &json!("by the owner"))?;
    api.pin(&db)?;
    js_agrees(&mut js, api, &db, 1, DEADLINE)?;

    let refused = api.add(&db, &json!("not yet allowed"));
    assert!(
        matches!(refused, Err(HarnessError::Api { status: 403, .. })),
        "a writer without the capability is told so: {refused:?}"
    );

    let status = api.status()?;
    let id = status["identity"]["id"].as_str().unwrap_or_default().to_owned();
    js.grant(&db, "write", &id)?;
    let hash = eventually(DEADLINE, "the grant reaches PaperClip", || api.add(&db, &json!("now allowed")))?;
    js.await_head(&db, &hash)?;
    js_agrees(&mut js, api, &db, 2, DEADLINE)?;

    let capabilities = js.capabilities(&db)?;
    assert!(capabilities["write"].contains(&id));

    // A latecomer that knows only PaperClip gets the guarded log and the log that guards it.
    let mut late = JsPeer::start(&home.path().join("late"), Storage::Memory)?;
    late.dial(&node.addr())?;
    late.open(&db)?;
    eventually(DEADLINE, "the latecomer has the grants and the entries", || {
        let seen = late.capabilities(&db)?;
        ensure_eq(&seen, &capabilities)?;
        let hashes = late.hashes(&db)?;
        ensure(hashes.len() == 2, || format!("it has {hashes:?}"))
    })
}
