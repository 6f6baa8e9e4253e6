//! The HTTP API.

use super::{
    Metrics,
    register::{MetricsError, Register},
};
use axum::http::StatusCode;
use prometheus::{HistogramVec, IntCounterVec, IntGauge};
use std::time::Duration;

/// Bounds of the buckets of request times, in seconds.
const REQUEST_SECONDS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// What a request is counted under. The route is the pattern, never the path: paths are without number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLabels<'a> {
    /// `GET`, `PUT`, …; `other` for what the API has no use for.
    pub method: &'a str,
    /// The route's pattern, or `none`.
    pub route: &'a str,
    /// The status.
    pub status: StatusCode,
}

/// Why the API refused a request, or a connection, before it looked at what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiRefusal {
    /// No token, or a wrong one.
    Token,
    /// A `Host` that is not the node's.
    Host,
    /// A page of another site.
    Origin,
    /// A body above the limit.
    BodyTooLarge,
    /// The request took too long.
    Timeout,
    /// As many connections as are allowed are busy.
    Connections,
    /// A connection that kept the node waiting had to make room for another one.
    Displaced,
    /// The head of a request did not come in time.
    SlowHead,
    /// A body did not come in time.
    SlowBody,
    /// A request told its length twice.
    Framing,
    /// As many change streams as are allowed are open.
    Streams,
    /// As many slow requests as are allowed are under way.
    Busy,
}

impl ApiRefusal {
    /// Those that are shown as zero before they happen.
    const ALL: [Self; 12] = [
        Self::Token,
        Self::Host,
        Self::Origin,
        Self::BodyTooLarge,
        Self::Timeout,
        Self::Connections,
        Self::Displaced,
        Self::SlowHead,
        Self::SlowBody,
        Self::Framing,
        Self::Streams,
        Self::Busy,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::BodyTooLarge => "body-too-large",
            Self::Timeout => "timeout",
            Self::Connections => "connections",
            Self::Displaced => "displaced",
            Self::SlowHead => "slow-head",
            Self::SlowBody => "slow-body",
            Self::Framing => "framing",
            Self::Streams => "streams",
            Self::Busy => "busy",
        }
    }
}

#[derive(Debug)]
pub(super) struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    refused: IntCounterVec,
    connections: IntGauge,
    streams: IntGauge,
}

impl HttpMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, MetricsError> {
        let reasons = ApiRefusal::ALL.map(ApiRefusal::label);
        Ok(Self {
            requests: register.counters(
                "paperclip_http_requests_total",
                "Requests to the API, by method, route and status.",
                &["method", "route", "status"],
            )?,
            seconds: register.histograms(
                "paperclip_http_request_seconds",
                "How long requests took until their answer began, by route.",
                &["route"],
                &REQUEST_SECONDS,
            )?,
            refused: register.counters_of(
                "paperclip_http_refused_total",
                "Requests and connections that were refused, by reason.",
                "reason",
                &reasons,
            )?,
            connections: register.gauge("paperclip_http_connections", "Connections to the API.")?,
            streams: register.gauge("paperclip_http_change_streams", "Streams of changes that are open.")?,
        })
    }
}

impl Metrics {
    /// A request was answered.
    pub fn requested(&self, labels: RequestLabels<'_>, took: Duration) {
        self.http.requests.with_label_values(&[labels.method, labels.route, labels.status.as_str()]).inc();
        self.http.seconds.with_label_values(&[labels.route]).observe(took.as_secs_f64());
    }

    /// A request or a connection was refused.
    pub fn api_refused(&self, reason: ApiRefusal) {
        self.http.refused.with_label_values(&[reason.label()]).inc();
    }

    /// Connections to the API, for whoever opens and closes them.
    pub fn api_connections(&self) -> &IntGauge {
        &self.http.connections
    }

    /// Open streams of changes, for whoever opens and closes them.
    pub fn change_streams(&self) -> &IntGauge {
        &self.http.streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_under_its_route_and_status() {
        let metrics = Metrics::new().unwrap();
        let labels =
            RequestLabels { method: "GET", route: "/v1/status", status: StatusCode::SERVICE_UNAVAILABLE };
        metrics.requested(labels, Duration::from_millis(3));
        let text = metrics.render().unwrap();
        assert!(
            text.contains(r#"paperclip_http_requests_total{method="GET",route="/v1/status",status="503"} 1"#)
        );
        assert!(text.contains(r#"paperclip_http_request_seconds_bucket{route="/v1/status",le="0.005"} 1"#));
        assert!(text.contains(r#"paperclip_http_refused_total{reason="token"} 0"#));
    }
}
