//! The engine as a server.

use proptest::prelude::*;

use super::*;
use crate::bitswap::limits::{LOOKUP_BATCH, MAX_PRESENCES, MAX_WANTS_HELD, TICK};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever a peer asks for, and whether or not it takes the answers, what is held for it stays within bounds.
    #[test]
    fn a_hostile_wantlist_is_bounded(seed in any::<u64>()) {
        let mut chance = Chance(seed);
        let mut engine = Engine::default();
        let hostile = peer(1);
        let blocks = &*MANY;
        let mut jobs = Vec::new();
        for _ in 0..15 {
            let pick = |chance: &mut Chance| {
                let (from, count) = (chance.below(blocks.len()), chance.below(3000));
                blocks[from..].iter().take(count).copied().collect::<Vec<_>>()
            };
            let mut message = wants(pick(&mut chance));
            message.cancels = pick(&mut chance);
            message.full = chance.one_in(20);
            engine.received(hostile, message, Duration::ZERO);
            for output in outputs(&mut engine) {
                match output {
                    Output::LookUp { job, wanted, .. } => {
                        prop_assert!(wanted.len() <= LOOKUP_BATCH);
                        jobs.push((job, wanted));
                    }
                    Output::Send { message, .. } => prop_assert!(message.presences.len() <= MAX_PRESENCES),
                    Output::Deliver { .. } => prop_assert!(false, "nothing was wanted"),
                }
            }
            prop_assert!(jobs.len() <= 1, "one answer at a time");
            if chance.one_in(3) && let Some((job, wanted)) = jobs.pop() {
                let missing = wanted.into_iter().map(|(cid, _)| (cid, Found::Missing)).collect();
                engine.looked_up(job, hostile, missing, Duration::ZERO);
            }
            let held = engine.peers[&hostile].ledger.sizes();
            prop_assert!(held.iter().all(|size| *size <= MAX_WANTS_HELD.max(MAX_PRESENCES)), "{:?}", held);
            prop_assert!(engine.turns.len() <= 1);
        }
    }
}

#[test]
fn want_have_is_answered_by_presence_or_by_a_small_block() {
    let (large, small, missing) = (block(0), block(1), block(2));
    let store = stored(&[large.clone(), small.clone()]);
    let mut engine = Engine::default();
    let haves = [&large, &small, &missing].map(|block| want(block.cid, WantKind::Have));
    engine.received(peer(1), Message { wants: haves.to_vec(), ..Message::default() }, Duration::ZERO);
    let sent = serve(&mut engine, &store, Duration::ZERO);
    let (_, _, answer) = &sent[0];
    assert_eq!(answer.blocks, [small]);
    assert_eq!(answer.presences, [(large.cid, Presence::Have), (missing.cid, Presence::DontHave)]);
    assert_eq!(engine.stats().wants_held, 1, "the missing one is remembered");
}

#[test]
fn dont_have_is_sent_only_to_who_asked_for_it() {
    let mut engine = Engine::default();
    let mut message = wants([block(1).cid]);
    message.wants[0].send_dont_have = false;
    engine.received(peer(1), message, Duration::ZERO);
    assert!(serve(&mut engine, &HashMap::new(), Duration::ZERO).is_empty());
    engine.received(peer(1), wants([block(1).cid]), Duration::ZERO);
    assert_eq!(serve(&mut engine, &HashMap::new(), Duration::ZERO).len(), 1);
}

#[test]
fn an_unknown_hash_function_is_answered_with_dont_have_and_forgotten() {
    let mut engine = Engine::default();
    let blake = Cid::new_v1(0x71, Multihash::wrap(0xb220, &[0; 32]).unwrap());
    engine.received(peer(1), wants([blake]), Duration::ZERO);
    let sent = serve(&mut engine, &HashMap::new(), Duration::ZERO);
    assert_eq!(sent[0].2.presences, [(blake, Presence::DontHave)]);
    assert_eq!(engine.stats().wants_held, 0);
}

#[test]
fn a_block_stored_while_it_is_looked_up_is_not_missed() {
    let late = block(1);
    let mut engine = Engine::default();
    engine.received(peer(1), wants([late.cid]), Duration::ZERO);
    let Some(Output::LookUp { job, peer, .. }) = engine.next_output() else { panic!("no look-up") };
    engine.stored([&late.cid], Duration::ZERO);
    engine.looked_up(job, peer, vec![(late.cid, Found::Missing)], Duration::ZERO);
    let sent = serve(&mut engine, &stored(std::slice::from_ref(&late)), Duration::ZERO);
    assert_eq!(sent[0].2.blocks, [late]);
}

#[test]
fn peers_take_turns() {
    let blocks: Vec<Block> = (0..3 * LOOKUP_BATCH).map(block).collect();
    let store = stored(&blocks);
    let mut engine = Engine::default();
    engine.received(peer(1), wants(blocks.iter().map(|block| block.cid)), Duration::ZERO);
    engine.received(peer(2), wants([blocks[0].cid]), Duration::ZERO);
    let order: Vec<PeerId> =
        serve(&mut engine, &store, Duration::ZERO).into_iter().map(|(peer, ..)| peer).collect();
    let second = order.iter().position(|other| *other == peer(2)).unwrap();
    assert!(second <= 1, "the modest peer waited for {second} answers");
    assert_eq!(order.len(), 4);
}

#[test]
fn peers_that_left_unnoticed_make_room() {
    let mut engine = Engine::default();
    let cid = block(1).cid;
    let mut quiet = wants([cid]);
    quiet.wants[0].send_dont_have = false;
    for nth in 0..MAX_PEERS + 10 {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&nth.to_be_bytes());
        let id = Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id();
        engine.received(id, quiet.clone(), Duration::ZERO);
        assert!(serve(&mut engine, &HashMap::new(), Duration::ZERO).is_empty());
    }
    assert_eq!((engine.stats().wants_held, engine.stats().peers_refused), (MAX_PEERS as u64, 0));
}

#[test]
fn a_peer_that_cannot_be_written_to_is_given_up() {
    let one = block(1);
    let store = stored(std::slice::from_ref(&one));
    let mut engine = Engine::default();
    engine.peer_ready(peer(1), Duration::ZERO);
    engine.received(peer(1), wants([one.cid]), Duration::ZERO);
    let mut now = Duration::ZERO;
    let mut attempts = 0;
    for _ in 0..1000 {
        while let Some(output) = engine.next_output() {
            match output {
                Output::LookUp { job, peer, wanted } => {
                    let found =
                        wanted.into_iter().map(|(cid, kind)| (cid, look_up(&store, cid, kind))).collect();
                    engine.looked_up(job, peer, found, now);
                }
                Output::Send { job, peer, purpose, message } => {
                    attempts += 1;
                    engine.sent(job, peer, purpose, Content::from(&message), Sent::Failed, now);
                }
                Output::Deliver { .. } => {}
            }
        }
        now += TICK;
        engine.tick(now);
    }
    assert_eq!(attempts, MAX_SEND_FAILURES);
    assert_eq!((engine.stats().wants_held, engine.stats().peers_given_up), (0, 1));
}
