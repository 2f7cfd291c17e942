//! The range proofs of an update's parameters, by aggregated Bulletproofs.
//!
//! Values come in chunks whose sizes follow from d alone. A chunk under one proof has a power of two of values; where it
//! has fewer, the verifier supplies the padding: the identity, a commitment to 0 with blinding 0.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use merlin::{Transcript, TranscriptRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

pub(crate) use crate::bulletproof::Range;
use crate::bulletproof::{self, MAX_VALUES, RangeProof};
use crate::fold::{Folded, Weights};
use crate::group::commit_all;
use crate::group::encoding::Reader;
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
        let floor = (1 << rest.ilog2()).min(MAX_VALUES);
        let padding = (2 * floor).saturating_sub(rest);
        let padded = if floor < MAX_VALUES && padding <= floor / 4 { 2 * floor } else { floor };
        let values = padded.min(rest);
        chunks.push(Chunk { start, values, padded });
        start += values;
    }
    chunks
}

/// Length of a proof over `padded` values, in bytes.
pub(crate) fn proof_length(padded: usize, bits: u8) -> usize {
    bulletproof::proof_length(padded, bits.into())
}

/// Proves values under their blindings; returns the proof and the commitments u·h + β·g. What an adversary takes for a
/// negative number is committed to as one, and not proven.
pub(crate) fn prove(
    transcript: Transcript,
    values: &[u64],
    blindings: &[Scalar],
    range: impl Into<Range>,
    rng: &mut TranscriptRng,
) -> Result<(Vec<u8>, Vec<CompressedRistretto>), EncryptError> {
    let signed = Zeroizing::new(values.iter().map(|value| value.cast_signed()).collect::<Vec<_>>());
    let range = range.into();
    let commitments = commit_all(&signed, blindings, range.bits() as u8);
    let proof = bulletproof::prove(transcript, values, blindings, &commitments, range, rng)?;
    Ok((proof, commitments))
}

/// Proves all of u, chunk by chunk on all cores, each on a fork of this label; returns the proofs in order, concatenated,
/// and V.
pub(crate) fn prove_all(
    base: &Transcript,
    label: &'static [u8],
    u: &[u64],
    blindings: &[Scalar],
    range: impl Into<Range>,
    rng: &mut TranscriptRng,
) -> Result<(Vec<u8>, Vec<CompressedRistretto>), EncryptError> {
    let range = range.into();
    let chunks = chunks(u.len());
    let mut jobs = Vec::with_capacity(chunks.len());
    for (number, chunk) in chunks.into_iter().enumerate() {
        let pad = chunk.padded - chunk.values;
        let values = u
            .iter()
            .skip(chunk.start)
            .take(chunk.values)
            .copied()
            .chain(std::iter::repeat_n(0, pad));
        let blindings = blindings.iter().skip(chunk.start).take(chunk.values).copied();
        let values = Zeroizing::new(values.collect::<Vec<_>>());
        let blindings = Zeroizing::new(
            blindings.chain(std::iter::repeat_n(Scalar::ZERO, pad)).collect::<Vec<_>>(),
        );
        let transcript = base.fork(label, number as u64);
        let witness = blindings.iter().flat_map(Scalar::to_bytes);
        let witness = witness.chain(values.iter().flat_map(|value| value.to_le_bytes()));
        let witness = Zeroizing::new(witness.collect::<Vec<_>>());
        let rng = transcript.witness_rng(&witness, rng);
        jobs.push((chunk, transcript, values, blindings, rng));
    }
    let proven: Vec<_> = jobs
        .into_par_iter()
        .map(|(chunk, transcript, values, blindings, mut rng)| {
            let (proof, mut commitments) = prove(transcript, &values, &blindings, range, &mut rng)?;
            commitments.truncate(chunk.values);
            Ok((proof, commitments))
        })
        .collect::<Result<_, EncryptError>>()?;
    let (proofs, commitments): (Vec<_>, Vec<_>) = proven.into_iter().unzip();
    Ok((proofs.concat(), commitments.concat()))
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
        range: impl Into<Range>,
    ) -> Result<Self, DecodeError> {
        let range = range.into();
        let proofs = chunks(dimension).into_iter().map(|chunk| {
            let bytes = reader.take(bulletproof::proof_length(chunk.padded, range.bits()))?;
            let mut reader = Reader::new(what, bytes, bytes.len())?;
            Ok((chunk, RangeProof::read(&mut reader, chunk.padded, range)?))
        });
        Ok(Self(proofs.collect::<Result<_, DecodeError>>()?))
    }

    /// Adds all chunks, weighted, to a fold, and to `coefficients` those that V gets.
    pub(crate) fn fold(
        &self,
        base: &Transcript,
        label: &'static [u8],
        commitments: &[CompressedRistretto],
        coefficients: &mut [Scalar],
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        for (number, (chunk, proof)) in self.0.iter().enumerate() {
            let mut part: Vec<_> =
                commitments.iter().skip(chunk.start).take(chunk.values).copied().collect();
            part.resize(chunk.padded, CompressedRistretto::identity());
            let more = proof.fold(base.fork(label, number as u64), &part, weights.take(), folded);
            let coefficients = coefficients.iter_mut().skip(chunk.start).take(chunk.values);
            coefficients.zip(more).for_each(|(coefficient, more)| *coefficient += more);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::group::encoding::decompress_all;
    use crate::group::random_scalar;
    use crate::tests::Federation;
    use crate::transcript::{BOUNDS, LINK, UPDATE_WEIGHTS};

    const BITS: u8 = 8;

    /// A transcript, and blindings for seven values and the one that pads them.
    fn seven() -> (Transcript, Vec<Scalar>, TranscriptRng) {
        let base = Transcript::new(b"test");
        let mut rng = base.witness_rng(&[], &mut ChaCha20Rng::seed_from_u64(71));
        (base, (0..8).map(|_| random_scalar(&mut rng)).collect(), *rng)
    }

    fn parsed(proof: &[u8], dimension: usize) -> RangeProofs {
        RangeProofs::parse(
            "proof",
            &mut Reader::new("proof", proof, proof.len()).unwrap(),
            dimension,
            BITS,
        )
        .unwrap()
    }

    fn hold(proofs: &RangeProofs, base: &Transcript, v: &[CompressedRistretto]) -> bool {
        let key = Federation::new(71, 1, 1, 1, BITS).dealing.public_key;
        let points =
            decompress_all("V", &v.iter().flat_map(|v| v.to_bytes()).collect::<Vec<_>>()).unwrap();
        let mut folded = Folded::default();
        let mut coefficients = vec![Scalar::ZERO; v.len()];
        let mut weights = Weights::new(UPDATE_WEIGHTS, 0, &key, None, []);
        proofs.fold(base, BOUNDS, v, &mut coefficients, &mut weights, &mut folded);
        folded.terms.extend(coefficients.into_iter().zip(points));
        folded.holds(&key)
    }

    #[test]
    fn a_chunk_that_is_not_full_is_padded_by_the_verifier_and_by_nobody_else() {
        let (base, mut blindings, mut rng) = seven();
        let (proof, v) =
            prove_all(&base, BOUNDS, &[3; 7], &blindings[..7], BITS, &mut rng).unwrap();
        assert!(hold(&parsed(&proof, 7), &base, &v));
        // The prover's own padding: a true proof, but not over the identity.
        for (value, blinding) in [(1, Scalar::ZERO), (0, Scalar::ONE), (200, blindings[7])] {
            blindings[7] = blinding;
            let values = [3, 3, 3, 3, 3, 3, 3, value];
            let mut nonces = base.witness_rng(&[], &mut rng);
            let (proof, v) =
                prove(base.fork(BOUNDS, 0), &values, &blindings, BITS, &mut nonces).unwrap();
            let full = parsed(&proof, 8);
            assert!(hold(&full, &base, &v), "true over eight values");
            assert!(!hold(&parsed(&proof, 7), &base, &v[..7]), "padded with {value}");
        }
    }

    #[test]
    fn a_range_proof_is_of_its_transcript_label_and_number_only() {
        let (base, blindings, mut rng) = seven();
        let (proof, v) = prove_all(&base, BOUNDS, &[3; 8], &blindings, BITS, &mut rng).unwrap();
        assert!(hold(&parsed(&proof, 8), &base, &v));
        assert!(!hold(&parsed(&proof, 8), &Transcript::new(b"other"), &v));
        for other in
            [base.fork(BOUNDS, 1), base.fork(LINK, 0), base.clone(), Transcript::new(b"other")]
        {
            let mut nonces = base.witness_rng(&[], &mut rng);
            let (proof, v) = prove(other, &[3; 8], &blindings, BITS, &mut nonces).unwrap();
            assert!(!hold(&parsed(&proof, 8), &base, &v));
        }
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
                assert!(chunk.padded.is_power_of_two() && chunk.padded <= MAX_VALUES);
                assert!(chunk.padded - chunk.values <= chunk.padded / 8);
                next += chunk.values;
            }
            assert_eq!(next, d);
        }
    }
}
