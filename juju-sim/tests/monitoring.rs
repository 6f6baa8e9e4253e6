//! Monitoring of a deployment without options: what Juju people expect of the three commands of the manual.

#![allow(clippy::unwrap_used, reason = "what is not as expected fails the test")]

mod common;

use std::net::Ipv4Addr;

use common::{Deployment, ask};
use juju_sim::Sim;
use serde_json::Value;

/// The charm's own defaults, as `config.yaml` has them.
const METRICS_PORT: u16 = 4750;
const API_PORT: u16 = 4748;

const UNITS: [&str; 3] = ["paperclip/0", "paperclip/1", "paperclip/2"];

/// `juju deploy paperclip -n 3`, and no option.
fn deployed() -> Deployment {
    let mut sim = Sim::new(common::executables()).unwrap();
    let charm = common::charm(&sim, "charm");
    sim.deploy("paperclip", &charm, 3, &[]).unwrap();
    sim.settle().unwrap();
    let mut cluster = Deployment { sim };
    cluster.active();
    cluster
}

/// A relation with an application that the test plays itself.
fn related(cluster: &mut Deployment, endpoint: &str) -> u32 {
    let name = format!("remote-{endpoint}");
    cluster.sim.deploy_puppet(&name);
    let id = cluster.sim.relate(("paperclip", endpoint), (&name, "remote"));
    cluster.sim.settle().unwrap();
    id
}

fn scrape(target: &str) -> Result<String, String> {
    let answer = ask(&format!("http://{target}"), "/metrics", None)?;
    Ok(answer.as_str().unwrap_or_default().to_owned())
}

/// A scrape that must give a node's metrics.
fn scraped(target: &str) {
    let metrics = scrape(target).unwrap();
    assert!(metrics.contains("\npaperclip_planned_nodes 3\n"), "{target}: {metrics}");
    assert!(metrics.contains("\npaperclip_siblings 2\n"), "{target}: {metrics}");
}

fn opened(cluster: &Deployment, unit: &str) -> Vec<u16> {
    cluster.sim.model.units[unit].ports.iter().map(|(_, from, _)| *from).collect()
}

fn port_in(jobs: &str) -> u16 {
    let jobs: Value = serde_json::from_str(jobs).unwrap();
    let target = jobs[0]["static_configs"][0]["targets"][0].as_str().unwrap().to_owned();
    target.strip_prefix("*:").unwrap().parse().unwrap()
}

#[test]
fn every_relation_scrapes_every_unit_with_no_option_set() {
    let mut cluster = deployed();
    let loopbacks: Vec<Ipv4Addr> = UNITS.iter().map(|unit| cluster.sim.machines[*unit].loopback).collect();
    let addresses: Vec<String> =
        UNITS.iter().map(|unit| cluster.sim.model.units[*unit].address.clone()).collect();
    cluster.wait("all are connected", |_| {
        let seen = |loopback| ask(&format!("http://{loopback}:{API_PORT}"), "/metrics", None);
        let all = loopbacks.iter().all(|loopback| {
            seen(loopback)
                .is_ok_and(|text| text.as_str().is_some_and(|text| text.contains("paperclip_siblings 2")))
        });
        if all { Ok(()) } else { Err("not yet".into()) }
    });
    for address in &addresses {
        assert!(scrape(&format!("{address}:{METRICS_PORT}")).is_err(), "nobody asked for it");
        assert!(scrape(&format!("{address}:{API_PORT}")).is_err(), "the API is the machine's own");
    }

    let alm = related(&mut cluster, "alm");
    let prometheus = related(&mut cluster, "metrics-endpoint");
    let collector = related(&mut cluster, "cos-agent");
    let port = port_in(&cluster.sim.bag(prometheus, "paperclip")["scrape_jobs"]);
    for (unit, loopback) in UNITS.iter().zip(&loopbacks) {
        let url = cluster.sim.bag(alm, unit)["metrics-url"].clone();
        scraped(url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap());
        let address = cluster.sim.bag(prometheus, unit)["prometheus_scrape_unit_address"].clone();
        scraped(&format!("{address}:{port}"));
        let config: Value = serde_json::from_str(&cluster.sim.bag(collector, unit)["config"]).unwrap();
        let target = &config["metrics_scrape_jobs"][0]["static_configs"][0]["targets"][0];
        assert_eq!(target, &format!("localhost:{METRICS_PORT}"));
        scraped(&format!("{loopback}:{METRICS_PORT}"));
        assert_eq!(opened(&cluster, unit), [4747, METRICS_PORT]);
        assert_eq!(cluster.starts(unit), 1, "a relation takes no restart");
    }

    for gone in [alm, prometheus] {
        cluster.sim.remove_relation(gone);
        cluster.sim.settle().unwrap();
    }
    for ((unit, address), loopback) in UNITS.iter().zip(&addresses).zip(&loopbacks) {
        assert_eq!(opened(&cluster, unit), [4747]);
        cluster.wait("the listener is gone", |_| match scrape(&format!("{address}:{METRICS_PORT}")) {
            Ok(_) => Err("it answers".into()),
            Err(_) => Ok(()),
        });
        scraped(&format!("{loopback}:{METRICS_PORT}"));
        assert_eq!((cluster.starts(unit), cluster.status(unit).0.as_str()), (1, "active"));
    }
}

/// What a new unit is, every node is told at once, with the number of units that are planned.
#[test]
fn units_that_come_and_go_change_the_plan_without_a_restart() {
    let mut cluster = deployed();
    let alm = related(&mut cluster, "alm");
    cluster.sim.add_unit("paperclip").unwrap();
    cluster.active();
    let planned = |cluster: &Deployment, unit: &str| {
        let url = cluster.sim.bag(alm, unit)["metrics-url"].clone();
        let metrics = scrape(url.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap()).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix("paperclip_planned_nodes ")).unwrap();
        line.parse::<usize>().unwrap()
    };
    for unit in cluster.units() {
        cluster.wait("the plan of four", |cluster| match planned(cluster, &unit) {
            4 => Ok(()),
            other => Err(other.to_string()),
        });
        assert_eq!(cluster.starts(&unit), 1);
    }
    cluster.sim.remove_unit("paperclip/3");
    cluster.active();
    for unit in UNITS {
        cluster.wait("the plan of three", |cluster| match planned(cluster, unit) {
            3 => Ok(()),
            other => Err(other.to_string()),
        });
        assert_eq!(cluster.starts(unit), 1);
    }
}
