//! The description of the API, checked in as a document that people read too. Tests hold its paths to the routes; the query
//! parameters that it lists are those that are taken.

use axum::http::Method;
use serde_json::Value as Json;
use std::{collections::HashMap, sync::LazyLock};

/// `/openapi.json`
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// Names of query parameters by route and method.
type Parameters = HashMap<String, HashMap<String, Vec<String>>>;

static QUERIES: LazyLock<Parameters> = LazyLock::new(|| {
    // A test reads the document.
    let document: Json = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.map(|(route, operations)| (route.clone(), of_route(&document, operations))).collect()
});

/// The query parameters that an operation takes; `None` for what is no operation.
pub(super) fn query_parameters(method: &Method, route: &str) -> Option<&'static [String]> {
    let method = if method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    QUERIES.get(route)?.get(&method).map(Vec::as_slice)
}

fn of_route(document: &Json, operations: &Json) -> HashMap<String, Vec<String>> {
    let methods = operations.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
    let of = |operation: &Json| -> Vec<String> {
        let listed = [operation, operations].into_iter().filter_map(|part| part["parameters"].as_array());
        let all = listed.flatten().map(|parameter| resolved(document, parameter));
        let in_query = all.filter(|parameter| parameter["in"] == "query");
        in_query.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned)).collect()
    };
    methods.map(|(method, operation)| (method.clone(), of(operation))).collect()
}

fn resolved<'a>(document: &'a Json, parameter: &'a Json) -> &'a Json {
    let pointer = parameter["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(parameter)
}
