//! What every request passes on its way to a handler, and its answer on the way back.

use super::{
    Api, Guard,
    problem::{Kind, Problem},
    routes::{RESTORE_ROUTE, SLOW_ROUTES},
    target,
};
use crate::metrics::{ApiRefusal, RequestLabels};
use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use paperclip_client::http::{REQUEST_TIMEOUT, RESTORE_TIMEOUT, SLOW_REQUEST_TIMEOUT};
use std::time::Instant;

/// The route of requests that lead nowhere.
const NO_ROUTE: &str = "none";

/// What a listener answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every route, to those whom the guard lets in.
    Whole,
    /// What monitoring asks, to everybody.
    Monitoring,
}

/// Checks who asks, bounds the time and counts the answer.
pub(super) async fn admit(
    State((api, scope)): State<(Api, Scope)>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let checked = match scope {
        Scope::Whole => api.guard().check(request.uri(), request.headers()),
        Scope::Monitoring => Guard::check_page(request.uri(), request.headers()).map(drop),
    };
    let response = match checked {
        Ok(()) => answer(&api, route, request, next).await,
        Err(denied) => {
            api.metrics().api_refused(denied.reason);
            denied.problem.into_response()
        }
    };
    let took = started.elapsed();
    let status = response.status();
    api.metrics().requested(RequestLabels { method, route, status }, took);
    tracing::debug!(method, route, status = status.as_u16(), micros = took.as_micros(), "request");
    response
}

async fn answer(api: &Api, route: &str, request: Request, next: Next) -> Response {
    if let Err(problem) = target::check(request.method(), route, request.uri()) {
        return problem.into_response();
    }
    let limit = match route {
        RESTORE_ROUTE => RESTORE_TIMEOUT,
        route if SLOW_ROUTES.contains(&route) => SLOW_REQUEST_TIMEOUT,
        _ => REQUEST_TIMEOUT,
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            api.metrics().api_refused(ApiRefusal::Timeout);
            let detail =
                format!("no answer within {} s; a write may have been made all the same", limit.as_secs());
            Problem::new(Kind::Timeout, detail).into_response()
        }
    }
}

/// Methods as a bounded set of labels, whatever clients invent.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
