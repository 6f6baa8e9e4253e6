//! What other applications see: `alm`, `cos-agent`, `metrics-endpoint`.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use common::Deployment;
use juju_sim::Sim;
use serde_json::{Value, json};

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Relates a puppet before or after the deployment's first hook and gives the relation's number.
fn related(cluster: &mut Deployment, endpoint: &str) -> u32 {
    let name = format!("remote-{endpoint}");
    cluster.sim.deploy_puppet(&name);
    cluster.sim.relate(("paperclip", endpoint), (&name, "remote"))
}

fn holds_alm(sim: &Sim, id: u32) {
    let application = sim.bag(id, "paperclip");
    assert_eq!(application["schema"], "1");
    assert_eq!(application["charm"], "paperclip");
    assert_eq!(application["version"], "0.1.0");
    assert_eq!(application["cluster-id"].len(), 66);
    assert_eq!(parse(&application["scrape-jobs"])[0]["metrics_path"], "/metrics");
    assert!(!parse(&application["alert-rules"])["groups"][0]["rules"].as_array().unwrap().is_empty());
    for number in 0..2 {
        let unit = format!("paperclip/{number}");
        let bag = sim.bag(id, &unit);
        let address = &sim.model.units[&unit].address;
        assert_eq!(bag["health-url"], format!("http://{address}:4750/readyz"));
        assert_eq!((bag["ready"].as_str(), bag["unit"].as_str()), ("true", unit.as_str()));
    }
}

#[test]
fn alm_is_told_when_related_before_anything_runs() {
    let mut cluster = Deployment::unsettled(2);
    let id = related(&mut cluster, "alm");
    cluster.sim.settle().unwrap();
    cluster.active();
    holds_alm(&cluster.sim, id);
}

#[test]
fn alm_is_told_when_related_later_and_let_go_when_it_leaves() {
    let mut cluster = Deployment::new(2);
    cluster.active();
    let id = related(&mut cluster, "alm");
    cluster.active();
    holds_alm(&cluster.sim, id);
    cluster.sim.remove_relation(id);
    cluster.active();
    assert!(!cluster.sim.model.relations.contains_key(&id));
}

/// The digest of heads changes with every write. It is told by the clock, so that writes do not wake other charms.
#[test]
fn the_heads_digest_is_told_by_the_clock() {
    let mut cluster = Deployment::new(2);
    let id = related(&mut cluster, "alm");
    cluster.active();
    let before = cluster.sim.bag(id, "paperclip/0")["heads-digest"].clone();
    cluster.create("notes");
    cluster.add("paperclip/0", "notes", "news");
    cluster.agree(&cluster.units(), "notes", &["news"]);
    cluster.sim.settle().unwrap();
    assert_eq!(cluster.sim.bag(id, "paperclip/0")["heads-digest"], before);
    cluster.sim.tick().unwrap();
    let after = cluster.sim.bag(id, "paperclip/0")["heads-digest"].clone();
    assert_ne!(after, before);
    assert_eq!(
        cluster.sim.bag(id, "paperclip/1")["heads-digest"],
        after,
        "units that agree have the same digest"
    );
}

#[test]
fn cos_agent_gets_one_document_with_every_field() {
    let mut cluster = Deployment::new(1);
    let id = related(&mut cluster, "cos-agent");
    cluster.active();
    let config = parse(&cluster.sim.bag(id, "paperclip/0")["config"]);
    for field in ["metrics_alert_rules", "log_alert_rules", "dashboards", "metrics_scrape_jobs", "log_slots"]
    {
        assert!(!config[field].is_null(), "{field}: without it the collector drops the whole document");
    }
    let name = config["metrics_scrape_jobs"][0]["job_name"].as_str().unwrap();
    assert!(name.starts_with("paperclip_node_"), "{name}");

    let encoded = config["dashboards"][0].as_str().unwrap();
    let compressed = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    let mut dashboard = Vec::new();
    lzma_rs::xz_decompress(&mut compressed.as_slice(), &mut dashboard).unwrap();
    let dashboard: Value = serde_json::from_slice(&dashboard).unwrap();
    assert_eq!(dashboard["uid"].as_str().unwrap().len(), 40);
    assert!(dashboard["tags"].as_array().unwrap().contains(&json!("charm: paperclip")));
}

#[test]
fn prometheus_gets_a_target_for_each_unit() {
    let mut cluster = Deployment::new(2);
    let id = related(&mut cluster, "metrics-endpoint");
    cluster.active();
    let application = cluster.sim.bag(id, "paperclip");
    assert_eq!(parse(&application["scrape_metadata"])["charm_name"], "paperclip");
    assert_eq!(parse(&application["scrape_jobs"])[0]["static_configs"][0]["targets"][0], "*:4750");
    for unit in cluster.units() {
        let bag = cluster.sim.bag(id, &unit);
        assert_eq!(bag["prometheus_scrape_unit_address"], cluster.sim.model.units[&unit].address);
        assert_eq!(bag["prometheus_scrape_unit_name"], unit);
    }
    // What Prometheus would find there.
    let metrics = cluster.get("paperclip/1", "/metrics").unwrap();
    let metrics = metrics.as_str().unwrap();
    let rules = parse(&application["alert_rules"]);
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        let expression = rule["expr"].as_str().unwrap();
        assert!(expression.contains(r#"juju_application="paperclip""#), "{expression}");
        let names = expression.split(|c: char| !c.is_ascii_lowercase() && c != '_');
        for metric in names.filter(|name| name.starts_with("paperclip_")) {
            let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
            assert!(metrics.contains(&format!("# HELP {metric} ")), "no metric {metric}");
        }
    }
}
