//! The parts that proofs over a committed vector are made of, each by itself.

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::OsRng;

use super::Federation;
use crate::DecodeError;
use crate::PublicKey;
use crate::fold::Folded;
use crate::group::encoding::Reader;
use crate::group::generators::{consecutive, pairs};
use crate::group::{g_times, h_times, inner, powers, random_scalars, signed};
use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
use crate::proof::digits::{Digits, hexadecimal};
use crate::proof::shortness::{SUMS, SUMS_LEN, Subsets, Sums, masks};
use crate::proof::vector::{CommittedVector, VectorProof};

const LIMIT: u128 = 1 << 120;

fn key() -> PublicKey {
    Federation::new(601, 1, 1, 1, 8).dealing.public_key
}

fn subsets(entries: usize) -> Subsets {
    Subsets::draw(&mut Transcript::new(b"test"), entries)
}

#[test]
fn sums_are_said_up_to_120_bits_and_not_beyond_on_either_side() {
    let subsets = subsets(3);
    for (y, mask, fits) in [
        ([0, 0, 0], LIMIT - 1, true),
        ([0, 0, 0], 0, true),
        ([1, 0, 0], LIMIT - 2, true),
        ([1, 0, 0], LIMIT - 1, false),
        ([0, -1, 0], 1, true),
        ([0, -1, 0], 0, false),
        ([i64::MAX, i64::MAX, i64::MAX], 0, true),
        ([i64::MIN, i64::MIN, i64::MIN], LIMIT - 1, true),
    ] {
        assert_eq!(subsets.sums(&y, &[mask; SUMS]).1, fits, "{y:?} {mask}");
    }
    let (largest, _) = subsets.sums(&[0; 3], &[LIMIT - 1; SUMS]);
    assert_eq!(*largest, vec![255; SUMS_LEN]);
    for length in [SUMS_LEN - 1, SUMS_LEN - 15] {
        let mut reader = Reader::new("sums", &largest[..length], length).unwrap();
        assert!(matches!(Sums::read(&mut reader), Err(DecodeError::Length { .. })));
    }
}

#[test]
fn masks_of_sums_fill_their_120_bits() {
    let masks = masks(&mut OsRng);
    assert!(masks.len() == SUMS && masks.iter().all(|mask| *mask < LIMIT));
    assert_eq!(masks.iter().fold(0, |all, mask| all | mask), LIMIT - 1);
    assert_eq!(masks.iter().fold(LIMIT - 1, |all, mask| all & mask), 0);
}

#[test]
fn one_equation_stands_for_all_sums_whatever_the_weights() {
    for entries in [1, 8, 13, 260] {
        let y: Vec<i64> = (0..entries as i64).map(|t| (t * 7919 - 500_000) * (t % 3 - 1)).collect();
        let masks = masks(&mut OsRng);
        let subsets = subsets(entries);
        let (encoded, fits) = subsets.sums(&y, &masks);
        assert!(fits);
        let mut reader = Reader::new("sums", &encoded, SUMS_LEN).unwrap();
        let sums = Sums::read(&mut reader).unwrap();
        let drawn = Sums::weights(&mut Transcript::new(b"test"), sums.bytes());
        for omega in [drawn, vec![u128::MAX; SUMS], vec![1; SUMS]] {
            let y: Vec<_> = y.iter().map(|y| signed(*y)).collect();
            let weights: Vec<_> = omega.iter().map(|omega| Scalar::from(*omega)).collect();
            let p: Vec<_> = masks.iter().map(|mask| Scalar::from(*mask)).collect();
            let left = inner(&subsets.combine(&omega), &y) + inner(&weights, &p);
            assert_eq!(left, sums.combine(&omega), "{entries} entries");
        }
    }
}

#[test]
fn every_subset_is_drawn_by_itself_and_about_half_of_the_entries_are_in_it() {
    let entries = 256;
    let subsets = subsets(entries);
    let size = |j: usize| {
        let unit: Vec<_> = (0..SUMS).map(|i| u128::from(i == j)).collect();
        subsets.combine(&unit).iter().filter(|bit| **bit == Scalar::ONE).count()
    };
    let total: usize = (0..SUMS).map(size).sum();
    // 16,384 expected, standard deviation 90.
    assert!((15_800..17_000).contains(&total), "{total}");
    let mut other = Transcript::new(b"test");
    other.append_message(b"C_y", b"another");
    let unit = [1; SUMS];
    assert_ne!(subsets.combine(&unit), Subsets::draw(&mut other, entries).combine(&unit));
}

#[test]
fn a_polynomial_of_digits_lacks_its_highest_term_and_of_anything_else_has_it() {
    let digits = Digits::HEXADECIMAL;
    let all: Vec<i64> = (0..16).collect();
    let chi = random_scalars(16, &mut OsRng);
    let masks = random_scalars(16, &mut OsRng);
    let [e] = random_scalars(1, &mut OsRng)[..] else { panic!("one scalar") };
    let difference = |values: &[i64]| {
        let f: Vec<_> = masks.iter().zip(values).map(|(m, v)| m + e * signed(*v)).collect();
        let below = digits.coefficients(&chi, values, &masks);
        let powers: Vec<_> = powers(e).take(16).collect();
        digits.value(&chi, &f, &e) - inner(&below, &powers)
    };
    assert_eq!(difference(&all), Scalar::ZERO);
    for (place, wrong) in [(0, 16), (3, -1), (15, 17), (7, 1 << 40)] {
        let mut values = all.clone();
        values[place] = wrong;
        assert_ne!(difference(&values), Scalar::ZERO, "{wrong}");
    }
    let value = 0xfedc_ba98_7654_3210;
    assert_eq!(hexadecimal(value).collect::<Vec<_>>(), all);
    assert_eq!(hexadecimal(u64::MAX).collect::<Vec<_>>(), [15; 16]);
}

#[test]
fn a_vector_is_opened_over_its_own_generators_wherever_they_begin() {
    let key = key();
    for first in [0, 1, 100, 127, 128, 300] {
        let entries = random_scalars(200, &mut OsRng);
        let vector = CommittedVector::new(first, entries.clone(), &mut OsRng);
        let [e] = random_scalars(1, &mut OsRng)[..] else { panic!("one scalar") };
        let proof = vector.open(vector.mask(&mut OsRng), &e);
        assert_eq!(proof.len(), VectorProof::length(200));
        let holds = |first: usize, proof: &[u8], e: Scalar| {
            let mut reader = Reader::new("vector", proof, proof.len()).unwrap();
            let mut folded = Folded::default();
            let proof = VectorProof::read(&mut reader, first, 200).unwrap();
            proof.fold(&e, Scalar::from(7u64), &mut folded);
            folded.holds(&key)
        };
        assert!(holds(first, &proof, e));
        assert!(!holds(first + 1, &proof, e));
        assert!(!holds(first, &proof, e + Scalar::ONE));
        let mut swapped = proof.clone();
        let (one, two) = swapped[64..].split_at_mut(32);
        one.swap_with_slice(&mut two[..32]);
        assert!(!holds(first, &swapped, e));
    }
}

#[test]
fn generators_are_numbered_value_by_value_and_in_turn() {
    let expected: Vec<_> = pairs(3, 64).into_iter().flatten().collect();
    assert_eq!(consecutive(0, 384), expected);
    assert_eq!(consecutive(100, 200), expected[100..300]);
    assert!(consecutive(5, 0).is_empty());
}

#[test]
fn coefficients_are_those_of_the_value_that_is_claimed_and_of_no_other() {
    let key = key();
    let coefficients = random_scalars(16, &mut OsRng);
    let committed = CommittedCoefficients::new(&coefficients, &mut OsRng);
    let [e] = random_scalars(1, &mut OsRng)[..] else { panic!("one scalar") };
    let proof = committed.respond(&e);
    assert_eq!(proof.len(), CoefficientsProof::length(16));
    let holds = |value: Scalar, e: Scalar| {
        let mut reader = Reader::new("coefficients", &proof, proof.len()).unwrap();
        let mut folded = Folded::default();
        let proof = CoefficientsProof::read(&mut reader, 16).unwrap();
        proof.fold(&value, &e, Scalar::from(5u64), &mut folded);
        folded.holds(&key)
    };
    let value = inner(&coefficients, &powers(e).take(16).collect::<Vec<_>>());
    assert!(holds(value, e));
    assert!(!holds(value + Scalar::ONE, e));
    assert!(!holds(value, e + Scalar::ONE));
    // Q_0 = q_0·h + ζ_0·g, and no two commitments of the same are the same.
    let again = CommittedCoefficients::new(&coefficients, &mut OsRng);
    assert!(again.encoded().chunks(32).zip(committed.encoded().chunks(32)).all(|(a, b)| a != b));
    let bare = h_times(&coefficients[0]) + g_times(&Scalar::ZERO);
    assert_ne!(bare.compress().as_bytes().as_slice(), &committed.encoded()[..32]);
}
