//! How much of a run's bound an institution has: in proportion to its weight.
//!
//! The mean divides by Σω. An institution of few rows that could send as much as the largest would move the model by
//! B/Σω all the same, and with a small Σω without limit. With its own share of the bound it moves the model, beside the
//! others, as its rows do.

use super::quantiser::room;
use crate::Bound;

/// The bound of an institution with `rows`, where the largest has `max_rows` and `bound`; models have `dimension`
/// parameters.
///
/// - On parameters: ⌈ω·most⌉.
/// - On the norm, ⌈√((ω·R + 1)² + d/4)⌉: R units are what the largest is clipped to, ω·R what this one is, and the rest is
///   the room that rounding needs ([`Quantiser`](super::Quantiser)), which does not shrink with the weight. That is ω·B
///   and at most √d/2 + 1 units more. Where ω·R is less than one unit, it is one.
pub fn share(bound: Bound, rows: u64, max_rows: u64, dimension: u32) -> Bound {
    if rows >= max_rows {
        return bound;
    }
    match bound {
        Bound::Parameter { bits, most } => {
            let own = (u128::from(most) * u128::from(rows)).div_ceil(u128::from(max_rows));
            Bound::Parameter { bits, most: (own as u16).clamp(1, most.max(1)) }
        }
        Bound::Norm { norm, projections } => {
            // A bound without room for rounding founds no run.
            let Ok(room) = room(bound, dimension as usize) else { return bound };
            let weight = rows as f64 / max_rows as f64;
            let length = (weight * room).max(1.0) + 1.0;
            let own = (length * length + f64::from(dimension) / 4.0).sqrt().ceil();
            Bound::Norm { norm: (own as u32).min(norm), projections }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::quantise::{Quantiser, unit};

    fn norm(norm: u32) -> Bound {
        Bound::Norm { norm, projections: 256 }
    }

    fn units(bound: Bound) -> f64 {
        match bound {
            Bound::Parameter { most, .. } => most.into(),
            Bound::Norm { norm, .. } => norm.into(),
        }
    }

    #[test]
    fn the_largest_institution_has_the_whole_bound_and_nobody_more_than_it_and_the_room_for_rounding()
     {
        for bound in [Bound::parameter(8), Bound::parameter(16), norm(100), norm(5_600)] {
            for dimension in [1, 289, 4_000] {
                assert_eq!(share(bound, 100_000, 100_000, dimension), bound);
                let mut last = 0.0f64;
                for rows in [1, 7, 500, 1_000, 25_000, 50_001, 99_999] {
                    let own = share(bound, rows, 100_000, dimension);
                    assert!(own.check().is_ok() && own.is_within(&bound), "{own}");
                    let weight = rows as f64 / 100_000.0;
                    let rounding = match bound {
                        Bound::Parameter { .. } => 1.0,
                        Bound::Norm { .. } => f64::from(dimension).sqrt() / 2.0 + 3.0,
                    };
                    let exact = weight * units(bound);
                    assert!(units(own) <= exact + rounding, "{rows} rows of {dimension}: {own}");
                    assert!(units(own) >= last.max(exact.min(1.0)), "more rows, more of the bound");
                    last = units(own);
                }
            }
        }
        assert_eq!(
            share(Bound::parameter(8), 1, 100_000, 9),
            Bound::Parameter { bits: 8, most: 1 }
        );
        assert_eq!(share(Bound::parameter(8), 1, 4, 9), Bound::Parameter { bits: 8, most: 32 });
        // (0.01·R + 1)² + 289/4 for R = √(5,600² − 289/4) − 1.
        assert_eq!(share(norm(5_600), 1_000, 100_000, 289), norm(58));
        assert_eq!(share(norm(5_600), 1 << 39, 1 << 40, 289), norm(2_801));
        assert_eq!(share(norm(5_600), 1, 1 << 40, 289), norm(9));
    }

    #[test]
    fn honest_institutions_of_any_weight_are_clipped_to_the_same_difference_and_rounded_without_bias()
     {
        let dimension = 289;
        for (bound, clip) in [(Bound::parameter(16), 0.05), (norm(5_600), 0.5)] {
            for rows in [40, 300, 1_000] {
                let weight = rows as f64 / 1_000.0;
                let own = share(bound, rows, 1_000, dimension);
                let quantiser = Quantiser::new(bound, clip, weight, 10).unwrap().within(own);
                // Twice as long as c; half of it, in either measure, is clipped.
                let each = match bound {
                    Bound::Parameter { .. } => 2.0 * clip,
                    Bound::Norm { .. } => 2.0 * clip / (dimension as f32).sqrt(),
                };
                let mut total = 0;
                for seed in 0..50 {
                    let mut rng = ChaCha20Rng::seed_from_u64(seed);
                    let delta = vec![each; dimension as usize];
                    let (update, clipped) = quantiser.quantise(&delta, &mut rng).unwrap();
                    assert_eq!(update.bound(), own);
                    assert!(clipped > 0.4, "{clipped}");
                    total += update.as_slice().iter().sum::<i64>();
                }
                let unit = unit(bound, clip, dimension as usize).unwrap();
                let mean = total as f64 / (50.0 * f64::from(dimension)) * unit / weight;
                let ratio = mean / f64::from(each / 2.0);
                // ⌈ ⌉ gives one unit more at most: a hundredth of what 40 of 1,000 rows have of 5,600.
                assert!((0.998..1.012).contains(&ratio), "{bound} {rows}: {ratio}");
            }
        }
    }

    #[test]
    fn an_institution_whose_share_is_less_than_a_unit_still_has_an_update() {
        for bound in [Bound::parameter(8), norm(5_600)] {
            let own = share(bound, 1, 100_000, 289);
            let quantiser = Quantiser::new(bound, 0.5, 1e-5, 10).unwrap().within(own);
            let mut rng = ChaCha20Rng::seed_from_u64(6);
            let (update, _) = quantiser.quantise(&[0.3; 289], &mut rng).unwrap();
            assert_eq!(update.bound(), own);
        }
    }
}
