//! Backups as others see them: IPLD's own reader of CAR files, and a server that speaks S3.

use paperclip_tests::{CliOutput, Node, NodeOptions, Result, S3Server, cli, cli_with, folder, read_car};
use serde_json::{Value, json};

/// A shell at one node, with the keys of a bucket.
struct Shell<'a> {
    node: &'a Node,
    server: &'a S3Server,
}

impl Shell<'_> {
    fn run(&self, args: &[&str]) -> Result<CliOutput> {
        let url = self.node.url();
        let mut environment = self.server.environment();
        environment.push(("PAPERCLIP_API", &url));
        cli_with(args, &environment)
    }

    /// The keys below a prefix.
    fn listed(&self, prefix: &str) -> Result<Vec<String>> {
        let output = self.run(&["backups", &self.server.place(prefix), "--json"])?.success()?;
        let file = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default()["file"].clone();
        Ok(output.stdout.lines().map(|line| file(line).as_str().unwrap_or_default().to_owned()).collect())
    }
}

#[test]
fn backups_go_to_a_bucket_and_come_back_and_the_newest_are_kept() -> Result<()> {
    let home = folder()?;
    let server = S3Server::start(&home.path().join("s3"))?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let shell = Shell { node: &node, server: &server };
    node.api().create("log", "events", &["*"])?;
    // More than one part of an upload.
    for n in 0..6 {
        node.api().add("log", &json!(format!("{n}").repeat(3_500_000)))?;
    }
    let old = |year: u32| server.place(&format!("nightly/paperclip-all-{year}0101T000000Z.car"));
    for year in [2020, 2021] {
        shell.run(&["backup", "--to", &old(year)])?.success()?;
    }
    let mine = server.place("nightly/by-hand.car");
    shell.run(&["backup", "log", "--to", &mine])?.success()?;
    let made = shell.run(&["backup", "--to", &server.place("nightly/"), "--keep", "2", "--json"])?;
    let made = made.success()?.json()?["file"].as_str().unwrap_or_default().to_owned();
    let mut kept = vec![mine, old(2021), made.clone()];
    kept.sort();
    assert_eq!(shell.listed("nightly/")?, kept, "what others put there stays");
    let text = shell.run(&["backups", &server.place("")])?.success()?.stdout;
    assert!(text.contains("WRITTEN") && text.contains(&made), "{text}");

    let empty = Node::start(&home.path().join("empty"), NodeOptions::default())?;
    let other = Shell { node: &empty, server: &server };
    other.run(&["restore", "--from", &made, "--check"])?.success()?;
    other.run(&["restore", "--from", &made])?.success()?;
    let digest = |node: &Node| node.api().database("log").map(|log| log.digest.clone());
    assert_eq!(digest(&empty)?, digest(&node)?);
    Ok(())
}

#[test]
fn what_s3_does_not_do_is_told_and_no_half_object_is_left() -> Result<()> {
    let home = folder()?;
    let server = S3Server::start(&home.path().join("s3"))?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let shell = Shell { node: &node, server: &server };
    node.api().create("log", "events", &["*"])?;
    let refused = |args: &[&str], code: i32, told: &str| -> Result<()> {
        let output = shell.run(args)?;
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(output.stderr.contains(told), "{output:?}");
        Ok(())
    };
    refused(&["backup", "--to", "s3://nowhere/x.car"], 1, "AWS_ACCESS_KEY_ID")?;
    refused(&["restore", "--from", &server.place("missing.car")], 1, "missing.car")?;
    refused(&["backup", "nobody", "--to", &server.place("x.car")], 1, "nobody")?;
    refused(&["backup", "--to", &server.place("x.car"), "--keep", "3"], 2, "--keep goes with")?;
    refused(&["backups", "here.car"], 2, "expected s3://")?;
    assert!(shell.listed("")?.is_empty(), "nothing is left");
    Ok(())
}

#[test]
fn every_ipld_tool_reads_a_backup() -> Result<()> {
    let home = folder()?;
    let node = Node::start(&home.path().join("node"), NodeOptions::default())?;
    let log = node.api().create("log", "events", &["*"])?;
    for n in 0..3 {
        node.api().add("log", &json!({ "n": n, "text": "\u{1f4ce}" }))?;
    }
    let file = home.path().join("log.car");
    let path = file.display().to_string();
    cli(&["backup", "log", "--to", &path, "--api", &node.url()])?.success()?;
    let read = read_car(&file)?;
    // index, manifest, access list, identity, three entries, closing record
    assert_eq!(
        (&read["roots"], &read["blocks"], &read["closing"]),
        (&json!(1), &json!(8), &json!("backup-end"))
    );
    let payload = json!({ "op": "ADD", "key": null, "value": { "n": 2, "text": "\u{1f4ce}" } });
    let database = json!({ "address": log.address, "name": "log", "entries": 3, "heads": [payload] });
    assert_eq!(read["databases"], json!([database]));
    Ok(())
}
