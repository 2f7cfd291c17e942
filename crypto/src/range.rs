//! Aggregated range proofs: of limbs, of parameters or projections, and of the squares, by the bulletproofs crate.
//!
//! Values come in chunks whose sizes follow from d alone. A chunk under one proof has a power of two of values; where it
//! has fewer, the verifier supplies the padding: the identity, a commitment to 0 with blinding 0.

use bulletproofs::RangeProof;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use merlin::{Transcript, TranscriptRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::encoding::{ELEMENT_LEN, Reader};
use crate::fold::Weights;
use crate::group::{MAX_RANGE_VALUES, pedersen, range_generators};
use crate::transcript::Protocol;
use crate::{DecodeError, EncryptError};

/// Values `start..start + values` of a vector, under one proof over `padded` values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start: usize,
    pub(crate) values: usize,
    pub(crate) padded: usize,
}

/// The chunks of d values: 256 at a time; of a rest r the largest power of two p ≤ r, unless padding to 2p adds at most
/// p/4 values.
pub(crate) fn chunks(dimension: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut start = 0;
    while start < dimension {
        let rest = dimension - start;
        let floor = (1 << rest.ilog2()).min(MAX_RANGE_VALUES);
        let padding = (2 * floor).saturating_sub(rest);
        let padded = if floor < MAX_RANGE_VALUES && padding <= floor / 4 { 2 * floor } else { floor };
        let values = padded.min(rest);
        chunks.push(Chunk { start, values, padded });
        start += values;
    }
    chunks
}

/// Length of a proof over `padded` values, in bytes: 9 elements and 2·log₂(values·bits).
pub(crate) fn proof_length(padded: usize, bits: u8) -> usize {
    ELEMENT_LEN * (9 + 2 * (padded * usize::from(bits)).ilog2() as usize)
}

/// Proves values under their blindings; returns the proof and the commitments u·h + β·g.
pub(crate) fn prove(
    mut transcript: Transcript,
    values: &[u64],
    blindings: &[Scalar],
    bits: u8,
    mut rng: TranscriptRng,
) -> Result<(Vec<u8>, Vec<CompressedRistretto>), EncryptError> {
    let bits = usize::from(bits);
    RangeProof::prove_multiple_with_rng(
        range_generators(bits, values.len()),
        &pedersen(),
        &mut transcript,
        values,
        blindings,
        bits,
        &mut rng,
    )
    .map(|(proof, commitments)| (proof.to_bytes(), commitments))
    .map_err(|error| EncryptError::RangeProver(error.to_string()))
}

/// Reads a proof over `padded` values; its group elements are checked when it is verified.
pub(crate) fn parse(
    what: &'static str,
    reader: &mut Reader<'_>,
    padded: usize,
    bits: u8,
) -> Result<RangeProof, DecodeError> {
    let bytes = reader.take(proof_length(padded, bits))?;
    // The length is right, so that a scalar must be to blame: the crate reads points without looking at them.
    RangeProof::from_bytes(bytes).map_err(|_| DecodeError::Scalar { what, index: 0 })
}

/// Whether the committed values lie in [0, 2^bits).
pub(crate) fn verify(
    proof: &RangeProof,
    mut transcript: Transcript,
    commitments: &[CompressedRistretto],
    bits: u8,
    mut weights: Weights,
) -> bool {
    let bits = usize::from(bits);
    let generators = range_generators(bits, commitments.len());
    proof.verify_multiple_with_rng(generators, &pedersen(), &mut transcript, commitments, bits, &mut weights).is_ok()
}

/// Proves all of u, chunk by chunk on all cores, each on a fork of this label; returns the proofs in order, concatenated,
/// and V.
pub(crate) fn prove_all(
    base: &Transcript,
    label: &'static [u8],
    u: &[u64],
    blindings: &[Scalar],
    bits: u8,
    rng: &mut TranscriptRng,
) -> Result<(Vec<u8>, Vec<CompressedRistretto>), EncryptError> {
    let mut jobs = Vec::new();
    for (number, chunk) in chunks(u.len()).into_iter().enumerate() {
        let pad = chunk.padded - chunk.values;
        let values = u.iter().skip(chunk.start).take(chunk.values).copied().chain(std::iter::repeat_n(0, pad));
        let blindings = blindings.iter().skip(chunk.start).take(chunk.values).copied();
        let values = Zeroizing::new(values.collect::<Vec<_>>());
        let blindings = Zeroizing::new(blindings.chain(std::iter::repeat_n(Scalar::ZERO, pad)).collect::<Vec<_>>());
        let transcript = base.fork(label, number as u64);
        let witness = blindings.iter().flat_map(Scalar::to_bytes);
        let witness = witness.chain(values.iter().flat_map(|value| value.to_le_bytes()));
        let witness = Zeroizing::new(witness.collect::<Vec<_>>());
        let rng = transcript.witness_rng(&witness, rng);
        jobs.push((chunk, transcript, values, blindings, rng));
    }
    let proven: Vec<_> = jobs
        .into_par_iter()
        .map(|(chunk, transcript, values, blindings, rng)| {
            let (proof, mut commitments) = prove(transcript, &values, &blindings, bits, rng)?;
            commitments.truncate(chunk.values);
            Ok((proof, commitments))
        })
        .collect::<Result<_, EncryptError>>()?;
    let (proofs, commitments): (Vec<_>, Vec<_>) = proven.into_iter().unzip();
    Ok((proofs.concat(), commitments.concat()))
}

/// What one proof says: that the committed values lie in [0, 2^bits).
pub(crate) struct RangeStatement<'a> {
    pub(crate) proof: &'a RangeProof,
    pub(crate) transcript: Transcript,
    /// As many as the proof is padded to.
    pub(crate) commitments: Vec<CompressedRistretto>,
    pub(crate) bits: u8,
}

impl RangeStatement<'_> {
    /// Whether the proof holds.
    pub(crate) fn holds(&self, weights: Weights) -> bool {
        verify(self.proof, self.transcript.clone(), &self.commitments, self.bits, weights)
    }
}

/// The proofs over a vector as a verifier holds them: one a chunk.
pub(crate) struct RangeProofs(Vec<(Chunk, RangeProof)>);

impl RangeProofs {
    /// Length of all proofs over d values, in bytes.
    pub(crate) fn length(dimension: usize, bits: u8) -> usize {
        chunks(dimension).iter().map(|chunk| proof_length(chunk.padded, bits)).sum()
    }

    pub(crate) fn parse(
        what: &'static str,
        reader: &mut Reader<'_>,
        dimension: usize,
        bits: u8,
    ) -> Result<Self, DecodeError> {
        let proofs = chunks(dimension).into_iter().map(|chunk| Ok((chunk, parse(what, reader, chunk.padded, bits)?)));
        Ok(Self(proofs.collect::<Result<_, DecodeError>>()?))
    }

    /// What the proofs say about the committed vector.
    pub(crate) fn statements(
        &self,
        base: &Transcript,
        label: &'static [u8],
        commitments: &[CompressedRistretto],
        bits: u8,
    ) -> Vec<RangeStatement<'_>> {
        let numbered = (0..).zip(&self.0);
        numbered
            .map(|(number, (chunk, proof))| {
                let mut part: Vec<_> = commitments.iter().skip(chunk.start).take(chunk.values).copied().collect();
                part.resize(chunk.padded, CompressedRistretto::identity());
                RangeStatement { proof, transcript: base.fork(label, number), commitments: part, bits }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::tests::Federation;
    use crate::transcript::{BOUNDS, LIMB_RANGE, RANGE_WEIGHTS};

    const BITS: u8 = 8;

    /// A transcript, and blindings for seven values and the one that pads them.
    fn seven() -> (Transcript, Vec<Scalar>, TranscriptRng) {
        let base = Transcript::new(b"test");
        let mut rng = base.witness_rng(&[], &mut ChaCha20Rng::seed_from_u64(71));
        (base, (0..8).map(|_| Scalar::random(&mut rng)).collect(), rng)
    }

    fn weights() -> Weights {
        Weights::new(RANGE_WEIGHTS, 0, &Federation::new(71, 1, 1, 1, BITS).dealing.public_key, None, [])
    }

    fn parsed(proof: &[u8], dimension: usize) -> RangeProofs {
        RangeProofs::parse("proof", &mut Reader::new("proof", proof, proof.len()).unwrap(), dimension, BITS).unwrap()
    }

    fn holds(proofs: &RangeProofs, base: &Transcript, v: &[CompressedRistretto]) -> bool {
        proofs.statements(base, BOUNDS, v, BITS).iter().all(|statement| statement.holds(weights()))
    }

    #[test]
    fn a_chunk_that_is_not_full_is_padded_by_the_verifier_and_by_nobody_else() {
        let (base, mut blindings, mut rng) = seven();
        let (proof, v) = prove_all(&base, BOUNDS, &[3; 7], &blindings[..7], BITS, &mut rng).unwrap();
        assert!(holds(&parsed(&proof, 7), &base, &v));
        // The prover's own padding: a true proof, but not over the identity.
        for (value, blinding) in [(1, Scalar::ZERO), (0, Scalar::ONE), (200, blindings[7])] {
            blindings[7] = blinding;
            let values = [3, 3, 3, 3, 3, 3, 3, value];
            let nonces = base.witness_rng(&[], &mut rng);
            let (proof, v) = prove(base.fork(BOUNDS, 0), &values, &blindings, BITS, nonces).unwrap();
            let full = parsed(&proof, 8);
            assert!(holds(&full, &base, &v), "true over eight values");
            assert!(!holds(&parsed(&proof, 7), &base, &v[..7]), "padded with {value}");
        }
    }

    #[test]
    fn a_range_proof_is_of_its_transcript_label_and_number_only() {
        let (base, blindings, mut rng) = seven();
        let (proof, v) = prove_all(&base, BOUNDS, &[3; 8], &blindings, BITS, &mut rng).unwrap();
        let RangeProofs(proofs) = parsed(&proof, 8);
        let holds = |transcript| verify(&proofs[0].1, transcript, &v, BITS, weights());
        assert!(holds(base.fork(BOUNDS, 0)));
        for other in [base.fork(BOUNDS, 1), base.fork(LIMB_RANGE, 0), base.clone(), Transcript::new(b"other")] {
            assert!(!holds(other));
        }
        assert!(!verify(&proofs[0].1, base.fork(BOUNDS, 0), &v, 16, weights()), "another number of bits");
    }

    #[test]
    fn chunks_cover_every_value_once_and_pad_little() {
        let sizes = |d: usize| chunks(d).iter().map(|c| (c.values, c.padded)).collect::<Vec<_>>();
        assert_eq!(sizes(1), [(1, 1)]);
        assert_eq!(sizes(3), [(2, 2), (1, 1)]);
        assert_eq!(sizes(7), [(7, 8)]);
        assert_eq!(sizes(255), [(255, 256)]);
        assert_eq!(sizes(289), [(256, 256), (32, 32), (1, 1)]);
        assert_eq!(sizes(3000).get(11..), Some([(128, 128), (56, 64)].as_slice()));
        for d in 1..2000 {
            let mut next = 0;
            for chunk in chunks(d) {
                assert_eq!(chunk.start, next);
                assert!(chunk.padded.is_power_of_two() && chunk.padded <= MAX_RANGE_VALUES);
                assert!(chunk.padded - chunk.values <= chunk.padded / 8);
                next += chunk.values;
            }
            assert_eq!(next, d);
        }
    }
}
