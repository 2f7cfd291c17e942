//! A party's key of the transport: an Ed25519 key of its own, so that what listens on a socket never signs for a party.

use consilium_crypto::signature::{SigningKey, VerifyingKey};
use consilium_hash::TlsKeyHash;
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A SubjectPublicKeyInfo of an Ed25519 key is these bytes and the key (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A PrivateKeyInfo of an Ed25519 key is these bytes and the key (RFC 8410, section 7).
const PRIVATE_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A private key of the transport. Wiped when dropped, never shown, not clonable.
#[derive(Debug)]
pub struct TlsKey(SigningKey);

impl TlsKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        Self(SigningKey::generate(rng))
    }

    /// The key of 32 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.to_bytes()
    }

    /// The key as PKCS #8, in DER.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let mut encoded = Zeroizing::new(Vec::with_capacity(PRIVATE_PREFIX.len() + 32));
        encoded.extend_from_slice(&PRIVATE_PREFIX);
        encoded.extend_from_slice(&*self.to_bytes());
        encoded
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    /// What certificates name it by.
    pub fn hash(&self) -> TlsKeyHash {
        tls_key_hash(&self.public())
    }

    /// The key itself, for the signatures that show that somebody has it.
    pub fn signing(&self) -> &SigningKey {
        &self.0
    }
}

/// The public key as SubjectPublicKeyInfo, in DER: what stands in an X.509 certificate.
pub fn subject_public_key_info(key: &VerifyingKey) -> Vec<u8> {
    [&PUBLIC_PREFIX[..], &key.encode()].concat()
}

/// SHA-256 of the SubjectPublicKeyInfo, which certificates carry.
pub fn tls_key_hash(key: &VerifyingKey) -> TlsKeyHash {
    TlsKeyHash(Sha256::digest(subject_public_key_info(key)).into())
}
