//! The client commands, as people type them, against a real node.

use paperclip_tests::{CliOutput, Node, NodeOptions, Result, cli, folder};
use serde_json::{Value, json};

/// A shell at one node.
struct Shell {
    url: String,
}

impl Shell {
    fn run(&self, args: &[&str]) -> Result<CliOutput> {
        let all: Vec<&str> = args.iter().copied().chain(["--api", &self.url]).collect();
        cli(&all)?.success()
    }

    fn json(&self, args: &[&str]) -> Result<Value> {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        self.run(&all)?.json()
    }
}

#[test]
fn an_events_database_from_the_command_line() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let shell = Shell { url: node.url() };
    let made = shell.json(&["db", "create", "log", "--type", "events", "--write", "*"])?;
    let address = made["address"].as_str().unwrap_or_default().to_owned();
    assert!(address.starts_with("/orbitdb/zdpu"), "{made}");
    let first = shell.run(&["add", "log", "{\"n\": 1}"])?.stdout.trim().to_owned();
    let second = shell.run(&["add", &address, "\"two\""])?.stdout.trim().to_owned();
    assert_eq!(node.api().hashes("log")?, [second.clone(), first.clone()], "an add prints the entry's hash");

    assert!(shell.run(&["log", "heads", "log"])?.stdout.contains(&second));
    let iterated = shell.run(&["log", "iter", "log", "--amount", "1"])?.stdout;
    assert!(iterated.contains("two") && !iterated.contains(&first), "{iterated}");
    let shown = shell.json(&["log", "show", "log", &first])?;
    assert_eq!(shown["payload"]["value"], json!({ "n": 1 }));
    assert!(shell.run(&["db", "list"])?.stdout.contains("log"));
    assert!(shell.run(&["db", "show", "log"])?.stdout.contains(&address));
    assert!(shell.run(&["all", "log"])?.stdout.contains("two"));
    shell.run(&["verify", "log"])?;
    let alone = cli(&["resync", "log", "--api", &node.url()])?;
    assert_eq!(alone.code, Some(1), "nobody was asked: {alone:?}");
    shell.run(&["db", "unpin", "log"])?;
    assert!(!shell.run(&["db", "list"])?.stdout.contains(&address));
    Ok(())
}

#[test]
fn keys_and_documents_from_the_command_line() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let shell = Shell { url: node.url() };
    shell.run(&["db", "create", "kv", "--type", "keyvalue", "--write", "*"])?;
    shell.run(&["put", "kv", "clip \u{1f4ce}", "[1, 2.5]"])?;
    let got: Value = shell.run(&["get", "kv", "clip \u{1f4ce}"])?.json()?;
    assert_eq!(got, json!([1, 2.5]));
    shell.run(&["del", "kv", "clip \u{1f4ce}"])?;
    let gone = cli(&["get", "kv", "clip \u{1f4ce}", "--api", &node.url()])?;
    assert_eq!(gone.code, Some(1), "{gone:?}");

    shell.run(&["db", "create", "docs", "--type", "documents", "--write", "*"])?;
    for n in 0..5 {
        let document = json!({ "_id": format!("d{n}"), "n": n }).to_string();
        shell.run(&["put", "docs", &format!("d{n}"), &document])?;
    }
    let found = shell.run(&["query", "docs", "--filter", "{\"n\": 3}"])?.stdout;
    assert!(found.contains("d3") && !found.contains("d1"), "{found}");
    let limited = shell.run(&["query", "docs", "--sort", "n", "--limit", "2"])?.stdout;
    assert!(limited.contains("d0") && limited.contains("d1") && !limited.contains("d2"), "{limited}");
    Ok(())
}

#[test]
fn a_database_is_created_for_nodes_alone_from_the_command_line() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let shell = Shell { url: node.url() };
    let value = json!({ "__proto__": "\u{feff}" }).to_string();
    for (name, javascript) in [("shared", "true"), ("own", "false")] {
        let create = ["db", "create", name, "--type", "events", "--javascript", javascript];
        assert_eq!(shell.json(&create)?["javascript"].to_string(), javascript);
    }
    shell.run(&["add", "own", &value])?;
    let refused = cli(&["add", "shared", &value, "--api", &node.url()])?;
    assert!(refused.code == Some(1) && refused.stderr.contains("__proto__"), "{refused:?}");
    Ok(())
}

#[test]
fn two_nodes_meet_by_the_connect_command_and_status_tells() -> Result<()> {
    let home = folder()?;
    let first = Node::start(&home.path().join("first"), NodeOptions::default())?;
    let second = Node::start(&home.path().join("second"), NodeOptions::default())?;
    let shell = Shell { url: first.url() };
    shell.run(&["connect", &second.addr()])?;
    assert!(shell.run(&["peers"])?.stdout.contains(second.peer_id()));
    assert!(shell.run(&["status"])?.stdout.contains(first.peer_id()));
    let status = shell.json(&["status"])?;
    assert_eq!(status["peer_id"], json!(first.peer_id()));
    assert!(status["identity"]["id"].is_string(), "{status}");
    Ok(())
}

#[test]
fn resync_and_verify_fail_where_nobody_was_asked_and_nothing_looked_at() -> Result<()> {
    let home = folder()?;
    let first = Node::start(&home.path().join("first"), NodeOptions::default())?;
    let shell = Shell { url: first.url() };
    let run = |args: &[&str]| cli(&[args, &["--api", &first.url()]].concat());
    let fresh = run(&["resync"])?;
    assert_eq!(fresh.code, Some(1), "the catalog was compared with nobody: {fresh:?}");

    let address = shell.json(&["db", "create", "log", "--type", "events"])?["address"].clone();
    let address = address.as_str().unwrap_or_default();
    let second = Node::start(&home.path().join("second"), NodeOptions::default())?;
    shell.run(&["connect", &second.addr()])?;
    cli(&["db", "pin", address, "--api", &second.url()])?.success()?;
    let asked = shell.json(&["resync", "log", "--wait-peers", "1"])?;
    assert_eq!((&asked["peers"], &asked["complete"]), (&json!(1), &json!(true)), "{asked}");
    shell.run(&["verify"])?;

    let nowhere = oplog::Address::new(oplog::Hash::of(b"nowhere")).to_string();
    shell.run(&["db", "pin", &nowhere])?;
    for command in ["resync", "verify"] {
        let told = run(&[command, "--json"])?;
        assert_eq!(told.code, Some(1), "{command}: {told:?}");
        let row = told.stdout.lines().find(|line| line.contains(&nowhere)).unwrap_or_default();
        assert!(row.contains("\"state\":\"opening\""), "{command}: {told:?}");
    }
    Ok(())
}

#[test]
fn the_api_describes_itself_and_its_metrics() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let api = node.api();
    let db = api.create("measured", "events", &["*"])?.address;
    api.add(&db, &json!(1))?;
    let openapi = api.get("/openapi.json")?;
    for path in [
        "/v1/status",
        "/v1/databases",
        "/v1/databases/{db}/events",
        "/v1/databases/{db}/kv/{key}",
        "/v1/peers",
    ] {
        assert!(openapi["paths"][path].is_object(), "{path} is not described");
    }
    let metrics = api.send("GET", "/metrics", &[], &[])?;
    assert_eq!(metrics.content_type, "text/plain");
    let samples = api.metrics()?;
    let named = samples.names();
    assert!(named.iter().all(|name| name.starts_with("paperclip_")), "{named:?}");
    for name in &named {
        // A histogram's series carry a suffix that its help does not.
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(
            metrics.body.contains(&format!("# HELP {family} "))
                || metrics.body.contains(&format!("# HELP {name} ")),
            "{name} has no help"
        );
    }
    Ok(())
}

#[test]
fn a_stream_of_changes_tells_each_entry_as_it_comes() -> Result<()> {
    let home = folder()?;
    let node = Node::start(home.path(), NodeOptions::default())?;
    let api = node.api();
    let db = api.create("followed", "events", &["*"])?.address;
    api.add(&db, &json!("before anyone follows"))?;
    let mut changes = api.changes(&db)?;
    for n in 0..5 {
        let hash = api.add(&db, &json!(n))?;
        let seen = changes.next().transpose()?;
        assert_eq!(seen.as_ref().map(|entry| &entry.hash), Some(&hash));
        assert_eq!(seen.map(|entry| entry.payload["value"].clone()), Some(json!(n)));
    }
    Ok(())
}
