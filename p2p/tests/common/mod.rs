//! Swarms that talk to one another over real TCP on the loopback address.
#![allow(dead_code, reason = "each test file is a program of its own and uses a part of this")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "only tests call this: a failed set-up fails them")]

use std::{future::Future, time::Duration};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm, noise,
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp,
};
use p2p::{muxer, streams};
use tokio::sync::{mpsc, oneshot, watch};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits for `future`, but not for ever.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: not within {DEADLINE:?}"),
    }
}

enum Command {
    Dial(Multiaddr, oneshot::Sender<()>),
    Disconnect(PeerId),
}

/// A swarm that runs in a task of its own until this is dropped.
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) control: streams::Control,
    pub(crate) addr: Multiaddr,
    /// Who is connected now, in order of arrival.
    pub(crate) connected: watch::Receiver<Vec<PeerId>>,
    commands: mpsc::Sender<Command>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, streams| streams, |_| {}).await
    }

    /// A peer whose behaviour is made by `behaviour` around its streams, and what to do with its events.
    pub(crate) async fn start_with<B: NetworkBehaviour + Send>(
        behaviour: impl FnOnce(&libp2p::identity::Keypair, streams::Behaviour) -> B,
        on_event: impl FnMut(B::ToSwarm) + Send + 'static,
    ) -> Self
    where
        B::ToSwarm: std::fmt::Debug,
    {
        let streams = streams::Behaviour::default();
        let control = streams.control();
        let mut swarm = libp2p::SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, || muxer::Config::new(&control))
            .unwrap()
            .with_behaviour(|keypair| behaviour(keypair, streams))
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::MAX))
            .build();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let addr = within("listening", async {
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    break address;
                }
            }
        })
        .await;
        let id = *swarm.local_peer_id();
        let (commands, inbox) = mpsc::channel(8);
        let (connected_now, connected) = watch::channel(Vec::new());
        tokio::spawn(run(swarm, inbox, connected_now, on_event));
        Self { id, control, addr, connected, commands }
    }

    /// Connects to `other` and waits until both know.
    pub(crate) async fn connect(&self, other: &Self) {
        let (done, dialed) = oneshot::channel();
        self.commands.send(Command::Dial(other.addr.clone(), done)).await.unwrap();
        within("dialing", dialed).await.unwrap();
        self.sees(other.id).await;
        other.sees(self.id).await;
    }

    pub(crate) async fn disconnect(&self, other: &Self) {
        self.commands.send(Command::Disconnect(other.id)).await.unwrap();
        self.loses(other.id).await;
        other.loses(self.id).await;
    }

    pub(crate) async fn sees(&self, peer: PeerId) {
        let mut connected = self.connected.clone();
        within("connecting", connected.wait_for(|peers| peers.contains(&peer))).await.unwrap();
    }

    pub(crate) async fn loses(&self, peer: PeerId) {
        let mut connected = self.connected.clone();
        within("disconnecting", connected.wait_for(|peers| !peers.contains(&peer))).await.unwrap();
    }
}

async fn run<B: NetworkBehaviour>(
    mut swarm: Swarm<B>,
    mut inbox: mpsc::Receiver<Command>,
    connected: watch::Sender<Vec<PeerId>>,
    mut on_event: impl FnMut(B::ToSwarm),
) where
    B::ToSwarm: std::fmt::Debug,
{
    let mut dialing = Vec::new();
    loop {
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Dial(addr, done)) => {
                    let options: DialOpts = addr.into();
                    dialing.push((options.connection_id(), done));
                    swarm.dial(options).unwrap();
                }
                Some(Command::Disconnect(peer)) => { let _ = swarm.disconnect_peer_id(peer); }
                None => return,
            },
            event = swarm.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                    connected.send_modify(|peers| peers.push(peer_id));
                    if let Some(at) = dialing.iter().position(|(id, _)| *id == connection_id) {
                        dialing.swap_remove(at).1.send(()).unwrap();
                    }
                }
                SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                    connected.send_modify(|peers| peers.retain(|peer| *peer != peer_id));
                }
                SwarmEvent::Behaviour(event) => on_event(event),
                _ => {}
            },
        }
    }
}
