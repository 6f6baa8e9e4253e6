//! Which protocols the swarm is told that a connection accepts.
//!
//! libp2p's swarm asks a connection's handlers for all accepted protocols whenever the connection has been polled,
//! to see whether they changed, and again for every inbound stream, to negotiate. With hundreds of databases the
//! first use costs far more than the second: 500 heads protocols made a fetch of one small block after another five
//! times slower. It is of no use for hidden protocols either, which nobody is to be told of.
//!
//! The two uses differ in time. The swarm compares protocols as soon as it gets them; it negotiates in a future,
//! which runs only after the handlers have been polled again. So [`Accepted`] notes how many times its handler had
//! been polled, and names the hidden protocols only once that has changed. Should a later libp2p do otherwise, the
//! tests `protocols_come_and_go_while_connected` and `hidden_protocols_cost_and_tell_nothing` fail.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p::{
    StreamProtocol,
    core::upgrade::{InboundUpgrade, UpgradeInfo},
};

/// Names of accepted protocols.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) advertised: Arc<[StreamProtocol]>,
    pub(crate) hidden: Arc<[StreamProtocol]>,
}

/// Counts the polls of one handler.
#[derive(Debug, Clone, Default)]
pub(crate) struct Polls(Arc<AtomicU64>);

impl Polls {
    pub(crate) fn count_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The protocols accepted at one moment, as libp2p wants them.
#[derive(Debug, Clone)]
pub struct Accepted {
    names: Names,
    polls: Polls,
    made_at: u64,
}

impl Accepted {
    pub(crate) fn new(names: Names, polls: &Polls) -> Self {
        Self { names, polls: polls.clone(), made_at: polls.now() }
    }
}

impl UpgradeInfo for Accepted {
    type Info = StreamProtocol;
    type InfoIter = AcceptedNames;

    fn protocol_info(&self) -> AcceptedNames {
        AcceptedNames { accepted: self.clone(), next: 0 }
    }
}

impl InboundUpgrade<libp2p::Stream> for Accepted {
    type Output = (StreamProtocol, libp2p::Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: libp2p::Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((protocol, stream)))
    }
}

/// The names of [`Accepted`]: the advertised ones, and the hidden ones too when a stream is being negotiated.
#[derive(Debug, Clone)]
pub struct AcceptedNames {
    accepted: Accepted,
    next: usize,
}

impl Iterator for AcceptedNames {
    type Item = StreamProtocol;

    fn next(&mut self) -> Option<StreamProtocol> {
        let Accepted { names, polls, made_at } = &self.accepted;
        let name = match self.next.checked_sub(names.advertised.len()) {
            None => names.advertised.get(self.next),
            Some(_) if polls.now() == *made_at => None,
            Some(hidden) => names.hidden.get(hidden),
        };
        self.next += 1;
        name.cloned()
    }
}
