//! Mutants of an input: bits flipped, bytes replaced, cut, doubled, and pieces of another input put in.

use rand::Rng;

/// The most changes that one mutant has.
const MOST_CHANGES: u32 = 4;

/// The longest mutant, in bytes.
const MOST_BYTES: usize = 1 << 16;

/// Bytes at which decoders turn: bounds of lengths, ends, signs.
const TURNS: [u8; 12] = [0x00, 0x01, 0x17, 0x18, 0x1b, 0x5b, 0x7b, 0x7f, 0x80, 0x9b, 0xfb, 0xff];

/// A mutant of one of the inputs.
pub fn mutant(inputs: &[Vec<u8>], random: &mut impl Rng) -> Vec<u8> {
    if inputs.is_empty() {
        return Vec::new();
    }
    let mut bytes = inputs[random.random_range(0..inputs.len())].clone();
    for _ in 0..random.random_range(0..=MOST_CHANGES) {
        let other = &inputs[random.random_range(0..inputs.len())];
        change(&mut bytes, other, random);
    }
    bytes.truncate(MOST_BYTES);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    if bytes.is_empty() {
        bytes.push(random.random());
        return;
    }
    let at = random.random_range(0..bytes.len());
    let end = at + random.random_range(0..=(bytes.len() - at).min(32));
    match random.random_range(0..7) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.random(),
        2 => bytes[at] = TURNS[random.random_range(0..TURNS.len())],
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        5 => {
            let piece = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, piece));
        }
        _ => {
            let from = random.random_range(0..=other.len());
            let to = from + random.random_range(0..=(other.len() - from).min(64));
            drop(bytes.splice(at..end, other[from..to].iter().copied()));
        }
    }
}
