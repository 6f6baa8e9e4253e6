//! Pubsub, with JavaScript's numbers (wire document, section 11).

use super::topics::{SubscriptionBounds, subscription_bounds};
use libp2p::{
    PeerId,
    gossipsub::{self, ConfigBuilder, MessageAuthenticity, ValidationMode},
    identity::Keypair,
};
use std::time::Duration;

/// The largest frame, in bytes, that is read or written: JavaScript's own limit of 4 MiB and room for the envelope. A
/// larger one would end the stream, and with it every later message of that peer.
pub const MAX_GOSSIP_BYTES: usize = 4 * 1024 * 1024 + 4096;

/// Messages that wait to be sent to one peer. Further ones are dropped by gossipsub.
const PEER_QUEUE: usize = 512;

/// How long a message id is remembered. JavaScript's `seenTTL` is 120 s.
const DUPLICATES: Duration = Duration::from_secs(120);

/// Gossipsub with our bounds on subscriptions.
pub(super) type Gossip = gossipsub::Behaviour<gossipsub::IdentityTransform, SubscriptionBounds>;

pub(super) fn behaviour(key: Keypair) -> Result<Gossip, &'static str> {
    let config = ConfigBuilder::default()
        .max_transmit_size(MAX_GOSSIP_BYTES)
        // 16 KiB unless set, subscriptions included: the greeting of a peer with 250 topics would end the stream
        .max_control_message_size(MAX_GOSSIP_BYTES)
        .message_id_fn(message_id)
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .duplicate_cache_time(DUPLICATES)
        .connection_handler_queue_len(PEER_QUEUE)
        .build()
        .map_err(|_| "gossipsub configuration")?;
    let authenticity = MessageAuthenticity::Signed(key);
    gossipsub::Behaviour::new_with_subscription_filter(authenticity, config, subscription_bounds())
}

/// The author's public key, protobuf-encoded, and the eight bytes of the sequence number. For Ed25519 peers the key is what
/// the peer id's identity multihash holds. Any other id than JavaScript's makes it count broken promises against us.
fn message_id(message: &gossipsub::Message) -> gossipsub::MessageId {
    let mut id = message.source.map(embedded_key).unwrap_or_default();
    id.extend_from_slice(&message.sequence_number.unwrap_or_default().to_be_bytes());
    gossipsub::MessageId::new(&id)
}

/// The digest of the peer id's multihash: the key itself for key types of up to 42 bytes.
fn embedded_key(peer: PeerId) -> Vec<u8> {
    let multihash: &libp2p::multihash::Multihash<64> = peer.as_ref();
    multihash.digest().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_id_of_an_ed25519_peer_has_44_bytes() {
        let key = Keypair::generate_ed25519();
        let message = gossipsub::Message {
            source: Some(key.public().to_peer_id()),
            data: Vec::new(),
            sequence_number: Some(0x0102_0304_0506_0708),
            topic: gossipsub::TopicHash::from_raw("/orbitdb/zdpu"),
        };
        let id = message_id(&message);
        assert_eq!(id.0.len(), 44);
        assert_eq!(id.0[..36], key.public().encode_protobuf());
        assert_eq!(id.0[36..], [1, 2, 3, 4, 5, 6, 7, 8]);
    }
}
