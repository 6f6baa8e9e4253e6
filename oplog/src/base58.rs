//! Base58btc for one size only, the 36 bytes of a block's CID.
//!
//! Every entry names some twenty others by their text, so reading and writing hashes was a tenth of an append and more than a
//! third of a listing with the general library, which handles any length digit by digit. One size lets five digits be taken
//! at a time: the text is compared with that library's in the tests below.

/// Bytes of a CID.
pub(crate) const BYTES: usize = 36;

/// Digits of a CID whose first byte is 1: its number lies between 58^47 and 58^48.
pub(crate) const DIGITS: usize = 48;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// 58^5: the largest power that, times 2^32, stays within 64 bits with room for a carry.
const GROUP: u64 = 58 * 58 * 58 * 58 * 58;

/// Digits of a group.
const GROUP_DIGITS: usize = 5;

/// 32-bit limbs of a CID.
const LIMBS: usize = BYTES / 4;

/// What a byte is worth as a digit; 58 and more is no digit.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        #[expect(clippy::cast_possible_truncation, reason = "below 58")]
        {
            values[ALPHABET[value] as usize] = value as u8;
        }
        value += 1;
    }
    values
};

/// The digits of a CID whose first byte is 1.
#[expect(
    clippy::cast_possible_truncation,
    reason = "quotients of a number below 58^5 * 2^32 fit, and so do remainders"
)]
pub(crate) fn encode(cid: &[u8; BYTES]) -> [u8; DIGITS] {
    let mut limbs = [0_u64; LIMBS];
    for (limb, bytes) in limbs.iter_mut().zip(cid.as_chunks::<4>().0) {
        *limb = u32::from_be_bytes(*bytes).into();
    }
    let mut digits = [0; DIGITS];
    let mut left = limbs.as_mut_slice();
    for group in digits.rchunks_mut(GROUP_DIGITS) {
        // a group takes about a limb off the number
        while let [0, rest @ ..] = left {
            left = rest;
        }
        let mut rest = 0;
        for limb in left.iter_mut() {
            let dividend = rest << 32 | *limb;
            *limb = dividend / GROUP;
            rest = dividend % GROUP;
        }
        let mut rest = rest as u32;
        for digit in group.iter_mut().rev() {
            *digit = ALPHABET[(rest % 58) as usize];
            rest /= 58;
        }
    }
    digits
}

/// The bytes that these digits stand for; `None` when one is no digit. 58^48 is less than 2^288, so they always fit.
pub(crate) fn decode(digits: &[u8; DIGITS]) -> Option<[u8; BYTES]> {
    let mut limbs = [0_u64; LIMBS];
    let (first, groups) = digits.split_at(DIGITS % GROUP_DIGITS);
    for group in std::iter::once(first).chain(groups.chunks_exact(GROUP_DIGITS)) {
        let mut carry = 0;
        for digit in group {
            let value = VALUES[usize::from(*digit)];
            if value >= 58 {
                return None;
            }
            carry = carry * 58 + u64::from(value);
        }
        for limb in limbs.iter_mut().rev() {
            carry += *limb * GROUP;
            *limb = carry & u64::from(u32::MAX);
            carry >>= 32;
        }
    }
    let mut cid = [0; BYTES];
    for (bytes, limb) in cid.as_chunks_mut::<4>().0.iter_mut().zip(limbs) {
        let [_, _, _, _, low @ ..] = limb.to_be_bytes();
        *bytes = low;
    }
    Some(cid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cid(rest: [u8; 35]) -> [u8; BYTES] {
        let mut cid = [1; BYTES];
        cid[1..].copy_from_slice(&rest);
        cid
    }

    proptest! {
        #[test]
        fn the_text_is_the_librarys(rest in any::<[u8; 35]>()) {
            let cid = cid(rest);
            let digits = encode(&cid);
            prop_assert_eq!(bs58::encode(cid).into_vec(), digits);
            prop_assert_eq!(decode(&digits), Some(cid));
        }

        #[test]
        fn the_bytes_are_the_librarys(values in proptest::collection::vec(0_usize..58, DIGITS)) {
            let digits: [u8; DIGITS] = std::array::from_fn(|at| ALPHABET[values[at]]);
            let mut bytes = [0; 64];
            let length = bs58::decode(digits).onto(&mut bytes).unwrap();
            // The library drops zeros in front of what leading 1s do not stand for.
            let ours = decode(&digits).unwrap();
            let significant = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            prop_assert_eq!(significant(&bytes[..length]), significant(&ours));
        }
    }

    #[test]
    fn bounds_are_right() {
        for rest in [[0; 35], [u8::MAX; 35]] {
            assert_eq!(bs58::encode(cid(rest)).into_vec(), encode(&cid(rest)));
        }
        assert!(decode(&[b'z'; DIGITS]).is_some());
        for bad in [b'0', b'O', b'I', b'l', b' ', 0, 255] {
            let mut digits = [b'z'; DIGITS];
            digits[20] = bad;
            assert_eq!(decode(&digits), None, "{bad}");
        }
    }
}
