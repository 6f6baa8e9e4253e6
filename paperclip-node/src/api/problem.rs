//! What can go wrong with a request, as problem details (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
pub use paperclip_client::problem::Kind;
use paperclip_client::problem::{self, MEDIA_TYPE};

/// How many seconds a client is asked to wait after a problem that passes.
const RETRY_AFTER_SECONDS: &str = "1";

/// A refused or failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    addresses: Vec<String>,
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
        let Self { kind, detail, addresses } = self;
        let document = problem::Problem { addresses, ..problem::Problem::new(kind, detail) };
        // Strings and a number always serialise, and every kind has a status.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if kind.passes() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
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
    fn every_kind_has_its_status() {
        for kind in Kind::ALL.iter().copied() {
            assert_eq!(Problem::new(kind, "").into_response().status().as_u16(), kind.status());
        }
    }
}
