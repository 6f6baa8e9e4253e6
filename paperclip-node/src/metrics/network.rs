//! Peers, streams and blocks, from the counts that the `p2p` crate keeps.

use super::{
    Metrics,
    register::{MetricsError, Register, raise, signed},
};
use crate::net::{ConductStats, Offence};
use p2p::{bitswap, streams};
use prometheus::{IntCounter, IntCounterVec, IntGauge};

/// The network as it is at a scrape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkFigures {
    /// Connected peers.
    pub peers: u64,
    /// Those of them that are nodes of the cluster.
    pub siblings: u64,
    /// Plain streams.
    pub streams: streams::Stats,
    /// Blocks.
    pub bitswap: bitswap::Stats,
    /// What peers did that no honest replica does.
    pub conduct: ConductStats,
}

#[derive(Debug)]
pub(super) struct NetworkMetrics {
    peers: IntGauge,
    siblings: IntGauge,
    planned: IntGauge,
    bitswap_peers: IntGauge,
    wants_open: IntGauge,
    wants_held: IntGauge,
    blocks: IntCounterVec,
    bytes: IntCounterVec,
    messages: IntCounterVec,
    refused: IntCounterVec,
    streams: IntCounterVec,
    streams_refused: IntCounterVec,
    offences: IntCounterVec,
    disconnected: IntCounter,
}

impl NetworkMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let counters = |name, help, label| register.counters(name, help, &[label]);
        let metrics = Self {
            peers: register.gauge("paperclip_peers", "Peers that are connected.")?,
            siblings: register
                .gauge("paperclip_siblings", "Connected peers that are nodes of the same cluster.")?,
            planned: register.gauge(
                "paperclip_planned_nodes",
                "Nodes that the cluster is meant to have, as planned-nodes says; 0 if it is not known.",
            )?,
            bitswap_peers: register
                .gauge("paperclip_bitswap_peers", "Connected peers that exchange blocks.")?,
            wants_open: register.gauge("paperclip_fetches_open", "Blocks that the node is fetching.")?,
            wants_held: register
                .gauge("paperclip_bitswap_wants_held", "Wants of peers that are remembered.")?,
            blocks: counters(
                "paperclip_bitswap_blocks_total",
                "Blocks that were sent, received, received twice or unasked for.",
                "kind",
            )?,
            bytes: counters("paperclip_bitswap_bytes_total", "Bytes of blocks, by direction.", "direction")?,
            messages: counters(
                "paperclip_bitswap_messages_total",
                "Messages of bitswap, by direction.",
                "direction",
            )?,
            refused: counters(
                "paperclip_bitswap_refused_total",
                "What was refused, dropped or failed in the exchange of blocks, by reason.",
                "reason",
            )?,
            streams: counters(
                "paperclip_streams_total",
                "Plain streams that were opened by us and accepted from peers.",
                "kind",
            )?,
            streams_refused: counters(
                "paperclip_streams_refused_total",
                "Plain streams that could not be opened or were refused, by reason.",
                "reason",
            )?,
            offences: register.counters_of(
                "paperclip_peer_offences_total",
                "What peers offered that no honest replica offers, by kind.",
                "offence",
                &Offence::ALL.map(Offence::label),
            )?,
            disconnected: register.counter(
                "paperclip_peers_disconnected_total",
                "Peers whose connections were closed for their offences.",
            )?,
        };
        metrics.observe(&NetworkFigures::default());
        Ok(metrics)
    }

    fn observe(&self, figures: &NetworkFigures) {
        let NetworkFigures { peers, siblings, streams, bitswap, conduct } = figures;
        self.peers.set(signed(*peers));
        self.siblings.set(signed(*siblings));
        self.bitswap_peers.set(signed(bitswap.peers_ready));
        self.wants_open.set(signed(bitswap.wants_open));
        self.wants_held.set(signed(bitswap.wants_held));
        let set = |counters: &IntCounterVec, counts: &[(&str, u64)]| {
            for (label, count) in counts {
                raise(&counters.with_label_values(&[label]), *count);
            }
        };
        set(
            &self.blocks,
            &[
                ("sent", bitswap.blocks_sent),
                ("received", bitswap.blocks_received),
                ("duplicate", bitswap.blocks_duplicate),
                ("unwanted", bitswap.blocks_unwanted),
            ],
        );
        set(&self.bytes, &[("sent", bitswap.bytes_sent), ("received", bitswap.bytes_received)]);
        set(&self.messages, &[("sent", bitswap.messages_sent), ("received", bitswap.messages_received)]);
        set(
            &self.refused,
            &[
                ("send-failed", bitswap.sends_failed),
                ("peer-given-up", bitswap.peers_given_up),
                ("bad-part", bitswap.parts_refused),
                ("too-many-wants", bitswap.wants_refused),
                ("too-many-presences", bitswap.presences_dropped),
                ("too-many-peers", bitswap.peers_refused),
                ("lookup-failed", bitswap.lookups_failed),
                ("block-too-large", bitswap.blocks_too_large),
                ("message-too-long", bitswap.messages_too_long),
                ("message-malformed", bitswap.messages_malformed),
                ("message-timeout", bitswap.messages_timed_out),
                ("message-broken", bitswap.messages_broken),
                ("inbound-memory", bitswap.messages_over_memory),
            ],
        );
        set(&self.streams, &[("opened", streams.opened), ("accepted", streams.accepted)]);
        set(
            &self.streams_refused,
            &[
                ("not-connected", streams.open_not_connected),
                ("unsupported", streams.open_unsupported),
                ("timeout", streams.open_timeout),
                ("own-limit", streams.open_too_many),
                ("io", streams.open_io),
                ("queue-full", streams.refused_queue_full),
                ("peer-limit", streams.refused_peer_limit),
                ("not-accepting", streams.refused_unaccepted),
            ],
        );
        for (offence, count) in Offence::ALL.into_iter().zip(conduct.offences) {
            raise(&self.offences.with_label_values(&[offence.label()]), count);
        }
        raise(&self.disconnected, conduct.disconnected);
    }
}

impl Metrics {
    /// Takes over the network's counts; to be called before [`render`](Metrics::render).
    pub fn set_network(&self, figures: &NetworkFigures) {
        self.network.observe(figures);
    }

    /// Takes over how many nodes the cluster is meant to have.
    pub fn set_planned_nodes(&self, nodes: usize) {
        self.network.planned.set(signed(nodes as u64));
    }
}
