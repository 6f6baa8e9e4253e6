//! The node as a whole: status, health, metrics, peers.

use crate::{
    api::{
        Api,
        extract::Json,
        openapi,
        problem::{Kind, Problem},
        shape,
    },
    metrics::CONTENT_TYPE,
};
use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use paperclip_client::{
    address::{self, DIALABLE},
    shape::{Alive, Connect, Connected, Standing},
};

/// GET `/v1/status`
pub(crate) async fn status(State(api): State<Api>) -> Response {
    let node = api.node();
    axum::Json(shape::status(&node.status(), &node.ready())).into_response()
}

/// GET `/healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    axum::Json(Alive { status: "alive".to_owned() }).into_response()
}

/// GET `/readyz`: the node can serve, reads and writes.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    let node = api.node();
    let readiness = shape::readiness(node.ready(), node.damaged(), node.journal_damage());
    let status = match readiness.status {
        Standing::Ready => StatusCode::OK,
        Standing::NotReady => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, axum::Json(readiness)).into_response()
}

/// GET `/metrics`
pub(crate) async fn metrics(State(api): State<Api>) -> Result<Response, Problem> {
    let text = api.metrics().render().map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// GET `/openapi.json`
pub(crate) async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::DOCUMENT).into_response()
}

/// GET `/v1/peers`
pub(crate) async fn peers(State(api): State<Api>) -> Response {
    let (connected, unconnected) = (api.node().peers(), api.node().unconnected_peers());
    let connected = connected.iter().map(shape::peer);
    let all = connected.chain(unconnected.iter().map(shape::unconnected_peer));
    axum::Json(all.collect::<Vec<_>>()).into_response()
}

/// POST `/v1/peers`
pub(crate) async fn connect(State(api): State<Api>, Json(to): Json<Connect>) -> Result<Response, Problem> {
    let address = address::parse(&to.addr)
        .ok_or_else(|| Problem::new(Kind::MalformedBody, format!("{:?} is not {DIALABLE}", to.addr)))?;
    let connected = api.node().connect(address).await;
    let peer =
        connected.map_err(|error| Problem::new(Kind::PeerUnreachable, format!("{}: {error}", to.addr)))?;
    Ok(axum::Json(Connected { peer_id: peer.to_string() }).into_response())
}

/// What leads nowhere.
pub(crate) async fn unknown(request: Request) -> Problem {
    let detail = format!("{} does not exist; see /openapi.json", request.uri().path());
    Problem::new(Kind::UnknownRoute, detail)
}

/// A path that takes other methods.
pub(crate) async fn other_method(request: Request) -> Problem {
    let detail = format!("{} does not take {}; see /openapi.json", request.uri().path(), request.method());
    Problem::new(Kind::MethodNotAllowed, detail)
}
