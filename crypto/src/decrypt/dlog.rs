//! Reading a sum off its group element: baby steps from a table, giant steps beyond it.
//!
//! The table holds the encodings of 2i·h for i below 2^16. An encoding costs 3.5 µs alone and 0.6 µs in a batch, but the
//! batch encodes doubled points: hence a value u is looked up as 2·(u·h), which is in the table at u. Windows of 2^16
//! values are searched from the middle of the range outwards, where sums are likeliest. The whole encoding is compared:
//! what is not found is an error, never a wrong number.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use curve25519_dalek::ristretto::RistrettoPoint;
use rayon::prelude::*;

use crate::ReadOffError;
use crate::context::MAX_RANGE;
use crate::group::{h, h_times, signed};

/// Values in a window.
const BABY_STEPS: i64 = 1 << 16;

/// The table, about 5 MB; build it once and share it.
pub struct DiscreteLogTable {
    values: HashMap<[u8; 32], u32>,
}

impl DiscreteLogTable {
    /// Builds the table, in about 50 ms.
    ///
    /// On one core: this runs under the lock of [`shared`](Self::shared), where a wait for the thread pool could run another
    /// job that waits for the same lock.
    pub fn new() -> Self {
        let multiples =
            std::iter::successors(Some(RistrettoPoint::default()), |point| Some(point + h()));
        let multiples: Vec<_> = multiples.take(BABY_STEPS as usize).collect();
        let encodings = RistrettoPoint::double_and_compress_batch(&multiples);
        let values = encodings.into_iter().map(|encoding| encoding.to_bytes()).zip(0..).collect();
        Self { values }
    }

    /// The table of this process, built at the first call.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<DiscreteLogTable>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(Arc::default))
    }

    /// u_j of all points u_j·h, each from `least` to below `bound`. The first that is not is named.
    pub(crate) fn read_off(
        &self,
        points: &[RistrettoPoint],
        least: i64,
        bound: i64,
    ) -> Result<Vec<i64>, ReadOffError> {
        self.read_off_within(points, least, bound, MAX_RANGE)
    }

    /// [`read_off`](Self::read_off) from a range of at most `most` values.
    pub(crate) fn read_off_within(
        &self,
        points: &[RistrettoPoint],
        least: i64,
        bound: i64,
        most: u64,
    ) -> Result<Vec<i64>, ReadOffError> {
        let length = bound.abs_diff(least);
        if length > most {
            return Err(ReadOffError::TooLarge { length, most });
        }
        let share = points.len().div_ceil(rayon::current_num_threads()).max(64);
        let found: Vec<_> = points
            .par_chunks(share)
            .flat_map_iter(|part| self.search(part, least, bound))
            .collect();
        let value = |(index, value): (usize, Option<i64>)| {
            value.ok_or(ReadOffError::NotFound { index, least, bound })
        };
        found.into_iter().enumerate().map(value).collect()
    }

    /// u of a point u·h with u below 2^`bits`, smallest first, or nothing: up to 2^(bits − 16) giant steps, of which many are
    /// encoded at a time. 32 bits take some 50 ms at most. The time depends on u.
    pub fn find(&self, point: &RistrettoPoint, bits: u32) -> Option<u64> {
        const GIANT_STEPS: usize = 256;
        let bound = 1u64.checked_shl(bits)?;
        let step = h_times(&-signed(BABY_STEPS));
        let mut windows = std::iter::successors(Some(*point), |shifted| Some(shifted + step));
        let mut start = 0u64;
        while start < bound {
            let shifted: Vec<_> = windows.by_ref().take(GIANT_STEPS).collect();
            for encoding in RistrettoPoint::double_and_compress_batch(&shifted) {
                if let Some(value) = self.values.get(encoding.as_bytes()) {
                    return Some(start + u64::from(*value)).filter(|value| *value < bound);
                }
                start += BABY_STEPS.cast_unsigned();
            }
        }
        None
    }

    fn search(&self, points: &[RistrettoPoint], least: i64, bound: i64) -> Vec<Option<i64>> {
        let mut found = vec![None; points.len()];
        let mut open: Vec<(&mut Option<i64>, RistrettoPoint)> =
            found.iter_mut().zip(points.iter().copied()).collect();
        for start in windows(least, bound) {
            if open.is_empty() {
                break;
            }
            let shift = h_times(&signed(-start));
            let shifted: Vec<_> = open.iter().map(|(_, point)| point + shift).collect();
            let mut rest = Vec::new();
            for ((slot, point), encoding) in
                open.into_iter().zip(RistrettoPoint::double_and_compress_batch(&shifted))
            {
                match self.values.get(encoding.as_bytes()) {
                    Some(value) => {
                        *slot =
                            Some(start + i64::from(*value)).filter(|v| (least..bound).contains(v))
                    }
                    None => rest.push((slot, point)),
                }
            }
            open = rest;
        }
        found
    }
}

/// Where windows start that cover the range, the middle one first.
fn windows(least: i64, bound: i64) -> impl Iterator<Item = i64> {
    let half = (bound - least) / 2;
    let first = least + half - BABY_STEPS / 2;
    let outwards = (half + BABY_STEPS / 2) / BABY_STEPS + 1;
    let offsets = std::iter::once(0).chain((1..=outwards).flat_map(|offset| [offset, -offset]));
    let starts = offsets.map(move |offset| first + offset * BABY_STEPS);
    starts.filter(move |start| least < bound && *start < bound && start + BABY_STEPS > least)
}

impl Default for DiscreteLogTable {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for DiscreteLogTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DiscreteLogTable({} values)", self.values.len())
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::scalar::Scalar;

    use super::*;

    #[test]
    fn values_at_every_edge_are_read_off_in_one_batch() {
        let table = DiscreteLogTable::shared();
        let all = [
            -655_360, -65_537, -65_536, -32_769, -32_768, -1, 0, 1, 2, 32_767, 32_768, 65_535,
            65_536, 655_359,
        ];
        for (least, bound) in
            [(0, 10 << 16), (-(10 << 16), 10 << 16), (-70_000, 3), (0, 65_536), (-5, 6), (7, 7)]
        {
            let values: Vec<i64> =
                all.into_iter().filter(|value| (least..bound).contains(value)).collect();
            let points: Vec<_> = values.iter().map(|v| h_times(&signed(*v))).collect();
            assert_eq!(table.read_off(&points, least, bound).unwrap(), values);
        }
    }

    #[test]
    fn one_value_is_found_anywhere_below_its_bound_and_nothing_else_is() {
        let table = DiscreteLogTable::shared();
        for (value, bits) in [(0, 0), (0, 32), (65_535, 16), (65_536, 17), (0xffff_ffff, 32)] {
            let point = h_times(&Scalar::from(value));
            assert_eq!(table.find(&point, bits), Some(value), "{value} in {bits} bits");
        }
        let beyond = h_times(&Scalar::from(1u64 << 20));
        for wrong in [beyond, -h_times(&Scalar::ONE), crate::group::g()] {
            assert_eq!(table.find(&wrong, 20), None);
        }
        assert_eq!(table.find(&h_times(&Scalar::from(4u64)), 2), None, "within the first window");
        assert_eq!(table.find(&beyond, 64), None, "no such bound");
    }

    #[test]
    fn windows_cover_their_range_once_from_the_middle_outwards() {
        for (least, bound) in
            [(0, 1), (0, 256), (0, 65_536), (0, 65_537), (0, 655_360), (-155_690, 155_691), (5, 5)]
        {
            let starts: Vec<_> = windows(least, bound).collect();
            let middle =
                |start: &i64| (start + BABY_STEPS / 2).abs_diff(least + (bound - least) / 2);
            assert!(starts.is_sorted_by_key(middle), "{starts:?}");
            let mut covered = starts.clone();
            covered.sort_unstable();
            assert!(covered.windows(2).all(|pair| pair[1] - pair[0] == BABY_STEPS));
            if let (Some(first), Some(last)) = (covered.first(), covered.last()) {
                assert!(*first <= least && last + BABY_STEPS >= bound, "{starts:?}");
            }
            assert_eq!(starts.is_empty(), least == bound);
        }
    }

    #[test]
    fn a_value_out_of_bounds_is_an_error_and_never_a_wrong_number() {
        let table = DiscreteLogTable::shared();
        // m·2^b and m·2^16 themselves, the first values beyond the last; the same on either side of 0.
        for (least, bound) in [
            (0, 100),
            (0, 10 << 8),
            (0, 65_536),
            (0, 10 << 16),
            (0, MAX_RANGE as i64),
            (-155_690, 155_691),
            (-(1 << 25), 1 << 25),
        ] {
            let ends = [h_times(&signed(least)), h_times(&signed(bound - 1))];
            assert_eq!(table.read_off(&ends, least, bound), Ok(vec![least, bound - 1]));
            let not_found = Err(ReadOffError::NotFound { index: 1, least, bound });
            // Beyond either end, and no multiple of h at all.
            for wrong in [h_times(&signed(bound)), h_times(&signed(least - 1)), crate::group::g()] {
                assert_eq!(table.read_off(&[ends[0], wrong], least, bound), not_found);
            }
        }
        let too_long = MAX_RANGE as i64 + 1;
        assert!(matches!(table.read_off(&[], 0, too_long), Err(ReadOffError::TooLarge { .. })));
        assert!(matches!(
            table.read_off(&[], -1, too_long - 1),
            Err(ReadOffError::TooLarge { .. })
        ));
    }
}
