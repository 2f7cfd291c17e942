//! Multiples of the bases and sums of them: secret scalars in constant time, public ones fast.

use std::sync::OnceLock;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, MultiscalarMul, VartimeMultiscalarMul};
use rayon::prelude::*;
use subtle::{Choice, ConditionallyNegatable, ConditionallySelectable, ConstantTimeEq};

use super::generators::consecutive;
use super::{h, half};

/// Terms of one multiscalar multiplication, each of which takes 0.4 kB. Measured from 2,048 to 16,384, with AVX-512: fewer
/// cost 6 % more for their buckets, more cost 3 % because they leave the cache.
const MOST_AT_ONCE: usize = 8192;

/// Terms of one multiplication in constant time, which share its doublings.
const SECRETS_AT_ONCE: usize = 128;

/// Bits that one addition of a [small multiple](half_h_times) covers.
const WINDOW_BITS: u32 = 3;

/// Multiplication by h with a precomputed table, in constant time.
pub fn h_times(scalar: &Scalar) -> RistrettoPoint {
    static TABLE: OnceLock<RistrettoBasepointTable> = OnceLock::new();
    TABLE.get_or_init(|| RistrettoBasepointTable::create(h())) * scalar
}

/// Multiplication by g with a precomputed table, in constant time.
pub fn g_times(scalar: &Scalar) -> RistrettoPoint {
    RistrettoPoint::mul_base(scalar)
}

/// (u/2)·h in constant time, for integers |u| < 2^bits: half of u·h, for encoding in a batch, which doubles. Larger
/// ones, which only an adversary has, take longer.
pub(crate) fn half_h_times(u: i64, bits: u8) -> RistrettoPoint {
    // 0, 1, …, 7 times 8^i·h/2.
    static WINDOWS: OnceLock<Vec<[RistrettoPoint; 8]>> = OnceLock::new();
    let windows = WINDOWS.get_or_init(|| {
        let multiples = |base: RistrettoPoint| {
            let mut next = RistrettoPoint::identity();
            [(); 8].map(|()| {
                let after = next + base;
                std::mem::replace(&mut next, after)
            })
        };
        let bases =
            std::iter::successors(Some(h() * half()), |base| Some(base * Scalar::from(8u64)));
        bases.map(multiples).take(u64::BITS.div_ceil(WINDOW_BITS) as usize).collect()
    });
    let magnitude = u.unsigned_abs();
    let fits = magnitude.checked_shr(bits.into()).unwrap_or(0) == 0;
    let count = if fits { u32::from(bits).div_ceil(WINDOW_BITS) as usize } else { windows.len() };
    let chosen = windows.iter().take(count).enumerate().map(|(i, multiples)| {
        let digit = (magnitude >> (WINDOW_BITS as usize * i)) & 7;
        let mut chosen = RistrettoPoint::identity();
        (0u64..)
            .zip(multiples)
            .for_each(|(value, multiple)| chosen.conditional_assign(multiple, digit.ct_eq(&value)));
        chosen
    });
    let mut product = chosen.reduce(|sum, next| sum + next).unwrap_or_default();
    product.conditional_negate(Choice::from(u8::from(u < 0)));
    product
}

/// V = u·h + β·g, encoded, for integers |u| < 2^bits.
pub(crate) fn commit_all(u: &[i64], blindings: &[Scalar], bits: u8) -> Vec<CompressedRistretto> {
    let halves = u.par_iter().zip(blindings).with_min_len(64);
    let halves: Vec<_> =
        halves.map(|(u, beta)| half_h_times(*u, bits) + g_times(&(beta * half()))).collect();
    RistrettoPoint::double_and_compress_batch(&halves)
}

/// The encodings of value·h + blinding·g, in constant time.
pub(crate) fn commit_to_scalars(values: &[Scalar], blindings: &[Scalar]) -> Vec<u8> {
    let halves = values.par_iter().zip(blindings).with_min_len(16);
    let halves: Vec<_> = halves
        .map(|(value, blinding)| h_times(&(value * half())) + g_times(&(blinding * half())))
        .collect();
    let encodings = RistrettoPoint::double_and_compress_batch(&halves);
    encodings.iter().flat_map(CompressedRistretto::to_bytes).collect()
}

/// Σ values·generators + blinding·g over the generators from number `first` on, in constant time.
pub(crate) fn commit_to_vector(
    first: usize,
    values: &[Scalar],
    blinding: &Scalar,
) -> RistrettoPoint {
    let generators = consecutive(first, values.len());
    let parts = values.par_chunks(SECRETS_AT_ONCE).zip(generators.par_chunks(SECRETS_AT_ONCE));
    let sum: RistrettoPoint = parts
        .map(|(values, generators)| {
            RistrettoPoint::multiscalar_mul(values, generators.iter().copied())
        })
        .sum();
    g_times(blinding) + sum
}

/// Σ values·generators + blinding·g for values of −1, 0 and 1, in constant time.
pub(crate) fn commit_to_ternary(first: usize, values: &[i8], blinding: &Scalar) -> RistrettoPoint {
    let generators = consecutive(first, values.len());
    let parts = values.par_chunks(SECRETS_AT_ONCE).zip(generators.par_chunks(SECRETS_AT_ONCE));
    let sum = |(values, generators): (&[i8], &[&RistrettoPoint])| -> RistrettoPoint {
        let chosen = values.iter().zip(generators).map(|(value, generator)| {
            let bits = value.cast_unsigned();
            let zero = RistrettoPoint::identity();
            let mut chosen =
                RistrettoPoint::conditional_select(&zero, generator, Choice::from(bits & 1));
            chosen.conditional_negate(Choice::from(bits >> 7));
            chosen
        });
        chosen.sum()
    };
    g_times(blinding) + parts.map(sum).sum::<RistrettoPoint>()
}

/// Σ digits·generators over the generators from number `first` on for digits of 0 to 3, in constant time: each generator is
/// added or left out twice, once for either bit, and no table is looked up.
pub(crate) fn commit_to_quaternary(first: usize, digits: &[i64]) -> RistrettoPoint {
    let generators = consecutive(first, digits.len());
    let of_bit = |bit: u32| -> RistrettoPoint {
        let chosen = digits.iter().zip(&generators).map(|(digit, generator)| {
            let bit = Choice::from((digit >> bit).cast_unsigned() as u8 & 1);
            RistrettoPoint::conditional_select(&RistrettoPoint::identity(), generator, bit)
        });
        chosen.sum()
    };
    let high = of_bit(1);
    of_bit(0) + high + high
}

/// Σ scalars·points over public values, on all cores where the sum is long enough to gain from it, in parts whose
/// intermediate results fit the cache.
///
/// Terms are made part by part: what is held of them at a time does not grow with their number.
pub(crate) fn multiscalar(
    terms: impl IndexedParallelIterator<Item = (Scalar, RistrettoPoint)>,
) -> RistrettoPoint {
    let share = terms.len().div_ceil(rayon::current_num_threads()).clamp(1024, MOST_AT_ONCE);
    let part = |part: Vec<(Scalar, RistrettoPoint)>| {
        let scalars = part.iter().map(|(scalar, _)| scalar);
        let points = part.iter().map(|(_, point)| point);
        RistrettoPoint::vartime_multiscalar_mul(scalars, points)
    };
    terms.chunks(share).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{mask_bases, signed};

    #[test]
    fn small_multiples_of_h_are_right_at_every_width_and_sign() {
        let small = [
            (0, 1),
            (1, 1),
            (-1, 1),
            (7, 3),
            (8, 4),
            (-127, 8),
            (255, 8),
            (-5600, 13),
            (65_535, 16),
        ];
        let too_large = [(256, 8), (i64::MAX, 8), (i64::MIN, 8), (-1, 63)];
        for (u, bits) in small.into_iter().chain(too_large) {
            let half = half_h_times(u, bits);
            assert_eq!(half + half, h_times(&signed(u)), "{u} in {bits} bits");
        }
    }

    #[test]
    fn commitments_to_digits_are_those_to_the_same_scalars() {
        let digits = [0i64, 1, 2, 3, 3, 0, 2, 1];
        let scalars: Vec<_> = digits.iter().map(|digit| signed(*digit)).collect();
        let sum = commit_to_vector(5, &scalars, &Scalar::ZERO);
        assert_eq!(commit_to_quaternary(5, &digits), sum);
    }

    #[test]
    fn multiplying_in_parts_gives_the_same_sum() {
        let bases = mask_bases(5000);
        let terms: Vec<_> =
            (1u64..).map(Scalar::from).zip(bases.iter().copied()).take(5000).collect();
        let naive: RistrettoPoint = terms.iter().map(|(s, p)| s * p).sum();
        assert_eq!(multiscalar(terms.into_par_iter()), naive);
    }
}
