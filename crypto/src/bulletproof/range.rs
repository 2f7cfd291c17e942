//! From 0 to where a value may lie, and what its bits count.

use curve25519_dalek::scalar::Scalar;
use subtle::{ConditionallySelectable, ConstantTimeLess};

/// The integers 0 to M, in n bits of which bit i counts c_i = min(2^i, M − (2^i − 1)), or nothing where that is negative.
///
/// The sums of bits are these integers and no others: bits below the last that counts, k, are any number below 2^k, and
/// c_k = M − (2^k − 1) is at most 2^k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    bits: u8,
    most: u64,
}

impl Range {
    /// [0, 2^bits).
    pub(crate) fn whole(bits: u8) -> Self {
        Self { bits, most: largest(bits) }
    }

    /// [0, `most`], in so many bits; no more than these hold.
    pub(crate) fn up_to(most: u64, bits: u8) -> Self {
        Self { bits, most: most.min(largest(bits)) }
    }

    pub(crate) fn bits(self) -> usize {
        self.bits.into()
    }

    /// M.
    pub(crate) fn most(self) -> u64 {
        self.most
    }

    pub(crate) fn is_whole(self) -> bool {
        self.most == largest(self.bits)
    }

    /// c_0, c_1, …, c_(n−1).
    pub(crate) fn counts(self) -> impl Iterator<Item = Scalar> {
        (0..self.bits).map(move |i| Scalar::from(self.count(i)))
    }

    fn count(self, i: u8) -> u64 {
        let below = largest(i);
        self.most.saturating_sub(below).min(below.wrapping_add(1))
    }

    /// The bits of a value, the first the lowest, in constant time. Those of one beyond M count another number.
    pub(crate) fn decompose(self, value: u64) -> u64 {
        // The last bit that counts is public.
        let last = self.most.checked_ilog2().unwrap_or(0) as u8;
        let below = largest(last);
        let with_last = value.wrapping_sub(self.count(last)) | below.wrapping_add(1);
        u64::conditional_select(&with_last, &value, value.ct_lt(&below.wrapping_add(1)))
    }
}

impl From<u8> for Range {
    fn from(bits: u8) -> Self {
        Self::whole(bits)
    }
}

/// 2^bits − 1.
fn largest(bits: u8) -> u64 {
    u64::MAX.checked_shr(u32::from(64 - bits.min(64))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bits count together.
    fn value(range: Range, bits: u64) -> u64 {
        (0..range.bits).filter(|i| bits >> i & 1 == 1).map(|i| range.count(i)).sum()
    }

    #[test]
    fn bits_count_every_integer_up_to_the_largest_and_none_beyond() {
        for most in 0..256 {
            let range = Range::up_to(most, 8);
            let mut sums: Vec<u64> = (0..256).map(|bits| value(range, bits)).collect();
            sums.sort_unstable();
            sums.dedup();
            assert_eq!(sums, (0..=most).collect::<Vec<_>>(), "M = {most}");
            for v in 0..=most {
                let bits = range.decompose(v);
                assert!(bits < 256 && value(range, bits) == v, "{v} of {most}: {bits:b}");
            }
            assert!((most + 1..300).all(|v| value(range, range.decompose(v) & 255) != v));
        }
    }

    #[test]
    fn the_whole_range_has_the_powers_of_two() {
        for bits in [8, 16, 32, 64] {
            let range = Range::whole(bits);
            assert!(range.is_whole() && (0..bits).all(|i| range.count(i) == 1 << i));
            for v in [0, 1, 77, largest(bits) / 2, largest(bits)] {
                assert_eq!(range.decompose(v), v, "{bits} bits");
            }
            assert_eq!(Range::up_to(u64::MAX, bits), range);
        }
        assert!(!Range::up_to(254, 8).is_whole());
    }
}
