//! Addresses that a node can dial: TCP, plain or as a websocket.

pub use multiaddr::Multiaddr;
use multiaddr::Protocol;

/// The form of a dialable address, for messages about one that is not.
pub const DIALABLE: &str = "/ip4|ip6|dns4|dns6|dns/<host>/tcp/<port>[/ws][/p2p/<id>]";

/// The longest name of a host, in bytes (RFC 1035, section 3.1).
pub const MAX_HOST_BYTES: usize = 253;

/// Reads an address; `None` unless a node can dial it.
#[must_use]
pub fn parse(text: &str) -> Option<Multiaddr> {
    text.parse().ok().filter(is_dialable)
}

/// Whether a node's transports can dial the address. They have no TLS, so a secure websocket is none of them.
#[must_use]
pub fn is_dialable(address: &Multiaddr) -> bool {
    let parts: Vec<Protocol<'_>> = address.iter().collect();
    let Some((host, rest)) = parts.split_first() else {
        return false;
    };
    let host_fits = match host {
        Protocol::Ip4(_) | Protocol::Ip6(_) => true,
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => is_host(name),
        _ => false,
    };
    let rest_fits = matches!(
        rest,
        [Protocol::Tcp(port)]
        | [Protocol::Tcp(port), Protocol::P2p(_)]
        | [Protocol::Tcp(port), Protocol::Ws(_)]
        | [Protocol::Tcp(port), Protocol::Ws(_), Protocol::P2p(_)]
        if *port > 0
    );
    host_fits && rest_fits
}

/// Whether a text can be the name of a host. Resolvers know names with `_` too.
fn is_host(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty() && name.len() <= MAX_HOST_BYTES && name.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

    #[test]
    fn what_the_transports_can_dial_is_dialable() {
        for good in [
            "/ip4/10.0.0.1/tcp/4747".to_owned(),
            "/dns/a/tcp/443/ws".to_owned(),
            format!("/dns4/node_1.example/tcp/4747/p2p/{PEER}"),
            format!("/dns6/a.example/tcp/443/ws/p2p/{PEER}"),
            format!("/ip6/::1/tcp/1/p2p/{PEER}"),
            "/ip4/10.0.0.1/tcp/4747/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N".to_owned(),
        ] {
            assert!(parse(&good).is_some(), "{good}");
        }
    }

    #[test]
    fn what_they_cannot_dial_is_not() {
        for bad in [
            String::new(),
            "/".to_owned(),
            "ip4/10.0.0.1/tcp/1".to_owned(),
            "/ip4/10.0.0.1".to_owned(),
            "/ip4/10.0.0.1/udp/1/quic-v1".to_owned(),
            "/ip4/10.0.0.1/tcp/0".to_owned(),
            "/ip4/a/tcp/1".to_owned(),
            "/dns4//tcp/1".to_owned(),
            "/dns4/a b/tcp/1".to_owned(),
            format!("/dns4/{}/tcp/1", "a".repeat(MAX_HOST_BYTES + 1)),
            format!("/dns4/a.example/tcp/443/wss/p2p/{PEER}"),
            "/dns4/a.example/tcp/443/tls/ws".to_owned(),
            format!("/p2p/{PEER}"),
            format!("/ip4/10.0.0.1/tcp/1/p2p/{PEER}/p2p-circuit"),
        ] {
            assert!(parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_peer_id_is_a_hash_and_not_any_letters() {
        let letters = "a".repeat(PEER.len());
        for bad in ["x", &letters, &PEER[..PEER.len() - 1]] {
            let address = format!("/ip4/10.0.0.1/tcp/4747/p2p/{bad}");
            assert!(parse(&address).is_none(), "{address}");
        }
    }
}
