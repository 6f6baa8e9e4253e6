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
//!
//! Negotiation lists all names before it reads what the peer asks for, for each stream anew. With thousands of databases
//! this is most of what a node does. So the hidden names stand in one text, one behind the other, and a [`Name`] only says
//! which: reading them in order takes a fraction of the time of following a pointer for each.

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
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) advertised: Arc<[StreamProtocol]>,
    pub(crate) hidden: Arc<Hidden>,
}

/// Hidden protocols.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    protocols: Vec<StreamProtocol>,
    /// Their names, one behind the other.
    text: String,
    /// Where each ends in `text`.
    ends: Vec<usize>,
}

impl Hidden {
    fn name(&self, nth: usize) -> &str {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[nth]]
    }
}

impl FromIterator<StreamProtocol> for Hidden {
    fn from_iter<T: IntoIterator<Item = StreamProtocol>>(protocols: T) -> Self {
        protocols.into_iter().fold(Self::default(), |mut hidden, protocol| {
            hidden.text.push_str(protocol.as_ref());
            hidden.ends.push(hidden.text.len());
            hidden.protocols.push(protocol);
            hidden
        })
    }
}

/// The name of an accepted protocol, as it is negotiated.
#[derive(Debug, Clone)]
pub struct Name(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Advertised(StreamProtocol),
    /// One of these.
    Hidden(Arc<Hidden>, usize),
}

impl Name {
    fn into_protocol(self) -> StreamProtocol {
        match self.0 {
            Kind::Advertised(protocol) => protocol,
            Kind::Hidden(hidden, nth) => hidden.protocols[nth].clone(),
        }
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        match &self.0 {
            Kind::Advertised(protocol) => protocol.as_ref(),
            Kind::Hidden(hidden, nth) => hidden.name(*nth),
        }
    }
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
    type Info = Name;
    type InfoIter = AcceptedNames;

    fn protocol_info(&self) -> AcceptedNames {
        AcceptedNames { accepted: self.clone(), next: 0 }
    }
}

impl InboundUpgrade<libp2p::Stream> for Accepted {
    type Output = (StreamProtocol, libp2p::Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: libp2p::Stream, name: Name) -> Self::Future {
        ready(Ok((name.into_protocol(), stream)))
    }
}

/// The names of [`Accepted`]: the advertised ones, and the hidden ones too when a stream is being negotiated.
#[derive(Debug, Clone)]
pub struct AcceptedNames {
    accepted: Accepted,
    next: usize,
}

impl Iterator for AcceptedNames {
    type Item = Name;

    fn next(&mut self) -> Option<Name> {
        let Accepted { names, polls, made_at } = &self.accepted;
        let kind = match self.next.checked_sub(names.advertised.len()) {
            None => names.advertised.get(self.next).cloned().map(Kind::Advertised),
            Some(nth) if nth < names.hidden.ends.len() && polls.now() != *made_at => {
                Some(Kind::Hidden(Arc::clone(&names.hidden), nth))
            }
            Some(_) => None,
        };
        self.next += 1;
        kind.map(Name)
    }
}
