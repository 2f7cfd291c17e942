//! Quantities that are counted, as integers that a sum gives back exactly.
//!
//! Statistics and evaluations are not quantised like a model, because nothing of them may be rounded away: an institution's
//! counts, and its sums of fractions in units of 2^-12, are written in digits to a base 2^w, one digit a place of the update.
//! Places are summed, encrypted and proven like the parameters of a model; the sum of the digits, each times its power of the
//! base, is the sum of the quantities, carries and all.
//!
//! The base is the smallest with which a count takes one digit and a sum of fractions two; where so many institutions leave no
//! room for such digits in what a sum is read off from, a smaller one, and more digits.

use crate::{Bound, QuantiseError, QuantisedUpdate, Quantiser};

/// Bits after the point of a sum of fractions.
const FRACTION_BITS: u32 = 12;
/// Units that a fraction of 1 counts.
const UNITS: f64 = (1u32 << FRACTION_BITS) as f64;
/// Rows of the projections that prove the norm of a tally.
const PROJECTIONS: u16 = 256;
const WIDTHS: std::ops::RangeInclusive<u32> = 4..=16;

/// How many quantities an institution reports, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    counts: u32,
    sums: u32,
    width: u32,
    /// Bits of the largest count.
    rows_bits: u32,
}

impl Tally {
    /// `counts` numbers of rows and `sums` sums of fractions of an institution that has at most `max_rows` rows, in sums of
    /// at most `summands` of them.
    ///
    /// # Errors
    /// [`QuantiseError`] where sums could not be read off again: too many quantities for so many institutions.
    pub fn new(
        counts: u32,
        sums: u32,
        max_rows: u64,
        summands: u32,
    ) -> Result<Self, QuantiseError> {
        let rows_bits = u64::BITS - max_rows.max(1).leading_zeros();
        let wanted = rows_bits.max((rows_bits + FRACTION_BITS).div_ceil(2));
        let widest = wanted.clamp(*WIDTHS.start(), *WIDTHS.end());
        let of_width = |width| Self { counts, sums, width, rows_bits };
        let fits = |tally: &Self| Quantiser::new(tally.bound(), 1.0, 1.0, summands).map(|_| ());
        let mut narrower = (*WIDTHS.start()..=widest).rev().map(of_width);
        match narrower.find(|tally| fits(tally).is_ok()) {
            Some(tally) => Ok(tally),
            None => {
                let narrowest = of_width(*WIDTHS.start());
                fits(&narrowest).map(|()| narrowest)
            }
        }
    }

    /// Numbers of rows that are reported.
    pub fn counts(&self) -> u32 {
        self.counts
    }

    /// Sums of fractions that are reported.
    pub fn sums(&self) -> u32 {
        self.sums
    }

    /// d: places of an update, all digits of the counts and then of the sums, each quantity's lowest digit first.
    pub fn dimension(&self) -> u32 {
        let counts = u64::from(self.counts) * u64::from(self.count_digits());
        let sums = u64::from(self.sums) * u64::from(self.sum_digits());
        u32::try_from(counts + sums).unwrap_or(u32::MAX)
    }

    /// What an update of such digits keeps: no place reaches 2^w, so that ‖q‖ < 2^w·√d.
    pub fn bound(&self) -> Bound {
        let squared = u64::from(self.dimension()).saturating_mul(1 << (2 * self.width));
        let norm = u32::try_from(squared.isqrt() + 1).unwrap_or(u32::MAX);
        Bound::Norm { norm, projections: PROJECTIONS }
    }

    /// One institution's numbers of rows, and its sums of fractions in \[0, 1\], one a row, as an update.
    ///
    /// # Errors
    /// [`QuantiseError::Quantities`] for another number of them; [`QuantiseError::Quantity`] for one that takes more rows
    /// than an institution has, or is none.
    pub fn encode(&self, counts: &[u64], sums: &[f64]) -> Result<QuantisedUpdate, QuantiseError> {
        let found = (counts.len(), sums.len());
        let expected = (self.counts as usize, self.sums as usize);
        if found != expected {
            return Err(QuantiseError::Quantities { found, expected });
        }
        let counts = counts.iter().map(|count| (Some(*count), self.count_digits()));
        let sums = sums.iter().map(|sum| (units(*sum), self.sum_digits()));
        let mut values = Vec::with_capacity(self.dimension() as usize);
        for (index, (quantity, digits)) in (0..).zip(counts.chain(sums)) {
            let mut rest = quantity.ok_or(QuantiseError::Quantity { index })?;
            for _ in 0..digits {
                values.push((rest & self.largest_digit()).cast_signed());
                rest >>= self.width;
            }
            if rest != 0 {
                return Err(QuantiseError::Quantity { index });
            }
        }
        QuantisedUpdate::new(values, self.bound())
    }

    /// Numbers of rows and sums of fractions of all institutions in a sum, whose places add up to `places`, `[d]`.
    ///
    /// `None` where the number of places differs or a quantity is negative, which no honest institution's are: somebody has
    /// reported what cannot have been counted.
    pub fn decode(&self, places: &[i64]) -> Option<(Vec<u64>, Vec<f64>)> {
        if places.len() != self.dimension() as usize {
            return None;
        }
        let quantity = |digits: &[i64]| {
            let value = digits.iter().rev().try_fold(0i64, |high, digit| {
                high.checked_mul(1 << self.width)?.checked_add(*digit)
            });
            u64::try_from(value?).ok()
        };
        let (counts, sums) =
            places.split_at_checked(self.counts as usize * self.count_digits() as usize)?;
        let read = |places: &[i64], digits: u32| {
            places.chunks(digits as usize).map(quantity).collect::<Option<Vec<u64>>>()
        };
        let sums = read(sums, self.sum_digits())?;
        let sums = sums.into_iter().map(|sum| sum as f64 / UNITS).collect();
        Some((read(counts, self.count_digits())?, sums))
    }

    fn largest_digit(&self) -> u64 {
        (1 << self.width) - 1
    }

    fn count_digits(&self) -> u32 {
        self.rows_bits.div_ceil(self.width)
    }

    fn sum_digits(&self) -> u32 {
        (self.rows_bits + FRACTION_BITS).div_ceil(self.width)
    }
}

/// A sum of fractions in whole units; `None` where it is no such sum.
fn units(sum: f64) -> Option<u64> {
    // What lies beyond 2^64 saturates, and is refused as more than an institution has rows for.
    (sum.is_finite() && sum >= 0.0).then(|| (sum * UNITS).round() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn added(updates: &[QuantisedUpdate]) -> Vec<i64> {
        let places = updates[0].len();
        (0..places)
            .map(|place| updates.iter().map(|update| update.as_slice()[place]).sum())
            .collect()
    }

    #[test]
    fn a_count_takes_one_place_and_a_sum_of_fractions_two_where_there_is_room() {
        let tally = Tally::new(264, 16, 61, 10).unwrap();
        assert_eq!((tally.width, tally.dimension()), (9, 264 + 2 * 16));
        assert_eq!(Tally::new(264, 16, 7_000, 10).unwrap().dimension(), 264 + 2 * 16);
        // A hundred and more institutions of a hundred thousand rows have narrower digits, and more of them.
        let large = Tally::new(264, 16, 100_000, 128).unwrap();
        assert!(large.width < 14 && large.dimension() > 2 * 264, "{large:?}");
    }

    #[test]
    fn more_quantities_than_sums_can_be_read_off_for_are_refused() {
        let error = Tally::new(4_000_000, 0, 1_000_000, 1_000).unwrap_err();
        assert!(matches!(error, QuantiseError::NormHeadroom { .. }), "{error}");
    }

    #[test]
    fn what_no_institution_of_the_run_can_have_counted_is_refused() {
        let tally = Tally::new(2, 1, 100, 4).unwrap();
        assert!(tally.encode(&[100, 0], &[100.0]).is_ok());
        assert!(matches!(tally.encode(&[100], &[0.0]), Err(QuantiseError::Quantities { .. })));
        let error = tally.encode(&[1, 1 << 20], &[0.0]).unwrap_err();
        assert!(matches!(error, QuantiseError::Quantity { index: 1 }), "{error}");
        for sum in [f64::MAX, f64::INFINITY, f64::NAN, -0.5] {
            let error = tally.encode(&[1, 1], &[sum]).unwrap_err();
            assert!(matches!(error, QuantiseError::Quantity { index: 2 }), "{error}");
        }
    }

    #[test]
    fn a_quantity_below_zero_is_nobodys_count() {
        let tally = Tally::new(1, 1, 100, 4).unwrap();
        let mut sums = vec![0; tally.dimension() as usize];
        assert!(tally.decode(&sums).is_some());
        sums[0] = -1;
        assert_eq!(tally.decode(&sums), None);
        assert_eq!(tally.decode(&sums[1..]), None);
        assert_eq!(tally.decode(&vec![i64::MAX; sums.len()]), None);
    }

    proptest! {
        #[test]
        fn the_sum_of_the_places_gives_back_the_sum_of_the_quantities(
            max_rows in 1u64..200_000,
            rows in proptest::collection::vec(
                (0.0..=1.0f64, 0.0..=1.0f64, 0.0..=1.0f64), 1..12),
        ) {
            let tally = Tally::new(2, 1, max_rows, 12).unwrap();
            let share = |part: f64| (part * max_rows as f64) as u64;
            let rows: Vec<_> =
                rows.iter().map(|&(a, b, c)| ([share(a), share(b)], [c * max_rows as f64])).collect();
            let updates: Vec<_> =
                rows.iter().map(|(counts, sums)| tally.encode(counts, sums).unwrap()).collect();
            let (counts, sums) = tally.decode(&added(&updates)).unwrap();
            for (place, count) in counts.into_iter().enumerate() {
                let expected: u64 = rows.iter().map(|(counts, _)| counts[place]).sum();
                prop_assert_eq!(count, expected);
            }
            let expected: f64 = rows.iter().map(|(_, sums)| sums[0]).sum();
            prop_assert!((sums[0] - expected).abs() <= rows.len() as f64 / (2.0 * UNITS) + 1e-6);
        }
    }
}
