//! The key of a lattice mask: a ternary s, and its encryption in limbs.
//!
//! K_i = Σ_a 2^(w·a)·(s_(n·i+a) + 1), n digits of w bits a limb; C^(i) = Enc(K_i; r_i, r'_i). Sums of m limbs have the digits
//! Σs + m, which are below 2^w: nothing is carried from digit to digit, and nothing beyond Σs is told.

use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::parameters::Limbs;
use super::ring::{DEGREE, Element, residue, transform};
use super::sample::{Ternary, ternary};
use crate::PublicKey;
use crate::group::{g_times, half, half_h_times, random_scalars};

/// Ciphertexts that are encoded together, which shares an inversion.
const ENCODED_AT_ONCE: usize = 32;

/// s with the randomness that encrypts it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MaskKey {
    s: Ternary,
    r: Vec<Scalar>,
    r_prime: Vec<Scalar>,
    #[zeroize(skip)]
    limbs: Limbs,
}

impl MaskKey {
    /// A fresh key with fresh randomness.
    pub(crate) fn fresh(limbs: Limbs, rng: &mut impl CryptoRngCore) -> Self {
        let s = ternary(rng);
        let r = random_scalars(limbs.count(), rng);
        let r_prime = random_scalars(limbs.count(), rng);
        Self { s, r, r_prime, limbs }
    }

    /// The key with another s under the same randomness.
    #[cfg(test)]
    pub(crate) fn with(&self, s: &[i8]) -> Self {
        let Self { r, r_prime, limbs, .. } = self;
        let s = Zeroizing::new(s.to_vec());
        Self { s, r: r.clone(), r_prime: r_prime.clone(), limbs: *limbs }
    }

    /// K of these digits.
    #[cfg(test)]
    pub(crate) fn limb_of(&self, s: &[i8]) -> i64 {
        self.limb(s)
    }

    /// s.
    pub(crate) fn s(&self) -> &[i8] {
        &self.s
    }

    /// r and r'.
    pub(crate) fn randomness(&self) -> [&[Scalar]; 2] {
        [&self.r, &self.r_prime]
    }

    /// The encodings of C^(0), C^(1), …, in constant time.
    pub(crate) fn encrypt(&self, key: &PublicKey) -> Vec<u8> {
        let x1 = RistrettoBasepointTable::create(&key.x1);
        let x2 = RistrettoBasepointTable::create(&key.x2);
        let bits = self.limbs.bits * self.limbs.digits as u32;
        // Halves, because encoding in a batch doubles.
        let halves = |((limb, r), r_prime): ((&[i8], &Scalar), &Scalar)| {
            let limb = Zeroizing::new(self.limb(limb));
            let randomness = Zeroizing::new([r * half(), r_prime * half()]);
            let [r, r_prime] = &*randomness;
            let c3 = g_times(&(r + r_prime)) + half_h_times(*limb, bits as u8);
            [&x1 * r, &x2 * r_prime, c3]
        };
        let encode = |((s, r), r_prime): ((&[i8], &[Scalar]), &[Scalar])| {
            let parts = s.chunks(self.limbs.digits).zip(r).zip(r_prime);
            let halves: Vec<_> = parts.flat_map(halves).collect();
            let encodings = RistrettoPoint::double_and_compress_batch(&halves);
            encodings.into_iter().flat_map(|point| point.to_bytes()).collect::<Vec<_>>()
        };
        let parts = self.s.par_chunks(ENCODED_AT_ONCE * self.limbs.digits);
        let randomness = self.r.par_chunks(ENCODED_AT_ONCE);
        let parts = parts.zip(randomness).zip(self.r_prime.par_chunks(ENCODED_AT_ONCE));
        parts.flat_map_iter(encode).collect()
    }

    /// K_i of its digits.
    fn limb(&self, s: &[i8]) -> i64 {
        s.iter().rev().fold(0, |limb, s| (limb << self.limbs.bits) + i64::from(*s) + 1)
    }

    /// The transform of s, reduced.
    pub(crate) fn transformed(&self) -> Box<Zeroizing<Element>> {
        let values = self.s.iter().map(|s| i64::from(*s));
        transformed(values)
    }
}

/// The transform of small coefficients, reduced.
pub(crate) fn transformed(coefficients: impl Iterator<Item = i64>) -> Box<Zeroizing<Element>> {
    let mut element = Box::new(Zeroizing::new([0; DEGREE]));
    element.iter_mut().zip(coefficients).for_each(|(place, value)| *place = residue(value));
    transform(&mut element);
    element.iter_mut().for_each(|place| *place = super::ring::reduce(*place));
    element
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::group::h_times;
    use crate::keys::KeyMaterial;
    use crate::lattice::parameters::Limbs;
    use crate::{Ciphertext, EvaluationKey};

    const CUTS: [Limbs; 3] =
        [Limbs { bits: 5, digits: 5 }, Limbs { bits: 7, digits: 4 }, Limbs { bits: 11, digits: 2 }];

    #[test]
    fn ciphertexts_decrypt_to_limbs_whose_digits_are_the_key() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let material = KeyMaterial::generate(&mut rng);
        let evaluation = EvaluationKey::generate(&mut rng).verifying_key();
        let public = PublicKey::new(material.x1, material.x2, evaluation).unwrap();
        for limbs in CUTS {
            let key = MaskKey::fresh(limbs, &mut rng);
            let encoded = key.encrypt(&public);
            assert_eq!(encoded.len(), Ciphertext::LEN * limbs.count());
            let s = key.s().chunks(limbs.digits);
            for (index, (bytes, s)) in encoded.chunks(Ciphertext::LEN).zip(s).enumerate() {
                let mut reader =
                    crate::group::encoding::Reader::new("C", bytes, Ciphertext::LEN).unwrap();
                let ciphertext = Ciphertext::read(&mut reader).unwrap();
                let places = (0..).map(|digit| 1u64 << (limbs.bits * digit));
                let limb: u64 = s.iter().zip(places).map(|(s, place)| (s + 1) as u64 * place).sum();
                let opened = material.secret.open(&ciphertext);
                assert_eq!(opened, h_times(&Scalar::from(limb)), "limb {index}");
            }
        }
    }

    #[test]
    fn the_transform_of_a_key_is_that_of_its_residues() {
        let key = MaskKey::fresh(CUTS[0], &mut ChaCha20Rng::seed_from_u64(2));
        let mut back = **key.transformed();
        crate::lattice::ring::untransform(&mut back);
        for (place, s) in back.iter().zip(key.s()) {
            assert_eq!(*place, residue(i64::from(*s)));
        }
    }
}
