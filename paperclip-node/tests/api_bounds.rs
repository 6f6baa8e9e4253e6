//! What slow, silent and greedy clients can take of the HTTP API, tried on a real node over plain connections.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod served;

use paperclip_node::api::Limits;
use serde_json::json;
use served::{DEADLINE, Served};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3600);

/// Few places, and clients that are waited for without end.
fn patient() -> Limits {
    Limits {
        connections: 8,
        reserved: 2,
        grace: Duration::from_millis(50),
        head: NEVER,
        idle: NEVER,
        body: NEVER,
        body_stall: NEVER,
        ..Limits::default()
    }
}

/// A connection over which something was sent.
fn send(served: &Served, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    stream
}

fn request(method: &str, path: &str, rest: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{rest}\r\n")
}

/// The head of a write whose body is so long.
fn write_of(path: &str, bytes: usize) -> String {
    request("POST", path, &format!("content-type: application/json\r\ncontent-length: {bytes}\r\n"))
}

/// What comes until the other side ends the connection, or nothing when it is reset.
fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8(bytes).unwrap()
}

/// The head of the next answer, which is waited for.
fn answer(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "the connection ended: {head:?}");
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// The status of an answer on a connection of its own; 0 when the connection was closed without one.
fn status(served: &Served, path: &str) -> u16 {
    let answer = rest(send(served, &request("GET", path, "connection: close\r\n")));
    answer.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}

#[test]
fn hanging_uploads_hold_no_memory_that_they_have_not_sent() {
    let served = Served::with_limits(Limits { connections: 256, ..patient() });
    served.create("log", "events");
    let hanging: Vec<TcpStream> = ["/v1/databases/log/events", "/v1/databases/log/resync"]
        .into_iter()
        .flat_map(|path| std::iter::repeat_n(path, 14))
        .map(|path| send(&served, &(write_of(path, 5_600_000) + "[")))
        .collect();
    assert_eq!(served.post("/v1/databases/log/events", &json!(1)).status, 201);
    let large = "x".repeat(4_000_000);
    assert_eq!(served.post("/v1/databases/log/events", &json!(large)).status, 201);
    drop(hanging);
    served.finish();
}

#[test]
fn small_writes_do_not_wait_for_the_memory_that_large_ones_have_taken() {
    let served = Served::with_limits(Limits { body_memory_kib: 1024, ..patient() });
    served.create("log", "events");
    // One takes the memory that there is, the other one goes on beyond it.
    let hanging: Vec<TcpStream> = (0..3)
        .map(|_| send(&served, &(write_of("/v1/databases/log/events", 2_000_000) + &"[".repeat(900_000))))
        .collect();
    assert_eq!(served.post("/v1/databases/log/events", &json!("x".repeat(60_000))).status, 201);
    drop(hanging);
    assert_eq!(served.post("/v1/databases/log/events", &json!("x".repeat(1_500_000))).status, 201);
    served.finish();
}

#[test]
fn large_bodies_that_wait_for_memory_do_not_wait_for_each_other() {
    let served = Served::with_limits(Limits { connections: 64, body_memory_kib: 1024, ..patient() });
    served.create("log", "events");
    let writers: Vec<_> = (0..12)
        .map(|_| {
            let mut stream = send(&served, &(write_of("/v1/databases/log/events", 1_000_002) + "\""));
            // All of them have half before one has more.
            stream.write_all(&[b'x'; 500_000]).unwrap();
            stream
        })
        .collect();
    let rest = [b"x".repeat(500_000), b"\"".to_vec()].concat();
    thread::scope(|scope| {
        for mut stream in writers {
            let rest = &rest;
            scope.spawn(move || {
                stream.write_all(rest).unwrap();
                assert!(answer(&mut stream).starts_with("HTTP/1.1 201"));
            });
        }
    });
    served.finish();
}

#[test]
fn a_body_that_stalls_is_answered_so_even_where_requests_may_take_minutes() {
    let served = Served::with_limits(Limits { body_stall: Duration::from_millis(50), ..patient() });
    served.create("log", "events");
    for (refused, route) in ["events", "resync"].into_iter().enumerate() {
        let stalled = send(&served, &(write_of(&format!("/v1/databases/log/{route}"), 100) + "["));
        let told = rest(stalled);
        assert!(told.starts_with("HTTP/1.1 408") && told.contains("#slow-body"), "{told}");
        assert_eq!(served.refused("slow-body"), refused as u64 + 1);
    }
    served.finish();
}

#[test]
fn a_body_has_an_end_however_steadily_it_drips() {
    let served = Served::with_limits(Limits { body: Duration::from_millis(200), ..patient() });
    served.create("log", "events");
    let mut dripping = send(&served, &write_of("/v1/databases/log/events", 5_000_000));
    while dripping.write_all(b"[").is_ok() && served.refused("slow-body") == 0 {}
    assert_eq!(served.refused("slow-body"), 1);
    served.finish();
}

#[test]
fn heads_have_little_time_and_idle_connections_more() {
    let served = Served::with_limits(Limits { head: Duration::from_millis(100), ..patient() });
    let mut idle = send(&served, &request("GET", "/healthz", ""));
    assert!(answer(&mut idle).starts_with("HTTP/1.1 200"));
    let silent = send(&served, "");
    let half = send(&served, "GET /healthz HTTP/1.1\r\nhost: loc");
    let mut second = send(&served, &request("GET", "/healthz", ""));
    answer(&mut second);
    second.write_all(b"GET /hea").unwrap();
    for stream in [silent, half, second] {
        assert!(!rest(stream).contains("\r\n\r\nHTTP"), "no second answer");
    }
    assert_eq!(served.refused("slow-head"), 3);
    idle.write_all(request("GET", "/healthz", "connection: close\r\n").as_bytes()).unwrap();
    assert!(rest(idle).contains("HTTP/1.1 200"));
    served.finish();
}

#[test]
fn an_idle_connection_ends_after_its_time() {
    let served = Served::with_limits(Limits { idle: Duration::from_millis(100), ..patient() });
    let mut idle = send(&served, &request("GET", "/healthz", ""));
    answer(&mut idle);
    let body = rest(idle);
    assert!(body.ends_with('}'), "{body}");
    assert_eq!(served.refused("slow-head"), 0);
    served.finish();
}

#[test]
fn who_keeps_the_node_waiting_makes_room_for_who_comes() {
    let served = Served::with_limits(Limits { grace: Duration::ZERO, ..patient() });
    let mut asking = send(&served, &request("GET", "/healthz", ""));
    answer(&mut asking);
    let waiting: Vec<TcpStream> = (0..100)
        .map(|n| send(&served, if n % 2 == 0 { "" } else { "GET /v1/status HTTP/1.1\r\nhost: localho" }))
        .collect();
    for _ in 0..20 {
        assert_eq!(status(&served, "/v1/status"), 200);
    }
    assert!(served.refused("displaced") >= 93);
    // Silent connections went first, the one that had asked before stayed.
    asking.write_all(request("GET", "/healthz", "connection: close\r\n").as_bytes()).unwrap();
    assert!(rest(asking).contains("HTTP/1.1 200"));
    drop(waiting);
    served.finish();
}

#[test]
fn a_crowd_of_stalled_uploads_makes_room() {
    let served = Served::with_limits(patient());
    served.create("log", "events");
    let crowd: Vec<TcpStream> =
        (0..8).map(|_| send(&served, &(write_of("/v1/databases/log/events", 1000) + "["))).collect();
    eventually("an honest request is answered", || status(&served, "/v1/status") == 200);
    drop(crowd);
    served.finish();
}

#[test]
fn monitoring_is_answered_while_all_places_are_busy() {
    let served = Served::with_limits(patient());
    served.create("log", "events");
    let mut followers: Vec<TcpStream> =
        (0..8).map(|_| send(&served, &request("GET", "/v1/databases/log/changes", ""))).collect();
    followers.iter_mut().for_each(|stream| assert!(answer(stream).starts_with("HTTP/1.1 200")));
    let refused = rest(send(&served, &request("GET", "/v1/status", "")));
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("#busy"), "{refused}");
    let silent: Vec<TcpStream> = (0..20).map(|_| send(&served, "")).collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&served, path), 200, "{path}");
    }
    assert!(served.refused("connections") >= 1);
    drop(silent);
    drop(followers);
    eventually("the places of closed connections come back", || status(&served, "/v1/status") == 200);
    served.finish();
}

#[test]
fn heads_that_two_readers_may_read_differently_are_refused() {
    let served = Served::start();
    served.create("log", "events");
    let both = "content-type: application/json\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n";
    let head = request("POST", "/v1/databases/log/events", both);
    let other_way = request(
        "POST",
        "/v1/databases/log/events",
        &both.replace("content-length", "x").replace("chunked\r\n", "chunked\r\nContent-Length: 1\r\n"),
    );
    let chunked = request("POST", "/v1/databases/log/events", &both.replace("content-length: 1\r\n", ""));
    let two_hosts = request("GET", "/v1/status", "Host: localhost\r\n");
    let with_user = request("GET", "/v1/status", "").replace("localhost", "localhost:1@evil.example");
    for (sent, status) in [
        (head + "1\r\n7\r\n0\r\n\r\n", "400"),
        (other_way + "1\r\n7\r\n0\r\n\r\n", "400"),
        (two_hosts, "400"),
        (with_user, "400"),
        (request("GET", "/v1/databases/log/kv/%zz", ""), "400"),
        (request("GET", "/v1/status?x=1", ""), "400"),
        (
            write_of("/v1/databases/log/events", 1).replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n")
                + "7",
            "415",
        ),
        (chunked + "1\r\n7\r\n0\r\n\r\n", "201"),
    ] {
        let told = answer(&mut send(&served, &sent));
        assert_eq!(told.split(' ').nth(1), Some(status), "{sent}\n{told}");
    }
    assert_eq!(served.pages("/v1/databases/log/events").0.len(), 1, "only the last one was a write");
    assert_eq!(served.refused("framing"), 2);
    served.finish();
}

#[test]
fn the_head_of_a_request_has_64_kib() {
    let served = Served::start();
    for (bytes, status) in [(63 * 1024, "200"), (66 * 1024, "431"), (200 * 1024, "431")] {
        let padding = format!("x-padding: {}\r\n", "x".repeat(bytes));
        let told = answer(&mut send(&served, &request("GET", "/healthz", &padding)));
        assert_eq!(told.split(' ').nth(1), Some(status), "{bytes}: {told}");
    }
    served.finish();
}

#[test]
fn who_has_not_asked_keeps_no_api_from_ending() {
    let served = Served::with_limits(patient());
    let mut idle = send(&served, &request("GET", "/healthz", ""));
    answer(&mut idle);
    let half = send(&served, "GET /healthz");
    assert_eq!(status(&served, "/healthz"), 200);
    served.finish();
    drop((idle, half));
}

#[test]
fn answers_that_nobody_reads_make_room() {
    let served = Served::with_limits(patient());
    served.create("log", "events");
    let large = "x".repeat(1_000_000);
    for _ in 0..8 {
        assert_eq!(served.post("/v1/databases/log/events", &json!(large)).status, 201);
    }
    // More than the buffers between the two take.
    let greedy = request("GET", "/v1/databases/log/events", "").repeat(4);
    let crowd: Vec<TcpStream> = (0..8).map(|_| send(&served, &greedy)).collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(status(&served, path), 200, "{path}");
    }
    eventually("an honest request is answered", || status(&served, "/v1/status") == 200);
    assert!(served.refused("displaced") >= 1);
    drop(crowd);
    served.finish();
}
