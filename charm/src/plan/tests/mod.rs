//! The plan as a table of situations, and runs of several rounds against a world that does what the steps say.

mod monitoring;
mod world;

use std::collections::BTreeSet;

use juju_hooks::databag;
use juju_hooks::{Port, Status};
use paperclip_client::certificate::Request;

use super::*;
use crate::cluster::bags::UnitBag;
use crate::cluster::turns::Turn;
use crate::config;
use crate::machine::{NodeIdentity, ServiceState};
use crate::status::status;
use world::{CLUSTER_ID, certificate, fresh, machine, name, request, serving, settle, settled, storage};

fn restarts(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Start(_) | Step::Restart(_) | Step::Stop))
}

#[test]
fn the_first_leader_makes_the_cluster_and_serves_in_one_hook() {
    let mut facts = fresh(true);
    let steps = settle(&mut facts);
    assert_eq!(steps.iter().filter(|step| **step == Step::MakeCluster).count(), 1);
    assert_eq!(facts.service.state, ServiceState::Active);
    assert_eq!(status(&facts).status, Status::Active);
    assert_eq!(facts.opened, BTreeSet::from([Port::tcp(4747)]), "the API is for the machine only");
}

#[test]
fn a_follower_asks_for_a_certificate_and_waits() {
    let mut facts = fresh(false);
    settle(&mut facts);
    assert_eq!(status(&facts).message, "waiting for the leader to make the cluster");

    let cluster = facts.cluster.as_mut().unwrap();
    cluster.application.cluster_id = Some(CLUSTER_ID.into());
    cluster.application_bag = databag::encode(&cluster.application).unwrap();
    settle(&mut facts);
    assert_eq!(facts.cluster.as_ref().unwrap().own.request, Some(request(0)));
    assert_eq!(status(&facts).message, "waiting for a certificate from the leader");
    assert_eq!(facts.service.state, ServiceState::Inactive);

    let cluster = facts.cluster.as_mut().unwrap();
    cluster.application.certificates.insert(name(0), certificate(0));
    cluster.application_bag = databag::encode(&cluster.application).unwrap();
    settle(&mut facts);
    assert_eq!(facts.service.state, ServiceState::Active);
}

#[test]
fn a_settled_unit_does_nothing() {
    for leader in [true, false] {
        let facts = settled(leader);
        assert_eq!(plan(&facts, &machine()).unwrap(), []);
        assert_eq!(status(&facts).status, Status::Active);
    }
}

#[test]
fn peers_come_and_go_without_a_restart() {
    let mut facts = settled(true);
    facts.cluster.as_mut().unwrap().peers.insert(name(3), serving(3));
    let steps = settle(&mut facts);
    assert!(!restarts(&steps), "{steps:?}");
    assert!(steps.contains(&Step::Dial("/ip4/10.0.0.4/tcp/4747/p2p/12D33".into())));
    assert!(facts.node_config.as_ref().unwrap().contains("12D33"));
    assert!(facts.cluster.as_ref().unwrap().application.certificates.contains_key(&name(3)));

    facts.cluster.as_mut().unwrap().peers.remove(&name(3));
    let steps = settle(&mut facts);
    assert!(!restarts(&steps), "{steps:?}");
    assert!(!facts.node_config.as_ref().unwrap().contains("12D33"), "a departed peer is forgotten");
    assert!(!facts.cluster.as_ref().unwrap().application.certificates.contains_key(&name(3)));
}

#[test]
fn a_change_that_the_node_reads_waits_for_its_turn() {
    let mut facts = settled(false);
    facts.options = config::parse(&config::tests::given(&[("log-level", "debug".into())]));
    let steps = settle(&mut facts);
    assert!(!restarts(&steps), "{steps:?}");
    let wanted = facts.cluster.as_ref().unwrap().own.restart_wanted.clone().unwrap();
    assert_eq!(status(&facts).message, "waiting for its turn to restart");

    facts.cluster.as_mut().unwrap().turn =
        Some(Turn { unit: name(0), digest: wanted.clone(), given_at: 1_000 });
    let steps = settle(&mut facts);
    assert!(steps.contains(&Step::Restart(wanted)));
    assert_eq!(
        facts.cluster.as_ref().unwrap().own.restart_wanted,
        None,
        "healthy again, the turn is given back"
    );
    assert!(plan(&facts, &machine()).unwrap().is_empty());
}

#[test]
fn a_unit_keeps_its_turn_until_it_has_met_its_peers() {
    let mut facts = settled(false);
    facts.shipped_sha256 = "bb".into();
    settle(&mut facts);
    let wanted = facts.cluster.as_ref().unwrap().own.restart_wanted.clone().unwrap();
    facts.cluster.as_mut().unwrap().turn =
        Some(Turn { unit: name(0), digest: wanted.clone(), given_at: 1_000 });
    facts.memory.running = Some(wanted.clone());
    facts.node.as_mut().unwrap().peers[0].in_step = false;
    settle(&mut facts);
    assert_eq!(facts.cluster.as_ref().unwrap().own.restart_wanted, Some(wanted));
}

#[test]
fn bad_options_are_told_and_the_last_good_ones_hold() {
    let mut facts = settled(false);
    let before = facts.node_config.clone();
    facts.options =
        config::parse(&config::tests::given(&[("listen-port", 70_000.into()), ("log-level", "loud".into())]));
    assert!(plan(&facts, &machine()).unwrap().is_empty());
    assert_eq!(facts.node_config, before);
    let told = status(&facts);
    assert_eq!(told.status, Status::Blocked);
    assert!(
        told.message.contains("listen-port: 70000") && told.message.contains("log-level"),
        "{}",
        told.message
    );
}

#[test]
fn ports_follow_the_options() {
    let mut facts = settled(true);
    facts.options = config::parse(&config::tests::given(&[
        ("listen-port", 5000.into()),
        ("browser-listener", true.into()),
        ("api-address", "0.0.0.0".into()),
    ]));
    settle(&mut facts);
    assert_eq!(facts.opened, [5000, 4749, 4748].map(Port::tcp).into());
    assert_eq!(facts.token.as_deref(), Some("t"), "an open API has a token");
}

#[test]
fn a_leaving_unit_stops_and_says_goodbye() {
    let mut facts = settled(false);
    facts.hint = Hint::Leaving;
    let steps = settle(&mut facts);
    assert!(steps.contains(&Step::Stop));
    assert!(facts.opened.is_empty());
    let own = &facts.cluster.as_ref().unwrap().own;
    assert!(own.addresses.is_empty() && !own.ready);

    facts.hint = Hint::Departed(name(1));
    assert!(!restarts(&settle(&mut facts)), "later hooks of a leaving unit do not start it again");
    facts.hint = Hint::Removing;
    assert_eq!(settle(&mut facts), [Step::RemoveService]);
}

#[test]
fn storage_that_comes_back_starts_the_node_again() {
    let mut facts = settled(false);
    (facts.hint, facts.storage) = (Hint::Leaving, None);
    settle(&mut facts);
    facts.hint = Hint::None;
    assert_eq!(status(&facts).message, "waiting for storage");
    (facts.hint, facts.storage) = (Hint::Attached, Some(storage()));
    settle(&mut facts);
    assert_eq!(facts.service.state, ServiceState::Active);
}

#[test]
fn other_storage_with_another_key_is_certified_anew() {
    let mut facts = settled(false);
    facts.service.state = ServiceState::Inactive;
    facts.node = None;
    let other = Request { public_key: "02ff".into(), ..request(0) };
    facts.identity = Some(NodeIdentity { request: other.clone() });
    let steps = settle(&mut facts);
    assert!(!restarts(&steps), "not with a certificate of another key: {steps:?}");
    assert_eq!(facts.cluster.as_ref().unwrap().own.request, Some(other));
}

#[test]
fn waits_have_an_end() {
    let mut facts = fresh(false);
    settle(&mut facts);
    let told = status(&facts);
    assert_eq!(told.status, Status::Waiting);
    facts.memory.wait = told.wait;
    facts.now += 601;
    let told = status(&facts);
    assert_eq!(told.status, Status::Blocked);
    assert!(told.message.contains("for 10 min") && told.message.contains("leader"), "{}", told.message);
}

#[test]
fn a_node_that_does_not_come_up_is_tried_once_a_hook() {
    let mut facts = settled(false);
    facts.service.state = ServiceState::Failed;
    facts.node = None;
    facts.identity = Some(NodeIdentity { request: request(0) });
    assert!(restarts(&plan(&facts, &machine()).unwrap()));
    facts.tried.start = Some("cannot open the store".into());
    assert!(!restarts(&plan(&facts, &machine()).unwrap()));
    assert!(status(&facts).message.contains("cannot open the store"));
}

/// Whatever the order in which facts become true, a plan ends and the status is one of the table.
#[test]
fn any_mix_of_missing_facts_is_survived() {
    for mask in 0_u32..256 {
        let mut facts = settled(mask & 1 != 0);
        if mask & 2 != 0 {
            facts.storage = None;
        }
        if mask & 4 != 0 {
            facts.addresses = None;
        }
        if mask & 8 != 0 {
            facts.node = None;
        }
        if mask & 16 != 0 {
            facts.certificate = None;
        }
        if mask & 32 != 0 {
            facts.service.state = ServiceState::Failed;
        }
        if mask & 64 != 0 {
            facts.leader = None;
        }
        if mask & 128 != 0 {
            facts.options = Err(Vec::new());
            facts.memory.settings = None;
        }
        settle(&mut facts);
        let _ = status(&facts);
    }
}

#[test]
fn a_second_unit_on_a_machine_touches_nothing() {
    let mut facts = fresh(false);
    facts.claimant = Some(name(7));
    let steps = settle(&mut facts);
    let own = [Step::Remember(Box::new(facts.memory.clone()))];
    let [remember, Step::SetUnitBag(_, bag)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((std::slice::from_ref(remember), bag["misplaced"].as_str()), (&own[..], "true"));
    let told = status(&facts);
    assert_eq!((told.status, told.message.contains("paperclip/7")), (Status::Blocked, true));
    for hint in [Hint::Leaving, Hint::Removing] {
        facts.hint = hint;
        assert_eq!(settle(&mut facts), [], "nor when it goes");
    }
}

#[test]
fn a_misplaced_leader_leads_and_nobody_waits_for_a_misplaced_unit() {
    let mut facts = settled(true);
    facts.claimant = Some(name(7));
    (facts.node, facts.installed) = (None, None);
    facts.service.state = ServiceState::Inactive;
    let cluster = facts.cluster.as_mut().unwrap();
    cluster.peers.get_mut(&name(2)).unwrap().restart_wanted = Some("new".into());
    cluster.peers.insert(name(3), UnitBag { misplaced: true, ..UnitBag::default() });
    let steps = settle(&mut facts);
    assert!(!restarts(&steps), "{steps:?}");
    let turn = facts.cluster.as_ref().unwrap().application.turn.clone();
    assert_eq!(turn.map(|turn| turn.unit), Some(name(2)));

    let mut facts = fresh(true);
    facts.claimant = Some(name(7));
    assert!(settle(&mut facts).contains(&Step::MakeCluster));
}

/// A unit of three that has restarted and of whose peers one is gone, with its bag left behind.
fn restarted_beside_a_lost_unit(leader: bool) -> Facts {
    let mut facts = settled(leader);
    facts.shipped_sha256 = "bb".into();
    settle(&mut facts);
    let cluster = facts.cluster.as_mut().unwrap();
    let wanted = cluster.own.restart_wanted.clone().unwrap();
    cluster.turn = Some(Turn { unit: name(0), digest: wanted.clone(), given_at: 1_000 });
    cluster.application.turn.clone_from(&cluster.turn);
    cluster.application_bag = databag::encode(&cluster.application).unwrap();
    facts.memory.running = Some(wanted);
    facts.node.as_mut().unwrap().peers.retain(|peer| peer.id != "12D32");
    settle(&mut facts);
    facts
}

#[test]
fn a_restarted_unit_says_whom_it_waits_for_and_the_leader_says_it_too() {
    let mut facts = restarted_beside_a_lost_unit(true);
    assert_eq!(facts.cluster.as_ref().unwrap().own.awaits, BTreeSet::from([name(2)]));
    assert_eq!(status(&facts).message, "restarted, waits for paperclip/2");
    facts.now += 601;
    let told = status(&facts);
    assert_eq!(told.message, "paperclip/0 has restarted and waits for paperclip/2: mend or remove");
}

#[test]
fn a_unit_is_lost_when_its_heartbeat_has_stopped_and_nobody_is_connected_to_it() {
    let mut facts = restarted_beside_a_lost_unit(true);
    for bag in facts.cluster.as_mut().unwrap().peers.values_mut() {
        bag.reported_at = Some(77);
    }
    settle(&mut facts);
    assert!(facts.cluster.as_ref().unwrap().application.lost.is_empty(), "heard of just now");
    facts.now += 1_501;
    facts.hint = Hint::Clock;
    settle(&mut facts);
    let cluster = facts.cluster.as_ref().unwrap();
    assert_eq!(cluster.application.lost, BTreeSet::from([name(2)]), "the other is connected");
    assert_eq!((&cluster.own.restart_wanted, &cluster.application.turn), (&None, &None), "the turn is over");
    assert_eq!(status(&facts).message, "no databases yet; 2 of 3 units, lost paperclip/2");

    facts.cluster.as_mut().unwrap().peers.get_mut(&name(2)).unwrap().reported_at = Some(78);
    settle(&mut facts);
    assert!(facts.cluster.as_ref().unwrap().application.lost.is_empty(), "it is back");
}

#[test]
fn planned_units_that_have_not_come_are_told() {
    let mut facts = settled(false);
    facts.planned = (0..4).map(name).collect();
    let told = status(&facts);
    assert_eq!(told.status, Status::Active);
    assert_eq!(told.message, "no databases yet; 3 of 4 units, waiting for paperclip/3");
}

#[test]
fn a_unit_that_is_cut_off_from_all_others_is_not_well() {
    let mut facts = settled(false);
    facts.node.as_mut().unwrap().peers.clear();
    assert_eq!(status(&facts).message, "not connected to paperclip/1, paperclip/2");
    assert_eq!(status(&facts).status, Status::Waiting);
}
