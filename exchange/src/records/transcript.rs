//! All labels of this module, and what is hashed or derived under them.

use consilium_crypto::building_blocks::Protocol;
use consilium_hash::ConsentHash;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use hkdf::Hkdf;
use merlin::Transcript;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Label of the owner's signature under a delegator key.
pub(super) const DELEGATOR_KEY: &str = "consilium v1 delegator key";
/// Label of the custodian's signature under a record.
pub(super) const RECORD_OF_CUSTODIAN: &str = "consilium v1 record stored";
/// Label of the owner's signature under a record.
pub(super) const RECORD_OF_OWNER: &str = "consilium v1 record accepted";
/// Label of the owner's signature under a consent.
pub(super) const CONSENT: &str = "consilium v1 consent";
/// Label of the owner's signature under a withdrawal.
pub(super) const WITHDRAWAL: &str = "consilium v1 withdrawal of a consent";
/// Label under which requests are sealed.
pub(super) const REQUEST: &[u8] = b"consilium v1 request for records";

/// Label of the hash of a header.
pub(super) const HEADER_HASH: &[u8] = b"consilium v1 record header";
/// Label of the hash of that part of a header that a body's chunks are bound to.
pub(super) const PROLOGUE_HASH: &[u8] = b"consilium v1 record prologue";
/// Label of the hash of a consent.
pub(super) const CONSENT_HASH: &[u8] = b"consilium v1 consent hash";
/// Label of the commitment to a consent's terms.
pub(super) const TERMS_HASH: &[u8] = b"consilium v1 consent terms";
/// Label of the commitment to a keyword of a consent.
pub(super) const KEYWORD_HASH: &[u8] = b"consilium v1 consented keyword";
/// Label of the hash of a trapdoor.
pub(super) const TRAPDOOR_HASH: &[u8] = b"consilium v1 trapdoor hash";
/// Label of the commitment to a content key.
const CONTENT_KEY_HASH: &[u8] = b"consilium v1 content key commitment";

/// Salt of the derivation of a content key.
const CONTENT_KEY: &[u8] = b"consilium v1 content key";
/// Salt of the derivation of a body's key.
const BODY_KEY: &[u8] = b"consilium v1 body key";
/// Salt of the derivation of a keyword key.
const KEYWORD_KEY: &[u8] = b"consilium v1 keyword key";

/// SHA-256 of a label and parts, each after its length.
pub(super) fn hash<H: From<[u8; 32]>>(label: &'static [u8], parts: &[&[u8]]) -> H {
    let mut hasher = Sha256::new();
    for part in std::iter::once(label).chain(parts.iter().copied()) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest.into()
}

/// HKDF-SHA-256 (RFC 5869): 32 bytes.
fn derive(salt: &'static [u8], secret: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded =
        Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(info, key.as_mut_slice());
    // HKDF refuses more than 255 blocks only; this is one.
    debug_assert!(expanded.is_ok());
    key
}

/// a = XOF(seed, scope) mod ℓ.
pub(super) fn delegator_scalar(seed: &[u8; 32], scope: &[u8]) -> Scalar {
    let mut transcript = Transcript::new(b"consilium v1 delegator scalar");
    transcript.append_message(b"seed", seed);
    transcript.append_message(b"scope", scope);
    transcript.challenge(b"a")
}

/// H(E, V, A, ctx) of a capsule.
pub(super) fn capsule_challenge(
    e: &[u8; 32],
    v: &[u8; 32],
    delegator: &[u8; 32],
    context: &[u8],
) -> Scalar {
    let mut transcript = Transcript::new(b"consilium v1 capsule");
    transcript.append_message(b"context", context);
    transcript.append_message(b"A", delegator);
    transcript.append_message(b"E", e);
    transcript.append_message(b"V", v);
    transcript.challenge(b"c")
}

/// K = KDF(r·A, E, A, ctx).
pub(super) fn content_key(
    shared: &RistrettoPoint,
    e: &[u8; 32],
    delegator: &[u8; 32],
    context: &[u8],
) -> Zeroizing<[u8; 32]> {
    let shared = Zeroizing::new(shared.compress().to_bytes());
    derive(CONTENT_KEY, &*shared, &[e, delegator, context])
}

/// H("commit", K).
pub(super) fn content_key_commitment(key: &[u8; 32]) -> [u8; 32] {
    hash(CONTENT_KEY_HASH, &[key])
}

/// The key of the body's AEAD.
pub(super) fn body_key(key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    derive(BODY_KEY, key, &[])
}

/// κ = KDF(Diffie–Hellman of the static keys, both names and keys).
pub(super) fn keyword_key(shared: &RistrettoPoint, names: &[&[u8]; 4]) -> Zeroizing<[u8; 32]> {
    let shared = Zeroizing::new(shared.compress().to_bytes());
    derive(KEYWORD_KEY, &*shared, names)
}

/// d = H(X, B, x·B, consent, period).
pub(super) fn rekey_scalar(
    x: &[u8; 32],
    requester: &[u8; 32],
    shared: &RistrettoPoint,
    consent: &ConsentHash,
    period: &[u8],
) -> Zeroizing<Scalar> {
    let mut transcript = Transcript::new(b"consilium v1 re-encryption key");
    transcript.append_message(b"X", x);
    transcript.append_message(b"B", requester);
    let shared = Zeroizing::new(shared.compress().to_bytes());
    transcript.append_message(b"xB", &*shared);
    transcript.append_message(b"consent", consent.as_slice());
    transcript.append_message(b"period", period);
    Zeroizing::new(transcript.challenge(b"d"))
}

/// The transcript of a proof that a capsule has been re-encrypted: consent, E, R, and after them E'.
pub(super) fn reencryption(
    consent: &ConsentHash,
    place: u8,
    e: &[u8; 32],
    r: &[u8; 32],
    reencrypted: &[u8; 32],
) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 re-encryption");
    transcript.append_message(b"consent", consent.as_slice());
    transcript.append_u64(b"proxy", place.into());
    transcript.append_message(b"E", e);
    transcript.append_message(b"R", r);
    transcript.append_message(b"E'", reencrypted);
    transcript
}
