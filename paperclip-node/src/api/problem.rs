//! What can go wrong with a request, as problem details (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// The media type of problem details.
const MEDIA_TYPE: &str = "application/problem+json";

/// The page that describes every kind; its name is the fragment.
const PAGE: &str = "https://github.com/paperclip-db/paperclip/blob/main/docs/reference/http-api.md#";

/// How many seconds a client is asked to wait after a problem that passes.
const RETRY_AFTER_SECONDS: &str = "1";

/// A kind of problem: what programs tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The head of the request contradicts itself, or holds what no header may.
    MalformedHead,
    /// The path holds what is no key, hash or address.
    MalformedPath,
    /// The query holds what the route does not take.
    MalformedQuery,
    /// The body is not the JSON document that the route takes.
    MalformedBody,
    /// The token is missing or wrong.
    Unauthorized,
    /// A page of another site sent the request.
    ForeignOrigin,
    /// The node's identity may not write to the database.
    NotAllowed,
    /// No such path.
    UnknownRoute,
    /// No database of this name or address is pinned.
    UnknownDatabase,
    /// The key or document does not exist.
    UnknownKey,
    /// The log has no entry of this hash.
    UnknownEntry,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The body did not come in time.
    SlowBody,
    /// The database is read another way than the operation needs.
    WrongType,
    /// Several databases have the name.
    AmbiguousName,
    /// The cluster has reached its limit of pinned databases.
    TooMany,
    /// `If-Match` or `If-None-Match` does not hold.
    PreconditionFailed,
    /// The body, or the entry it would become, is too large.
    TooLarge,
    /// The body is not declared to be JSON.
    UnsupportedMediaType,
    /// `Host` names another server.
    ForeignHost,
    /// The document is well-formed JSON that cannot be stored.
    UnusableValue,
    /// The node failed; its log says how.
    Internal,
    /// The peer could not be reached.
    PeerUnreachable,
    /// As many such requests as are allowed are under way.
    Busy,
    /// The request took too long.
    Timeout,
    /// The node's signing key is not certified, so it cannot write.
    NotCertified,
    /// The database is pinned and not open: being fetched, failed, or closed a moment ago.
    NotOpen,
    /// A block is damaged on this node; it is fetched again from peers.
    Damaged,
    /// A flush failed: no writes until restart.
    StorePoisoned,
    /// The node is shutting down.
    ShuttingDown,
    /// The disk is full.
    DiskFull,
}

impl Kind {
    /// Every kind with its name, status and title.
    pub const ALL: [(Self, &'static str, StatusCode, &'static str); 31] = [
        (Self::MalformedHead, "malformed-head", StatusCode::BAD_REQUEST, "The request's head is malformed"),
        (Self::MalformedPath, "malformed-path", StatusCode::BAD_REQUEST, "The path is malformed"),
        (Self::MalformedQuery, "malformed-query", StatusCode::BAD_REQUEST, "The query is malformed"),
        (Self::MalformedBody, "malformed-body", StatusCode::BAD_REQUEST, "The body is malformed"),
        (Self::Unauthorized, "unauthorized", StatusCode::UNAUTHORIZED, "A bearer token is required"),
        (
            Self::ForeignOrigin,
            "foreign-origin",
            StatusCode::FORBIDDEN,
            "Requests from other sites are refused",
        ),
        (Self::NotAllowed, "not-allowed", StatusCode::FORBIDDEN, "This node may not write to the database"),
        (Self::UnknownRoute, "unknown-route", StatusCode::NOT_FOUND, "No such path"),
        (Self::UnknownDatabase, "unknown-database", StatusCode::NOT_FOUND, "No such database"),
        (Self::UnknownKey, "unknown-key", StatusCode::NOT_FOUND, "No such key"),
        (Self::UnknownEntry, "unknown-entry", StatusCode::NOT_FOUND, "No such entry"),
        (
            Self::MethodNotAllowed,
            "method-not-allowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "The path does not support this method",
        ),
        (Self::SlowBody, "slow-body", StatusCode::REQUEST_TIMEOUT, "The body arrived too slowly"),
        (Self::WrongType, "wrong-type", StatusCode::CONFLICT, "The database is read another way"),
        (Self::AmbiguousName, "ambiguous-name", StatusCode::CONFLICT, "Several databases have this name"),
        (
            Self::TooMany,
            "too-many-databases",
            StatusCode::CONFLICT,
            "The cluster has reached its limit of pinned databases",
        ),
        (
            Self::PreconditionFailed,
            "precondition-failed",
            StatusCode::PRECONDITION_FAILED,
            "The precondition does not hold",
        ),
        (Self::TooLarge, "too-large", StatusCode::PAYLOAD_TOO_LARGE, "The value is too large"),
        (
            Self::UnsupportedMediaType,
            "unsupported-media-type",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body must be JSON",
        ),
        (
            Self::ForeignHost,
            "foreign-host",
            StatusCode::MISDIRECTED_REQUEST,
            "The request is for another host",
        ),
        (
            Self::UnusableValue,
            "unusable-value",
            StatusCode::UNPROCESSABLE_ENTITY,
            "The value cannot be stored",
        ),
        (Self::Internal, "internal", StatusCode::INTERNAL_SERVER_ERROR, "The node failed"),
        (Self::PeerUnreachable, "peer-unreachable", StatusCode::BAD_GATEWAY, "The peer could not be reached"),
        (Self::Busy, "busy", StatusCode::SERVICE_UNAVAILABLE, "Too many requests of this kind"),
        (Self::Timeout, "timeout", StatusCode::SERVICE_UNAVAILABLE, "The request took too long"),
        (Self::NotCertified, "not-certified", StatusCode::SERVICE_UNAVAILABLE, "The node is not certified"),
        (Self::NotOpen, "not-open", StatusCode::SERVICE_UNAVAILABLE, "The database is not open"),
        (Self::Damaged, "damaged", StatusCode::SERVICE_UNAVAILABLE, "A stored block is damaged"),
        (
            Self::StorePoisoned,
            "store-poisoned",
            StatusCode::SERVICE_UNAVAILABLE,
            "The store accepts no writes until the node restarts",
        ),
        (Self::ShuttingDown, "shutting-down", StatusCode::SERVICE_UNAVAILABLE, "The node is shutting down"),
        (Self::DiskFull, "disk-full", StatusCode::INSUFFICIENT_STORAGE, "The disk is full"),
    ];

    fn row(self) -> (&'static str, StatusCode, &'static str) {
        let row = Self::ALL.iter().find(|row| row.0 == self);
        row.map_or(("internal", StatusCode::INTERNAL_SERVER_ERROR, "The node failed"), |row| {
            (row.1, row.2, row.3)
        })
    }
}

/// A refused or failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    addresses: &'a [String],
}

impl Problem {
    /// A problem; `detail` tells a person what to do about this very one.
    pub fn new(kind: Kind, detail: impl ToString) -> Self {
        Self { kind, detail: detail.to_string(), addresses: Vec::new() }
    }

    /// A name that several databases have.
    pub fn ambiguous(name: &str, addresses: Vec<String>) -> Self {
        let detail = format!("{} databases are called {name:?}; use the address of one", addresses.len());
        Self { kind: Kind::AmbiguousName, detail, addresses }
    }

    /// A failure that is not the client's. What it was goes to the log, not over the wire.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Kind::Internal, "the node's log says how")
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (name, status, title) = self.kind.row();
        let document = Document {
            r#type: format!("{PAGE}{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            addresses: &self.addresses,
        };
        // Strings and a number always serialise.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        match self.kind {
            Kind::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Kind::Busy | Kind::Timeout | Kind::NotOpen | Kind::Damaged => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn a_problem_is_a_document_of_its_media_type() {
        let response = Problem::ambiguous("a", vec!["x".into(), "y".into()]).into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(document["status"], 409);
        assert_eq!(document["addresses"], serde_json::json!(["x", "y"]));
        assert!(document["type"].as_str().unwrap().ends_with("#ambiguous-name"));
    }

    #[test]
    fn the_reference_describes_every_kind() {
        let page = include_str!("../../../docs/reference/http-api.md");
        for (_, name, status, title) in Kind::ALL {
            let row = format!("| <a id=\"{name}\"></a>`{name}` | {} | {title}", status.as_u16());
            assert!(page.contains(&row), "{row}");
        }
    }
}
