//! Key proofs of authors whose digits are none, or not those of what they have encrypted.

use curve25519_dalek::scalar::Scalar;
use rand_core::OsRng;

use super::arithmetic::{of_digits, only_root};
use super::forge::digits_polynomial;
use super::*;
use crate::Ciphertext;
use crate::fold::{Folded, Weights};
use crate::group::encoding::Reader;
use crate::group::{g_times, h_times, inner, random_scalars};
use crate::proof::coefficients::CommittedCoefficients;
use crate::proof::limbs::{Draws, LimbProof, append_commitments};
use crate::proof::vector::CommittedVector;
use crate::transcript::{HEADER_WEIGHTS, LIMBS, Protocol, standalone};

/// Two limbs, in digits.
const HONEST: [u64; 8] = [5, 0, 15, 9, 1, 2, 3, 4];

/// Whether a proof of these digits holds for encryptions of these limbs. `choose` makes other digits of the χ that would be
/// drawn if C_b said nothing: the careless verifier, whose verdict is the first one, draws that.
fn verdicts(kappa: &[Scalar], choose: impl Fn(&[Scalar]) -> Vec<Scalar>) -> [bool; 2] {
    let key = Federation::new(501, 1, 1, 1, 8).dealing.public_key;
    let [r, s] = [(); 2].map(|()| random_scalars(kappa.len(), &mut OsRng));
    let ciphertexts: Vec<_> = kappa
        .iter()
        .zip(r.iter().zip(&s))
        .map(|(kappa, (r, s))| Ciphertext::encrypt(&key, kappa, r, s))
        .collect();
    let mut base = standalone(&[1; 32], &key.encode());
    base.append_message(b"C", &ciphertexts.iter().flat_map(Ciphertext::encode).collect::<Vec<_>>());

    let mut transcript = base.fork(LIMBS, 0);
    let before = Draws::after(&mut transcript.clone(), &[], kappa.len());
    let digits = choose(&before.chi);
    let vector = CommittedVector::new(0, digits.clone(), &mut OsRng);
    let after = Draws::after(&mut transcript, vector.encoded(), kappa.len());
    let careless = Draws { rho: after.rho.clone(), chi: before.chi };

    let prove = |draws: &Draws| {
        let mut transcript = transcript.clone();
        let mask = vector.mask(&mut OsRng);
        let polynomial = digits_polynomial(&draws.chi, mask.entries(), &digits);
        let coefficients = CommittedCoefficients::new(&polynomial[..16], &mut OsRng);
        let a = random_scalars(2, &mut OsRng);
        let a3 = inner(&draws.of_digits(), mask.entries());
        let t = [key.x1 * a[0], key.x2 * a[1], g_times(&(a[0] + a[1])) + h_times(&a3)];
        let mut proof: Vec<u8> = t.iter().flat_map(|point| point.compress().to_bytes()).collect();
        append_commitments(&mut transcript, mask.encoded(), coefficients.encoded(), &proof);
        let e = transcript.challenge(b"e");
        for (a, secrets) in a.iter().zip([&r, &s]) {
            proof.extend((a + e * inner(&draws.rho, secrets)).to_bytes());
        }
        proof.extend(vector.open(mask, &e));
        proof.extend(coefficients.respond(&e));
        let mut reader = Reader::new("proof", &proof, LimbProof::length(kappa.len())).unwrap();
        let proof = LimbProof::read(&mut reader, kappa.len()).unwrap();
        let weights = Weights::new(HEADER_WEIGHTS, 1, &key, None, []).take();
        let mut folded = Folded::default();
        proof.fold_under(draws, &e, &ciphertexts, weights, &mut folded);
        let is_its_own = proof.challenges(&base, kappa.len()).1 == e;
        folded.holds(&key) && is_its_own
    };
    [prove(&careless), prove(&after)]
}

fn limbs(digits: &[Scalar]) -> Vec<Scalar> {
    let places = [1u64, 16, 256, 4096].map(Scalar::from);
    digits.chunks(4).map(|digits| inner(&places, digits)).collect()
}

fn honest() -> Vec<Scalar> {
    HONEST.map(Scalar::from).to_vec()
}

#[test]
fn digits_of_what_is_encrypted_are_proven() {
    assert_eq!(verdicts(&limbs(&honest()), |_| honest()), [true, true]);
}

#[test]
fn digits_of_another_limb_are_rejected() {
    let kappa = limbs(&honest());
    for place in 0..8 {
        let other = move |_: &[Scalar]| {
            let mut digits = honest();
            digits[place] =
                if HONEST[place] == 15 { Scalar::ZERO } else { digits[place] + Scalar::ONE };
            digits
        };
        assert_eq!(verdicts(&kappa, other), [false, false], "{place}");
    }
    // The limbs of each other.
    let swapped = |_: &[Scalar]| [&honest()[4..], &honest()[..4]].concat();
    assert_eq!(verdicts(&kappa, swapped), [false, false]);
}

#[test]
fn the_same_limb_in_what_are_no_digits_is_rejected() {
    let half = Scalar::from(2u64).invert();
    for (first, second) in [
        (Scalar::from(16u64), -Scalar::ONE),
        (-Scalar::from(16u64), Scalar::ONE),
        (Scalar::from(8u64), -half),
    ] {
        let cheat = move |_: &[Scalar]| {
            let mut digits = honest();
            digits[0] += first;
            digits[1] += second;
            digits
        };
        assert_eq!(limbs(&cheat(&[])), limbs(&honest()));
        assert_eq!(verdicts(&limbs(&honest()), cheat), [false, false]);
    }
}

#[test]
fn weights_of_the_digits_drawn_before_their_commitment_let_a_limb_of_any_size_pass() {
    let kappa = [Scalar::from(1u64 << 40), limbs(&honest())[1]];
    let cheat = |chi: &[Scalar]| {
        // v_0 + 16·v_1 + 256·v_2 is the limb, and χ_0·Π (v_0 − c) + χ_1·Π (v_1 − c) vanishes.
        let chosen = (0u64..16).find_map(|third| {
            let rest = kappa[0] - Scalar::from(256 * third);
            let sixteenth = Scalar::from(16u64).invert();
            let mut polynomial = of_digits(chi[0], &[Scalar::ZERO, Scalar::ONE]);
            let second = [rest * sixteenth, -sixteenth];
            let more = of_digits(chi[1], &second);
            polynomial.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            let first = only_root(&polynomial)?;
            Some([first, second[0] + second[1] * first, Scalar::from(third)])
        });
        let mut digits = honest();
        digits[..3].copy_from_slice(&chosen.unwrap());
        digits[3] = Scalar::ZERO;
        digits
    };
    assert_eq!(verdicts(&kappa, cheat), [true, false]);
}
