//! Connections and topics: dials, handshakes of inbound connections, subscriptions of peers.

use super::{
    Metrics,
    register::{MetricsError, Register, raise, signed},
};
use crate::net::{ConnectionRefusals, DialStats, HandshakeStats, RefusedConnection, TopicStats};
use prometheus::{IntCounterVec, IntGauge};

#[derive(Debug)]
pub(super) struct ConnectionMetrics {
    handshakes: IntCounterVec,
    handshakes_open: IntGauge,
    refused: IntCounterVec,
    topics: IntGauge,
    topics_shared: IntGauge,
    topics_of_peers: IntGauge,
    dials: IntCounterVec,
    configured_down: IntGauge,
}

impl ConnectionMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            handshakes: register.counters_of(
                "paperclip_handshakes_total",
                "Handshakes of inbound connections, by how they ended.",
                "result",
                &["done", "failed", "timeout", "displaced"],
            )?,
            handshakes_open: register.gauge(
                "paperclip_handshakes_open",
                "Inbound connections that are not through their handshake.",
            )?,
            refused: register.counters_of(
                "paperclip_connections_refused_total",
                "Inbound connections that were refused, by reason.",
                "reason",
                &RefusedConnection::ALL.map(RefusedConnection::label),
            )?,
            dials: register.counters_of(
                "paperclip_dials_total",
                "Dials of peers, by how they ended.",
                "result",
                &["connected", "failed"],
            )?,
            configured_down: register
                .gauge("paperclip_configured_peers_down", "Configured peers that are not connected.")?,
            topics: register.gauge("paperclip_topics", "Topics of gossip that the node has joined.")?,
            topics_shared: register.gauge(
                "paperclip_topics_shared",
                "Subscriptions of connected peers to topics that the node has joined, all peers together.",
            )?,
            topics_of_peers: register.gauge(
                "paperclip_topics_of_peers",
                "Subscriptions of connected peers to any topic, all peers together.",
            )?,
        })
    }
}

impl Metrics {
    /// Takes over the counts of handshakes.
    pub fn set_handshakes(&self, stats: HandshakeStats) {
        let HandshakeStats { open, done, failed, timed_out, displaced } = stats;
        self.connections.handshakes_open.set(signed(open));
        for (result, count) in
            [("done", done), ("failed", failed), ("timeout", timed_out), ("displaced", displaced)]
        {
            raise(&self.connections.handshakes.with_label_values(&[result]), count);
        }
    }

    /// Takes over the counts of refused connections.
    pub fn set_refused_connections(&self, refusals: &ConnectionRefusals) {
        for (reason, count) in refusals.counts() {
            raise(&self.connections.refused.with_label_values(&[reason]), count);
        }
    }

    /// Takes over the counts of dials, and how many configured peers are not connected.
    pub fn set_dials(&self, stats: DialStats, configured_down: usize) {
        for (result, count) in [("connected", stats.connected), ("failed", stats.failed)] {
            raise(&self.connections.dials.with_label_values(&[result]), count);
        }
        self.connections.configured_down.set(signed(configured_down as u64));
    }

    /// Takes over the counts of topics.
    pub fn set_topics(&self, stats: TopicStats) {
        self.connections.topics.set(signed(stats.joined));
        self.connections.topics_shared.set(signed(stats.shared));
        self.connections.topics_of_peers.set(signed(stats.remembered));
        self.log.messages_dropped(stats.dropped);
    }
}
