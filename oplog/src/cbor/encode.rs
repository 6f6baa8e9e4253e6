//! The canonical form.

use super::value::{Map, Value, safe_integer};

/// Writes a value in canonical dag-cbor: shortest lengths and integers, 64-bit floats, map keys by length, then bytes.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(&mut out, value);
    out
}

/// Writes a map in the same form.
pub fn encode_map(map: &Map) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_map(&mut out, map);
    out
}

/// Writes the map that holds only `keys` of `map`, without building it. Keys that `map` lacks are left out.
pub fn encode_entries_of(map: &Map, keys: &[&str]) -> Vec<u8> {
    let chosen = || map.iter().filter(|(key, _)| keys.contains(key));
    let mut out = Vec::with_capacity(256);
    write_head(&mut out, 5, chosen().count() as u64);
    for (key, value) in chosen() {
        write_text(&mut out, key);
        write(&mut out, value);
    }
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Int(int) => write_int(out, *int),
        Value::Float(float) => match safe_integer(*float) {
            Some(int) => write_int(out, int.into()),
            None => {
                out.push(0xfb);
                out.extend_from_slice(&float.to_be_bytes());
            }
        },
        Value::Bytes(bytes) => {
            write_head(out, 2, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => write_text(out, text),
        Value::List(list) => {
            write_head(out, 4, list.len() as u64);
            list.iter().for_each(|item| write(out, item));
        }
        Value::Map(map) => write_map(out, map),
        Value::Link(cid) => {
            let cid = cid.to_bytes();
            write_head(out, 6, 42);
            write_head(out, 2, cid.len() as u64 + 1);
            out.push(0); // the multibase prefix of a binary CID
            out.extend_from_slice(&cid);
        }
    }
}

fn write_map(out: &mut Vec<u8>, map: &Map) {
    write_head(out, 5, map.len() as u64);
    for (key, value) in map.iter() {
        write_text(out, key);
        write(out, value);
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Integers out of CBOR's range cannot be made by decoding or from JSON; they are clamped rather than wrapped.
fn write_int(out: &mut Vec<u8>, int: i128) {
    let (major, magnitude) = if int < 0 { (1, -1 - int) } else { (0, int) };
    write_head(out, major, u64::try_from(magnitude).unwrap_or(u64::MAX));
}

fn write_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..24 => out.push(major | bytes[7]),
        24..0x100 => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}
