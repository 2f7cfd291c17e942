//! Against the bulletproofs crate, in both directions. It speaks an older dalek (`theirs`): elements cross as bytes.

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof as Reference};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use curve25519_dalek_4 as theirs;
use merlin::Transcript;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use super::{Range, RangeProof, proof_length, prove};
use crate::fold::{Folded, Weights};
use crate::group::encoding::Reader;
use crate::group::{g, g_times, h, h_times, random_scalar};
use crate::tests::Federation;
use crate::tests::tampering::neighbours;
use crate::tests::vectors::from_hex;
use crate::transcript::UPDATE_WEIGHTS;
use crate::{EncryptError, PublicKey};

/// The commitment value·h + blinding·g.
fn commit(value: u64, blinding: &Scalar) -> CompressedRistretto {
    (h_times(&value.into()) + g_times(blinding)).compress()
}

/// h and g as the crate's bases.
fn pedersen() -> PedersenGens {
    let theirs = |point: RistrettoPoint| {
        theirs::ristretto::CompressedRistretto(point.compress().to_bytes()).decompress().unwrap()
    };
    PedersenGens { B: theirs(*h()), B_blinding: theirs(g()) }
}

fn their_scalars(scalars: &[Scalar]) -> Vec<theirs::Scalar> {
    scalars
        .iter()
        .map(|scalar| theirs::Scalar::from_canonical_bytes(scalar.to_bytes()).unwrap())
        .collect()
}

fn their_elements(elements: &[CompressedRistretto]) -> Vec<theirs::ristretto::CompressedRistretto> {
    elements
        .iter()
        .map(|element| theirs::ristretto::CompressedRistretto(element.to_bytes()))
        .collect()
}

fn transcript() -> Transcript {
    Transcript::new(b"test")
}

fn key() -> PublicKey {
    Federation::new(91, 1, 1, 1, 8).dealing.public_key
}

/// Weights that whoever made the proofs did not know.
fn weights(number: u64) -> Weights {
    Weights::new(UPDATE_WEIGHTS, number, &key(), Some(&[7; 32]), [])
}

#[derive(Clone)]
struct Case {
    bits: usize,
    range: Range,
    values: Vec<u64>,
    blindings: Vec<Scalar>,
    commitments: Vec<CompressedRistretto>,
    proof: Vec<u8>,
}

impl Case {
    /// Random values, the least and the most among them, proven with the randomness of a seed.
    fn new(seed: u64, bits: usize, count: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let most = u64::MAX >> (64 - bits);
        let mut values: Vec<_> = (0..count).map(|_| rng.next_u64() & most).collect();
        values[count / 2] = most;
        values[0] = if count > 1 { 0 } else { values[0] };
        let blindings: Vec<_> = (0..count).map(|_| random_scalar(&mut rng)).collect();
        let commitments = values
            .iter()
            .zip(&blindings)
            .map(|(value, blinding)| commit(*value, blinding))
            .collect();
        let range = Range::whole(bits as u8);
        let mut case = Self { bits, range, values, blindings, commitments, proof: Vec::new() };
        case.prove(seed);
        case
    }

    /// These values in the range up to `most`, proven as far as that is true.
    fn up_to(most: u64, bits: usize, values: &[u64]) -> Self {
        let mut case = Self::new(most, bits, values.len());
        case.range = Range::up_to(most, bits as u8);
        case.values = values.to_vec();
        let pairs = values.iter().zip(&case.blindings);
        case.commitments = pairs.map(|(value, blinding)| commit(*value, blinding)).collect();
        case.prove(most);
        case
    }

    fn prove(&mut self, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(!seed);
        let values = &self.values;
        let blindings = &self.blindings;
        self.proof =
            prove(transcript(), values, blindings, &self.commitments, self.range, &mut rng)
                .unwrap();
    }

    fn read(&self) -> Option<RangeProof> {
        let mut reader =
            Reader::new("proof", &self.proof, proof_length(self.values.len(), self.bits)).ok()?;
        RangeProof::read(&mut reader, self.values.len(), self.range).ok()
    }

    fn holds(&self) -> bool {
        hold(&[self], &mut weights(0))
    }

    fn holds_by_reference(&self) -> bool {
        let generators = BulletproofGens::new(self.bits, self.commitments.len());
        Reference::from_bytes(&self.proof).is_ok_and(|proof| {
            let transcript = &mut transcript();
            let commitments = their_elements(&self.commitments);
            proof
                .verify_multiple(&generators, &pedersen(), transcript, &commitments, self.bits)
                .is_ok()
        })
    }
}

/// Whether all proofs hold, folded into one.
fn hold(cases: &[&Case], weights: &mut Weights) -> bool {
    let Some(proofs) = cases.iter().map(|case| case.read()).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let points = cases
        .iter()
        .map(|case| case.commitments.iter().map(CompressedRistretto::decompress).collect());
    let Some(points) = points.collect::<Option<Vec<Vec<RistrettoPoint>>>>() else { return false };
    let mut folded = Folded::default();
    for ((case, proof), points) in cases.iter().zip(&proofs).zip(&points) {
        let coefficients = proof.fold(transcript(), &case.commitments, weights.take(), &mut folded);
        folded.terms.extend(coefficients.into_iter().zip(points.iter().copied()));
    }
    folded.holds(&key())
}

#[test]
fn proofs_of_all_sizes_are_those_of_the_reference_and_cross_in_both_directions() {
    let sizes =
        [8, 16, 32, 64].into_iter().flat_map(|bits| (0..=8).map(move |log| (bits, 1 << log)));
    let sizes: Vec<_> = sizes.filter(|(bits, count)| bits * count <= 8192).collect();
    sizes.into_par_iter().with_max_len(1).for_each(|(bits, count)| {
        let case = Case::new((bits * count) as u64, bits, count);
        assert!(case.holds() && case.holds_by_reference(), "{count} values of {bits} bits");
        let (reference, commitments) = Reference::prove_multiple_with_rng(
            &BulletproofGens::new(bits, count),
            &pedersen(),
            &mut transcript(),
            &case.values,
            &their_scalars(&case.blindings),
            bits,
            &mut ChaCha20Rng::seed_from_u64(!((bits * count) as u64)),
        )
        .unwrap();
        // The same bytes: that the reference's proof is accepted here follows.
        assert_eq!(commitments, their_elements(&case.commitments));
        assert!(reference.to_bytes() == case.proof, "{count} values of {bits} bits");
    });
}

#[test]
fn a_proof_with_any_byte_changed_is_refused_as_by_the_reference() {
    let case = Case::new(1, 8, 2);
    (0..case.proof.len()).into_par_iter().for_each(|position| {
        for bit in [0, 7] {
            let mut changed = case.clone();
            changed.proof[position] ^= 1 << bit;
            assert!(
                !changed.holds() && !changed.holds_by_reference(),
                "byte {position}, bit {bit}"
            );
        }
    });
}

#[test]
fn no_field_of_a_proof_can_be_another_element_or_trade_places() {
    let case = Case::new(2, 16, 4);
    (0..case.proof.len()).into_par_iter().step_by(32).for_each(|start| {
        let element = &case.proof[start..start + 32];
        let next =
            case.proof.get(start + 32..start + 64).into_iter().map(|next| next.try_into().unwrap());
        // The zero scalar is the identity's encoding, too.
        for other in neighbours(element).into_iter().chain([[0; 32]]).chain(next) {
            let mut changed = case.clone();
            changed.proof[start..start + 32].copy_from_slice(&other);
            assert!(!changed.holds() && !changed.holds_by_reference(), "element {}", start / 32);
        }
    });
    for (length, proof) in [(0, Vec::new()), (1, [case.proof.as_slice(), &[0; 32]].concat())] {
        assert!(!Case { proof, ..case.clone() }.holds(), "{length}");
    }
}

#[test]
fn commitments_of_a_proof_cannot_change_and_may_be_the_identity() {
    let mut case = Case::new(3, 8, 4);
    case.values[2] = 0;
    case.blindings[2] = Scalar::ZERO;
    case.commitments[2] = CompressedRistretto::identity();
    case.prove(3);
    assert!(case.holds() && case.holds_by_reference());
    for (position, value) in [(0, 1u64), (2, 1), (3, 0)] {
        let mut changed = case.clone();
        changed.commitments[position] = commit(value, &Scalar::ONE);
        assert!(!changed.holds() && !changed.holds_by_reference());
    }
    let mut swapped = case.clone();
    swapped.commitments.swap(0, 1);
    assert!(!swapped.holds() && !swapped.holds_by_reference());
    let mut shorter = case.clone();
    shorter.commitments.pop();
    assert!(!shorter.holds() && !shorter.holds_by_reference());
}

#[test]
fn a_value_out_of_range_cannot_be_proven() {
    for (value, bits) in [(256, 8), (u64::MAX, 8), (65_536, 16), (1 << 32, 32)] {
        let mut case = Case::new(4, bits, 2);
        case.values[1] = value;
        case.commitments[1] = commit(value, &case.blindings[1]);
        case.prove(4);
        assert!(!case.holds() && !case.holds_by_reference(), "{value} in {bits} bits");
    }
}

#[test]
fn every_value_of_a_smaller_range_is_proven_and_none_beyond_it() {
    for (most, bits) in [(0, 8), (1, 8), (2, 8), (64, 8), (100, 8), (254, 8), (40_000, 16)] {
        let mut values = vec![0, most / 3, most / 2 + 1, most];
        values.iter_mut().for_each(|value| *value = (*value).min(most));
        let case = Case::up_to(most, bits, &values);
        assert_eq!(case.proof.len(), proof_length(4, bits));
        assert!(case.holds(), "{values:?} up to {most}");
        let whole = (1 << bits) - 1;
        for beyond in [most + 1, most + 2, 2 * most + 1, whole, whole + 1, u64::MAX] {
            let case = Case::up_to(most, bits, &[beyond, 0]);
            assert!(!case.holds(), "{beyond} up to {most}");
        }
    }
}

#[test]
fn a_proof_of_one_range_proves_no_other() {
    // True of all three ranges.
    let values = [0, 17, 100, 3];
    for made in [100, 101, 255] {
        let case = Case::up_to(made, 8, &values);
        for read in [100, 101, 255] {
            let case = Case { range: Range::up_to(read, 8), ..case.clone() };
            assert_eq!(case.holds(), made == read, "made up to {made}, read up to {read}");
        }
        assert_eq!(case.holds_by_reference(), made == 255, "up to {made}");
    }
}

#[test]
fn what_cannot_be_proven_at_once_is_refused() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut refused = |values: usize, blindings: usize, commitments: usize, bits: usize| {
        let blindings = vec![Scalar::ONE; blindings];
        let commitments = vec![CompressedRistretto::identity(); commitments];
        let range = Range::whole(bits as u8);
        prove(transcript(), &vec![0; values], &blindings, &commitments, range, &mut rng).err()
    };
    for (values, blindings, commitments, bits) in [
        (0, 0, 0, 8),
        (3, 3, 3, 8),
        (512, 512, 512, 8),
        (2, 2, 2, 9),
        (2, 2, 2, 128),
        (2, 1, 2, 8),
        (2, 2, 1, 8),
    ] {
        let expected = Some(EncryptError::RangeProver { values, bits });
        assert_eq!(refused(values, blindings, commitments, bits), expected);
    }
}

#[test]
fn proofs_of_different_sizes_fold_into_one_and_a_false_one_is_seen_wherever_it_is() {
    let sizes = [(8, 16), (16, 4), (64, 1), (8, 1), (32, 2), (8, 16)];
    let cases: Vec<_> =
        (6..).zip(sizes).map(|(seed, (bits, count))| Case::new(seed, bits, count)).collect();
    assert!(hold(&cases.iter().collect::<Vec<_>>(), &mut weights(1)));
    for position in 0..cases.len() {
        let mut cases = cases.clone();
        let last: &mut [u8; 32] = cases[position].proof.last_chunk_mut().unwrap();
        *last = (Scalar::from_canonical_bytes(*last).unwrap() + Scalar::ONE).to_bytes();
        assert!(!hold(&cases.iter().collect::<Vec<_>>(), &mut weights(1)), "{position}");
    }
    // A proof that is not even one makes no fold hold, although it adds nothing to it.
    let mut cases = cases;
    cases[3].proof[..32].fill(0);
    assert!(!hold(&cases.iter().collect::<Vec<_>>(), &mut weights(1)));
}

#[test]
fn two_false_proofs_built_to_cancel_under_weights_known_in_advance_are_both_refused() {
    // V is not the commitment to the value that is proven: it is off by δ·g, and the second equation by z²·δ·g.
    let known: Vec<[Scalar; 2]> = {
        let mut known = weights(2);
        (0..2).map(|_| known.take()).collect()
    };
    let mut cases = [Case::new(20, 8, 1), Case::new(21, 8, 1)];
    for ((case, error), seed) in cases.iter_mut().zip([known[1][1], -known[0][1]]).zip([20, 21]) {
        // With unit weights, the coefficient of V is z², which does not depend on the blinding that the prover takes.
        let proof = case.read().unwrap();
        let unit =
            proof.fold(transcript(), &case.commitments, [Scalar::ONE; 2], &mut Folded::default());
        case.blindings[0] += error * unit[0].invert();
        case.prove(seed);
        assert!(!case.holds() && !case.holds_by_reference());
    }
    let [one, two] = &cases;
    assert!(hold(&[one, two], &mut weights(2)), "the attack works on known weights");
    assert!(!hold(&[two, one], &mut weights(2)));
    assert!(!hold(&[one, two], &mut weights(3)));
    assert!(!hold(&[one], &mut weights(2)) && !hold(&[two], &mut weights(2)));
}

#[test]
fn elements_that_are_not_canonical_are_refused() {
    let case = Case::new(8, 8, 2);
    // p, and 1, which is negative; ℓ; out of range for both.
    let not_canonical = [
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for start in (0..case.proof.len()).step_by(32) {
        for bytes in not_canonical {
            let mut changed = case.clone();
            changed.proof[start..start + 32].copy_from_slice(&from_hex(bytes));
            assert!(
                !changed.holds() && !changed.holds_by_reference(),
                "element {}: {bytes}",
                start / 32
            );
        }
    }
}
