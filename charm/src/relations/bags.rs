//! Relation data of one endpoint, and where it says that the API is.

use juju_hooks::databag::Bag;

use crate::facts::Facts;

/// The two bags of one endpoint.
pub(super) struct Bags {
    pub(super) unit: Bag,
    pub(super) application: Bag,
}

/// Whether the API listens on the machine's own network address although that is a loopback one (all of a model on one
/// machine).
pub(super) fn reachable_loopback(facts: &Facts) -> bool {
    facts.addresses.as_ref().is_some_and(|addresses| Some(addresses.bind) == facts.api_ip())
}

/// Where others reach the API: none while only programs on the machine can.
pub(super) fn api_host(facts: &Facts) -> Option<String> {
    let ip = facts.api_ip()?;
    if ip.is_unspecified() {
        return facts.addresses.as_ref()?.ingress.first().cloned();
    }
    (!ip.is_loopback() || reachable_loopback(facts)).then(|| ip.to_string())
}

/// `host:port` of a URL, with an IPv6 address in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
