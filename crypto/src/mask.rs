//! The mask of an update: E_j = u_j·h + k·W_j, encoded, in constant time.
//!
//! k·W_j is a full multiplication by a base of its own, 27 µs, and nearly all of the cost of a parameter. u_j is short, so
//! that u_j·h is a few additions from a table, about 0.3 µs for four bits. Encodings are made in batches, which encode
//! doubled points: (u_j/2)·h + (k/2)·W_j is what is computed.

use std::sync::OnceLock;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use rayon::prelude::*;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::encoding::ELEMENT_LEN;
use crate::group::{h_times, mask_bases};
use crate::update::signed;

/// Parameters encoded together.
const BATCH: usize = 256;
/// Digits of four bits in the longest short number.
const DIGITS: usize = 8;

/// The encodings of E in order, of numbers that an honest author keeps within `bits` bits with their sign.
pub(crate) fn mask(u: &[i64], k: &Scalar, bits: u32) -> Vec<u8> {
    let half = Scalar::from(2u64).invert();
    let k = Zeroizing::new(k * half);
    let digits = (bits as usize).div_ceil(4);
    let bases = mask_bases(u.len());
    let batches: Vec<Vec<u8>> = (u.par_chunks(BATCH).zip(bases.par_chunks(BATCH)))
        .map(|(u, bases)| {
            let points: Vec<_> = u.iter().zip(bases).map(|(u, base)| half_h_times(*u, digits) + base * *k).collect();
            let encodings = RistrettoPoint::double_and_compress_batch(&points);
            encodings.iter().flat_map(|encoding| encoding.to_bytes()).collect()
        })
        .collect();
    debug_assert!(batches.iter().map(Vec::len).sum::<usize>() == ELEMENT_LEN * u.len());
    batches.concat()
}

/// (value/2)·h. The time depends on the number of digits and on whether the value fits them, which it always does but
/// for an adversary's.
fn half_h_times(value: i64, digits: usize) -> RistrettoPoint {
    let table = table();
    let digits = digits.min(DIGITS);
    let least = 1i64 << (4 * digits - 1);
    let (Some(raised), Some(start)) = (value.checked_add(least), table.least.get(digits)) else {
        return beyond(value);
    };
    if raised >> (4 * digits) != 0 {
        return beyond(value);
    }
    table.multiples.iter().zip(0..digits).fold(*start, |sum, (multiples, place)| {
        let digit = (raised >> (4 * place)) as u8 & 15;
        let mut chosen = RistrettoPoint::identity();
        for (number, multiple) in (0u8..).zip(multiples) {
            chosen.conditional_assign(multiple, digit.ct_eq(&number));
        }
        sum + chosen
    })
}

fn beyond(value: i64) -> RistrettoPoint {
    h_times(&(signed(value) * Scalar::from(2u64).invert()))
}

struct Table {
    /// 0 to 15 times 16^i·h/2, for each place i.
    multiples: [[RistrettoPoint; 16]; DIGITS],
    /// −2^(4n−1)·h/2 for n digits, in place n.
    least: [RistrettoPoint; DIGITS + 1],
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let half = Scalar::from(2u64).invert();
        let times = |number: u64| h_times(&(Scalar::from(number) * half));
        Table {
            multiples: std::array::from_fn(|place| std::array::from_fn(|digit| times((digit as u64) << (4 * place)))),
            least: std::array::from_fn(|digits| -times((1 << (4 * digits)) / 2)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_multiples_of_every_length_are_those_of_the_general_multiplication() {
        for digits in 1..=DIGITS + 1 {
            for value in [0, 1, -1, 7, 8, -8, -9, 127, -128, 32_767, -32_768, 65_535, 1 << 31, i64::MAX, i64::MIN] {
                let point = half_h_times(value, digits);
                assert_eq!(point + point, h_times(&signed(value)), "{value} in {digits} digits");
            }
        }
    }

    #[test]
    fn masks_are_encodings_of_their_definition() {
        let k = Scalar::from(7u64).invert();
        let u: Vec<i64> = (0..BATCH as i64 + 9).map(|j| j * 37 % 256 - 128).chain([i64::MIN, i64::MAX]).collect();
        let bases = mask_bases(u.len());
        let encode = |(u, base): (&i64, &RistrettoPoint)| (h_times(&signed(*u)) + base * k).compress().to_bytes();
        let expected: Vec<_> = u.iter().zip(bases.iter()).map(encode).collect();
        for bits in [9, 17, 33] {
            assert_eq!(mask(&u, &k, bits), expected.concat());
        }
    }
}
