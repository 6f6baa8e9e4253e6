//! Every action, with good parameters and bad.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::Deployment;
use paperclip_client::{Client, Request};
use serde_json::{Value, json};

/// A deployment of three with a database of two entries on every unit.
fn cluster() -> Deployment {
    let mut cluster = Deployment::new(3);
    cluster.active();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "one");
    cluster.add("paperclip/1", "notes", "two");
    cluster.agree(&cluster.units(), "notes", &["one", "two"]);
    cluster
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Runs an action that must fail, and gives why. The reason must be in the results too.
fn refused(cluster: &mut Deployment, unit: &str, name: &str, parameters: Value) -> String {
    let outcome = cluster.sim.perform(unit, name, parameters).unwrap();
    assert!(!outcome.completed, "{name} should fail");
    assert_eq!(outcome.text("error"), outcome.message, "{name}");
    outcome.message
}

#[test]
fn actions_that_show_and_compare() {
    let mut cluster = cluster();
    let heads = cluster.action("paperclip/0", "show-heads", json!({ "database": "notes" }));
    assert_eq!(heads.text("entries"), "2");
    let other = cluster.action("paperclip/2", "show-heads", json!({ "database": "notes" }));
    assert_eq!(heads.text("digest"), other.text("digest"), "units that agree show the same digest");
    assert!(parse(heads.text("heads"))[0]["heads"][0].as_str().unwrap().starts_with("zdpu"));
    let all = cluster.action("paperclip/0", "show-heads", json!({}));
    assert!(all.text("summary").contains("notes: "), "{}", all.text("summary"));

    let resync = cluster.action("paperclip/1", "resync", json!({ "timeout": 30 }));
    assert_eq!(resync.text("fetched"), "0");
    assert_eq!(resync.log, ["resync of paperclip-catalog", "resync of notes"]);
    let resync = cluster.action("paperclip/1", "resync", json!({ "database": "notes", "wait-peers": 2 }));
    assert_eq!(parse(resync.text("databases"))[0]["peers"], 2);
    let why = refused(
        &mut cluster,
        "paperclip/1",
        "resync",
        json!({ "database": "notes", "wait-peers": 3, "timeout": 1 }),
    );
    assert!(why.contains("notes (2 peers answered"), "{why}");
    let verified = cluster.action("paperclip/1", "verify", json!({ "database": "notes" }));
    assert!(
        verified.text("summary").contains("1 databases sound, 2 entries"),
        "{}",
        verified.text("summary")
    );

    let shown = cluster.action("paperclip/2", "show-cluster", json!({}));
    assert_eq!(shown.text("summary"), "3 of 3 units agree with this one");
    let units = parse(shown.text("units"));
    assert_eq!(units.as_array().unwrap().len(), 3);
    assert!(units.as_array().unwrap().iter().all(|unit| unit["version"] == "0.1.0"));

    let ready = cluster.action("paperclip/0", "pre-refresh-check", json!({}));
    assert_eq!(ready.text("summary"), "ready for refresh");
}

#[test]
fn databases_come_and_go() {
    let mut cluster = cluster();
    let made =
        cluster.action("paperclip/1", "create-database", json!({ "name": "people", "type": "documents" }));
    let address = made.text("address").to_owned();
    assert!(address.starts_with("/orbitdb/zdpu"), "{address}");
    cluster.wait("all units list it", |this| {
        for unit in this.units() {
            let listed = this.get(&unit, "/v1/databases")?;
            if listed.as_array().is_none_or(|databases| databases.len() != 2) {
                return Err(format!("{unit}: {listed}"));
            }
        }
        Ok(())
    });
    let list = cluster.action("paperclip/2", "list-databases", json!({}));
    assert_eq!(list.text("count"), "2");
    assert!(list.text("summary").contains("people (documents, 0 entries)"), "{}", list.text("summary"));

    let why = refused(
        &mut cluster,
        "paperclip/0",
        "unpin-database",
        json!({ "database": "people", "confirm": false }),
    );
    assert!(why.contains("confirm: must be true"), "{why}");
    cluster.action("paperclip/0", "unpin-database", json!({ "database": "people", "confirm": true }));
    cluster.wait("all units have let it go", |this| {
        for unit in this.units() {
            let listed = this.get(&unit, "/v1/databases")?;
            if listed.as_array().is_none_or(|databases| databases.len() != 1) {
                return Err(format!("{unit}: {listed}"));
            }
        }
        Ok(())
    });
    let again = cluster.action("paperclip/1", "pin-database", json!({ "address": address }));
    assert_eq!(again.text("address"), address);
}

#[test]
fn bad_parameters_are_refused_by_the_controller_and_by_the_charm() {
    let mut cluster = cluster();
    let bad = [
        ("show-heads", json!({ "databse": "notes" })),
        ("resync", json!({ "timeout": 0 })),
        ("resync", json!({ "timeout": "soon" })),
        ("resync", json!({ "wait-peers": "all" })),
        ("create-database", json!({})),
        ("create-database", json!({ "name": "x", "type": "graph" })),
        ("pin-database", json!({})),
        ("unpin-database", json!({ "database": "notes" })),
        ("show-cluster", json!({ "verbose": true })),
    ];
    for (name, parameters) in bad {
        assert!(cluster.sim.action("paperclip/0", name, &parameters).is_err(), "{name} {parameters}");
        // A charm of another revision may be asked with what no schema has checked.
        if name != "unpin-database" {
            refused(&mut cluster, "paperclip/0", name, parameters);
        }
    }
    let why = refused(&mut cluster, "paperclip/0", "dance", json!({}));
    assert_eq!(why, "the charm has no action dance");
}

#[test]
fn what_the_node_refuses_is_told_in_its_words() {
    let mut cluster = cluster();
    for name in ["show-heads", "resync", "verify"] {
        let why = refused(&mut cluster, "paperclip/0", name, json!({ "database": "nowhere" }));
        assert!(why.contains("No such database") && why.contains("nowhere"), "{name}: {why}");
    }
    let why = refused(&mut cluster, "paperclip/0", "pin-database", json!({ "address": "not an address" }));
    assert!(why.contains("not an address"), "{why}");
}

#[test]
fn actions_on_a_unit_without_a_running_node_say_so() {
    let mut cluster = Deployment::on_volumes(1);
    cluster.sim.step("paperclip/0").unwrap();
    cluster.sim.detach("data/0").unwrap();
    cluster.sim.settle().unwrap();
    for name in ["show-heads", "list-databases", "show-cluster"] {
        let why = refused(&mut cluster, "paperclip/0", name, json!({}));
        assert!(why.contains("does not answer on this unit"), "{name}: {why}");
    }
    let why = refused(&mut cluster, "paperclip/0", "pre-refresh-check", json!({}));
    assert!(why.contains("not ready for refresh"), "{why}");
}

/// An API that others can reach asks for a token; the action shows it, and it is the one that works.
#[test]
fn the_token_of_an_open_api_is_shown_and_works() {
    let (mut one, port) = Deployment::with_open_api();
    let token = one.action("paperclip/0", "get-api-token", json!({})).text("token").to_owned();
    assert_eq!(token.len(), 64);
    let opened: Vec<u16> =
        one.sim.model.units["paperclip/0"].ports.iter().map(|(_, from, _)| *from).collect();
    assert!(opened.contains(&port));

    let status = |token: Option<&str>| {
        let client = Client::local(([127, 0, 0, 1], port).into()).with_token(token);
        client.send(&Request::new("GET", "/v1/status")).unwrap().status
    };
    assert_eq!((status(None), status(Some("wrong")), status(Some(&token))), (401, 401, 200));
    let shown = one
        .sim
        .log
        .iter()
        .chain(one.sim.history.iter().map(|ran| &ran.output))
        .any(|line| line.contains(&token));
    assert!(!shown, "the token is in no log");
}
