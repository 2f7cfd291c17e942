//! A polynomial in the challenge whose highest coefficient is zero, by its other coefficients.
//!
//! The responses f = m + e·v of a committed vector (`vector`) make any fixed polynomial in them one in e. If its coefficient
//! of e^n vanishes, it is q_0 + q_1·e + … + q_(n−1)·e^(n−1), where the q_i follow from v and m. The prover says
//! Q_i = q_i·h + ζ_i·g before e, and z = Σe^i·ζ_i after it; checked: value·h + z·g = Σe^i·Q_i.
//!
//! **Why.** n + 1 answers give an opening of every Q_i and n + 1 values of a polynomial of degree n, which are those of one
//! of degree n − 1: its highest coefficient is zero. z is uniform, all Q_i but Q_0 hide perfectly, and Q_0 follows.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::DecodeError;
use crate::fold::Folded;
use crate::group::encoding::{ELEMENT_LEN, Reader, decompress_all};
use crate::group::{commit_to_scalars, inner, powers, random_scalars};

/// The coefficients' blindings and commitments.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CommittedCoefficients {
    blindings: Vec<Scalar>,
    encoded: Vec<u8>,
}

impl CommittedCoefficients {
    /// Commits to q_0, q_1, … with fresh blindings.
    pub fn new(coefficients: &[Scalar], rng: &mut impl CryptoRngCore) -> Self {
        let blindings = random_scalars(coefficients.len(), rng);
        let encoded = commit_to_scalars(coefficients, &blindings);
        Self { blindings, encoded }
    }

    /// Q_0 ‖ Q_1 ‖ …
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Q ‖ z.
    pub fn respond(&self, e: &Scalar) -> Vec<u8> {
        let powers: Vec<_> = powers(*e).take(self.blindings.len()).collect();
        let mut proof = self.encoded.clone();
        proof.extend(inner(&powers, &self.blindings).as_bytes());
        proof
    }
}

/// Q and z as a verifier holds them.
pub struct CoefficientsProof {
    q: Vec<RistrettoPoint>,
    q_bytes: Vec<u8>,
    z: Scalar,
}

impl CoefficientsProof {
    /// Length of the encoding for n coefficients below the highest, in bytes.
    pub const fn length(coefficients: usize) -> usize {
        ELEMENT_LEN * (coefficients + 1)
    }

    /// Reads a proof with n coefficients below the highest.
    pub fn read(reader: &mut Reader<'_>, coefficients: usize) -> Result<Self, DecodeError> {
        let q_bytes = reader.take(ELEMENT_LEN * coefficients)?.to_vec();
        let [z] = reader.scalars()?;
        Ok(Self { q: decompress_all("coefficients", &q_bytes)?, q_bytes, z })
    }

    /// The encodings of Q.
    pub fn q_bytes(&self) -> &[u8] {
        &self.q_bytes
    }

    /// Adds that this is the polynomial's value under challenge e, weighted, to a fold.
    pub fn fold(&self, value: &Scalar, e: &Scalar, weight: Scalar, folded: &mut Folded) {
        folded.h += weight * value;
        folded.g += weight * self.z;
        let of_q = powers(*e).map(|power| -weight * power);
        folded.terms.extend(of_q.zip(self.q.iter().copied()));
    }
}
