//! Re-encryptions, as proxies send them and requesters verify them.
//!
//! Check: with T_1 = z·g − c·R and T_2 = z·E − c·E', the challenge over consent, place, E, R, E', T_1, T_2 is c.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{Protocol, Reader};
use consilium_hash::{ConsentHash, RecordHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;

use super::transcript::reencryption;
use super::{PublicKey, RecordError};

/// (E', c, z). Its proof is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reencryption {
    pub(super) e: PublicKey,
    pub(super) c: Scalar,
    pub(super) z: Scalar,
}

impl Reencryption {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 3 * 32;

    /// E' ‖ c ‖ z.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let parts = [*self.e.encoding(), self.c.to_bytes(), self.z.to_bytes()];
        bytes.copy_from_slice(parts.as_flattened());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("re-encryption", bytes, Self::LEN)?;
        let e = PublicKey::read(&mut reader)?;
        let [c, z] = reader.scalars()?;
        Ok(Self { e, c, z })
    }

    /// Whether E' = rk·E with R = rk·g.
    pub(super) fn holds(
        &self,
        consent: &ConsentHash,
        place: u8,
        e: &PublicKey,
        r: &PublicKey,
    ) -> bool {
        let mut transcript =
            reencryption(consent, place, e.encoding(), r.encoding(), self.e.encoding());
        let c = -self.c;
        let first = RistrettoPoint::vartime_double_scalar_mul_basepoint(&c, r.point(), &self.z);
        let points = [*e.point(), *self.e.point()];
        let second = RistrettoPoint::vartime_multiscalar_mul([self.z, c], points);
        transcript.append_points(b"T", &[first, second]);
        transcript.challenge(b"c") == self.c
    }
}

/// A re-encryption of one record, under one consent, by one of its proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedReencryption {
    pub(super) consent: ConsentHash,
    pub(super) record: RecordHash,
    pub(super) place: u8,
    pub(super) e: PublicKey,
}

impl VerifiedReencryption {
    /// The proxy's place, from 1.
    pub fn place(&self) -> u8 {
        self.place
    }
}

/// Σ λ_i·E'_i over t distinct proxies: what one proxy with the whole key would have made.
pub(super) fn combine(
    threshold: u8,
    reencryptions: &[VerifiedReencryption],
) -> Result<RistrettoPoint, RecordError> {
    let mut seen = [false; 256];
    for reencryption in reencryptions {
        let place = reencryption.place;
        match seen.get_mut(usize::from(place)) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(RecordError::Duplicate { place }),
        }
    }
    let found = reencryptions.len();
    let used = reencryptions
        .get(..threshold.into())
        .ok_or(RecordError::TooFew { expected: threshold, found })?;
    let places: Vec<u32> = used.iter().map(|reencryption| reencryption.place.into()).collect();
    let factors = consilium_crypto::building_blocks::lagrange(&places, 0);
    let points = used.iter().map(|reencryption| *reencryption.e.point());
    Ok(RistrettoPoint::vartime_multiscalar_mul(&factors, points))
}
