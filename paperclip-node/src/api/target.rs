//! The target of a request, before a handler sees it: what is written wrongly, or means nothing, is refused rather than read
//! as something else.

use super::{
    openapi,
    problem::{Kind, Problem},
};
use axum::http::{Method, Uri};
use percent_encoding::percent_decode_str;

/// Checks path and query of a request to a route.
pub(super) fn check(method: &Method, route: &str, uri: &Uri) -> Result<(), Problem> {
    let query = uri.query().unwrap_or_default();
    for (kind, text) in [(Kind::MalformedPath, uri.path()), (Kind::MalformedQuery, query)] {
        if let Some(bad) = malformed_escape(text) {
            return Err(Problem::new(kind, format!("{bad:?}: after % come two hex digits; % itself is %25")));
        }
    }
    let Some(known) = openapi::query_parameters(method, route) else { return Ok(()) };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let name = percent_decode_str(pair.split('=').next().unwrap_or_default()).decode_utf8_lossy();
        if !known.iter().any(|parameter| *parameter == name) {
            let takes = if known.is_empty() { "no parameters".to_owned() } else { known.join(", ") };
            let detail = format!("unknown parameter {name:?}; {method} {route} takes {takes}");
            return Err(Problem::new(Kind::MalformedQuery, detail));
        }
    }
    Ok(())
}

/// The first `%` that two hex digits do not follow, with what follows it.
fn malformed_escape(text: &str) -> Option<&str> {
    text.match_indices('%').find_map(|(at, _)| {
        let digits = text.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        let escape = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
        // A path that came over the wire is ASCII.
        (!escape).then(|| text.get(at..text.len().min(at + 3)).unwrap_or("%"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, route: &str, target: &str) -> Option<Kind> {
        check(&method, route, &target.parse().unwrap()).err().map(|problem| problem.kind())
    }

    #[test]
    fn escapes_that_are_none_are_refused() {
        let route = "/v1/databases/{db}/kv/{key}";
        for bad in ["%", "%2", "%zz", "a%", "%%41", "%25%2"] {
            let target = format!("/v1/databases/kv/kv/{bad}");
            assert_eq!(refused(Method::GET, route, &target), Some(Kind::MalformedPath), "{bad}");
        }
        assert_eq!(refused(Method::GET, route, "/v1/databases/kv/kv/%25%C3%bc"), None);
        let list = "/v1/databases/{db}/kv";
        assert_eq!(refused(Method::GET, list, "/v1/databases/kv/kv?limit=%zz"), Some(Kind::MalformedQuery));
    }

    #[test]
    fn parameters_that_a_path_does_not_take_are_refused() {
        let list = "/v1/databases/{db}/kv";
        assert_eq!(refused(Method::GET, list, "/v1/databases/kv/kv?limit=1&after=x"), None);
        assert_eq!(refused(Method::HEAD, list, "/v1/databases/kv/kv?%6cimit=1"), None);
        assert_eq!(refused(Method::GET, list, "/v1/databases/kv/kv?prefix=a"), Some(Kind::MalformedQuery));
        assert_eq!(refused(Method::GET, "/v1/status", "/v1/status?x"), Some(Kind::MalformedQuery));
        assert_eq!(refused(Method::GET, "/v1/status", "/v1/status?"), None);
        assert_eq!(refused(Method::DELETE, "/v1/databases/{db}", "/v1/databases/a?remove=true"), None);
        assert_eq!(
            refused(Method::GET, "/v1/databases/{db}", "/v1/databases/a?remove=true"),
            Some(Kind::MalformedQuery)
        );
    }
}
