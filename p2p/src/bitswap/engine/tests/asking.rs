//! The engine as a client.

use std::collections::HashSet;

use super::*;
use crate::bitswap::limits::{BUSY_PEER_AFTER, MAX_ENTRIES, MAX_WANTS_AT_PEER, NEXT_PEER_AFTER, TICK};

#[test]
fn wants_go_out_at_once_and_gather_while_a_message_is_under_way() {
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    engine.want(SessionId(0), [block(1).cid], None, Duration::ZERO);
    let Some(Output::Send { job, peer, message, .. }) = engine.next_output() else { panic!("no message") };
    assert!(message.full, "the first message starts the list anew");
    for nth in 2..50 {
        engine.want(SessionId(0), [block(nth).cid], None, Duration::ZERO);
    }
    assert_eq!(engine.next_output(), None);
    engine.sent(job, peer, Purpose::Ask, Content::default(), Sent::Delivered, Duration::ZERO);
    let Some(Output::Send { message, .. }) = engine.next_output() else { panic!("no message") };
    assert_eq!((message.wants.len(), message.full), (48, false));
}

#[test]
fn a_peer_is_left_with_no_more_wants_than_it_remembers() {
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    let cids = &MANY[..3000];
    engine.want(SessionId(0), cids.iter().copied(), None, Duration::ZERO);
    let mut at_peer = HashSet::new();
    let mut asked = HashSet::new();
    let mut now = Duration::ZERO;
    for _ in 0..40 {
        for (_, _, message) in serve(&mut engine, &HashMap::new(), now) {
            assert!(message.wants.len() + message.cancels.len() <= MAX_ENTRIES);
            for cid in &message.cancels {
                at_peer.remove(cid);
            }
            let fresh: Vec<Cid> = message.wants.iter().map(|want| want.cid).collect();
            at_peer.extend(fresh.iter().copied());
            asked.extend(fresh.iter().copied());
            let presences = fresh.into_iter().map(|cid| (cid, Presence::DontHave)).collect();
            engine.received(peer(1), Message { presences, ..Message::default() }, now);
        }
        now += TICK;
        engine.tick(now);
    }
    assert_eq!(asked.len(), cids.len(), "wants that nobody has must not keep others from being asked");
    assert!(at_peer.len() <= MAX_WANTS_AT_PEER + MAX_ENTRIES, "{} wants at the peer", at_peer.len());
}

#[test]
fn a_further_session_does_not_wait_for_the_next_round() {
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    engine.want(SessionId(0), [block(1).cid], None, Duration::ZERO);
    let (_, ask) = next_ask(&mut engine, Duration::ZERO).unwrap();
    let lacks = vec![(ask.wants[0].cid, Presence::DontHave)];
    engine.received(peer(1), Message { presences: lacks, ..Message::default() }, Duration::ZERO);
    engine.want(SessionId(0), [block(1).cid], None, Duration::ZERO);
    assert_eq!(next_ask(&mut engine, Duration::ZERO), None, "it has asked already");
    engine.want(SessionId(1), [block(1).cid], None, Duration::ZERO);
    let (asked, ask) = next_ask(&mut engine, Duration::ZERO).unwrap();
    assert_eq!((asked, ask.wants[0].cid), (peer(1), block(1).cid));
    // One that comes while the peer is being asked has it asked once more.
    engine.want(SessionId(2), [block(1).cid], None, Duration::ZERO);
    let lacks = vec![(block(1).cid, Presence::DontHave)];
    engine.received(peer(1), Message { presences: lacks, ..Message::default() }, Duration::ZERO);
    engine.tick(TICK);
    assert!(next_ask(&mut engine, TICK).is_some());
}

/// The next message to a peer, taken as delivered.
fn next_ask(engine: &mut Engine, now: Duration) -> Option<(PeerId, Message)> {
    match engine.next_output()? {
        Output::Send { job, peer, purpose: Purpose::Ask, message } => {
            engine.sent(job, peer, Purpose::Ask, Content::default(), Sent::Delivered, now);
            Some((peer, message))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_hinted_peer_is_asked_first_and_the_next_when_it_is_silent() {
    let (mut engine, mut now) = (Engine::default(), Duration::ZERO);
    (1..=3).for_each(|nth| engine.peer_ready(peer(nth), now));
    engine.want(SessionId(0), [block(1).cid], Some(peer(3)), now);
    assert_eq!(next_ask(&mut engine, now).unwrap().0, peer(3));
    assert_eq!(next_ask(&mut engine, now), None, "one peer is enough for now");

    now += NEXT_PEER_AFTER;
    engine.tick(now);
    let second = next_ask(&mut engine, now).unwrap().0;
    let lacks = Message { presences: vec![(block(1).cid, Presence::DontHave)], ..Message::default() };
    engine.received(second, lacks, now);
    let third = next_ask(&mut engine, now).unwrap().0;
    assert_eq!(HashSet::from([peer(3), second, third]).len(), 3);
    let unmet = &engine.unmet(now)[0];
    assert_eq!((unmet.attempts, unmet.asked.len(), unmet.age), (3, 3, NEXT_PEER_AFTER));
}

#[test]
fn a_session_returns_to_the_peer_that_served_it() {
    let mut engine = Engine::default();
    (1..=5).for_each(|nth| engine.peer_ready(peer(nth), Duration::ZERO));
    engine.want(SessionId(0), [block(1).cid], Some(peer(4)), Duration::ZERO);
    assert_eq!(next_ask(&mut engine, Duration::ZERO).unwrap().0, peer(4));
    engine.received(peer(4), Message { blocks: vec![block(1)], ..Message::default() }, Duration::ZERO);
    assert!(matches!(engine.next_output(), Some(Output::Deliver { .. })));
    for nth in 2..10 {
        engine.want(SessionId(0), [block(nth).cid], None, Duration::ZERO);
        assert_eq!(next_ask(&mut engine, Duration::ZERO).unwrap().0, peer(4));
    }
}

#[test]
fn a_peer_that_is_busy_sending_is_given_more_time() {
    let (mut engine, mut now) = (Engine::default(), Duration::ZERO);
    engine.peer_ready(peer(1), now);
    engine.peer_ready(peer(2), now);
    engine.want(SessionId(0), (0..50).map(|nth| block(nth).cid), Some(peer(1)), now);
    while next_ask(&mut engine, now).is_some() {}
    for nth in 0..20 {
        now += NEXT_PEER_AFTER / 2;
        engine.received(peer(1), Message { blocks: vec![block(nth)], ..Message::default() }, now);
        engine.tick(now);
        let asked = outputs(&mut engine).into_iter().any(|o| matches!(o, Output::Send { .. }));
        assert_eq!(asked, now >= BUSY_PEER_AFTER, "at {now:?}");
    }
}

#[test]
fn who_was_asked_in_vain_is_told_when_the_block_is_here() {
    let now = Duration::ZERO;
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), now);
    engine.peer_ready(peer(2), now);
    engine.want(SessionId(0), [block(1).cid], Some(peer(1)), now);
    next_ask(&mut engine, now).unwrap();
    let lacks = Message { presences: vec![(block(1).cid, Presence::DontHave)], ..Message::default() };
    engine.received(peer(1), lacks, now);
    next_ask(&mut engine, now).unwrap();
    let found = Message { blocks: vec![block(1)], ..Message::default() };
    engine.received(peer(2), found.clone(), now);
    assert!(matches!(engine.next_output(), Some(Output::Deliver { .. })));
    let (told, message) = next_ask(&mut engine, now).unwrap();
    assert_eq!((told, message.cancels), (peer(1), vec![block(1).cid]));
    engine.received(peer(1), found, now);
    assert_eq!((engine.stats().blocks_received, engine.stats().blocks_duplicate), (1, 1));
}
