//! What two swarms learn of each other over TCP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;

use common::{Peer, within};
use libp2p::{StreamProtocol, identity::Keypair, swarm::NetworkBehaviour};
use p2p::{
    identify::{self, Event, Info},
    streams::{self, Visibility},
};
use tokio::sync::mpsc;

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    streams: streams::Behaviour,
}

fn behaviour(keypair: &Keypair, streams: streams::Behaviour) -> Behaviour {
    let config = identify::Config {
        public_key: keypair.public(),
        protocol_version: "ipfs/0.1.0".into(),
        agent_version: "test/1".into(),
    };
    Behaviour { identify: identify::Behaviour::new(config, streams.control()), streams }
}

/// A peer, and what it hears of others.
async fn start() -> (Peer, mpsc::UnboundedReceiver<Event>) {
    let (heard, events) = mpsc::unbounded_channel();
    let on_event = move |event: BehaviourEvent| {
        let BehaviourEvent::Identify(event) = event;
        let _ = heard.send(event);
    };
    (Peer::start_with(behaviour, on_event).await, events)
}

async fn hear(events: &mut mpsc::UnboundedReceiver<Event>) -> Info {
    match within("identify", events.recv()).await.unwrap() {
        Event::Received { info, .. } => *info,
        Event::Failed { error, .. } => panic!("{error}"),
    }
}

fn database(nth: usize) -> StreamProtocol {
    StreamProtocol::try_from_owned(format!("/orbitdb/heads/orbitdb/{nth:0>50}")).unwrap()
}

fn names(info: &Info) -> BTreeSet<&str> {
    info.protocols.iter().map(AsRef::as_ref).collect()
}

const BASE: [&str; 2] = ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0"];

#[tokio::test]
async fn hidden_protocols_are_accepted_but_not_listed() {
    let ((one, mut heard), (two, _events)) = (start().await, start().await);
    let accept = |nth| two.control.accept(database(nth), 1, Visibility::Hidden).unwrap();
    let _early: Vec<_> = (0..200).map(accept).collect();
    let _bitswap = two.control.accept(p2p::bitswap::PROTOCOL, 1, Visibility::Advertised).unwrap();
    one.connect(&two).await;

    let info = hear(&mut heard).await;
    assert_eq!(names(&info), BASE.into_iter().chain(["/ipfs/bitswap/1.2.0"]).collect());
    assert_eq!((info.public_key.to_peer_id(), &info.agent_version[..]), (two.id, "test/1"));
    assert_eq!(info.listen_addrs, std::slice::from_ref(&two.addr));
    assert!(info.observed_addr.is_some());
    within("opening", one.control.open(two.id, database(199))).await.unwrap();
}

#[tokio::test]
async fn changes_are_told_and_hidden_ones_are_not() {
    let ((one, mut heard), (two, _events)) = (start().await, start().await);
    one.connect(&two).await;
    assert_eq!(names(&hear(&mut heard).await), BASE.into());

    let _hidden = two.control.accept(database(1), 1, Visibility::Hidden).unwrap();
    let listed = two.control.accept(StreamProtocol::new("/listed"), 1, Visibility::Advertised).unwrap();
    let with_listed: BTreeSet<&str> = BASE.into_iter().chain(["/listed"]).collect();
    assert_eq!(names(&hear(&mut heard).await), with_listed);
    drop(listed);
    assert_eq!(names(&hear(&mut heard).await), BASE.into());
}

#[tokio::test]
async fn a_peer_that_lists_hundreds_of_databases_is_identified() {
    let ((one, mut heard), (two, _events)) = (start().await, start().await);
    let accept = |nth| two.control.accept(database(nth), 1, Visibility::Advertised).unwrap();
    let _listed: Vec<_> = (0..600).map(accept).collect();
    one.connect(&two).await;
    assert_eq!(hear(&mut heard).await.protocols.len(), 602);
}

#[tokio::test]
async fn a_peer_without_identify_is_reported() {
    let ((one, mut heard), mute) = (start().await, Peer::start().await);
    one.connect(&mute).await;
    let event = within("the report", heard.recv()).await.unwrap();
    assert!(
        matches!(&event, Event::Failed { peer_id, error: identify::Error::Unsupported, .. } if *peer_id == mute.id),
        "{event:?}"
    );
}
