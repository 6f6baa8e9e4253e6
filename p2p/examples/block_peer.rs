//! A peer that serves and fetches blocks, for trying the exchange by hand against other implementations.
//!
//! ```text
//! cargo run -p p2p --example block_peer -- [MULTIADDR]
//! ```
//!
//! It prints the address that it listens on, dials `MULTIADDR` if there is one, and obeys lines of standard input:
//!
//! | line | does |
//! | --- | --- |
//! | `make SEED COUNT SIZE` | puts COUNT blocks of SIZE bytes into its store, and prints one CID a line |
//! | `want CID` | fetches a block, stores it, prints its size |
//! | `fetch SEED COUNT SIZE` | fetches the blocks that another peer made with the same words |
//! | `stats` | prints the counts |
#![allow(clippy::print_stdout, reason = "it talks to a person")]

use std::{
    collections::HashMap,
    convert::Infallible,
    error::Error,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use cid::{Cid, multihash::Multihash};
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm,
    identity::Keypair,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp,
};
use p2p::{
    bitswap::{self, BlockSource, Handle, Session},
    identify, muxer, ping, streams,
};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[derive(Debug, Clone, Default)]
struct Store(Arc<RwLock<HashMap<Cid, Bytes>>>);

impl Store {
    fn put(&self, cid: Cid, data: Bytes) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(cid, data);
    }
}

impl BlockSource for Store {
    type Error = Infallible;

    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, Infallible> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(cid).cloned())
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    streams: streams::Behaviour,
}

/// The blocks that `make` and `fetch` mean: SIZE bytes each, the number in front, as dag-cbor byte strings would be
/// if anybody parsed them.
fn blocks(words: &[&str]) -> Result<Vec<(Cid, Bytes)>, Box<dyn Error>> {
    let [seed, count, size] = words else {
        return Err("three numbers are needed".into());
    };
    let (seed, count, size): (u32, u32, usize) = (seed.parse()?, count.parse()?, size.parse()?);
    let block = |nth: u32| {
        let data: Vec<u8> =
            seed.to_be_bytes().into_iter().chain(nth.to_be_bytes()).cycle().take(size).collect();
        let hash = Multihash::wrap(0x12, &Sha256::digest(&data))?;
        Ok((Cid::new_v1(0x71, hash), data.into()))
    };
    (0..count).map(block).collect()
}

async fn fetch(
    session: &mut Session,
    store: &Store,
    exchange: &Handle,
    cids: Vec<Cid>,
) -> Result<(), Box<dyn Error>> {
    let (started, mut bytes) = (Instant::now(), 0);
    let count = cids.len();
    session.want(cids, None)?;
    for _ in 0..count {
        let block = session.recv().await.ok_or("the exchange has ended")?;
        bytes += block.data.len();
        store.put(block.cid, block.data);
        exchange.stored(vec![block.cid]).await?;
    }
    println!("fetched {count} blocks, {bytes} bytes in {:?}", started.elapsed());
    Ok(())
}

async fn obey(
    line: &str,
    session: &mut Session,
    store: &Store,
    exchange: &Handle,
) -> Result<(), Box<dyn Error>> {
    match &line.split_whitespace().collect::<Vec<_>>()[..] {
        ["make", words @ ..] => {
            let made = blocks(words)?;
            for (cid, data) in &made {
                store.put(*cid, data.clone());
                println!("made {cid}");
            }
            exchange.stored(made.into_iter().map(|(cid, _)| cid).collect()).await?;
            println!("done");
        }
        ["want", cid] => fetch(session, store, exchange, vec![cid.parse()?]).await?,
        ["fetch", words @ ..] => {
            let cids = blocks(words)?.into_iter().map(|(cid, _)| cid).collect();
            fetch(session, store, exchange, cids).await?;
        }
        ["stats"] => println!("{:?}", exchange.stats().await?),
        _ => println!("not understood: {line}"),
    }
    Ok(())
}

async fn run(mut swarm: Swarm<Behaviour>, exchange: Handle) -> Result<(), Box<dyn Error + Send + Sync>> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => {
                println!("listening {address}/p2p/{}", swarm.local_peer_id())
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                println!("identified {peer_id} {}", info.agent_version);
                if info.protocols.contains(&bitswap::PROTOCOL) {
                    exchange.peer_ready(peer_id).await?;
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, cause, .. } => {
                println!("gone {peer_id} {cause:?}");
                exchange.peer_gone(peer_id).await?;
            }
            _ => {}
        }
    }
}

fn about(keypair: &Keypair) -> identify::Config {
    identify::Config {
        public_key: keypair.public(),
        protocol_version: "ipfs/0.1.0".into(),
        agent_version: concat!("p2p-block-peer/", env!("CARGO_PKG_VERSION")).into(),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let streams = streams::Behaviour::default();
    let control = streams.control();
    let store = Store::default();
    let (exchange, driver) = bitswap::new(control.clone(), store.clone())?;
    tokio::spawn(driver.run());
    tokio::spawn(ping::Responder::new(&control)?.run());

    let mut swarm = libp2p::SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, || muxer::Config::new(&control))?
        .with_behaviour(|keypair| Behaviour {
            identify: identify::Behaviour::new(about(keypair), control.clone()),
            streams,
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::MAX))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    if let Some(addr) = std::env::args().nth(1) {
        swarm.dial(addr.parse::<Multiaddr>()?)?;
    }
    tokio::spawn(run(swarm, exchange.clone()));

    let mut session = exchange.session().await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let Err(error) = obey(&line, &mut session, &store, &exchange).await {
            println!("failed: {error}");
        }
    }
    Ok(())
}
