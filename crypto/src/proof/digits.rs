//! Entries of a committed vector that are digits: one of n consecutive integers each.
//!
//! With f = m + e·v (`vector`), Π_c (f − c·e) over the n integers c has Π_c (v − c) for its coefficient of e^n, which is zero
//! modulo ℓ exactly where v is one of them. Weights χ of 128 bits, drawn after the commitment, make one polynomial of many
//! entries; `coefficients` proves that its highest coefficient vanishes.
//!
//! 16 integers for 4 bits are the cheapest choice for 256 bits: a response for each of 64 digits and 16 coefficients make 80
//! elements. Single bits would make 258, and single bytes 288. For some 80 bits 4 integers for 2 bits each are: 40
//! responses and 4 coefficients are eight elements more than 20 and 16, but responses cost scalars only, coefficients points.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

use crate::group::signed;

/// The integers least, least + 1, …, least + count − 1.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    /// The smallest.
    pub least: i64,
    /// How many there are.
    pub count: usize,
}

impl Digits {
    /// 0 to 15.
    pub(crate) const HEXADECIMAL: Self = Self { least: 0, count: 16 };

    /// 0 to 3.
    pub const QUATERNARY: Self = Self { least: 0, count: 4 };

    fn integers(&self) -> impl Iterator<Item = i64> {
        (self.least..).take(self.count)
    }

    /// The coefficients of 1, e, …, e^(n−1) in Σχ_i·Π_c (m_i + e·(v_i − c)), in the same time for all digits and masks.
    pub fn coefficients(
        &self,
        chi: &[Scalar],
        digits: &[i64],
        masks: &[Scalar],
    ) -> Zeroizing<Vec<Scalar>> {
        let mut sums = Zeroizing::new(vec![Scalar::ZERO; self.count]);
        let mut symmetric = Zeroizing::new(vec![0i64; self.count + 1]);
        for ((chi, digit), mask) in chi.iter().zip(digits).zip(masks) {
            // Π_c (1 + e·(v − c)), in integers: below 17! for a digit, and anything for what is none.
            symmetric.fill(0);
            for (place, integer) in std::iter::once(0).chain(self.integers()).enumerate() {
                if place == 0 {
                    if let Some(first) = symmetric.first_mut() {
                        *first = 1;
                    }
                    continue;
                }
                let factor = digit.wrapping_sub(integer);
                let mut below = 0i64;
                for coefficient in symmetric.iter_mut().take(place + 1) {
                    let old = *coefficient;
                    *coefficient = old.wrapping_add(below.wrapping_mul(factor));
                    below = old;
                }
            }
            // The coefficient of e^k is m^(n−k) times that of the integers.
            let mut power = Zeroizing::new(*chi);
            for (sum, coefficient) in sums.iter_mut().zip(symmetric.iter()).rev() {
                *power *= mask;
                *sum += *power * signed(*coefficient);
            }
        }
        sums
    }

    /// Σχ_i·Π_c (f_i − c·e), which a verifier computes.
    pub fn value(&self, chi: &[Scalar], responses: &[Scalar], e: &Scalar) -> Scalar {
        let multiples: Vec<_> = self.integers().map(|integer| signed(integer) * e).collect();
        let product = |(chi, response): (&Scalar, &Scalar)| {
            multiples.iter().fold(*chi, |product, multiple| product * (response - multiple))
        };
        chi.iter().zip(responses).map(product).sum()
    }
}

/// The digits of 4 bits of an integer, lowest first.
pub(crate) fn hexadecimal(value: u64) -> impl Iterator<Item = i64> {
    (0..16).map(move |place| (value >> (4 * place) & 15).cast_signed())
}

/// So many digits of 2 bits of an integer, lowest first. What it has beyond them, which only an adversary's has, is left out.
pub fn quaternary(value: u64, places: u32) -> impl Iterator<Item = i64> {
    (0..places).map(move |place| (value.unbounded_shr(2 * place) & 3).cast_signed())
}
