//! What handlers take from requests, parsed at the border. Everything that does not parse is a [`Problem`].

use super::{
    Api, body,
    problem::{Kind, Problem},
};
use axum::{
    extract::{FromRequest, FromRequestParts, Request, path::ErrorKind, rejection::PathRejection},
    http::{HeaderMap, header, request::Parts},
};
use oplog::{
    Hash, Value,
    json::{self, TextError},
};
use serde::de::DeserializeOwned;

/// Parameters of the path, percent-decoded.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, api).await;
        path.map(|axum::extract::Path(found)| Self(found)).map_err(|rejection| {
            let detail = match &rejection {
                PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
                    ErrorKind::InvalidUtf8InPathParam { key } => {
                        format!("{{{key}}} is not UTF-8 once its percent-encoding is undone")
                    }
                    _ => failed.body_text(),
                },
                _ => rejection.body_text(),
            };
            Problem::new(Kind::MalformedPath, detail)
        })
    }
}

/// The query. Unknown parameters are refused by the types that are read.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| Problem::new(Kind::MalformedQuery, rejection.body_text()))
    }
}

/// A JSON body read as `T`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Kind::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        let body = body::read(request, api).await?;
        document(&body.bytes).map(Self)
    }
}

/// A JSON body that may be left out.
pub(super) struct OptionalJson<T>(pub(super) Option<T>);

impl<T: DeserializeOwned> FromRequest<Api> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let json = is_json(request.headers());
        let body = body::read(request, api).await?;
        if body.bytes.is_empty() {
            return Ok(Self(None));
        }
        if !json {
            return Err(Problem::new(Kind::UnsupportedMediaType, "send Content-Type: application/json"));
        }
        document(&body.bytes).map(|body| Self(Some(body)))
    }
}

/// A JSON body read as a value of a database.
pub(super) struct ValueBody(pub(super) Value);

impl FromRequest<Api> for ValueBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let Json(document) = Json::<serde_json::Value>::from_request(request, api).await?;
        json::from_json(&document).map(Self).map_err(|error| Problem::new(Kind::UnusableValue, error))
    }
}

/// Reads JSON. What is JSON and cannot be stored as it is written is told apart from what is none.
fn document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::read(bytes).map_err(|error| match error {
        TextError::Json(error) => Problem::new(Kind::MalformedBody, error),
        TextError::TooDeep(_) | TextError::Rounded(_) => Problem::new(Kind::UnusableValue, error),
    })
}

/// Reads a hash that a client gave.
pub(super) fn hash(kind: Kind, text: &str) -> Result<Hash, Problem> {
    text.parse().map_err(|error| Problem::new(kind, format!("{text:?}: {error}")))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(media_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence
            .to_ascii_lowercase()
            .strip_prefix("application/")
            .is_some_and(|kind| kind.ends_with("+json"))
}
