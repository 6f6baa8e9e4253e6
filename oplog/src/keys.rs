//! secp256k1 keys and signatures as OrbitDB uses them (wire document, section 2).
//!
//! A message is signed as ECDSA over its sha2-256 digest with the nonce of RFC 6979, low-S, in ASN.1 DER, and written as
//! lower-case hex. libsecp256k1 does the arithmetic: measured against `k256` it verifies in less than half the time
//! (`docs/decisions`), and it refuses high-S signatures by itself, as JavaScript does.
//!
//! A key signs within a context of its own. Blinding such a context multiplies the key by a random number behind the scenes,
//! so that the time and the power that a signature takes tell less of it. Whoever has randomness blinds the context, and does
//! so again now and then: [`SigningKey::blind`].

use secp256k1::{Message, SECP256K1, Secp256k1, SecretKey, SignOnly, ecdsa};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The longest DER form of a signature, in bytes.
const MAX_DER: usize = 72;

/// The bytes are no private key: zero, or not below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secp256k1 private key: 32 bytes from 1 up to the order of the curve")]
pub struct BadSecret;

/// A private key that signs, with its public key in the form that blocks hold.
#[derive(Clone)]
pub struct SigningKey {
    secret: SecretKey,
    context: Secp256k1<SignOnly>,
    public_hex: String,
}

impl SigningKey {
    /// The key of these 32 bytes.
    pub fn from_bytes(secret: [u8; 32]) -> Result<Self, BadSecret> {
        let secret = SecretKey::from_byte_array(secret).map_err(|_| BadSecret)?;
        let context = Secp256k1::signing_only();
        let public_hex = hex::encode(secret.public_key(&context).serialize());
        Ok(Self { secret, context, public_hex })
    }

    /// A new key of random bytes, which `fill` gets from where the caller has them.
    pub fn generate<E>(mut fill: impl FnMut(&mut [u8; 32]) -> Result<(), E>) -> Result<Self, E> {
        loop {
            let mut bytes = [0; 32];
            fill(&mut bytes)?;
            // All but one in 2^127 random numbers are keys.
            if let Ok(key) = Self::from_bytes(bytes) {
                return Ok(key);
            }
        }
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Result<Self, BadSecret> {
        let mut secret = [0; 32];
        hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| BadSecret)?;
        Self::from_bytes(secret)
    }

    /// The private key as 64 hex digits, for a file that only its owner reads.
    pub fn to_secret_hex(&self) -> String {
        hex::encode(self.secret.secret_bytes())
    }

    /// The public key: the compressed point in lower-case hex.
    pub fn public_hex(&self) -> &str {
        &self.public_hex
    }

    /// Signs a message, giving the DER signature in lower-case hex. The same key and message give the same text.
    pub fn sign(&self, message: &[u8]) -> String {
        hex::encode(self.context.sign_ecdsa(digest(message), &self.secret).serialize_der())
    }

    /// Blinds the signing context with 32 random bytes, on top of what it was blinded with before. It changes no signature,
    /// and takes about as long as one.
    pub fn blind(&mut self, random: &[u8; 32]) {
        self.context.seeded_randomize(random);
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret withheld)", self.public_hex)
    }
}

/// The text is no compressed secp256k1 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a secp256k1 public key: 66 lower-case hex digits of a compressed point")]
pub struct BadPublicKey;

/// A public key, parsed once so that many signatures can be checked under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(secp256k1::PublicKey);

impl PublicKey {
    /// Reads the hex form, in lower case as JavaScript does. Only compressed points pass.
    pub fn from_hex(text: &str) -> Result<Self, BadPublicKey> {
        let mut point = [0; 33];
        if !is_lower_hex(text) {
            return Err(BadPublicKey);
        }
        hex::decode_to_slice(text, &mut point).map_err(|_| BadPublicKey)?;
        secp256k1::PublicKey::from_byte_array_compressed(point).map(Self).map_err(|_| BadPublicKey)
    }

    /// Whether `signature` (DER in lower-case hex) is this key's over a message with this sha2-256 digest. A signature has one
    /// form that passes: high-S ones and laxer DER do not.
    pub fn verify_digest(&self, digest: &[u8; 32], signature: &str) -> bool {
        let mut der = [0; MAX_DER];
        let Some(der) = der.get_mut(..signature.len() / 2) else {
            return false;
        };
        if !is_lower_hex(signature) || hex::decode_to_slice(signature, der).is_err() {
            return false;
        }
        ecdsa::Signature::from_der(der).is_ok_and(|signature| {
            signature.serialize_der()[..] == *der
                && SECP256K1.verify_ecdsa(Message::from_digest(*digest), &signature, &self.0).is_ok()
        })
    }

    /// Whether `signature` (DER in hex) is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &str) -> bool {
        self.verify_digest(&Sha256::digest(message).into(), signature)
    }
}

/// Whether the text is hex as JavaScript writes and reads it, without capitals.
pub(crate) fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn digest(message: &[u8]) -> Message {
    Message::from_digest(Sha256::digest(message).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blinding_changes_no_signature() {
        let plain = SigningKey::from_bytes([7; 32]).unwrap();
        let mut blinded = plain.clone();
        for round in 0..16 {
            blinded.blind(&[round; 32]);
            let message = [round; 100];
            assert_eq!(plain.sign(&message), blinded.sign(&message));
            let public = PublicKey::from_hex(blinded.public_hex()).unwrap();
            assert!(public.verify(&message, &blinded.sign(&message)));
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_drawn_again() {
        let mut draws = [[0; 32], [255; 32], [7; 32]].into_iter();
        let key = SigningKey::generate(|bytes| draws.next().map(|draw| *bytes = draw).ok_or(())).unwrap();
        assert_eq!(key.to_secret_hex(), "07".repeat(32));
        assert!(SigningKey::generate(|_| Err("no randomness")).is_err());
    }
}
