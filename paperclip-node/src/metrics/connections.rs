//! Connections on their way: handshakes of inbound ones.

use super::{Metrics, MetricsError, Register, raise, signed};
use crate::net::HandshakeStats;
use prometheus::{IntCounterVec, IntGauge};

#[derive(Debug)]
pub(super) struct ConnectionMetrics {
    handshakes: IntCounterVec,
    handshakes_open: IntGauge,
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
}
