//! What a body proves beyond its masks, whichever the bound: the one place where the two meet.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};

use crate::bound::NormBound;
use crate::fold::{Folded, Weights};
use crate::group::encoding::Reader;
use crate::proof::Equations;
use crate::proof::norm::{self, NormProof};
use crate::proof::parameter::{self, ParameterProof};
use crate::proof::range::Range;
use crate::{Bound, Ciphertext, DecodeError, EncryptError, Parameters};

/// The proof of a bound as a verifier holds it.
pub(crate) enum BoundProof {
    Parameter(Box<ParameterProof>),
    Norm(Box<NormProof>),
}

/// What is proven of u = q + most.
fn range(most: u16, bits: u8) -> Range {
    Range::up_to(2 * u64::from(most), bits)
}

impl BoundProof {
    /// Length of the encoding, in bytes.
    pub(crate) fn length(parameters: &Parameters) -> usize {
        match parameters.bound() {
            Bound::Parameter { bits, .. } => {
                parameter::length(parameters.dimension() as usize, bits)
            }
            // Parameters hold no norm bound that is refused.
            Bound::Norm { norm, projections } => {
                NormBound::new(norm, projections).map_or(0, |bound| norm::length(&bound))
            }
        }
    }

    /// Proves u, as it is encrypted, to be within the bound and under mask key k, whose encryption has randomness τ;
    /// `base` has absorbed context, key, ciphertexts and h_E.
    pub(crate) fn prove(
        base: &Transcript,
        bound: &Bound,
        u: &[i64],
        k: &Scalar,
        tau: &Scalar,
        rng: &mut TranscriptRng,
    ) -> Result<Vec<u8>, EncryptError> {
        match *bound {
            Bound::Parameter { bits, most } => {
                parameter::prove(base, range(most, bits), u, k, tau, rng)
            }
            Bound::Norm { norm, projections } => {
                norm::prove(base, &NormBound::new(norm, projections)?, u, k, tau, rng)
            }
        }
    }

    pub(crate) fn read(
        reader: &mut Reader<'_>,
        parameters: &Parameters,
    ) -> Result<Self, DecodeError> {
        let dimension = parameters.dimension() as usize;
        Ok(match parameters.bound() {
            Bound::Parameter { bits, most } => {
                let range = range(most, bits);
                Self::Parameter(Box::new(ParameterProof::read(reader, dimension, range)?))
            }
            Bound::Norm { norm, projections } => {
                Self::Norm(Box::new(NormProof::read(reader, NormBound::new(norm, projections)?)?))
            }
        })
    }

    /// Adds those of its equations that are asked for, weighted, to a fold.
    pub(crate) fn fold(
        &self,
        base: &Transcript,
        which: Equations,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        match self {
            Self::Parameter(proof) => {
                proof.fold(base, which, e_points, ciphertexts, weights, folded)
            }
            Self::Norm(proof) => {
                proof.fold(&proof.challenges(base), which, e_points, ciphertexts, weights, folded);
            }
        }
    }
}
