//! Who may talk to the API: a pure decision over a request's head.
//!
//! Three things keep strangers out. A *token*, where one is configured. The *host*: without a token the API listens on a
//! loopback address only, and a page whose name was made to resolve to that address (DNS rebinding) still sends its own name
//! as `Host`. The *origin*: browsers tell it with every request by which a page could change something.

use super::{
    problem::{Kind, Problem},
    token::Token,
};
use crate::metrics::ApiRefusal;
use axum::http::{HeaderMap, Uri, header, uri::Authority};
use std::net::IpAddr;

/// Paths that the setting `metrics-open` frees from the token: what monitoring asks.
pub const OPEN_PATHS: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// The rules of one API.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The token to ask for.
    pub token: Option<Token>,
    /// Whether [`OPEN_PATHS`] answer without it.
    pub metrics_open: bool,
}

/// A request that is refused, with the reason that is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// For the metric.
    pub reason: ApiRefusal,
    /// For the client.
    pub problem: Problem,
}

impl Guard {
    /// Decides about a request.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        let host = Self::check_page(uri, headers)?;
        let Some(token) = &self.token else { return own_host(host) };
        let open = self.metrics_open && OPEN_PATHS.contains(&uri.path());
        let shown =
            headers.get(header::AUTHORIZATION).is_some_and(|shown| token.is_shown_by(shown.as_bytes()));
        if open || shown {
            return Ok(());
        }
        let detail = "send the token of the node's api-token-file as Authorization: Bearer <token>; on the command line give --token-file or \
                      PAPERCLIP_TOKEN_FILE";
        Err(Denied { reason: ApiRefusal::Token, problem: Problem::new(Kind::Unauthorized, detail) })
    }

    /// Decides about a request to a listener for monitoring: it answers everybody but pages of other sites. Gives the host.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn check_page<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<&'a str>, Denied> {
        let host = host(uri, headers)?;
        same_site(headers, host)?;
        Ok(host)
    }
}

/// The host and port that the client believes to talk to.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<&'a str>, Denied> {
    let malformed = |detail: &str| Denied {
        reason: ApiRefusal::Host,
        problem: Problem::new(Kind::MalformedHead, detail),
    };
    let mut given = headers.get_all(header::HOST).iter();
    let named = given.next().map(|host| host.to_str().unwrap_or_default());
    if given.next().is_some() {
        return Err(malformed("a request has one Host"));
    }
    let hosts = [uri.authority().map(Authority::as_str), named];
    // A name and password in front are no part of a host (RFC 9110, section 4.2.4).
    let is_host = |text: &str| !text.contains('@') && (text.is_empty() || text.parse::<Authority>().is_ok());
    if !hosts.iter().flatten().all(|text| is_host(text)) {
        return Err(malformed("Host is a name or an address, with or without a port"));
    }
    let [target, named] = hosts;
    Ok(target.or(named))
}

/// Without a token only loopback is listened on, so only loopback's names can be meant.
fn own_host(host: Option<&str>) -> Result<(), Denied> {
    if host.is_some_and(is_loopback) {
        return Ok(());
    }
    let told = host.unwrap_or("no host");
    let detail = format!("{told} is not this node: use localhost or a loopback address");
    Err(Denied { reason: ApiRefusal::Host, problem: Problem::new(Kind::ForeignHost, detail) })
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn same_site(headers: &HeaderMap, host: Option<&str>) -> Result<(), Denied> {
    let own_origin = |origin: &str| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some() && authority == host
    };
    let origin_fits = headers.get(header::ORIGIN).is_none_or(|origin| origin.to_str().is_ok_and(own_origin));
    let fetch_fits =
        headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    if origin_fits && fetch_fits {
        return Ok(());
    }
    let detail = "a browser sent this for a page that the node did not serve";
    Err(Denied { reason: ApiRefusal::Origin, problem: Problem::new(Kind::ForeignOrigin, detail) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn guard(token: Option<&str>, metrics_open: bool) -> Guard {
        Guard { token: token.and_then(Token::new), metrics_open }
    }

    fn check(guard: &Guard, path: &str, given: &[(&'static str, &'static str)]) -> Option<ApiRefusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        guard.check(&path.parse().unwrap(), &headers).err().map(|denied| denied.reason)
    }

    #[test]
    fn without_a_token_only_loopback_names_are_meant() {
        let open = guard(None, false);
        for good in
            ["localhost:4748", "LOCALHOST", "127.0.0.1:4748", "127.9.9.9", "[::1]:4748", "[::ffff:127.0.0.1]"]
        {
            assert_eq!(check(&open, "/v1/status", &[("host", good)]), None, "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "192.168.0.1:4748",
            "",
            "127.0.0.1.evil.example",
            "[::2]",
            "localhost:1@evil.example",
            "evil.example:1@localhost",
            "localhost, evil.example",
        ] {
            assert_eq!(check(&open, "/v1/status", &[("host", bad)]), Some(ApiRefusal::Host), "{bad}");
        }
        assert_eq!(check(&open, "/v1/status", &[]), Some(ApiRefusal::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(check(&open, "/v1/status", &twice), Some(ApiRefusal::Host), "whichever a proxy believes");
    }

    #[test]
    fn a_page_of_another_site_drives_nothing() {
        for token in [None, Some("t")] {
            let guard = guard(token, true);
            let with = |name, value| {
                check(
                    &guard,
                    "/v1/databases",
                    &[("host", "localhost:4748"), ("authorization", "Bearer t"), (name, value)],
                )
            };
            assert_eq!(with("origin", "http://localhost:4748"), None);
            for bad in ["http://evil.example", "null", "http://localhost:9", "localhost:4748"] {
                assert_eq!(with("origin", bad), Some(ApiRefusal::Origin), "{bad}");
            }
            assert_eq!(with("sec-fetch-site", "cross-site"), Some(ApiRefusal::Origin));
            assert_eq!(with("sec-fetch-site", "none"), None);
        }
    }

    #[test]
    fn a_token_opens_whatever_the_host_is_called() {
        let closed = guard(Some("t"), false);
        let shown = [("host", "node.example"), ("authorization", "Bearer t")];
        assert_eq!(check(&closed, "/v1/status", &shown), None);
        assert_eq!(check(&closed, "/metrics", &[("host", "node.example")]), Some(ApiRefusal::Token));
        let monitored = guard(Some("t"), true);
        for path in OPEN_PATHS {
            assert_eq!(check(&monitored, path, &[("host", "node.example")]), None, "{path}");
        }
        assert_eq!(check(&monitored, "/v1/status", &[("host", "node.example")]), Some(ApiRefusal::Token));
    }
}
