//! Signatures of all digits (Boneh, Boyen, EUROCRYPT 2004), dealt by somebody who has to forget the key.

use blstrs::{G1Projective, G2Affine, G2Prepared, G2Projective, Scalar};
use ff::Field;
use group::{Curve, Group};
use rand_core::{CryptoRng, RngCore};

use super::curve::{hashed_base, random};

/// Bits of a range.
pub(super) const RANGE_BITS: u32 = 32;

/// Bits u of a digit: both divide 32, so that the digits' range is the numbers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DigitBits {
    /// Sixteen signatures of digits.
    Four,
    /// 256 of them.
    Eight,
}

impl DigitBits {
    /// u.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Digits of a number, l.
    pub(super) fn digits(self) -> usize {
        (RANGE_BITS / self.bits()) as usize
    }

    /// The digits of a number, the least first.
    pub(super) fn of(self, number: u32) -> Vec<u32> {
        let bits = self.bits();
        let digit = |index: u32| (number >> (index * bits)) & ((1 << bits) - 1);
        (0..RANGE_BITS / bits).map(digit).collect()
    }
}

/// What everyone has: gvk = x·P̃, and σ_i = 1/(x+i)·P for every digit i.
pub(crate) struct DigitKey {
    pub(super) size: DigitBits,
    pub(super) h: G1Projective,
    pub(super) gvk: G2Affine,
    pub(super) gvk_prepared: G2Prepared,
    pub(super) generator_prepared: G2Prepared,
    pub(super) signatures: Vec<G1Projective>,
}

impl DigitKey {
    /// Deals signatures under a fresh key, and forgets it.
    pub(crate) fn deal(size: DigitBits, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        loop {
            // −x may be a digit, in one case of 2^247: then there is no signature of it.
            if let Some(key) = Self::under(size, random(rng)) {
                return key;
            }
        }
    }

    /// Signatures under the key x; `None` where −x is a digit.
    pub(super) fn under(size: DigitBits, x: Scalar) -> Option<Self> {
        let sign = |digit: u32| {
            let inverse: Option<Scalar> = (x + Scalar::from(u64::from(digit))).invert().into();
            inverse.map(|inverse| G1Projective::generator() * inverse)
        };
        let signatures = (0..1 << size.bits()).map(sign).collect::<Option<Vec<_>>>()?;
        let gvk = (G2Projective::generator() * x).to_affine();
        let generator = G2Projective::generator().to_affine();
        Some(Self {
            size,
            h: hashed_base(),
            gvk,
            gvk_prepared: G2Prepared::from(gvk),
            generator_prepared: G2Prepared::from(generator),
            signatures,
        })
    }
}
