//! Ed25519 with domain separation.
//!
//! What is signed is SHA-512 of the label and the parts, each preceded by its length: no two calls with different labels or
//! different divisions into parts sign the same bytes. Verification is `verify_strict`; weak keys are refused on reading.

use std::fmt;

use ed25519_dalek::Signer;
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use crate::group::encoding::Reader;
use crate::{DecodeError, SignatureError};

/// Length of a signature, in bytes.
pub const SIGNATURE_LEN: usize = ed25519_dalek::SIGNATURE_LENGTH;

/// A private signing key. Wiped when dropped, never shown, not clonable.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self::from_bytes(&bytes)
    }

    /// The key of 32 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(bytes))
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs the parts under a label that says what they are.
    pub fn sign(&self, label: &str, parts: &[&[u8]]) -> Signature {
        Signature(self.0.sign(&digest(label, parts)))
    }
}

/// For formats of others, which say themselves what is signed. A copy, wiped when dropped.
///
/// What this module signs is 64 bytes long; nothing else that is ever signed with the same key may be.
impl From<&SigningKey> for ed25519_dalek::SigningKey {
    fn from(key: &SigningKey) -> Self {
        key.0.clone()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {:?})", self.verifying_key())
    }
}

/// A public signing key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Reads 32 bytes; refuses what is no canonical point and keys of small order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "Ed25519 public key";
        let bytes = Reader::new(WHAT, bytes, 32)?.array()?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes)
            .map_err(|_| DecodeError::Point { what: WHAT, index: 0 })?;
        // `from_bytes` keeps what it was given; only what a key encodes to is one.
        if key.to_edwards().compress().to_bytes() != bytes {
            return Err(DecodeError::Point { what: WHAT, index: 0 });
        }
        if key.is_weak() {
            return Err(DecodeError::DegenerateKey { what: WHAT });
        }
        Ok(Self(key))
    }

    /// The 32 bytes of the key.
    pub fn encode(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Verifies strictly what [`SigningKey::sign`] signed.
    pub fn verify(
        &self,
        label: &str,
        parts: &[&[u8]],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        self.0.verify_strict(&digest(label, parts), &signature.0).map_err(|_| SignatureError)
    }
}

impl From<VerifyingKey> for ed25519_dalek::VerifyingKey {
    fn from(key: VerifyingKey) -> Self {
        key.0
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(")?;
        self.encode().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// A signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(ed25519_dalek::Signature);

impl Signature {
    /// Reads 64 bytes; whether they are a signature of anything, [`VerifyingKey::verify`] says.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = Reader::new("Ed25519 signature", bytes, SIGNATURE_LEN)?.array()?;
        Ok(Self(ed25519_dalek::Signature::from_bytes(&bytes)))
    }

    /// The 64 bytes.
    pub fn encode(&self) -> [u8; SIGNATURE_LEN] {
        self.0.to_bytes()
    }
}

fn digest(label: &str, parts: &[&[u8]]) -> [u8; 64] {
    let mut hash = Sha512::new().chain_update(b"consilium v1 signature");
    for part in std::iter::once(label.as_bytes()).chain(parts.iter().copied()) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_signature_holds_for_its_label_key_and_division_into_parts_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let key = SigningKey::generate(&mut rng);
        let public = key.verifying_key();
        let signature = key.sign("header", &[b"ab", b"c"]);
        assert_eq!(public.verify("header", &[b"ab", b"c"], &signature), Ok(()));
        assert_eq!(public.verify("headex", &[b"ab", b"c"], &signature), Err(SignatureError));
        assert_eq!(public.verify("header", &[b"a", b"bc"], &signature), Err(SignatureError));
        let other = SigningKey::generate(&mut rng).verifying_key();
        assert_eq!(other.verify("header", &[b"ab", b"c"], &signature), Err(SignatureError));
        for position in 0..SIGNATURE_LEN {
            let mut bytes = signature.encode();
            bytes[position] ^= 0x10;
            let changed = Signature::decode(&bytes).unwrap();
            assert_eq!(
                public.verify("header", &[b"ab", b"c"], &changed),
                Err(SignatureError),
                "byte {position}"
            );
        }
    }

    #[test]
    fn weak_and_non_canonical_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(matches!(VerifyingKey::decode(&identity), Err(DecodeError::DegenerateKey { .. })));
        // y = p + 1 is the identity again, written differently.
        let mut not_reduced = [0xff; 32];
        not_reduced[0] = 0xee;
        not_reduced[31] = 0x7f;
        assert!(matches!(VerifyingKey::decode(&not_reduced), Err(DecodeError::Point { .. })));
        assert!(matches!(VerifyingKey::decode(&[0; 31]), Err(DecodeError::Length { .. })));
    }

    #[test]
    fn signatures_are_verified_strictly() {
        use curve25519_dalek::scalar::Scalar;
        use ed25519_dalek::Verifier;
        let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(2));
        let public = key.verifying_key();
        let message = digest("label", &[b"part"]);
        // R the identity and S = k·a: the plain equation holds, but R says nothing of the signer's nonce.
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[0] = 1;
        let k = Sha512::new()
            .chain_update(&bytes[..32])
            .chain_update(public.encode())
            .chain_update(message);
        let s = Scalar::from_bytes_mod_order_wide(&k.finalize().into()) * key.0.to_scalar();
        bytes[32..].copy_from_slice(s.as_bytes());
        let signature = Signature::decode(&bytes).unwrap();
        assert!(public.0.verify(&message, &signature.0).is_ok());
        assert_eq!(public.verify("label", &[b"part"], &signature), Err(SignatureError));
        // S + ℓ is S again, written differently.
        let mut bytes = key.sign("label", &[b"part"]).encode();
        let order = (-Scalar::ONE).to_bytes();
        let mut carry = 1;
        for (byte, order) in bytes[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(order);
            *byte = carry as u8;
            carry >>= 8;
        }
        let signature = Signature::decode(&bytes).unwrap();
        assert_eq!(public.verify("label", &[b"part"], &signature), Err(SignatureError));
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let key = SigningKey::from_bytes(&Zeroizing::new([7; 32]));
        assert!(!format!("{key:?}").contains("0707"));
        assert_eq!(*key.to_bytes(), [7; 32]);
    }
}
