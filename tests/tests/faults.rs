//! What people get wrong: every mistake gets one clear answer and loses nothing.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use paperclip_tests::{
    Api, CliOutput, DEADLINE, HarnessError, Node, NodeOptions, Problem, Reply, Result, cli, ensure,
    eventually, folder, node_binary,
};
use serde_json::json;

/// A refused start or command: this exit code, and one line on standard error that names the trouble.
fn refused(output: &CliOutput, code: i32, names: &str) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(output.stderr.contains(names), "standard error does not name {names:?}: {}", output.stderr);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

/// A problem document (RFC 9457) of this status that names the trouble.
fn problem(reply: &Reply, status: u16, names: &str) -> Result<()> {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.content_type, "application/problem+json", "{}", reply.body);
    let problem: Problem = reply.read()?;
    assert_eq!(problem.status, status, "{problem}");
    assert!(problem.known().is_some(), "{}", reply.body);
    assert!(reply.body.contains(names), "{problem} does not name {names:?}");
    Ok(())
}

fn started(home: &Path) -> Result<Node> {
    Node::start(home, NodeOptions::default())
}

fn post(api: &Api, path: &str, body: &[u8]) -> Result<Reply> {
    api.send("POST", path, &[("content-type", "application/json")], body)
}

#[test]
fn wrong_usage_is_exit_code_2() -> Result<()> {
    refused(&cli(&["run", "--no-such-flag"])?, 2, "--no-such-flag");
    refused(&cli(&["no-such-command"])?, 2, "no-such-command");
    refused(&cli(&["db", "create", "x", "--type", "table"])?, 2, "table");
    let help = cli(&["--help"])?.success()?;
    for command in
        ["demo", "run", "status", "db", "add", "put", "query", "log", "peers", "resync", "verify", "identity"]
    {
        assert!(help.stdout.contains(command), "help does not show {command}");
    }
    Ok(())
}

#[test]
fn an_argument_that_is_not_utf8_is_wrong_usage() -> Result<()> {
    let key = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let output = cli(&["put".as_ref(), "db".as_ref(), key, "1".as_ref()])?;
    assert_eq!(output.code, Some(2), "{output:?}");
    Ok(())
}

#[test]
fn a_command_without_a_node_says_where_it_looked() -> Result<()> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let url = format!("http://{}", free.expect("a loopback port"));
    refused(&cli(&["status", "--api", &url])?, 1, &url);
    Ok(())
}

#[test]
fn broken_requests_are_problem_documents() -> Result<()> {
    let home = folder()?;
    let node = started(home.path())?;
    let api = node.api();
    let events = api.create("events", "events", &["*"])?.address;
    api.create("kv", "keyvalue", &["*"])?;
    let hash = api.add(&events, &json!("kept"))?;

    problem(&post(api, "/v1/databases", b"{\"name\": ")?, 400, "")?;
    problem(&post(api, "/v1/databases", b"{\"name\": \"x\", \"type\": \"table\"}")?, 400, "table")?;
    problem(&post(api, "/v1/databases", b"{\"address\": \"/orbitdb/nonsense\"}")?, 400, "nonsense")?;
    problem(&post(api, "/v1/databases/events/events", b"{\"half\": ")?, 400, "")?;
    problem(&post(api, "/v1/databases/events/events", b"\xff\xfe")?, 400, "")?;
    problem(&post(api, "/v1/databases/events/events", b"1e999")?, 400, "")?;
    problem(&post(api, "/v1/databases/absent/events", b"1")?, 404, "absent")?;
    problem(&post(api, "/v1/databases/kv/events", b"1")?, 409, "keyvalue")?;
    problem(&api.send("GET", "/v1/databases/absent", &[], &[])?, 404, "absent")?;
    problem(&api.send("GET", "/v1/databases/kv/kv/%ff%fe", &[], &[])?, 400, "UTF-8")?;
    problem(
        &api.send("PUT", "/v1/databases/kv/kv/%ff", &[("content-type", "application/json")], b"1")?,
        400,
        "UTF-8",
    )?;
    problem(&api.send("GET", "/v1/databases/kv/kv/absent", &[], &[])?, 404, "absent")?;
    problem(&api.send("GET", "/v1/databases/events/events?amount=many", &[], &[])?, 400, "amount")?;
    problem(&api.send("GET", "/v1/databases/events/entries/zdpuAbsent", &[], &[])?, 400, "")?;
    problem(&api.send("GET", "/v1/no-such-thing", &[], &[])?, 404, "")?;
    problem(&api.send("PATCH", "/v1/databases", &[], &[])?, 405, "")?;

    assert_eq!(api.hashes(&events)?, [hash], "nothing was lost or added");
    Ok(())
}

#[test]
fn an_oversized_body_is_refused_and_the_node_serves_on() -> Result<()> {
    let home = folder()?;
    let node = started(home.path())?;
    let db = node.api().create("sized", "events", &["*"])?.address;
    let body = format!("\"{}\"", "x".repeat(32 * 1024 * 1024));
    let reply = post(node.api(), "/v1/databases/sized/events", body.as_bytes());
    // The node may hang up before the client has sent it all: that is a refusal as well.
    if let Ok(reply) = reply {
        problem(&reply, 413, "")?;
    }
    node.api().add(&db, &json!("small"))?;
    assert_eq!(node.api().database(&db)?.entries, 1);
    Ok(())
}

#[test]
fn a_page_from_elsewhere_cannot_drive_the_api() -> Result<()> {
    let home = folder()?;
    let node = started(home.path())?;
    let api = node.api();
    let reply = api.send("GET", "/v1/status", &[("host", "evil.example")], &[])?;
    problem(&reply, 421, "evil.example")?;
    let own = format!("localhost:{}", node.api_port());
    assert_eq!(api.send("GET", "/v1/status", &[("host", &own)], &[])?.status, 200);
    let simple = api.send(
        "POST",
        "/v1/databases",
        &[("content-type", "text/plain"), ("origin", "http://evil.example")],
        b"{\"name\": \"x\", \"type\": \"events\"}",
    )?;
    assert!((400..500).contains(&simple.status), "a form of another site is refused: {}", simple.body);
    assert!(api.databases()?.iter().all(|db| db.name.as_deref() != Some("x")));
    Ok(())
}

#[test]
fn a_truncated_or_misspelt_configuration_is_named() -> Result<()> {
    let home = folder()?;
    let file = home.path().join("paperclip.yaml");
    let name = file.display().to_string();
    for (text, names) in
        [("listen: [\"/ip4/127.0", "paperclip.yaml"), ("lisen: []\n", "lisen"), ("api: nowhere\n", "nowhere")]
    {
        std::fs::write(&file, text).expect("the folder is writable");
        let output = cli(&["run", "--config", &name])?;
        assert_ne!(output.code, Some(0));
        refused(&output, output.code.unwrap_or_default(), names);
    }
    let absent = cli(&["run", "--config", "/nowhere/paperclip.yaml"])?;
    assert_ne!(absent.code, Some(0));
    refused(&absent, absent.code.unwrap_or_default(), "/nowhere/paperclip.yaml");
    Ok(())
}

#[test]
fn a_port_or_data_directory_in_use_is_named() -> Result<()> {
    let home = folder()?;
    let node = started(&home.path().join("first"))?;
    let taken_api = format!("127.0.0.1:{}", node.api_port());
    let other = home.path().join("other").display().to_string();
    let data = node.data_dir().display().to_string();
    let any = "/ip4/127.0.0.1/tcp/0";

    let output = cli(&["run", "--data-dir", &other, "--listen", any, "--api", &taken_api])?;
    refused(&output, 1, &taken_api);
    let taken_listen = format!("/ip4/127.0.0.1/tcp/{}", node.listen_port());
    let output = cli(&["run", "--data-dir", &other, "--listen", &taken_listen, "--api", "127.0.0.1:0"])?;
    refused(&output, 1, &node.listen_port().to_string());
    let output = cli(&["run", "--data-dir", &data, "--listen", any, "--api", "127.0.0.1:0"])?;
    refused(&output, 1, &data);
    node.api().status()?;
    Ok(())
}

#[test]
fn an_api_beyond_loopback_needs_a_token_file_that_only_its_owner_reads() -> Result<()> {
    let home = folder()?;
    let data = home.path().join("data").display().to_string();
    let open = ["run", "--data-dir", &data, "--listen", "/ip4/127.0.0.1/tcp/0", "--api", "0.0.0.0:0"];
    refused(&cli(&open)?, 2, "token");

    let token_file = home.path().join("token");
    let token = "a-token-of-thirty-two-characters";
    std::fs::write(&token_file, format!("{token}\n")).expect("the folder is writable");
    let mode = |mode| std::fs::set_permissions(&token_file, std::fs::Permissions::from_mode(mode));
    mode(0o644).expect("the file is ours");
    let name = token_file.display().to_string();
    let with_token: Vec<&str> = open.iter().copied().chain(["--api-token-file", &name]).collect();
    refused(&cli(&with_token)?, 1, &name);

    mode(0o600).expect("the file is ours");
    let options = NodeOptions {
        args: ["--api-token-file", &name, "--metrics-open", "true"].map(str::to_owned).to_vec(),
        token: Some(token.to_owned()),
        ..NodeOptions::default()
    };
    let node = Node::start(&home.path().join("node"), options)?;
    node.api().databases()?;
    let bare = node.api().without_token();
    problem(&bare.send("GET", "/v1/databases", &[], &[])?, 401, "")?;
    problem(&bare.send("GET", "/v1/databases", &[("authorization", "Bearer wrong")], &[])?, 401, "")?;
    assert_eq!(bare.send("GET", "/healthz", &[], &[])?.status, 200, "probes need no token");

    let asked = cli(&["db", "list", "--api", &node.url()])?;
    refused(&asked, 1, "token");
    cli(&["db", "list", "--api", &node.url(), "--token-file", &name])?.success()?;
    Ok(())
}

/// The file of this name somewhere below `folder`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let items = std::fs::read_dir(folder).ok()?;
    items.filter_map(|item| Some(item.ok()?.path())).find_map(|path| match path.is_dir() {
        true => find(&path, name),
        false => path.ends_with(name).then_some(path),
    })
}

#[test]
fn data_of_a_newer_version_is_refused_and_kept() -> Result<()> {
    let home = folder()?;
    let mut node = started(home.path())?;
    let db = node.api().create("kept", "events", &["*"])?.address;
    node.api().add(&db, &json!("still here"))?;
    node.terminate()?;

    let marker = find(&node.data_dir(), "format").expect("the data directory says what wrote it");
    let version = std::fs::read_to_string(&marker).expect("a readable file");
    std::fs::write(&marker, "paperclip store 999\n").expect("the folder is writable");
    let refused_start = node.run();
    assert!(
        matches!(&refused_start, Err(HarnessError::Node { log, .. }) if log.contains("999")),
        "{refused_start:?}"
    );
    std::fs::write(&marker, version).expect("the folder is writable");
    node.run()?;
    assert_eq!(node.api().events(&db, "")?[0].value, json!("still here"));
    Ok(())
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let items = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path());
    items.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_corrupt_block_is_named_and_harms_nothing_else() -> Result<()> {
    const MARK: &[u8] = b"to be damaged, to be damaged, to be damaged";
    let home = folder()?;
    let mut node = started(home.path())?;
    let db = node.api().create("damaged", "events", &["*"])?.address;
    let values = ["first", std::str::from_utf8(MARK).expect("ASCII"), "third"];
    let hashes: Vec<String> =
        values.iter().map(|value| node.api().add(&db, &json!(value))).collect::<Result<_>>()?;
    node.terminate()?;

    let mut damaged = 0;
    for file in files(&node.data_dir()) {
        let mut bytes = std::fs::read(&file).expect("the folder is ours");
        while let Some(at) = bytes.windows(MARK.len()).position(|window| window == MARK) {
            bytes[at] ^= 0x20;
            damaged += 1;
            std::fs::write(&file, &bytes).expect("the folder is ours");
        }
    }
    assert_ne!(damaged, 0, "the value stands in some file");

    node.run()?;
    let api = node.api();
    let reply = api.send("GET", &format!("/v1/databases/damaged/entries/{}", hashes[1]), &[], &[])?;
    problem(&reply, 503, &hashes[1])?;
    let listed = api.send("GET", "/v1/databases/damaged/events", &[], &[])?;
    assert!(!listed.body.contains("damaged,") && listed.body.contains("first"), "{listed:?}");
    assert_eq!(api.get("/readyz")?["damaged_blocks"], json!(1));
    let verified = api.verify(&db)?;
    assert_eq!(verified["sound"], json!(false));
    assert!(verified.to_string().contains(&hashes[1]), "{verified} names the block");
    assert_eq!(api.entry(&db, &hashes[0])?.payload["value"], json!("first"));
    assert_eq!(api.events(&db, "amount=1")?[0].value, json!("third"));
    let fourth = api.add(&db, &json!("fourth"))?;
    assert_eq!(api.heads(&db)?, [fourth]);
    Ok(())
}

#[test]
fn the_binary_is_there() -> Result<()> {
    node_binary().map(drop)
}

#[test]
fn a_configured_peer_that_is_down_is_listed_counted_and_warned_of_once() -> Result<()> {
    let home = folder()?;
    let mut absent = Node::start(&home.path().join("absent"), NodeOptions::default())?;
    let addr = absent.addr();
    absent.kill()?;
    let options = NodeOptions { peers: vec![addr.clone()], ..NodeOptions::default() };
    let node = Node::start(&home.path().join("node"), options)?;
    eventually(DEADLINE, "the third dial has failed", || {
        let failed = node.api().metrics()?.sum("paperclip_dials_total", "result=\"failed\"");
        ensure(failed >= 3.0, || format!("{failed} failed"))
    })?;
    eventually(DEADLINE, "it waits for the next dial", || {
        let peers = node.api().peers()?;
        ensure(peers[0]["state"] == "failed" && peers[0]["next_try_seconds"].is_number(), || {
            peers.to_string()
        })
    })?;
    let peers = node.api().peers()?;
    assert_eq!(peers[0]["configured"], json!(addr), "{peers}");
    assert_eq!(peers[0]["peer_id"], json!(absent.peer_id()), "{peers}");
    assert!(peers[0]["last_error"].as_str().is_some_and(|error| error.contains("refused")), "{peers}");
    let log = std::fs::read_to_string(node.log_path()).unwrap_or_default();
    assert_eq!(log.matches("cannot reach a configured peer").count(), 1, "{log}");
    assert!(!log.contains("libp2p_swarm"), "the libraries greet nobody:\n{log}");

    absent.run()?;
    eventually(DEADLINE, "it is connected, and none is down", || {
        let (peers, metrics) = (node.api().peers()?, node.api().metrics()?);
        let down = metrics.sum("paperclip_configured_peers_down", "");
        ensure(
            peers[0]["state"] == "connected" && peers[0]["configured"] == json!(addr) && down == 0.0,
            || format!("{down} down: {peers}"),
        )
    })
}
