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

    fn integers(&self) -> impl DoubleEndedIterator<Item = i64> {
        self.least..self.least + self.count as i64
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
    ///
    /// Integers a and b from either end have one sum s: (f − a·e)(f − b·e) = f·(f − s·e) + a·b·e², so a pair takes one
    /// multiplication and not two.
    pub fn value(&self, chi: &[Scalar], responses: &[Scalar], e: &Scalar) -> Scalar {
        let pairs = self.integers().zip(self.integers().rev()).take(self.count / 2);
        let square = e * e;
        let products: Vec<_> = pairs.map(|(a, b)| signed(a * b) * square).collect();
        let sum = signed(2 * self.least + self.count as i64 - 1) * e;
        let is_odd = !self.count.is_multiple_of(2);
        let middle = is_odd.then(|| signed(self.least + self.count as i64 / 2) * e);
        let value = |(chi, response): (&Scalar, &Scalar)| {
            let start = middle.map_or(*chi, |middle| chi * (response - middle));
            let common = response * (response - sum);
            products.iter().fold(start, |value, product| value * (common + product))
        };
        chi.iter().zip(responses).map(value).sum()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_weighted_sum_of_all_products_for_even_and_odd_counts() {
        let e = signed(-987_654_321);
        let chi = [7, -11, 13].map(signed);
        let responses = [0, 5, -1_234_567].map(signed);
        for (least, count) in [(0, 0), (0, 1), (-1, 2), (-1, 3), (0, 4), (2, 5), (0, 16)] {
            let digits = Digits { least, count };
            let integers = || (0..count as i64).map(|place| least + place);
            let product = |(chi, response): (&Scalar, &Scalar)| -> Scalar {
                integers().fold(*chi, |product, integer| product * (response - signed(integer) * e))
            };
            let expected: Scalar = chi.iter().zip(&responses).map(product).sum();
            assert_eq!(digits.value(&chi, &responses, &e), expected, "{count} from {least}");
        }
    }

    #[test]
    fn digits_of_two_bits_are_those_of_the_number_and_of_nothing_beyond_its_places() {
        let digits = |value, places| quaternary(value, places).collect::<Vec<_>>();
        assert_eq!(digits(0b11_10_01_00, 4), [0, 1, 2, 3]);
        assert_eq!(digits(0b11_10_01_00, 3), [0, 1, 2]);
        assert_eq!(digits(u64::MAX, 34)[30..], [3, 3, 0, 0]);
    }
}
