//! The description on the wire.

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{Multiaddr, PeerId, StreamProtocol, identity::PublicKey};
use prost::Message as _;

use super::{Error, Info, MAX_MESSAGE, MAX_NAME_CHARS};

/// The protobuf, from the identify specification; fields in the order of their numbers there.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Identify {
    #[prost(bytes = "vec", optional, tag = "1")]
    public_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    listen_addrs: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "3")]
    protocols: Vec<String>,
    #[prost(bytes = "vec", optional, tag = "4")]
    observed_addr: Option<Vec<u8>>,
    #[prost(string, optional, tag = "5")]
    protocol_version: Option<String>,
    #[prost(string, optional, tag = "6")]
    agent_version: Option<String>,
}

/// Tells a peer who we are, and ends the stream.
pub(super) async fn send<S: AsyncWrite + Unpin>(mut stream: S, info: Info) -> Result<(), Error> {
    let message = Identify {
        public_key: Some(info.public_key.encode_protobuf()),
        listen_addrs: info.listen_addrs.iter().map(Multiaddr::to_vec).collect(),
        protocols: info.protocols.iter().map(ToString::to_string).collect(),
        observed_addr: info.observed_addr.as_ref().map(Multiaddr::to_vec),
        protocol_version: Some(info.protocol_version),
        agent_version: Some(info.agent_version),
    };
    stream.write_all(&message.encode_length_delimited_to_vec()).await?;
    stream.close().await?;
    Ok(())
}

/// Reads what a peer says until it ends the stream. Go cuts long descriptions into several messages, of which later
/// ones add to the first; a push says only what has changed, so `known` is what the peer said before.
pub(super) async fn receive<S>(mut stream: S, peer: PeerId, known: Option<Info>) -> Result<Info, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // We have nothing to say on this stream; JavaScript waits for that.
    stream.close().await?;
    let mut bytes = Vec::new();
    let limit = MAX_MESSAGE as u64 + 1;
    (&mut stream).take(limit).read_to_end(&mut bytes).await?;
    if bytes.len() > MAX_MESSAGE {
        return Err(Error::TooLong);
    }
    let mut message = Identify::default();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        message.merge_length_delimited(&mut rest)?;
    }
    interpret(message, peer, known)
}

fn interpret(message: Identify, peer: PeerId, known: Option<Info>) -> Result<Info, Error> {
    let told =
        message.public_key.map(|key| PublicKey::try_decode_protobuf(&key).map_err(|_| Error::WrongKey));
    let key = match (told.transpose()?, &known) {
        (Some(key), _) => key,
        (None, Some(known)) => known.public_key.clone(),
        (None, None) => return Err(Error::WrongKey),
    };
    if key.to_peer_id() != peer {
        return Err(Error::WrongKey);
    }
    let mut info = known.unwrap_or_else(|| Info {
        public_key: key,
        protocol_version: String::new(),
        agent_version: String::new(),
        listen_addrs: Vec::new(),
        protocols: Vec::new(),
        observed_addr: None,
    });
    // What cannot be parsed cannot be used either: an address of a transport that we lack, a nameless protocol.
    let addrs: Vec<Multiaddr> =
        message.listen_addrs.into_iter().filter_map(|a| Multiaddr::try_from(a).ok()).collect();
    let protocols: Vec<StreamProtocol> =
        message.protocols.into_iter().filter_map(|p| StreamProtocol::try_from_owned(p).ok()).collect();
    if !addrs.is_empty() {
        info.listen_addrs = addrs;
    }
    if !protocols.is_empty() {
        info.protocols = protocols;
    }
    info.protocol_version = message.protocol_version.map_or(info.protocol_version, |text| printable(&text));
    info.agent_version = message.agent_version.map_or(info.agent_version, |text| printable(&text));
    info.observed_addr =
        message.observed_addr.and_then(|a| Multiaddr::try_from(a).ok()).or(info.observed_addr);
    Ok(info)
}

/// What a peer calls itself, fit for logs and terminals: cut off at [`MAX_NAME_CHARS`], control characters replaced.
fn printable(text: &str) -> String {
    let replaced = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    replaced.take(MAX_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;
    use proptest::prelude::*;
    use tokio_util::compat::TokioAsyncReadCompatExt as _;

    use super::*;

    fn info(protocols: usize) -> Info {
        let name = |nth| StreamProtocol::try_from_owned(format!("/orbitdb/heads/orbitdb/{nth:0>50}"));
        Info {
            public_key: Keypair::ed25519_from_bytes([1; 32]).unwrap().public(),
            protocol_version: "ipfs/0.1.0".into(),
            agent_version: "test".into(),
            listen_addrs: vec!["/ip4/127.0.0.1/tcp/4747".parse().unwrap()],
            protocols: (0..protocols).map(|nth| name(nth).unwrap()).collect(),
            observed_addr: Some("/ip4/10.0.0.1/tcp/1".parse().unwrap()),
        }
    }

    async fn exchange(sent: Info, known: Option<Info>) -> Result<Info, Error> {
        let peer = info(0).public_key.to_peer_id();
        let (here, there) = tokio::io::duplex(1 << 20);
        send(there.compat(), sent).await.unwrap();
        receive(here.compat(), peer, known).await
    }

    #[tokio::test]
    async fn hundreds_of_databases_are_read() {
        assert_eq!(exchange(info(700), None).await.unwrap(), info(700));
        assert!(matches!(exchange(info(1000), None).await, Err(Error::TooLong)));
    }

    #[tokio::test]
    async fn names_are_short_and_have_no_control_characters() {
        let mut evil = info(1);
        evil.agent_version = format!("\u{1b}]0;title\u{7}\u{1b}[2J{}", "x".repeat(10_000));
        let heard = exchange(evil, None).await.unwrap().agent_version;
        assert_eq!(heard.chars().count(), MAX_NAME_CHARS);
        assert!(heard.starts_with("\u{fffd}]0;title\u{fffd}\u{fffd}[2Jxx"), "{heard}");
    }

    #[tokio::test]
    async fn another_peers_key_is_refused() {
        let mut liar = info(1);
        liar.public_key = Keypair::ed25519_from_bytes([2; 32]).unwrap().public();
        assert!(matches!(exchange(liar, None).await, Err(Error::WrongKey)));
    }

    #[tokio::test]
    async fn a_push_changes_only_what_it_says() {
        let mut push = info(2);
        push.listen_addrs.clear();
        let merged = exchange(push, Some(info(1))).await.unwrap();
        assert_eq!(merged, info(2));
    }

    #[tokio::test]
    async fn several_messages_add_up() {
        let peer = info(0).public_key.to_peer_id();
        let key = Identify { public_key: Some(info(0).public_key.encode_protobuf()), ..Identify::default() };
        let more = Identify { protocols: vec!["/a".into(), "no slash".into()], ..Identify::default() };
        let (here, there) = tokio::io::duplex(4096);
        let mut there = there.compat();
        for part in [key, more] {
            there.write_all(&part.encode_length_delimited_to_vec()).await.unwrap();
        }
        there.close().await.unwrap();
        let read = receive(here.compat(), peer, None).await.unwrap();
        assert_eq!(read.protocols, [StreamProtocol::new("/a")]);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let peer = info(0).public_key.to_peer_id();
            if let Ok(message) = Identify::decode(&bytes[..]) {
                let _ = interpret(message, peer, None);
            }
        }
    }
}
