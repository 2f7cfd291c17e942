//! Capsules: how a content key is encrypted to a delegator key (Núñez, "Umbral", 2018, section 4; exchange as a Schnorr
//! proof that binds the capsule to its header).
//!
//! r, u random; E = r·g, V = u·g, s = u + r·H(E, V, A, ctx); K = KDF(r·A, E, A, ctx). The owner decrypts with a: r·A = a·E.
//! Check by anyone: E ≠ 0, s·g = V + H(E, V, A, ctx)·E.
//!
//! Cost: three multiplications to make one, one and a half to check it, one to decrypt. Secret scalars are multiplied in
//! constant time.

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{Reader, random_scalar};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::{CryptoRng, RngCore};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::transcript::{body_key, capsule_challenge, content_key, content_key_commitment};
use super::{DelegatorKey, Party, PublicKey, RecordError};

/// (E, V, s). Nothing in it is verified but that E and V are points and not the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capsule {
    e: PublicKey,
    v: PublicKey,
    s: Scalar,
}

impl Capsule {
    /// Length of the encoding, in bytes.
    pub(super) const LEN: usize = 3 * 32;

    /// A capsule and the key in it.
    pub(super) fn seal(
        delegator: &PublicKey,
        context: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> (Self, ContentKey) {
        let r = Zeroizing::new(random_scalar(rng));
        let u = Zeroizing::new(random_scalar(rng));
        let e = PublicKey::of(&r);
        let v = PublicKey::of(&u);
        let s =
            *u + *r * capsule_challenge(e.encoding(), v.encoding(), delegator.encoding(), context);
        let shared = Zeroizing::new(delegator.point() * *r);
        let key = ContentKey(content_key(&shared, e.encoding(), delegator.encoding(), context));
        (Self { e, v, s }, key)
    }

    /// Whether the capsule was made for this key and context, by somebody who knows r.
    pub(super) fn verify(&self, delegator: &PublicKey, context: &[u8]) -> Result<(), RecordError> {
        let c =
            capsule_challenge(self.e.encoding(), self.v.encoding(), delegator.encoding(), context);
        let v = RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, self.e.point(), &self.s);
        if v != *self.v.point() {
            return Err(RecordError::BadCapsule);
        }
        Ok(())
    }

    /// What the owner has of a verified capsule.
    pub(super) fn open(&self, delegator: &DelegatorKey, context: &[u8]) -> ContentKey {
        let shared = Zeroizing::new(self.e.point() * delegator.scalar());
        self.key_from(&shared, delegator.public(), context)
    }

    /// K from the point a·E, however it was come by.
    pub(super) fn key_from(
        &self,
        shared: &RistrettoPoint,
        delegator: &PublicKey,
        context: &[u8],
    ) -> ContentKey {
        ContentKey(content_key(shared, self.e.encoding(), delegator.encoding(), context))
    }

    /// E.
    pub(super) fn e(&self) -> &PublicKey {
        &self.e
    }

    /// E ‖ V ‖ s.
    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let parts = [*self.e.encoding(), *self.v.encoding(), self.s.to_bytes()];
        bytes.copy_from_slice(parts.as_flattened());
        bytes
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let e = PublicKey::read(reader)?;
        let v = PublicKey::read(reader)?;
        let [s] = reader.scalars()?;
        Ok(Self { e, v, s })
    }
}

/// K: whoever has it reads one record. Wiped when dropped, never shown.
pub(super) struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
    /// H("commit", K), which makes a wrong K an error: the AEAD commits to nothing.
    pub(super) fn commitment(&self) -> [u8; 32] {
        content_key_commitment(&self.0)
    }

    /// Refuses a key that the header does not commit to, and names who brought that about.
    pub(super) fn check(&self, commitment: &[u8; 32], by: Party) -> Result<(), RecordError> {
        let same = bool::from(self.commitment().ct_eq(commitment));
        if same { Ok(()) } else { Err(RecordError::WrongContentKey { by }) }
    }

    /// The body's key.
    pub(super) fn body_key(&self) -> Zeroizing<[u8; 32]> {
        body_key(&self.0)
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(redacted)")
    }
}
