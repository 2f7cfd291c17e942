//! The bulletproofs crate: two numbers below 2^32 in commitments that are given, in one aggregated proof.

use bulletproofs::{BulletproofGens, PedersenGens, ProofError, RangeProof};
use curve25519_dalek_4::{Scalar, ristretto::CompressedRistretto};
use merlin::Transcript;
use rand_core::OsRng;

use super::prover::{AMOUNT, BALANCE, Message, Prover};
use super::system::System;
use crate::ExperimentError;

const BITS: usize = 32;
const NUMBERS: usize = 2;
/// Of a commitment, in bytes.
const COMMITMENT_LEN: usize = 32;

/// The crate's generators.
pub(crate) struct Ranges {
    generators: BulletproofGens,
    pedersen: PedersenGens,
}

impl Ranges {
    pub(crate) fn new() -> Self {
        Self { generators: BulletproofGens::new(BITS, NUMBERS), pedersen: PedersenGens::default() }
    }

    fn transcript() -> Transcript {
        Transcript::new(b"two ranges")
    }

    fn ranges(&self) -> Result<(RangeProof, Vec<CompressedRistretto>), ProofError> {
        let values = [AMOUNT, BALANCE - AMOUNT].map(u64::from);
        let blindings = [(); NUMBERS].map(|()| Scalar::random(&mut OsRng));
        RangeProof::prove_multiple_with_rng(
            &self.generators,
            &self.pedersen,
            &mut Self::transcript(),
            &values,
            &blindings,
            BITS,
            &mut OsRng,
        )
    }

    fn holds(&self, bytes: &[u8]) -> Result<(), ProofError> {
        let length = NUMBERS * COMMITMENT_LEN;
        let (commitments, proof) = bytes.split_at_checked(length).ok_or(ProofError::FormatError)?;
        let (commitments, _) = commitments.as_chunks::<COMMITMENT_LEN>();
        let commitments: Vec<_> = commitments.iter().copied().map(CompressedRistretto).collect();
        RangeProof::from_bytes(proof)?.verify_multiple_with_rng(
            &self.generators,
            &self.pedersen,
            &mut Self::transcript(),
            &commitments,
            BITS,
            &mut OsRng,
        )
    }
}

impl Prover for Ranges {
    fn system(&self) -> System {
        System::Bulletproofs
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        let (proof, commitments) =
            self.ranges().map_err(ExperimentError::bench("the bulletproofs crate's prover"))?;
        let proof = proof.to_bytes();
        let commitments = commitments.iter().flat_map(CompressedRistretto::to_bytes);
        let bytes = commitments.chain(proof.iter().copied()).collect();
        Ok(Message { bytes, proof_len: proof.len() })
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        self.holds(&message.bytes)
            .map_err(ExperimentError::bench("the bulletproofs crate's verifier"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::prover::tests::{check_prover, check_randomness};
    use super::*;

    #[test]
    fn two_ranges_are_verified_and_no_byte_of_them_can_change() {
        let ranges = Ranges::new();
        check_prover(&ranges);
        check_randomness(&ranges);
        let proof_len = ranges.prove().unwrap().proof_len;
        assert_eq!(proof_len, 672);
    }
}
