//! Monitoring: where the node answers it, what others are told, and that none of it takes a restart.

use juju_hooks::databag::Bag;

use super::super::*;
use super::restarts;
use super::world::{name, serving, settle, settled};
use crate::facts::{Facts, Reach, Related};
use crate::status::status;
use juju_hooks::Port;

/// A relation of this endpoint, whose other side reaches the unit at `ingress`.
fn related(id: &str, bind: &[&str], ingress: &str) -> Related {
    let bind = bind.iter().map(|address| address.parse().unwrap()).collect();
    Related {
        id: id.parse().unwrap(),
        reach: Some(Reach { bind, ingress: ingress.into() }),
        unit_bag: Bag::from([("private-address".into(), "10.0.0.1".into())]),
        application_bag: Some(Bag::new()),
    }
}

fn listens(facts: &Facts) -> Vec<String> {
    let told = facts.memory.running_monitoring.as_ref().unwrap();
    told.metrics_listen.iter().map(ToString::to_string).collect()
}

#[test]
fn a_manager_reads_what_it_is_told() {
    let mut facts = settled(true);
    facts.related = vec![related("alm:3", &["10.0.0.1"], "10.0.0.1")];
    settle(&mut facts);
    let told = &facts.related[0];
    let application =
        alm_interface::read::application(told.application_bag.as_ref().unwrap()).unwrap().unwrap();
    assert_eq!(application.scrape_jobs[0].job_name.as_str(), "paperclip-node");
    assert!(!application.alert_rules.groups[0].rules.is_empty() && !application.dashboards.is_empty());
    assert!(alm_interface::read::unit(&told.unit_bag, &facts.unit).unwrap().unwrap().ready);
}

#[test]
fn nobody_related_nothing_listens() {
    let facts = settled(true);
    assert!(listens(&facts).is_empty());
    assert_eq!(facts.opened, [Port::tcp(4747)].into());
}

#[test]
fn who_is_related_finds_metrics_at_once_and_with_no_option_set() {
    let mut facts = settled(true);
    facts.related = vec![
        related("alm:3", &["10.0.0.1", "fd00::1"], "fd00::1"),
        related("metrics-endpoint:4", &["10.1.0.1"], "203.0.113.9"),
        related("cos-agent:5", &["127.0.0.1"], "localhost"),
    ];
    let steps = settle(&mut facts);
    assert!(!restarts(&steps) && steps.contains(&Step::Reload), "{steps:?}");
    assert_eq!(listens(&facts), ["10.0.0.1:4750", "10.1.0.1:4750", "127.0.0.1:4750", "[fd00::1]:4750"]);
    assert!(facts.opened.contains(&Port::tcp(4750)));
    assert_eq!(facts.related[0].unit_bag["metrics-url"], "http://[fd00::1]:4750/metrics");
    assert_eq!(facts.related[0].unit_bag["health-url"], "http://[fd00::1]:4750/readyz");
    assert_eq!(facts.related[1].unit_bag["prometheus_scrape_unit_address"], "203.0.113.9");
    assert!(facts.related[1].application_bag.as_ref().unwrap()["scrape_jobs"].contains("\"*:4750\""));
    assert!(facts.related[2].unit_bag["config"].contains("localhost:4750"));

    facts.related.remove(0);
    assert!(!restarts(&settle(&mut facts)));
    assert_eq!(listens(&facts), ["10.1.0.1:4750", "127.0.0.1:4750"], "what another relation wants stays");
    facts.related.remove(0);
    settle(&mut facts);
    assert_eq!(facts.opened, [Port::tcp(4747)].into(), "a collector is on the machine");
    facts.related.clear();
    settle(&mut facts);
    assert!(listens(&facts).is_empty());
}

#[test]
fn a_unit_that_is_planned_is_told_without_a_restart() {
    let mut facts = settled(true);
    facts.planned = (0..4).map(name).collect();
    facts.cluster.as_mut().unwrap().peers.insert(name(3), serving(3));
    assert!(!restarts(&settle(&mut facts)));
    assert_eq!(facts.memory.running_monitoring.as_ref().unwrap().planned_nodes, 4);
    assert!(facts.node_config.as_ref().unwrap().contains("planned-nodes: 4"));
}

#[test]
fn a_node_that_does_not_answer_is_told_and_tried_once_a_hook() {
    let mut facts = settled(true);
    facts.related = vec![related("alm:3", &["10.0.0.1"], "10.0.0.1")];
    while !plan(&facts, &super::machine()).unwrap().contains(&Step::Reload) {
        for step in plan(&facts, &super::machine()).unwrap() {
            super::world::take(&mut facts, &step);
        }
    }
    facts.tried.monitoring = Some("no answer on 10.0.0.1:4750".into());
    assert!(!settle(&mut facts).contains(&Step::Reload));
    let told = status(&facts).message;
    assert!(told.contains("monitoring: no answer on 10.0.0.1:4750; see journalctl"), "{told}");
}

/// It would end at the signal.
#[test]
fn a_node_of_an_older_revision_is_not_signalled() {
    let mut facts = settled(true);
    facts.memory.running_monitoring = None;
    facts.related = vec![related("alm:3", &["10.0.0.1"], "10.0.0.1")];
    assert!(!settle(&mut facts).contains(&Step::Reload));
}
