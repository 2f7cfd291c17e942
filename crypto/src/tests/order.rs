//! What each place in the order of challenges of a norm proof is for, and each of its equations.
//!
//! Each attack draws one challenge before the words that must come first, makes those words fit, and passes where that
//! challenge stands. Under the verifier's order it does not.

use curve25519_dalek::scalar::Scalar;

use super::arithmetic::{power, root_of_minus_one};
use super::forge::{Early, Lies, forge, times_h};
use super::*;
use crate::fold::{Folded, Weights};
use crate::group::generators::consecutive;
use crate::group::{g, mask_bases};
use crate::proof::norm::Challenges;
use crate::proof::{BoundProof, Equations};
use crate::transcript::UPDATE_WEIGHTS;

/// Whether the link holds under these challenges, and whether the norm does.
fn equations_hold(
    federation: &Federation,
    update: &EncryptedUpdate,
    challenges: &Challenges,
) -> (bool, bool) {
    let key = &federation.dealing.public_key;
    let update = federation.parse(update).unwrap();
    let BoundProof::Norm(proof) = &update.proof else { panic!("a bound on the norm") };
    let holds = |which| {
        let mut weights = Weights::new(UPDATE_WEIGHTS, 1, key, None, []);
        let mut folded = Folded::default();
        let ciphertexts = update.header().ciphertexts();
        proof.fold(challenges, which, &update.e, ciphertexts, &mut weights, &mut folded);
        folded.holds(key)
    };
    (holds(Equations::Link), holds(Equations::Norm))
}

pub(super) fn federation(seed: u64, dimension: u32) -> Federation {
    Federation::bounded(seed, 1, 1, dimension, Bound::Norm { norm: 1000, projections: 256 })
}

/// Nine times as long as allowed.
pub(super) fn long() -> Vec<Scalar> {
    vec![Scalar::from(5400u64), -Scalar::from(7200u64), Scalar::ZERO]
}

/// A vector whose squares add up to less than nothing, modulo ℓ: what is left of the bound is in range.
pub(super) fn wrapping() -> Vec<Scalar> {
    long().into_iter().map(|x| x * root_of_minus_one()).collect()
}

fn short() -> Vec<Scalar> {
    vec![Scalar::from(60u64), -Scalar::from(80u64), Scalar::ZERO]
}

#[test]
fn the_prover_in_scalars_convinces_where_it_does_not_lie() {
    for projections in [256, 512, 1024] {
        let bound = Bound::Norm { norm: 1000, projections };
        let mut federation = Federation::bounded(101, 1, 1, 3, bound);
        let (update, challenges) = forge(&mut federation, short(), Early::Nothing);
        assert_eq!(equations_hold(&federation, &update, &challenges), (true, true));
        assert!(federation.verify(&update).is_ok());
    }
}

#[test]
fn a_challenge_drawn_too_early_lets_a_long_vector_pass_and_is_not_the_verifiers() {
    for (early, x, expected) in [
        (Early::Gamma, long(), UpdateError::BadLinkProof),
        (Early::Subsets, wrapping(), UpdateError::BadNormProof),
        (Early::Chi, long(), UpdateError::BadNormProof),
        (Early::Omega, wrapping(), UpdateError::BadNormProof),
        (Early::Mask, long(), UpdateError::BadLinkProof),
        (Early::Constant, wrapping(), UpdateError::BadLinkProof),
        (Early::Coefficients, long(), UpdateError::BadLinkProof),
        (Early::Link, long(), UpdateError::BadLinkProof),
    ] {
        let mut federation = federation(102, 3);
        let (update, challenges) = forge(&mut federation, x, early);
        assert_eq!(
            equations_hold(&federation, &update, &challenges),
            (true, true),
            "the attack works on {early:?}"
        );
        assert_eq!(federation.verify(&update).err(), Some(expected), "{early:?}");
    }
}

#[test]
fn a_seed_drawn_before_the_masks_lets_a_vector_of_its_kernel_pass() {
    let mut federation = federation(103, 260);
    let (update, challenges) = forge(&mut federation, vec![Scalar::ZERO; 260], Early::Seed);
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, true), "the attack works");
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
}

#[test]
fn vectors_that_are_no_small_integers_are_rejected_whatever_their_author_says_of_them() {
    let half = Scalar::from(2u64).invert();
    let huge = power(&Scalar::from(2u64), &Scalar::from(200u64), 0);
    // One coordinate of 2^200; vectors that wrap around modulo ℓ: a half, whose sums by pairs are small, and −1/3.
    for x in [
        vec![huge, Scalar::ZERO, Scalar::ZERO],
        vec![half, half, -half],
        vec![-Scalar::from(3u64).invert(), Scalar::ONE, Scalar::ONE],
        wrapping(),
    ] {
        let mut federation = federation(104, 3);
        let (update, challenges) = forge(&mut federation, x.clone(), Early::Nothing);
        assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
        // Projections that are small, but not those of x.
        let lies = Lies {
            projections: |y| {
                y.iter_mut().for_each(|y| *y = Scalar::from(u64::from(y.as_bytes()[0])))
            },
            ..Lies::default()
        };
        let (update, challenges) = forge(&mut federation, x, lies);
        assert_eq!(equations_hold(&federation, &update, &challenges), (false, true));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
    }
}

#[test]
fn one_projection_that_is_not_that_of_the_update_is_rejected() {
    let mut federation = federation(105, 3);
    let lies: [fn(&mut [Scalar]); 3] =
        [|y| y[0] += Scalar::ONE, |y| y[100] -= Scalar::ONE, |y| y[255] += Scalar::from(7u64)];
    for projections in lies {
        let lies = Lies { projections, ..Lies::default() };
        let (update, challenges) = forge(&mut federation, short(), lies);
        assert_eq!(equations_hold(&federation, &update, &challenges), (false, true));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
    }
}

#[test]
fn one_projection_that_is_a_fraction_is_rejected_for_its_sums_whatever_the_squares() {
    let mut federation = federation(106, 3);
    // Its own projections, one of them replaced: the link fails as well, the sums whatever else holds.
    let lies = Lies { projections: |y| y[9] = Scalar::from(2u64).invert(), ..Lies::default() };
    let (update, challenges) = forge(&mut federation, short(), lies);
    assert_eq!(equations_hold(&federation, &update, &challenges), (false, false));
    assert!(federation.verify(&update).is_err());
}

#[test]
fn squares_that_wrap_around_to_less_than_nothing_are_rejected_for_the_size_of_the_projections() {
    let mut federation = federation(109, 3);
    let root = root_of_minus_one();
    assert_eq!(root * root, -Scalar::ONE);
    let (update, challenges) = forge(&mut federation, wrapping(), Early::Nothing);
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
    // With the sums alone made true, by a p that is known to fit, everything holds: nothing but they are in the way.
    let (update, challenges) = forge(&mut federation, wrapping(), Early::Subsets);
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, true));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
}

#[test]
fn digits_that_are_none_or_not_those_of_what_is_left_are_rejected() {
    let mut federation = federation(107, 3);
    let lies: [fn(&mut [Scalar]); 5] = [
        // Another sum; the same sum with a digit of 16, of −1, of a half; one more place.
        |digits| digits[0] += Scalar::ONE,
        |digits| {
            digits[0] += Scalar::from(16u64);
            digits[1] -= Scalar::ONE;
        },
        |digits| {
            let over = digits[0] + Scalar::ONE;
            digits[0] = -Scalar::ONE;
            digits[1] += over * Scalar::from(16u64).invert();
        },
        |digits| {
            digits[1] += Scalar::from(2u64).invert();
            digits[0] -= Scalar::from(8u64);
        },
        |digits| digits[15] = Scalar::from(16u64),
    ];
    for digits in lies {
        let lies = Lies { digits, ..Lies::default() };
        let (update, challenges) = forge(&mut federation, short(), lies);
        assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
    }
    // What is left of the bound is negative.
    let (update, challenges) = forge(&mut federation, long(), Early::Nothing);
    assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
}

#[test]
fn sums_that_are_not_those_of_the_projections_are_rejected() {
    let mut federation = federation(108, 3);
    let lies: [fn(&mut [u128]); 3] =
        [|sums| sums[3] ^= 1, |sums| sums[127] = (1 << 120) - 1, |sums| sums.swap(0, 1)];
    for sums in lies {
        let (update, challenges) =
            forge(&mut federation, short(), Lies { sums, ..Lies::default() });
        assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadNormProof));
    }
}

#[test]
fn a_commitment_over_other_bases_than_the_vectors_is_rejected() {
    let mut federation = federation(110, 3);
    let beyond = **consecutive(400, 1).first().unwrap();
    for commitment in [g(), times_h(1), mask_bases(1)[0], beyond, g() - times_h(1)] {
        let is_only_blinding = commitment == g();
        let lies = Lies { commitment, ..Lies::default() };
        let (update, challenges) = forge(&mut federation, short(), lies);
        assert_eq!(equations_hold(&federation, &update, &challenges), (true, false));
        assert_eq!(
            federation.verify(&update).err(),
            Some(UpdateError::BadNormProof),
            "also where the blinding is not the one that is answered for: {is_only_blinding}"
        );
    }
}

#[test]
fn equations_of_one_update_whose_errors_cancel_are_rejected() {
    let mut federation = federation(111, 3);
    for first in 0..5 {
        for second in first + 1..5 {
            let mut errors = [0; 5];
            (errors[first], errors[second]) = (1, -1);
            let lies = Lies { errors, ..Lies::default() };
            let (update, challenges) = forge(&mut federation, short(), lies);
            let expected =
                if first < 2 { UpdateError::BadLinkProof } else { UpdateError::BadNormProof };
            assert_eq!(
                equations_hold(&federation, &update, &challenges),
                (first >= 2, second < 2),
                "{errors:?}"
            );
            assert_eq!(federation.verify(&update).err(), Some(expected), "{errors:?}");
        }
    }
}
