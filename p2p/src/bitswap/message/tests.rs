use proptest::prelude::*;

use super::*;

const DAG_CBOR: u64 = 0x71;

fn block(data: &[u8]) -> Block {
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(data)).unwrap();
    Block { cid: Cid::new_v1(DAG_CBOR, hash), data: Bytes::copy_from_slice(data) }
}

fn body(encoded: &[u8]) -> &[u8] {
    let mut rest = encoded;
    let length = prost::encoding::decode_varint(&mut rest).unwrap();
    assert_eq!(length, rest.len() as u64);
    rest
}

#[test]
fn a_message_survives_the_wire() {
    let (one, two) = (block(b"one"), block(b"two"));
    let message = Message {
        full: true,
        wants: vec![
            Want { cid: one.cid, kind: WantKind::Block, send_dont_have: true },
            Want { cid: two.cid, kind: WantKind::Have, send_dont_have: false },
        ],
        cancels: vec![two.cid],
        presences: vec![(one.cid, Presence::Have), (two.cid, Presence::DontHave)],
        blocks: vec![one, two],
        refused: 0,
    };
    assert_eq!(Message::decode(body(&message.encode())).unwrap(), message);
}

#[test]
fn a_want_is_written_as_javascript_writes_it() {
    let cid = block(b"x").cid;
    let want = Want { cid, kind: WantKind::Block, send_dont_have: true };
    let encoded = Message { wants: vec![want], ..Message::default() }.encode();
    // Message, wantlist, entry, CID: each a tag and a length.
    let mut expected = vec![46, 0x0a, 44, 0x0a, 42, 0x0a, 36];
    expected.extend(cid.to_bytes());
    // Priority 1, want-block and not cancelled by default, send-dont-have.
    expected.extend([0x10, 1, 0x28, 1]);
    assert_eq!(encoded, expected);
}

#[test]
fn a_block_is_named_by_its_bytes_whatever_the_sender_says() {
    let mut wire = proto::Message::default();
    let dag_cbor = [1, 0x71, 0x12, 0x20];
    wire.payload.push(proto::Block { prefix: Bytes::copy_from_slice(&dag_cbor), data: "data".into() });
    // Blake2b, a short digest, a cut prefix.
    for prefix in [&[1, 0x71, 0xa0, 0xe4, 2, 32][..], &[1, 0x71, 0x12, 8], &[1, 0x71], &[]] {
        wire.payload.push(proto::Block { prefix: Bytes::copy_from_slice(prefix), data: "data".into() });
    }
    let message = Message::decode(&wire.encode_to_vec()).unwrap();
    assert_eq!(message.blocks, [block(b"data")]);
    assert_eq!(message.refused, 4);
}

#[test]
fn version_0_is_read_and_written() {
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(b"old")).unwrap();
    let old = Block { cid: Cid::new_v0(hash).unwrap(), data: Bytes::from_static(b"old") };
    let message = Message { blocks: vec![old], ..Message::default() };
    assert_eq!(Message::decode(body(&message.encode())).unwrap(), message);
}

#[test]
fn too_many_parts_are_refused_before_they_are_made() {
    // Empty wantlist entries; empty blocks.
    let mut wantlist = vec![0x0a];
    prost::encoding::encode_varint(2 * (MAX_PARTS as u64 + 1), &mut wantlist);
    wantlist.extend([0x0a, 0].repeat(MAX_PARTS + 1));
    let blocks = [0x1a, 0].repeat(MAX_PARTS + 1);
    for bytes in [wantlist, blocks] {
        let error = Message::decode(&bytes).unwrap_err();
        assert!(matches!(error, MessageError::TooManyParts(_)), "{error:?}");
    }
}

#[test]
fn too_long_is_refused_before_it_is_parsed() {
    let long = vec![0; MAX_MESSAGE + 1];
    assert_eq!(Message::decode(&long), Err(MessageError::TooLong(long.len() as u64)));
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Message::decode(&bytes);
    }
}
