//! The codec against what JavaScript OrbitDB wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use oplog::{
    Address, Value,
    access::{AccessList, Capabilities},
    cbor,
    entry::{Candidate, Draft, Entry, EntryError, MAX_ENTRY_BYTES},
    hash::Hash,
    identity::{CertificateRequest, Identity},
    keys::{PublicKey, SigningKey},
    manifest::{AccessAddress, Manifest},
    order::{Clock, Time},
    view::{KeyedOp, Operation},
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use support::{bytes, hash, hashes, identities, list, load, text, typed};

#[test]
fn numbers_are_written_as_javascript_writes_them() {
    for case in list(&load("encoding.json"), "numbers") {
        let js = text(case, "js");
        let value = match js.strip_suffix('n') {
            Some(bigint) => Value::Int(bigint.parse().unwrap()),
            None => Value::number(js.parse().unwrap()).unwrap(),
        };
        assert_eq!(hex::encode(cbor::encode(&value)), text(case, "hex"), "{js}");
        assert_eq!(cbor::decode(&bytes(case, "hex")).unwrap(), value, "{js}");
    }
}

#[test]
fn values_round_trip() {
    for case in list(&load("encoding.json"), "values") {
        let value = typed(&case["value"]);
        assert_eq!(hex::encode(cbor::encode(&value)), text(case, "hex"), "{case}");
        assert_eq!(cbor::decode(&bytes(case, "hex")).unwrap(), value, "{case}");
    }
}

#[test]
fn decoding_gives_javascripts_verdicts() {
    for case in list(&load("encoding.json"), "decode") {
        let decoded = cbor::decode(&bytes(case, "hex"));
        let name = text(case, "name");
        assert_eq!(decoded.is_ok(), case["accepted"].as_bool().unwrap(), "{name}: {decoded:?}");
        if let Ok(value) = decoded {
            assert_eq!(value, typed(&case["value"]), "{name}");
            assert_eq!(hex::encode(cbor::encode(&value)), text(case, "reencodedHex"), "{name}");
        }
    }
}

#[test]
fn signatures_are_byte_exact() {
    let file = load("keys.json");
    for case in list(&file, "signatures") {
        let key = SigningKey::from_hex(text(case, "privateKeyHex")).unwrap();
        assert_eq!(key.public_hex(), text(case, "publicKeyHex"));
        assert_eq!(key.sign(&bytes(case, "messageHex")), text(case, "sigDerHex"));
    }
    for case in list(&file, "signatureVerdicts") {
        let verdict = PublicKey::from_hex(text(case, "publicKeyHex"))
            .is_ok_and(|key| key.verify(&bytes(case, "messageHex"), text(case, "sigHex")));
        assert_eq!(verdict, case["jsVerify"].as_bool().unwrap(), "{}", text(case, "name"));
    }
}

#[test]
fn identities_are_byte_exact() {
    let file = load("keys.json");
    for case in list(&file, "identities") {
        let root = SigningKey::from_hex(text(case, "rootPrivateKeyHex")).unwrap();
        let signing = SigningKey::from_hex(text(case, "signingPrivateKeyHex")).unwrap();
        let identity = Identity::create(&root, &signing);
        assert_eq!(identity.id, text(case, "id"));
        assert_eq!(identity.public_key, text(case, "publicKey"));
        assert_eq!(identity.id_signature, text(&case["signatures"], "id"));
        assert_eq!(identity.public_key_signature, text(&case["signatures"], "publicKey"));
        assert_eq!(hex::encode(identity.encode()), text(case, "blockHex"));
        assert_eq!(identity.hash(), hash(&case["hash"]));
        let request = CertificateRequest::new(root.public_hex(), &signing);
        assert_eq!(request.certify(&root).unwrap(), identity, "certified from afar, it is the same identity");
    }
    for case in list(&file, "identityVerdicts") {
        let verdict = Identity::decode(&bytes(case, "blockHex")).and_then(Identity::verify);
        assert_eq!(
            verdict.is_ok(),
            case["jsVerify"].as_bool().unwrap(),
            "{}: {verdict:?}",
            text(case, "name")
        );
    }
}

#[test]
fn entries_are_byte_exact() {
    let file = load("entries.json");
    let identities = identities(&file);
    for case in list(&file, "entries") {
        let name = text(case, "name");
        let block = bytes(case, "blockHex");
        let entry = Entry::decode(&block).unwrap();
        let payload = match case.get("rawPayload") {
            Some(raw) => typed(raw),
            None => cbor::decode(&bytes(case, "payloadHex")).unwrap(),
        };
        assert_eq!(entry.hash, hash(&case["hash"]), "{name}");
        assert_eq!(entry.payload, payload, "{name}");
        if case.get("rawPayload").is_none() {
            assert_eq!(Operation::of(payload.clone()).value, typed(&case["value"]), "{name}");
        }
        assert_eq!((entry.next.clone(), entry.refs.clone()), (hashes(&case["next"]), hashes(&case["refs"])));

        let key = SigningKey::from_hex(text(&file["keys"], text(case, "writer"))).unwrap();
        let time =
            Time::from_value(&Value::number(case["clock"]["time"].as_f64().unwrap()).unwrap()).unwrap();
        assert_eq!(key.sign(&bytes(case, "unsignedHex")), text(case, "sig"), "{name}");
        let draft = Draft {
            id: text(case, "id").parse().unwrap(),
            payload,
            next: entry.next.clone(),
            refs: entry.refs.clone(),
            clock: Clock { id: text(&case["clock"], "id").into(), time },
        };
        let (signed, written) = Entry::sign(draft, hash(&case["identity"]), &key);
        assert_eq!(hex::encode(&written), text(case, "blockHex"), "{name}");
        assert_eq!(signed, entry, "{name}");

        let author = Identity::decode(&identities[&entry.identity]).unwrap().verify().unwrap();
        let candidate = Candidate::decode(block.into(), MAX_ENTRY_BYTES).unwrap();
        assert_eq!(candidate.signed_by(&author), case["jsVerify"].as_bool().unwrap(), "{name}");
        assert!(candidate.signed_by_own_key(), "{name}");
    }
}

#[test]
fn manifests_and_access_lists_are_byte_exact() {
    let file = load("manifests.json");
    for case in list(&file, "manifests") {
        let name = text(case, "name");
        let write = list(case, "write").iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        let access = AccessList { write };
        assert_eq!(hex::encode(access.encode()), text(case, "acBlockHex"), "{name}");
        assert_eq!(AccessList::decode(&bytes(case, "acBlockHex")).unwrap(), access, "{name}");
        assert_eq!(AccessAddress::Ipfs(access.hash()).to_string(), text(case, "accessController"));
        let manifest = Manifest {
            name: name.to_owned(),
            kind: text(case, "type").to_owned(),
            access: text(case, "accessController").parse().unwrap(),
            meta: (case["meta"] != "(absent)").then(|| typed(&case["meta"])),
        };
        assert_eq!(hex::encode(manifest.encode()), text(case, "manifestHex"), "{name}");
        assert_eq!(Manifest::decode(&bytes(case, "manifestHex")).unwrap(), manifest, "{name}");
        assert_eq!(manifest.address().to_string(), text(case, "address"), "{name}");
        assert_eq!(manifest.address().manifest(), hash(&case["manifestHash"]));
    }
    for case in list(&file, "addressVerdicts") {
        let address = text(case, "address");
        assert_eq!(address.parse::<Address>().is_ok(), case["valid"].as_bool().unwrap(), "{address:?}");
    }
}

#[test]
fn encrypted_payloads_are_verified_and_encrypted_blocks_named() {
    let file = load("encryption.json");
    let identities = identities(&file);
    for (kind, case) in file["cases"].as_object().unwrap() {
        for row in list(case, "rows") {
            let stored = bytes(row, "storedBlockHex");
            assert_eq!(Hash::of(&stored), hash(&row["hash"]), "{kind}");
            let decoded = Candidate::decode(stored.into(), MAX_ENTRY_BYTES);
            if kind != "data" {
                assert_eq!(decoded.unwrap_err(), EntryError::Encrypted, "{kind}");
            }
            let inner = bytes(row, "innerEntryHex");
            let candidate = Candidate::decode(inner.into(), MAX_ENTRY_BYTES).unwrap();
            let author = Identity::decode(&identities[&candidate.entry.identity]).unwrap().verify().unwrap();
            assert_eq!(candidate.signed_by(&author), row["jsVerify"].as_bool().unwrap(), "{kind}");
            if row["payloadFieldIsBytes"] == true {
                assert_eq!(candidate.entry.payload, Value::Bytes(bytes(row, "payloadFieldHex")), "{kind}");
            }
        }
    }
}

#[test]
fn capabilities_follow_grants_and_revokes() {
    let file = load("orbitdb-access-controller.json");
    assert_eq!(
        Manifest::decode(&bytes(&file, "manifestHex")).unwrap().access,
        AccessAddress::OrbitDb(text(&file, "acAddress").parse().unwrap())
    );
    let inner = AccessList::decode(&bytes(&file, "acOfAcHex")).unwrap();
    let mut content: BTreeMap<String, Value> = BTreeMap::new();
    for step in list(&file, "steps") {
        if let Some(block) = step["headBlockHex"].as_str() {
            let operation = Operation::of(Entry::decode(&hex::decode(block).unwrap()).unwrap().payload);
            match operation.keyed().expect("an access controller holds keys") {
                KeyedOp { key, deleted: false } => drop(content.insert(key, operation.value)),
                KeyedOp { key, deleted: true } => drop(content.remove(&key)),
            }
        }
        let capabilities =
            Capabilities::from_pairs(content.iter().map(|(key, value)| (key.as_str(), value)), &inner);
        let ids = |name: &str| {
            let mut ids: Vec<&str> = step["capabilities"][name]
                .as_array()
                .map_or_else(Vec::new, |ids| ids.iter().filter_map(Json::as_str).collect());
            ids.sort_unstable();
            ids
        };
        assert_eq!(capabilities.write().iter().collect::<Vec<_>>(), ids("write"), "{step}");
        assert_eq!(capabilities.admin().iter().collect::<Vec<_>>(), ids("admin"), "{step}");
    }
}

#[test]
fn concatenated_heads_are_split() {
    let file = load("entries.json");
    let blocks: Vec<Vec<u8>> = list(&file, "entries").iter().map(|case| bytes(case, "blockHex")).collect();
    let stream = blocks.concat();
    let mut rest = stream.as_slice();
    for block in &blocks {
        let (_, length) = cbor::decode_first(rest).unwrap();
        assert_eq!(&rest[..length], block);
        rest = &rest[length..];
    }
    assert!(rest.is_empty());
}
