//! Values are the same for JavaScript OrbitDB and for clients of PaperClip, on the way in and on the way out.

use std::path::Path;

use paperclip_tests::{
    Api, DEADLINE, HarnessError, JsPeer, Node, NodeOptions, Result, Storage, ensure_eq, eventually, folder,
    js_agrees, seeded,
};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

fn pair(home: &Path) -> Result<(Node, JsPeer)> {
    let node = Node::start(&home.join("node"), NodeOptions::default())?;
    let mut js = JsPeer::start(&home.join("js"), Storage::Memory)?;
    js.dial(&node.addr())?;
    Ok((node, js))
}

/// A database that both write to.
fn shared(api: &Api, js: &mut JsPeer, name: &str, kind: &str) -> Result<String> {
    let db = api.create(name, kind, &["*"])?.address;
    eventually(DEADLINE, "JavaScript opens it", || js.open(&db))?;
    Ok(db)
}

/// Doubles as clients send them: any bits, `Math.random()`, beyond the safe integers, prices.
fn double(random: &mut StdRng) -> f64 {
    match random.random_range(0..4) {
        0 => loop {
            let any = f64::from_bits(random.random());
            if any.is_finite() {
                break any;
            }
        },
        1 => random.random(),
        2 => random.random::<f64>() * 10_f64.powi(random.random_range(15..22)),
        _ => (random.random::<f64>() * 100_000.0).round() / 100.0,
    }
}

fn bits(list: &Value) -> Vec<u64> {
    list.as_array()
        .into_iter()
        .flatten()
        .map(|number| number.as_f64().unwrap_or(f64::NAN).to_bits())
        .collect()
}

#[test]
fn doubles_are_the_same_to_the_last_bit_in_both_directions() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = shared(api, &mut js, "doubles", "events")?;
    let mut random = seeded();
    let doubles: Vec<f64> = (0..5_000).map(|_| double(&mut random)).collect();
    let sent: Vec<u64> = doubles.iter().map(|double| (double + 0.0).to_bits()).collect();

    api.add(&db, &json!(doubles))?;
    js_agrees(&mut js, api, &db, 1, DEADLINE)?;
    assert_eq!(bits(&api.events(&db, "")?[0].value), sent, "read back");
    assert_eq!(bits(&js.all(&db)?[0].value), sent, "read by JavaScript");

    js.add(&db, &json!(doubles))?;
    js_agrees(&mut js, api, &db, 2, DEADLINE)?;
    let rows = api.events(&db, "")?;
    assert_eq!(bits(&rows[0].value), sent, "written by JavaScript");
    assert_eq!(rows[0].value, rows[1].value);
    Ok(())
}

/// Puts a text as it is, and gives what the node answered.
fn put(api: &Api, db: &str, text: &str) -> Result<(u16, String)> {
    let path = format!("/v1/databases/{}/kv/it", db.replace('/', "%2F"));
    let reply = api.send("PUT", &path, &[("content-type", "application/json")], text.as_bytes())?;
    Ok((reply.status, reply.body))
}

#[test]
fn numbers_are_read_as_javascript_reads_them_or_refused() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = shared(api, &mut js, "numbers", "keyvalue")?;
    for (at, (text, read)) in [
        ("9007199254740993.0", json!(9_007_199_254_740_992.0)),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
        ("123456789012345680000", json!(123_456_789_012_345_680_000.0)),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("-0.0", json!(0)),
    ]
    .into_iter()
    .enumerate()
    {
        let (status, body) = put(api, &db, text)?;
        assert_eq!(status, 200, "{text}: {body}");
        js_agrees(&mut js, api, &db, at + 1, DEADLINE)?;
        eventually(DEADLINE, "JavaScript shows the number", || ensure_eq(&js.get(&db, "it")?, &read))?;
        assert_eq!(api.get_key(&db, "it")?, Some(read), "{text}");
    }
    for text in ["18446744073709551617", "[{\"n\":-9223372036854775809}]"] {
        let (status, body) = put(api, &db, text)?;
        assert!(status == 422 && body.contains("would be rounded"), "{text}: {status} {body}");
    }
    Ok(())
}

#[test]
fn a_value_read_and_put_back_is_the_same_to_javascript() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = shared(api, &mut js, "put-back", "keyvalue")?;
    let values = [
        json!({ "map": [["/", { "map": [["bytes", "AAAA"]] }]] }),
        json!({ "map": [["/", { "map": [["int", "5"]] }]] }),
        json!({ "map": [["/", { "map": [["map", { "map": [] }]] }]] }),
        json!({ "map": [["/", "bafyreigdmqpykrgxyaxtlafqpqhzrb7qy2rh75nldvfd4tucqmqqme5yje"]] }),
        json!({ "bytes": "0001ff" }),
        json!({ "int": "-18446744073709551616" }),
        json!({ "int": "18446744073709551615" }),
        json!({ "f64": "0.1" }),
        json!({ "map": [["/", { "int": "1" }], ["b", { "int": "2" }]] }),
    ];
    for (at, typed) in values.iter().enumerate() {
        js.call("put", json!({ "db": db, "key": "it", "value": typed }))?;
        js_agrees(&mut js, api, &db, 2 * at + 1, DEADLINE)?;
        let path = format!("/v1/databases/{}/kv/it", db.replace('/', "%2F"));
        let read = api.send("GET", &path, &[], &[])?.body;
        let (status, answer) = put(api, &db, &read)?;
        assert_eq!(status, 200, "{read}: {answer}");
        js_agrees(&mut js, api, &db, 2 * at + 2, DEADLINE)?;
        let shown = js.call("get", json!({ "db": db, "key": "it" }))?["value"].take();
        assert_eq!(&shown, typed, "as it went through the API: {read}");
    }
    Ok(())
}

#[test]
fn values_nest_as_deep_as_the_limits_say() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = shared(api, &mut js, "nested", "keyvalue")?;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let (status, body) = put(api, &db, &nested(254))?;
    assert_eq!(status, 200, "{body}");
    js_agrees(&mut js, api, &db, 1, DEADLINE)?;
    let path = format!("/v1/databases/{}/kv/it", db.replace('/', "%2F"));
    assert_eq!(api.send("GET", &path, &[], &[])?.body, nested(254));
    let (status, body) = put(api, &db, &nested(255))?;
    assert!(status == 422 && body.contains("deeper than 254"), "{status} {body}");
    Ok(())
}

/// A value of any kind, often one that JavaScript stumbles over.
fn awkward(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 8 } else { 11 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>() >> random.random_range(0..64)),
        3 => json!(random.random::<u64>()),
        4 => json!(double(random)),
        5 => {
            let base64 = ["", "AAEC", "/w"][random.random_range(0..3)];
            json!({ "/": { "bytes": base64 } })
        }
        6 | 7 => Value::String(text(random)),
        8 => (0..random.random_range(0..4)).map(|_| awkward(random, depth - 1)).collect(),
        9 => {
            // Often the same on both sides, which JavaScript takes for a link.
            let (slash, other) = (awkward(random, 0), awkward(random, 0));
            let bytes = if random.random() { slash.clone() } else { other };
            json!({ "/": slash, "bytes": bytes })
        }
        _ => {
            let pairs = (0..random.random_range(0..4)).map(|_| (text(random), awkward(random, depth - 1)));
            let object: serde_json::Map<String, Value> = pairs.collect();
            if object.len() == 1 && object.contains_key("/") {
                json!({ "/": { "map": object } })
            } else {
                object.into()
            }
        }
    }
}

/// Parts of texts and keys, some of which mean something to JavaScript.
const PARTS: [&str; 14] = [
    "\u{feff}",
    "a",
    "__proto__",
    "/",
    "bytes",
    "constructor",
    "toString",
    "then",
    "asCID",
    "\0",
    "\u{fffd}",
    "\u{1f4ce}",
    "1",
    "",
];

fn text(random: &mut StdRng) -> String {
    let parts = random.random_range(1..3);
    let text: String = (0..parts).map(|_| PARTS[random.random_range(0..PARTS.len())]).collect();
    if random.random_ratio(1, 8) { text + &"long ".repeat(30) } else { text }
}

#[test]
fn what_is_accepted_is_read_as_written_and_what_is_refused_is_not() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = shared(api, &mut js, "awkward", "events")?;
    let mut random = seeded();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..300 {
        let value = awkward(&mut random, 3);
        let read = oplog::json::from_json(&value).map_err(|error| HarnessError::NotYet(error.to_string()))?;
        let block = hex::encode(oplog::cbor::encode(&read));
        let same = js.call("recode", json!({ "hex": block }))?["hex"] == json!(block);
        match api.add(&db, &value) {
            Ok(_) => {
                assert!(same, "accepted, and JavaScript reads something else: {value}");
                accepted += 1;
            }
            Err(HarnessError::Api { status: 422, body, .. }) if body.contains("JavaScript does not read") => {
                assert!(!same, "refused, and JavaScript reads it: {value}: {body}");
                refused += 1;
            }
            Err(error) => return Err(error),
        }
    }
    assert!(refused > 3 && accepted > 100, "{refused} refused, {accepted} accepted");
    js_agrees(&mut js, api, &db, accepted, DEADLINE)?;
    assert_eq!(api.entries(&db, "amount=-1")?, js.entries(&db)?, "every field of every entry");
    Ok(())
}

#[test]
fn what_javascript_does_not_read_is_refused_with_its_path_unless_it_reads_nothing() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let api = node.api();
    let db = api.create("marked", "keyvalue", &["*"])?.address;
    for (text, path) in [
        (r#""\ufeffa byte order mark""#, "value: "),
        (r#"{"a": [0, {"__proto__": 1}]}"#, r#"value[\"a\"][1][\"__proto__\"]: "#),
        (r#"{"/": "x", "bytes": "x"}"#, "value: "),
    ] {
        let (status, body) = put(api, &db, text)?;
        assert!(status == 422 && body.contains(path) && body.contains("db set"), "{text}: {status} {body}");
    }
    let marked = "\u{feff}key";
    for refused in [api.put(&db, marked, &json!(1)), api.del(&db, marked)] {
        assert!(matches!(refused, Err(HarnessError::Api { status: 422, .. })), "{refused:?}");
    }
    let name = api.create("\u{feff}name", "events", &["*"]);
    assert!(matches!(name, Err(HarnessError::Api { status: 422, .. })), "{name:?}");
    assert_eq!(api.database(&db)?.entries, 0, "nothing was written");

    api.set(&db, &json!({ "javascript": false }))?;
    api.put(&db, marked, &json!("\u{feff}"))?;
    assert_eq!(api.get_key(&db, marked)?, Some(json!("\u{feff}")));
    let own = json!({ "name": "\u{feff}own", "type": "events", "javascript": false });
    let own = api.create_with(&own)?.address;
    api.add(&own, &json!({ "__proto__": "\u{feff}" }))?;
    assert_eq!(api.events(&own, "")?[0].value, json!({ "__proto__": "\u{feff}" }));
    Ok(())
}

#[test]
fn what_a_peer_wrote_and_javascript_does_not_read_is_shown_and_counted() -> Result<()> {
    let home = folder()?;
    let (node, mut js) = pair(home.path())?;
    let api = node.api();
    let db = js.create("from-a-file", "events", json!({ "write": ["*"] }))?.address;
    js.add(&db, &json!("before"))?;
    js.add(&db, &json!("\u{feff}a byte order mark"))?;
    api.pin(&db)?;
    eventually(DEADLINE, "the node has both", || ensure_eq(&api.events(&db, "")?.len(), &2))?;
    assert_eq!(api.events(&db, "")?[0].value, json!("\u{feff}a byte order mark"));
    let shown = api.get(&format!("/v1/databases/{}", db.replace('/', "%2F")))?;
    assert_eq!(shown["unreadable"], 1, "{shown}");
    assert_eq!(api.metrics()?.sum("paperclip_entries_unreadable_total", ""), 1.0);
    Ok(())
}
