//! Databases as apps make them are read as JavaScript reads them, whatever their manifests say.

use std::collections::BTreeMap;
use std::path::Path;

use paperclip_tests::{
    Api, Cluster, DEADLINE, HarnessError, JsPeer, KeyRow, Node, NodeOptions, Result, Row, Storage, cli,
    ensure, ensure_eq, eventually, folder, js_agrees,
};
use serde_json::{Value, json};

fn pair(home: &Path) -> Result<(Node, JsPeer)> {
    let node = Node::start(&home.join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.join("js"), Storage::Memory)?;
    js.dial(&node.addr())?;
    Ok((node, js))
}

/// Key, value and entry of what a view shows, newest first.
fn theirs(rows: Vec<Row>) -> Vec<(String, Value, String)> {
    rows.into_iter().rev().map(|row| (row.key.unwrap_or_default(), row.value, row.hash)).collect()
}

fn ours(rows: Vec<KeyRow>) -> Vec<(String, Value, String)> {
    rows.into_iter().map(|row| (row.key, row.value, row.hash)).collect()
}

fn read_as(api: &Api, db: &str, reading: &str, index_by: Option<&str>) -> Result<()> {
    eventually(DEADLINE, "the reading is found", || {
        let database = api.database(db)?;
        ensure_eq(&database.reading.as_str(), &reading)?;
        ensure_eq(&database.index_by.as_deref(), &index_by)
    })
}

#[test]
fn documents_opened_as_the_documentation_shows_are_documents() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let options = json!({ "write": ["*"], "indexBy": "myCustomId" });
    let db = js.create_with("my-docs", "Documents", options)?.address;
    api.pin(&db)?;
    let document = |id: &str, text: &str| json!({ "myCustomId": id, "text": text });
    for (id, text) in [("one", "hello"), ("two", "two"), ("one", "hello again")] {
        js.put_doc(&db, &document(id, text))?;
    }
    js.del(&db, "two")?;
    js_agrees(&mut js, api, &db, 4, DEADLINE)?;

    assert_eq!(api.database(&db)?.kind, "events", "what the manifest says");
    read_as(api, &db, "documents", Some("myCustomId"))?;
    assert_eq!(ours(api.docs(&db)?), theirs(js.all(&db)?));
    assert_eq!(api.get_doc(&db, "one")?, Some(document("one", "hello again")));
    api.put_doc(&db, "three", &document("three", "from here"))?;
    js_agrees(&mut js, api, &db, 5, DEADLINE)?;
    eventually(DEADLINE, "JavaScript shows it", || {
        ensure_eq(&js.get(&db, "three")?, &document("three", "from here"))
    })?;
    assert_eq!(ours(api.docs(&db)?), theirs(js.all(&db)?));

    let shown = cli(&["all", &db, "--api", &node.url()])?.success()?.stdout;
    assert!(
        shown.contains("hello again") && shown.contains("from here") && !shown.contains("two"),
        "{shown}"
    );
    let shown = cli(&["db", "show", &db, "--api", &node.url()])?.success()?.stdout;
    assert!(shown.contains("documents by myCustomId (inferred)"), "{shown}");
    Ok(())
}

#[test]
fn an_indexed_keyvalue_database_is_one_of_keys() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create_with("my-kv", "KeyValueIndexed", json!({ "write": ["*"] }))?.address;
    api.pin(&db)?;
    js.put(&db, "key", &json!("value"))?;
    js.put(&db, "gone", &json!(1))?;
    js.del(&db, "gone")?;
    js_agrees(&mut js, api, &db, 3, DEADLINE)?;
    read_as(api, &db, "keyvalue", None)?;
    api.put(&db, "from here", &json!([1, null]))?;
    js_agrees(&mut js, api, &db, 4, DEADLINE)?;
    let shown = |rows: Vec<(String, Value, String)>| -> BTreeMap<String, Value> {
        rows.into_iter().map(|(key, value, _)| (key, value)).collect()
    };
    eventually(DEADLINE, "both show the same keys", || {
        // JavaScript lists its index by key, not by age.
        ensure_eq(&shown(ours(api.keys(&db)?)), &shown(theirs(js.all(&db)?)))
    })?;
    assert_eq!(api.get_key(&db, "key")?, Some(json!("value")));
    Ok(())
}

#[test]
fn types_of_an_apps_own_are_kept_and_shown_as_a_log() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let named = js.create("named", "lists", json!({ "write": ["*"] }))?.address;
    let unnamed = js.create_with("unnamed", "Lists", json!({ "write": ["*"] }))?.address;
    for (db, kind) in [(&named, "lists"), (&unnamed, "events")] {
        api.pin(db)?;
        for operation in [
            json!({ "op": "PUSH", "key": "list", "value": { "n": 1 } }),
            json!({ "op": "PUT", "key": "k", "value": "two" }),
            json!({ "op": "DEL", "key": "k", "value": null }),
            json!({ "op": "ADD", "key": "with a key", "value": [3] }),
            json!({ "op": "ADD", "key": null }),
            json!({ "value": "no operation" }),
        ] {
            js.operate(db, &operation)?;
        }
        js_agrees(&mut js, api, db, 6, DEADLINE)?;
        let database = api.database(db)?;
        assert_eq!((database.kind.as_str(), database.reading.as_str()), (kind, "events"));
        let shown: Vec<(String, Value)> =
            api.events(db, "")?.into_iter().map(|row| (row.hash, row.value)).collect();
        let expected: Vec<(String, Value)> =
            js.all(db)?.into_iter().rev().map(|row| (row.hash, row.value)).collect();
        assert_eq!(shown, expected, "{kind}: every operation's value");
        assert_eq!(api.verify(db)?["sound"], true);
    }
    Ok(())
}

#[test]
fn a_reading_is_chosen_for_the_whole_cluster_and_stays() -> Result<()> {
    let home = folder()?;
    let mut cluster = Cluster::start(home.path(), 2, &[])?;
    let db = cluster.api(0).create("plain", "events", &["*"])?.address;
    eventually(DEADLINE, "the other node has it", || cluster.api(1).database(&db))?;

    let refused = cluster.api(0).put(&db, "a", &json!(1));
    let Err(HarnessError::Api { status: 409, body, .. }) = refused else {
        panic!("a log has no keys: {refused:?}");
    };
    assert!(body.contains("read as events") && body.contains("db set"), "{body}");

    let url = cluster.nodes[0].url();
    let set = cli(&["db", "set", "plain", "--as", "documents", "--index-by", "name", "--api", &url])?;
    assert!(set.success()?.stdout.contains("documents by name (set)"));
    read_as(cluster.api(1), &db, "documents", Some("name"))?;
    cluster.api(1).put_doc(&db, "clip", &json!({ "name": "clip", "n": 1 }))?;
    let wrong = cluster.api(1).put_doc(&db, "clip", &json!({ "_id": "clip" }));
    assert!(matches!(wrong, Err(HarnessError::Api { status: 422, .. })), "{wrong:?}");

    cluster.nodes[1].kill()?;
    cluster.nodes[1].run()?;
    read_as(cluster.api(1), &db, "documents", Some("name"))?;
    assert_eq!(cluster.api(1).get_doc(&db, "clip")?, Some(json!({ "name": "clip", "n": 1 })));

    cluster.api(1).set(&db, &json!({ "reading": "keyvalue" }))?;
    read_as(cluster.api(0), &db, "keyvalue", None)?;
    assert_eq!(cluster.api(0).get_key(&db, "clip")?, Some(json!({ "name": "clip", "n": 1 })));
    cluster.api(0).set(&db, &json!({ "reading": "events" }))?;
    assert_eq!(cluster.api(0).events(&db, "")?.len(), 1);
    cluster.api(0).set(&db, &json!({ "reading": "auto" }))?;
    read_as(cluster.api(1), &db, "documents", Some("name"))?;
    Ok(())
}

#[test]
fn what_cannot_be_set_is_refused() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let api = node.api();
    let guarded = json!({ "name": "guarded", "type": "events", "access": "orbitdb" });
    let db = api.create_with(&guarded)?.address;
    for change in [
        json!({}),
        json!({ "reading": "table" }),
        json!({ "index_by": "n" }),
        json!({ "reading": "auto", "index_by": "n" }),
    ] {
        let refused = api.set(&db, &change);
        assert!(matches!(refused, Err(HarnessError::Api { status: 400, .. })), "{change}: {refused:?}");
    }
    let status = api.status()?;
    let others = status["databases"].as_array().into_iter().flatten().filter(|it| it["role"] != "pinned");
    let addresses: Vec<&str> = others.filter_map(|it| it["address"].as_str()).collect();
    assert_eq!(addresses.len(), 2, "the catalog and the access controller: {status}");
    for address in addresses {
        let refused = api.set(address, &json!({ "reading": "events" }));
        assert!(matches!(refused, Err(HarnessError::Api { status: 403, .. })), "{refused:?}");
    }
    Ok(())
}

#[test]
fn keys_that_are_no_texts_are_shown_found_and_deleted_as_javascript_does() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let docs = js.create("numbered", "documents", json!({ "write": ["*"] }))?.address;
    api.pin(&docs)?;
    for id in [json!(1), json!(2), json!(3), json!("text"), json!(0.5)] {
        js.put_doc(&docs, &json!({ "_id": id, "n": id }))?;
    }
    js_agrees(&mut js, api, &docs, 5, DEADLINE)?;
    assert_eq!(ours(api.docs(&docs)?), theirs(js.all(&docs)?));
    assert_eq!(api.get_doc(&docs, "2")?, Some(json!({ "_id": 2, "n": 2 })));
    assert_eq!(api.query(&docs, &json!({ "filter": { "n": 2 } }))?.len(), 1);
    api.del_doc(&docs, "1")?;
    api.put_doc(&docs, "2", &json!({ "_id": 2, "n": "changed" }))?;
    js_agrees(&mut js, api, &docs, 7, DEADLINE)?;
    assert_eq!(ours(api.docs(&docs)?), theirs(js.all(&docs)?));
    let found = |js: &mut JsPeer, key: Value| -> Result<Value> {
        Ok(js.call("get", json!({ "db": docs, "key": key }))?["value"].take())
    };
    assert_eq!(found(&mut js, json!(1))?, Value::Null, "deleted by the key that JavaScript knows");
    assert!(found(&mut js, json!(2))?.to_string().contains("changed"));

    let kv = js.create("keys", "keyvalue", json!({ "write": ["*"] }))?.address;
    api.pin(&kv)?;
    let keys = [
        json!(5),
        json!(null),
        json!(true),
        json!([1, [2, null]]),
        json!({ "a": 1 }),
        json!(1e21),
        json!("t"),
    ];
    for key in &keys {
        js.operate(&kv, &json!({ "op": "PUT", "key": key, "value": "set" }))?;
    }
    js.operate(&kv, &json!({ "op": "PUT", "value": "no key" }))?;
    js_agrees(&mut js, api, &kv, 8, DEADLINE)?;
    let all = theirs(js.call("all", json!({ "db": kv }))?["rows"].as_array().map_or_else(Vec::new, |rows| {
        rows.iter().filter_map(|row| serde_json::from_value(row.clone()).ok()).collect()
    }));
    let names: Vec<String> = ours(api.keys(&kv)?).into_iter().map(|(key, ..)| key).collect();
    assert_eq!(names, ["undefined", "t", "1e+21", "[object Object]", "1,2,", "true", "null", "5"]);
    ensure(all.len() == names.len(), || format!("JavaScript shows {all:?}"))?;
    for name in &names {
        api.del(&kv, name)?;
    }
    js_agrees(&mut js, api, &kv, 16, DEADLINE)?;
    assert_eq!((js.all(&kv)?.len(), api.keys(&kv)?.len()), (0, 0));
    let left = js.call("get", json!({ "db": kv, "key": 5 }))?["value"].take();
    assert_eq!(left, Value::Null, "JavaScript asks for the number");
    Ok(())
}
