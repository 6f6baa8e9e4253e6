//! The HTTP API of a real node, as a client sees it. What goes wrong with single requests is tested from outside, in `tests/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod served;

use paperclip_node::api::MAX_PAGE_BYTES;
use serde_json::{Value as Json, json};
use served::{DEADLINE, Reply, Served};
use std::io::{BufRead, Read as _};
use ureq::http;

fn values(rows: &[Json]) -> Vec<Json> {
    rows.iter().map(|row| row["value"].clone()).collect()
}

/// The hash of the next entry on a stream of changes.
fn next_id(changes: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(changes.read_line(&mut line).unwrap(), 0, "the stream ended");
        if let Some(id) = line.strip_prefix("id:") {
            return id.trim().to_owned();
        }
    }
}

#[test]
fn large_listings_come_in_pages_that_lead_to_all_of_them() {
    let served = Served::start();
    served.create("large", "events");
    let third = "x".repeat(MAX_PAGE_BYTES / 3);
    for n in 0..8 {
        assert_eq!(served.post("/v1/databases/large/events", &json!([n, third])).status, 201);
    }
    let numbers = |rows: &[Json]| -> Vec<u64> {
        rows.iter().map(|row| row.pointer("/value/0").and_then(Json::as_u64).unwrap()).collect()
    };
    let (all, pages) = served.pages("/v1/databases/large/events");
    assert_eq!(numbers(&all), [7, 6, 5, 4, 3, 2, 1, 0]);
    assert_eq!(pages, 3, "a page holds what begins within its bytes");
    let (some, _) = served.pages("/v1/databases/large/events?amount=5");
    assert_eq!(numbers(&some), [7, 6, 5, 4, 3]);
    let oldest = all[7]["hash"].as_str().unwrap();
    let (closest, _) = served.pages(&format!("/v1/databases/large/events?gt={oldest}&amount=4"));
    assert_eq!(numbers(&closest), [4, 3, 2, 1], "with gt alone the amount counts from there");
    let (none, _) = served.pages("/v1/databases/large/events?amount=0");
    assert!(none.is_empty());
    served.finish();
}

#[test]
fn keys_are_paged_newest_first_and_carry_their_entrys_hash() {
    let served = Served::start();
    served.create("kv", "keyvalue");
    let mut hash = String::new();
    for n in 0..7 {
        let reply = served.ask("PUT", &format!("/v1/databases/kv/kv/key%20{n}"), Some(&json!(n)));
        hash = reply.json["hash"].as_str().unwrap().to_owned();
    }
    let (rows, pages) = served.pages("/v1/databases/kv/kv?limit=3");
    assert_eq!((values(&rows), pages), ((0..7).rev().map(|n| json!(n)).collect(), 3));
    let reply = served.get("/v1/databases/kv/kv/key%206");
    assert_eq!(
        (reply.json, reply.headers["etag"].to_str().unwrap()),
        (json!(6), format!("\"{hash}\"").as_str())
    );
    assert_eq!(served.ask("DELETE", "/v1/databases/kv/kv/key%206", None).status, 200);
    assert_eq!(served.get("/v1/databases/kv/kv/key%206").status, 404);
    assert_eq!(served.pages("/v1/databases/kv/kv").0.len(), 6);
    served.finish();
}

#[test]
fn writes_and_reads_are_made_only_if_their_conditions_hold() {
    let served = Served::start();
    served.create("kv", "keyvalue");
    served.create("docs", "documents");
    for path in ["/v1/databases/kv/kv/a", "/v1/databases/docs/docs/a"] {
        let ask = |method: &str, given: &[(&str, &str)], n: u32| {
            let body = json!({ "_id": "a", "n": n });
            served.ask_with(method, path, given, (method == "PUT").then_some(&body))
        };
        let tag = |reply: &Reply| reply.headers["etag"].to_str().unwrap().to_owned();
        let failed = ask("PUT", &[("if-match", "*")], 0);
        assert_eq!(failed.status, 412, "there is nothing to match");
        assert!(failed.json["type"].as_str().unwrap().ends_with("#precondition-failed"));
        let made = ask("PUT", &[("if-none-match", "*")], 1);
        assert_eq!((made.status, tag(&made)), (200, format!("\"{}\"", made.json["hash"].as_str().unwrap())));
        assert_eq!(ask("PUT", &[("if-none-match", "*")], 2).status, 412);
        assert_eq!(ask("PUT", &[("if-match", "\"zdpuAwrong\"")], 2).status, 412);
        assert_eq!(ask("PUT", &[("if-match", "zdpuAwrong")], 2).status, 400, "a tag has quotes");
        let first = tag(&made);
        let second = tag(&ask("PUT", &[("if-match", &first)], 3));
        assert_eq!(ask("PUT", &[("if-match", &first)], 4).status, 412, "an update would be lost");
        let unchanged = ask("GET", &[("if-none-match", &second)], 0);
        assert_eq!((unchanged.status, tag(&unchanged), unchanged.json), (304, second.clone(), Json::Null));
        assert_eq!(ask("GET", &[("if-none-match", &first)], 0).json["n"], 3);
        assert_eq!(ask("GET", &[("if-match", &first)], 0).status, 412);
        assert_eq!(ask("DELETE", &[("if-match", &first)], 0).status, 412);
        assert_eq!(ask("DELETE", &[("if-match", &second)], 0).status, 200);
        assert_eq!(ask("DELETE", &[("if-match", "*")], 0).status, 412);
        assert_eq!(ask("PUT", &[("if-none-match", "*")], 5).status, 200);
    }
    served.finish();
}

#[test]
fn of_writers_that_race_for_a_key_one_wins_each_round() {
    let served = Served::start();
    served.create("kv", "keyvalue");
    served.ask("PUT", "/v1/databases/kv/kv/counter", Some(&json!(0)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    loop {
                        let found = served.get("/v1/databases/kv/kv/counter");
                        let next = json!(found.json.as_u64().unwrap() + 1);
                        let tag = found.headers["etag"].to_str().unwrap();
                        let path = "/v1/databases/kv/kv/counter";
                        match served.ask_with("PUT", path, &[("if-match", tag)], Some(&next)).status {
                            200 => break,
                            status => assert_eq!(status, 412),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(served.get("/v1/databases/kv/kv/counter").json, json!(160), "no increment is lost");
    served.finish();
}

#[test]
fn documents_need_their_id_and_are_found_by_filter() {
    let served = Served::start();
    served.create("docs", "documents");
    for n in 0..5 {
        let document = json!({ "_id": format!("d{n}"), "n": n, "odd": n % 2 == 1 });
        assert_eq!(served.ask("PUT", &format!("/v1/databases/docs/docs/d{n}"), Some(&document)).status, 200);
    }
    for wrong in [json!({ "_id": "other" }), json!({}), json!("d9")] {
        assert_eq!(served.ask("PUT", "/v1/databases/docs/docs/d9", Some(&wrong)).status, 422, "{wrong}");
    }
    let query = json!({ "filter": { "odd": false, "n": { "$gt": 0 } }, "sort": "-n", "limit": 1 });
    let found = served.post("/v1/databases/docs/query", &query).json;
    assert_eq!(values(found.as_array().unwrap()), [json!({ "_id": "d4", "n": 4, "odd": false })]);
    assert_eq!(
        served.post("/v1/databases/docs/query", &json!({ "filter": { "n": { "$like": 1 } } })).status,
        400
    );
    assert_eq!(served.get("/v1/databases/docs/kv/d1").status, 409, "documents are not keys");
    served.finish();
}

#[test]
fn a_name_of_two_databases_is_refused_with_their_addresses() {
    let served = Served::start();
    let (first, second) = (served.create("twice", "events"), served.create("twice", "keyvalue"));
    let reply = served.get("/v1/databases/twice");
    assert_eq!(reply.status, 409);
    let mut named: Vec<&str> =
        reply.json["addresses"].as_array().unwrap().iter().filter_map(Json::as_str).collect();
    named.sort_unstable();
    let mut made = [first.as_str(), second.as_str()];
    made.sort_unstable();
    assert_eq!(named, made);
    let bare = first.strip_prefix("/orbitdb/").unwrap();
    for way in [first.replace('/', "%2F"), bare.to_owned()] {
        assert_eq!(served.get(&format!("/v1/databases/{way}")).json["type"], "events", "{way}");
    }
    let again = served.post("/v1/databases", &json!({ "name": "twice", "type": "events" }));
    assert_eq!((again.status, &again.json["address"]), (200, &json!(first)), "equal databases are one");
    served.finish();
}

#[test]
fn changes_are_followed_from_an_entry_on_and_end_with_the_node() {
    let served = Served::start();
    served.create("log", "events");
    let add = |n: u32| {
        let reply = served.post("/v1/databases/log/events", &json!(n));
        reply.json["hash"].as_str().unwrap().to_owned()
    };
    let old: Vec<String> = (0..150).map(add).collect();
    let mut since = served.changes(&format!("/v1/databases/log/changes?since={}", old[9]));
    let mut now = served.changes("/v1/databases/log/changes");
    for expected in &old[10..] {
        assert_eq!(&next_id(&mut since), expected);
    }
    let new = add(150);
    assert_eq!(next_id(&mut now), new);
    assert_eq!(next_id(&mut since), new);
    assert_eq!(served.get("/v1/databases/log/changes?since=zdpu").status, 400);
    served.stop.cancel();
    let mut rest = String::new();
    drop(now.read_to_string(&mut rest));
    assert!(!rest.contains("id:"), "{rest}");
    served.finish();
}

#[test]
fn a_stopping_api_answers_what_it_accepted_and_takes_no_more() {
    let served = Served::start();
    served.create("log", "events");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (agent, url) = (served.agent.clone(), served.url("/v1/databases/log/events"));
            std::thread::spawn(move || {
                let mut acknowledged = 0_u64;
                loop {
                    let request = http::Request::post(&url).header("content-type", "application/json");
                    match agent.run(request.body(json!(writer).to_string()).unwrap()) {
                        Ok(response) if response.status() == 201 => acknowledged += 1,
                        Ok(response) => panic!("an accepted request was answered with {}", response.status()),
                        Err(_) => return acknowledged,
                    }
                }
            })
        })
        .collect();
    let database = served.node.database("log").unwrap();
    let mut status = database.status();
    let written = status.wait_for(|status| status.len >= 50);
    drop(served.runtime.block_on(async { tokio::time::timeout(DEADLINE, written).await }).unwrap().unwrap());
    served.stop.cancel();
    let acknowledged: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert!(database.status().borrow().len >= acknowledged && acknowledged >= 50);
    served.finish();
}

#[test]
fn what_a_restarted_node_has_pinned_is_never_unknown() {
    let served = Served::start();
    let addresses: Vec<String> = (0..40).map(|n| served.create(&format!("log-{n}"), "events")).collect();
    // Pinned by its address, so the catalog does not know its name.
    assert_eq!(served.ask("DELETE", "/v1/databases/log-7", None).status, 200);
    assert_eq!(served.post("/v1/databases", &json!({ "address": addresses[7] })).status, 201);
    let served = served.restart();
    let mut wanted: Vec<String> = addresses.iter().map(|address| address.replace('/', "%2F")).collect();
    wanted.extend((0..40).rev().map(|n| format!("log-{n}")));
    for db in wanted {
        let reply = served.get(&format!("/v1/databases/{db}/heads"));
        assert!(matches!(reply.status, 200 | 503), "{db}: {}", reply.json);
        assert_eq!(reply.status == 503, reply.headers.contains_key("retry-after"), "{db}");
    }
    assert_eq!(served.get("/v1/databases").json.as_array().map(Vec::len), Some(40));
    served.finish();
}

#[test]
fn a_part_of_a_querys_answer_leads_to_the_rest() {
    let served = Served::start();
    served.create("docs", "documents");
    for n in 0..12 {
        let document =
            json!({ "_id": format!("d{n}"), "n": n, "third": n / 3, "tags": ["all", format!("t{n}")] });
        assert_eq!(served.ask("PUT", &format!("/v1/databases/docs/docs/d{n}"), Some(&document)).status, 200);
    }
    let query = |body: Json| {
        let (rows, pages) = served.pages_of("POST", "/v1/databases/docs/query", Some(&body));
        let numbers: Vec<u64> = rows.iter().map(|row| row["value"]["n"].as_u64().unwrap()).collect();
        (numbers, pages)
    };
    let newest: Vec<u64> = (0..12).rev().collect();
    assert_eq!(query(json!({ "filter": { "tags": "all" }, "limit": 5 })), (newest.clone(), 3));
    assert_eq!(query(json!({ "limit": 12.0 })), (newest, 1));
    // Equal ones: the newest first.
    let by_third = vec![2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9];
    assert_eq!(query(json!({ "sort": "third", "limit": 5 })), (by_third, 3));
    assert_eq!(
        query(json!({ "filter": { "n": { "$lt": 4 } }, "sort": "-n", "limit": 4 })),
        (vec![3, 2, 1, 0], 1)
    );
    let either = json!({ "filter": { "$or": [{ "n": 1 }, { "tags.1": "t2" }] } });
    assert_eq!(query(either), (vec![2, 1], 1));
    let api = served.url("");
    let command = |limit: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
        let output = command.args(["query", "docs", "--json", "--api", &api]).args(limit).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (String::from_utf8(output.stdout).unwrap().lines().count(), told)
    };
    let (rows, told) = command(&["--limit", "5"]);
    assert!(rows == 5 && told.contains("more documents match"), "{rows} {told}");
    assert_eq!(command(&["--limit", "12"]), (12, String::new()));
    for wrong in [json!({ "limit": 10_001 }), json!({ "limit": 0 }), json!({ "filter": { "$xor": [] } })] {
        assert_eq!(served.post("/v1/databases/docs/query", &wrong).status, 400, "{wrong}");
    }
    served.finish();
}

#[test]
fn a_query_goes_on_where_it_was_although_documents_change() {
    let served = Served::start();
    served.create("docs", "documents");
    let put = |id: u32, n: u32| {
        let document = json!({ "_id": format!("d{id}"), "n": n });
        assert_eq!(served.ask("PUT", &format!("/v1/databases/docs/docs/d{id}"), Some(&document)).status, 200);
    };
    (0..6).for_each(|n| put(n, n));
    let query = json!({ "sort": "n", "limit": 3 });
    let first = served.post("/v1/databases/docs/query", &query);
    let next = first.headers["link"].to_str().unwrap().to_owned();
    let next = next.strip_prefix('<').unwrap().split('>').next().unwrap();
    put(2, 100);
    let rest = served.ask("POST", next, Some(&query)).json;
    let numbers: Vec<&Json> = rest.as_array().unwrap().iter().map(|row| &row["value"]["n"]).collect();
    assert_eq!(numbers, [3, 4, 5], "the last document of the first page stands elsewhere now");
    served.finish();
}

#[test]
fn databases_are_listed_in_pages_where_that_is_asked_for() {
    let served = Served::start();
    let mut made: Vec<String> = (0..5).map(|n| served.create(&format!("log-{n}"), "events")).collect();
    made.sort_unstable();
    let addresses = |rows: Vec<Json>| -> Vec<String> {
        let mut all: Vec<String> =
            rows.iter().map(|row| row["address"].as_str().unwrap().to_owned()).collect();
        all.sort_unstable();
        all
    };
    let (rows, pages) = served.pages("/v1/databases?limit=2");
    assert_eq!((addresses(rows), pages), (made.clone(), 3));
    let (rows, pages) = served.pages("/v1/databases");
    assert_eq!((addresses(rows), pages), (made, 1));
    assert_eq!(served.get("/v1/databases?limit=none").status, 400);
    served.finish();
}
