//! What client commands print, into a pipe and on a real terminal, about nodes whose answers are hostile, long or many.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Output, Stdio},
    sync::Arc,
    thread,
};

/// How wide the terminal is.
const COLUMNS: u16 = 80;

/// Clears the screen, renames the window, rings, turns text around, and begins a row of its own.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}H\u{202e}\r\nforged  row";

const ADDRESS: &str = "/orbitdb/zdpuAya7a55GQvYR5rUbJfvXZqXXe2dYTjafsWHWg2mLjif5W";

/// A node that gives prepared answers: a body for each path, and the path of the next page.
struct Answers(String);

#[derive(Clone, Default)]
struct Prepared(BTreeMap<String, (Json, Option<String>)>);

impl Prepared {
    fn with(mut self, path: &str, body: Json) -> Self {
        self.0.insert(path.to_owned(), (body, None));
        self
    }

    fn followed_by(mut self, path: &str, body: Json, next: &str) -> Self {
        self.0.insert(path.to_owned(), (body, Some(next.to_owned())));
        self
    }

    fn serve(self) -> Answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let prepared = Arc::new(self.0);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let prepared = Arc::clone(&prepared);
                thread::spawn(move || answer(stream.unwrap(), &prepared));
            }
        });
        Answers(url)
    }
}

fn answer(stream: TcpStream, prepared: &BTreeMap<String, (Json, Option<String>)>) {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).unwrap();
    let path = first.split_whitespace().nth(1).unwrap();
    let (body, next) = prepared.get(path).unwrap_or_else(|| panic!("nothing prepared for {path}"));
    let link = next.as_ref().map(|next| format!("link: <{next}>; rel=\"next\"\r\n")).unwrap_or_default();
    let body = body.to_string();
    let head =
        format!("HTTP/1.1 200 OK\r\n{link}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
}

impl Answers {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paperclip-node"));
        let ours = |name: &str| name.starts_with("PAPERCLIP_") || name == "NO_COLOR";
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.args(arguments).args(["--api", &self.0]).env("TERM", "xterm").stdin(Stdio::null());
        command
    }

    fn piped(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output as a program gets it.
    fn text(&self, arguments: &[&str]) -> String {
        let output = self.piped(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard output on a terminal.
    fn terminal(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let (mut controller, terminal) = pseudoterminal();
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdout(terminal).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // The command holds the terminal too; reading ends when both have let go of it.
        drop(command);
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = controller.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..read]);
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(shown).unwrap().replace("\r\n", "\n")
    }
}

/// A terminal, and the end from which a test sees what is on it.
fn pseudoterminal() -> (File, Stdio) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    (File::from(controller), Stdio::from(terminal))
}

fn database(name: &str, state: &str) -> Json {
    json!({
        "address": ADDRESS, "name": name, "role": "pinned", "state": state, "type": "events", "entries": 1,
        "heads": 1, "digest": "d", "pending": 0, "refused": 0, "refused_by_reason": {}, "peers": [], "damaged": 0,
        "unreachable": 0, "unreachable_blocks": [], "unreadable": 0, "problems": [], "javascript": true,
        "access": { "type": "ipfs", "address": "/ipfs/zdpu1", "write": ["*"] }, "reading": "events",
        "reading_chosen": false, "seconds_since_exchange": null,
    })
}

fn status(ready: bool, problems: &[&str], databases: &[Json]) -> Json {
    json!({
        "version": "0.1.0", "peer_id": "12D3Koo", "addrs": [], "uptime_seconds": 3.0, "ready": ready,
        "identity": {
            "id": "02", "public_key": "03", "hash": null, "certified": false,
            "request": { "id": "02", "public_key": "03", "signature_id": "30" },
        },
        "cluster": { "id": "02", "catalog": ADDRESS }, "problems": problems, "peers": 2, "store_bytes": 1,
        "damaged_blocks": 0, "journal_damage": { "parts": 0, "bytes": 0, "files": 0 }, "databases": databases,
    })
}

/// A database `db` with these events and entries.
fn with_events(events: &Json, entries: &Json) -> Prepared {
    Prepared::default()
        .with("/v1/databases/db", database("db", "open"))
        .with("/v1/databases/db/events", events.clone())
        .with("/v1/databases/db/query", events.clone())
        .with("/v1/databases/db/heads", entries.clone())
        .with("/v1/databases/db/entries?", entries.clone())
}

/// Text without the colours that the command line itself uses.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let (code, rest) = part.split_once('m').unwrap_or_else(|| panic!("{part:?} is no colour"));
        assert!(code.chars().all(|char| char.is_ascii_digit() || char == ';'), "{code:?} is no colour");
        plain + rest
    })
}

/// A node in whose answers every text that a stranger chooses is this one.
fn with_text(text: &str) -> Answers {
    let mut failed = database(text, "failed");
    failed["error"] = json!(text);
    failed["access"]["write"] = json!([text]);
    failed["refused"] = json!(1);
    let refused = json!({
        "address": ADDRESS, "name": text, "refused": 1, "refused_by_reason": {},
        "last": [{
            "hash": "zdpu1", "reason": "bad-signature", "writer": text, "key": null, "peer": "12D3Koo",
            "detail": text, "age_seconds": 1.0,
        }],
    });
    let peer = json!({
        "peer_id": "12D3KooWMC41nu1ihbmgK4vcppS4w4HrGa8DH8novuy7Lh1oe2SV", "outbound": true, "agent": text,
        "address": "/ip4/10.0.0.1/tcp/4747", "connected_seconds": 3.0, "databases": [], "state": "connected",
        "protocols": [], "configured": null,
    });
    let down = json!({
        "peer_id": null, "address": "/ip4/10.0.0.2/tcp/4747", "state": "failed", "unconnected_seconds": 60.0,
        "configured": "/ip4/10.0.0.2/tcp/4747",
        "last_error": text, "next_try_seconds": 5.0,
    });
    let status = status(false, &[text], std::slice::from_ref(&failed));
    let keys = json!([{ "hash": "zdpu1", "key": text, "value": text }]);
    let mut keyvalue = database("kv", "open");
    keyvalue["reading"] = json!("keyvalue");
    Prepared::default()
        .with("/v1/databases", json!([failed]))
        .with("/v1/databases/bad", failed)
        .with("/v1/databases/bad/refused", refused)
        .with("/v1/databases/kv", keyvalue)
        .with("/v1/databases/kv/kv", keys)
        .with("/v1/peers", json!([peer, down]))
        .with("/v1/status", status)
        .serve()
}

#[test]
fn what_strangers_name_neither_moves_the_cursor_nor_forges_rows() {
    let (hostile, harmless) = (with_text(HOSTILE), with_text("harmless"));
    let commands: [&[&str]; 5] =
        [&["db", "list"], &["peers"], &["db", "show", "bad"], &["status"], &["all", "kv"]];
    for arguments in commands {
        let lines = harmless.text(arguments).lines().count();
        for text in [hostile.text(arguments), uncoloured(&hostile.terminal(arguments, &[]))] {
            assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
            assert!(!text.contains('\u{202e}') && text.contains("\\u001b[2J"), "{text:?}");
            assert_eq!(text.lines().count(), lines, "{arguments:?}\n{text}");
        }
        let json = hostile.text(&[arguments, &["--json"]].concat());
        assert!(!json.contains(['\u{9b}', '\u{202e}', '\u{1b}']), "{json:?}");
        let document: Json = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert!(document.to_string().contains("\u{9b}H\u{202e}"), "programs get what was said: {document}");
    }
}

#[test]
fn values_of_any_size_are_printed_and_fit_a_terminal() {
    for length in [65_600, 4 << 20] {
        let value = "x".repeat(length);
        let hash = &ADDRESS["/orbitdb/".len()..];
        let events = json!([{ "hash": hash, "value": value }]);
        let entries = json!([{ "hash": hash, "clock": { "time": 7 }, "payload": { "value": value } }]);
        let node = with_events(&events, &entries).serve();
        let commands: [&[&str]; 4] =
            [&["all", "db"], &["query", "db"], &["log", "iter", "db"], &["log", "heads", "db"]];
        for arguments in commands {
            assert!(node.text(arguments).contains(&value), "{arguments:?}: files get all of it");
            let shown = node.terminal(arguments, &[]);
            assert!(shown.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{shown}");
            assert!(shown.contains("xxx") && shown.trim_end().ends_with('\u{2026}'), "{shown}");
        }
    }
}

#[test]
fn a_listing_of_many_pages_has_one_header_and_the_same_columns() {
    let page = |from: usize| {
        let entry = |n: usize| json!({ "hash": format!("zdpu{n:05}"), "clock": { "time": n }, "payload": n });
        (from..from + 5000).map(entry).collect::<Json>()
    };
    let node = Prepared::default()
        .followed_by("/v1/databases/db/entries?", page(0), "/v1/databases/db/entries?after=x")
        .with("/v1/databases/db/entries?after=x", page(5000))
        .serve();
    let text = node.text(&["log", "iter", "db"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 10_001);
    assert_eq!(lines.iter().filter(|line| line.starts_with("HASH")).count(), 1);
    let columns = ["HASH", "TIME", "PAYLOAD"].map(|name| lines[0].find(name).unwrap());
    for (line, n) in lines[1..].iter().zip(0..) {
        assert_eq!(&line[columns[2]..], n.to_string(), "{line}");
    }
}

#[test]
fn databases_fit_a_terminal_and_are_sorted_by_name() {
    let list = json!([database("web", "open"), database("archive", "opening"), database("Notes", "open")]);
    let node = Prepared::default().with("/v1/databases", list).serve();
    let shown = uncoloured(&node.terminal(&["db", "list"], &[]));
    let names: Vec<&str> = shown.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["Notes", "archive", "web"], "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= usize::from(COLUMNS)), "{shown}");
    assert!(shown.contains("zdpuAya\u{2026}"), "{shown}");
    assert!(node.text(&["db", "list"]).contains(ADDRESS), "files get addresses in full");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let node = Prepared::default().with("/v1/databases", json!([database("a", "failed")])).serve();
    assert!(node.terminal(&["db", "list"], &[]).contains("\u{1b}["));
    for refused in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!node.terminal(&["db", "list"], &[refused]).contains('\u{1b}'), "{refused:?}");
    }
    assert!(!node.text(&["db", "list"]).contains('\u{1b}'));
}

#[test]
fn a_pin_that_waits_says_so() {
    let pinned = |state: &str| {
        Prepared::default()
            .with("/v1/databases", database("-", state))
            .with("/v1/status", status(true, &[], &[]))
            .serve()
    };
    let waiting = pinned("opening").piped(&["db", "pin", ADDRESS]);
    let told = String::from_utf8(waiting.stderr).unwrap();
    assert_eq!(waiting.status.code(), Some(0), "it is pinned: {told}");
    assert_eq!(String::from_utf8(waiting.stdout).unwrap(), format!("{ADDRESS}\n"));
    assert!(told.contains("not open yet: no peer has provided it so far (2 connected)"), "{told}");
    let waited = pinned("opening").piped(&["db", "pin", ADDRESS, "--wait", "0"]);
    assert_eq!(waited.status.code(), Some(1), "whoever waits is told when it was in vain");
    let open = pinned("open").piped(&["db", "pin", ADDRESS]);
    assert_eq!((open.status.code(), open.stderr.len()), (Some(0), 0));
    assert_eq!(pinned("failed").piped(&["db", "pin", ADDRESS]).status.code(), Some(1));
}

#[test]
fn a_node_tells_its_operator_where_it_is_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    for (identity, made_key) in [("new: the node is its own cluster", true), ("as before", false)] {
        let (controller, terminal) = pseudoterminal();
        let arguments =
            ["run", "--data-dir", &data, "--listen", "/ip4/127.0.0.1/tcp/0", "--log-level", "warn"];
        let mut command = Answers("127.0.0.1:0".to_owned()).command(&arguments);
        let mut node = command.stderr(terminal).spawn().unwrap();
        drop(command);
        let lines = BufReader::new(controller).lines().map(Result::unwrap);
        let greeting: Vec<String> = lines.take(7).collect();
        kill_process(Pid::from_child(&node), Signal::TERM).unwrap();
        assert!(node.wait().unwrap().success());
        let api = greeting[3].strip_prefix("API         ").unwrap();
        assert_eq!(greeting[0], format!("PaperClip   {}", env!("CARGO_PKG_VERSION")));
        assert_eq!(greeting[1], format!("data        {data}"));
        assert!(greeting[2].starts_with(&format!("identity    {identity}")), "{greeting:?}");
        assert_eq!(greeting[2].contains("keep a copy of root.key"), made_key, "{greeting:?}");
        assert!(greeting[4].starts_with("peers dial  /ip4/127.0.0.1/tcp/"), "{greeting:?}");
        assert_eq!(greeting[6], format!("            paperclip-node status --api {api}"));
    }
}

#[test]
fn configured_peers_that_are_down_are_listed_with_their_error_and_next_try() {
    let text = with_text("connection refused").text(&["peers"]);
    let row = "/ip4/10.0.0.2/tcp/4747  60 s      5 s          connection refused";
    assert!(text.contains("not connected:\n") && text.lines().last() == Some(row), "{text}");
}
