//! Which path leads where.

use super::{
    Api,
    admit::{Scope, admit},
    handlers::{backups, changes, databases, documents, events, keys, log, node},
};
use axum::{
    Router,
    handler::Handler,
    middleware::from_fn_with_state,
    routing::{MethodRouter, delete, get, patch, post, put},
};

/// Routes that may take minutes.
pub(super) const SLOW_ROUTES: [&str; 2] = ["/v1/databases/{db}/resync", "/v1/databases/{db}/verify"];

/// The route that takes as long as what it is sent is large.
pub(super) const RESTORE_ROUTE: &str = "/v1/restore";

/// A router that remembers what was added to it, so that a test can hold the description of the API to it.
struct Routes {
    router: Router<Api>,
    known: Vec<(&'static str, &'static str)>,
}

impl Routes {
    fn add(mut self, method: &'static str, path: &'static str, handler: MethodRouter<Api>) -> Self {
        self.known.push((method, path));
        Self { router: self.router.route(path, handler), known: self.known }
    }

    fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.add("get", path, get(handler))
    }

    fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.add("post", path, post(handler))
    }

    fn put<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.add("put", path, put(handler))
    }

    fn patch<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.add("patch", path, patch(handler))
    }

    fn delete<T: 'static>(self, path: &'static str, handler: impl Handler<T, Api>) -> Self {
        self.add("delete", path, delete(handler))
    }
}

/// What monitoring asks.
fn monitoring_routes() -> Routes {
    Routes { router: Router::new(), known: Vec::new() }
        .get("/healthz", node::alive)
        .get("/readyz", node::ready)
        .get("/metrics", node::metrics)
}

fn routes() -> Routes {
    monitoring_routes()
        .get("/openapi.json", node::description)
        .get("/v1/status", node::status)
        .get("/v1/peers", node::peers)
        .post("/v1/peers", node::connect)
        .get("/v1/backup", backups::back_up)
        .post(RESTORE_ROUTE, backups::restore)
        .get("/v1/databases", databases::list)
        .post("/v1/databases", databases::open)
        .get("/v1/databases/{db}", databases::show)
        .patch("/v1/databases/{db}", databases::set)
        .delete("/v1/databases/{db}", databases::unpin)
        .get("/v1/databases/{db}/refused", databases::refused)
        .post("/v1/databases/{db}/resync", databases::resync)
        .post("/v1/databases/{db}/verify", databases::verify)
        .get("/v1/databases/{db}/events", events::list)
        .post("/v1/databases/{db}/events", events::append)
        .get("/v1/databases/{db}/kv", keys::list)
        .get("/v1/databases/{db}/kv/{key}", keys::get)
        .put("/v1/databases/{db}/kv/{key}", keys::put)
        .delete("/v1/databases/{db}/kv/{key}", keys::delete)
        .get("/v1/databases/{db}/docs", documents::list)
        .get("/v1/databases/{db}/docs/{id}", documents::get)
        .put("/v1/databases/{db}/docs/{id}", documents::put)
        .delete("/v1/databases/{db}/docs/{id}", documents::delete)
        .post("/v1/databases/{db}/query", documents::query)
        .get("/v1/databases/{db}/heads", log::heads)
        .get("/v1/databases/{db}/entries", log::entries)
        .get("/v1/databases/{db}/entries/{hash}", log::entry)
        .get("/v1/databases/{db}/changes", changes::follow)
}

/// What a listener of this scope answers, as a service.
pub(super) fn service(api: Api, scope: Scope) -> Router {
    let routes = match scope {
        Scope::Whole => routes(),
        Scope::Monitoring => monitoring_routes(),
    };
    routes
        .router
        .fallback(node::unknown)
        .method_not_allowed_fallback(node::other_method)
        .layer(from_fn_with_state((api.clone(), scope), admit))
        .with_state(api)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{OPEN_PATHS, openapi};
    use std::collections::BTreeSet;

    #[test]
    fn the_description_names_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(openapi::DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                described.insert((method.clone(), path.clone()));
            }
        }
        let known = routes().known.into_iter().map(|(method, path)| (method.to_owned(), path.to_owned()));
        assert_eq!(described, known.collect());
    }

    #[test]
    fn monitoring_is_answered_on_the_open_paths() {
        let paths: BTreeSet<&str> = monitoring_routes().known.into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, OPEN_PATHS.into());
    }

    #[test]
    fn slow_routes_exist() {
        let known = routes().known;
        assert!(SLOW_ROUTES.iter().all(|slow| known.contains(&("post", slow))));
    }
}
