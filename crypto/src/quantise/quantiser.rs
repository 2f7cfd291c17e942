//! From floats to integers and back.
//!
//! x = ω·Δ is clipped, scaled and rounded at random to q so that E\[q\] is x over the value of one unit. The rounding is
//! seeded, so that runs repeat; the seed never reaches an encryption.
//!
//! - Under a bound on parameters each is clipped to [−c, c]; |q| ≤ 2^(b−1) − 1, and a unit is c/(2^(b−1) − 1).
//! - Under a bound on the norm x is clipped to ‖x‖ ≤ c; ‖q‖ ≤ B, a unit is c/R with R = √(B² − d/4) − 1. Rounding adds
//!   Σf_j·(1 − f_j) ≤ d/4 to the expected ‖q‖², f_j the fractions, and its standard deviation is about ‖q‖; R leaves room
//!   for both, so that also an update at the bound is rounded without bias. What is too long all the same is drawn again,
//!   and at last truncated toward zero.
//!
//! An institution of less weight has less of a bound ([`share`](super::share)): units are the same for all of a run, and it
//! clips at as many of them as its own bound has room for, which is about ω·c.
//!
//! Decoding: Δ̄ = unit·Σq / Σω over the accepted updates.

use rand_core::RngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bound::square;
use crate::context::MAX_RANGE;
use crate::{Bound, MAX_SUMMANDS, QuantiseError};

/// How often the rounding of an update that came out too long is drawn again.
const DRAWS: usize = 16;

/// An update as integers that keep their bound. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct QuantisedUpdate {
    values: Vec<i64>,
    #[zeroize(skip)]
    bound: Bound,
}

impl QuantisedUpdate {
    /// Takes values q that are within the bound: each |q_j| ≤ `most`, or ‖q‖ ≤ B.
    pub fn new(values: Vec<i64>, bound: Bound) -> Result<Self, QuantiseError> {
        bound.check()?;
        match bound {
            Bound::Parameter { most, .. } => {
                let most = i64::from(most);
                if let Some((index, &value)) =
                    (0..).zip(&values).find(|(_, value)| value.unsigned_abs() > most as u64)
                {
                    return Err(QuantiseError::OutOfBounds { index, value, bound: most });
                }
            }
            Bound::Norm { norm, .. } => {
                if square(&values) > u128::from(norm).pow(2) {
                    return Err(QuantiseError::TooLong { norm });
                }
            }
        }
        Ok(Self { values, bound })
    }

    /// Takes any values, so that experiments can send what cannot be proven: encryption encodes q + offset, in wrapping
    /// 64-bit arithmetic, as a signed scalar; the proofs come out false and every verifier rejects them.
    #[cfg(any(test, feature = "adversary"))]
    pub fn unchecked(values: Vec<i64>, bound: Bound) -> Self {
        Self { values, bound }
    }

    /// q, one value a parameter.
    pub fn as_slice(&self) -> &[i64] {
        &self.values
    }

    /// d, the number of parameters.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What the values keep.
    pub fn bound(&self) -> Bound {
        self.bound
    }
}

// An update says what its institution's rows say; it does not go into a log.
impl std::fmt::Debug for QuantisedUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QuantisedUpdate({} values, {:?})", self.values.len(), self.bound)
    }
}

/// Turns an institution's update into integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiser {
    /// What c is the largest of: a unit follows from it.
    bound: Bound,
    /// What the update keeps.
    own: Bound,
    clip: f32,
    weight: f64,
}

impl Quantiser {
    /// c = `clip`, of every parameter or of the norm; ω = `weight`, the institution's rows over the largest institution's.
    /// Refuses what sums of `max_summands` updates could not be read off again.
    pub fn new(
        bound: Bound,
        clip: f32,
        weight: f64,
        max_summands: u32,
    ) -> Result<Self, QuantiseError> {
        let quantiser = Self::of_sums_that_are_computed(bound, clip, weight)?;
        let reach = u64::from(max_summands.min(MAX_SUMMANDS)) * bound.reach();
        match bound {
            _ if max_summands > MAX_SUMMANDS => {
                Err(QuantiseError::Headroom { summands: max_summands, most: MAX_SUMMANDS })
            }
            Bound::Norm { norm, .. } if 2 * reach + 1 > MAX_RANGE => {
                let reach = (MAX_RANGE - 1) / (2 * u64::from(max_summands));
                let most = (reach as f64 / bound.slack()) as u32;
                Err(QuantiseError::NormHeadroom { summands: max_summands, norm, most })
            }
            _ => Ok(quantiser),
        }
    }

    /// [`new`](Self::new) for sums that are computed and not looked up, as those under a lattice mask are: its own
    /// parameters say how long they may be.
    pub fn of_sums_that_are_computed(
        bound: Bound,
        clip: f32,
        weight: f64,
    ) -> Result<Self, QuantiseError> {
        bound.check()?;
        check_clip(clip)?;
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(QuantiseError::Weight { weight });
        }
        Ok(Self { bound, own: bound, clip, weight })
    }

    /// Clips and rounds to less than the bound, in the same units: to an institution's own [`share`](super::share) of it.
    #[must_use]
    pub fn within(self, own: Bound) -> Self {
        Self { own, ..self }
    }

    /// q of the update Δ (`[d]`, local minus global model) and the share that was clipped, from 0 to 1: of the parameters,
    /// or of the norm.
    pub fn quantise(
        &self,
        delta: &[f32],
        rng: &mut impl RngCore,
    ) -> Result<(QuantisedUpdate, f64), QuantiseError> {
        if let Some((index, &value)) = (0..).zip(delta).find(|(_, value)| !value.is_finite()) {
            return Err(QuantiseError::NotFinite { index, value });
        }
        let weighted = delta.iter().map(|&value| self.weight * f64::from(value));
        let clip = f64::from(self.clip);
        // c, and what of it the own bound has room for, in units.
        let all = room(self.bound, delta.len())?;
        let own = room(self.own, delta.len())?;
        let (values, share) = match self.own {
            Bound::Parameter { .. } => {
                let scaled = weighted.map(|x| x / clip * all);
                let clipped = scaled.clone().filter(|x| x.abs() > own).count();
                let values = scaled.map(|x| round(x.clamp(-own, own), rng)).collect();
                (values, clipped as f64 / delta.len().max(1) as f64)
            }
            Bound::Norm { norm, .. } => {
                let length = weighted.clone().map(|x| x * x).sum::<f64>().sqrt();
                let clip_own = clip * (own / all);
                let scale = if length <= clip_own { all / clip } else { own / length };
                let values = round_within(norm, weighted.map(|x| x * scale), rng);
                (values, 1.0 - clip_own / length.max(clip_own))
            }
        };
        Ok((QuantisedUpdate::new(values, self.own)?, share))
    }
}

/// Down or up at random, so that the mean is x.
fn round(x: f64, rng: &mut impl RngCore) -> i64 {
    let floor = x.floor();
    // 53 random bits are a uniform double in [0, 1).
    let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    floor as i64 + i64::from(uniform < x - floor)
}

/// Rounds x, no longer than the norm, to q, no longer either.
fn round_within(
    norm: u32,
    x: impl Iterator<Item = f64> + Clone,
    rng: &mut impl RngCore,
) -> Vec<i64> {
    for _ in 0..DRAWS {
        let mut values = Zeroizing::new(x.clone().map(|x| round(x, rng)).collect::<Vec<_>>());
        if square(&values) <= u128::from(norm).pow(2) {
            return std::mem::take(&mut *values);
        }
    }
    x.map(|x| x as i64).collect()
}

/// What one unit of a quantised update of `dimension` parameters is worth.
pub fn unit(bound: Bound, clip: f32, dimension: usize) -> Result<f64, QuantiseError> {
    bound.check()?;
    check_clip(clip)?;
    Ok(f64::from(clip) / room(bound, dimension)?)
}

/// Units that an update of `dimension` parameters is clipped to: in each of them, or its norm before it is rounded.
pub(super) fn room(bound: Bound, dimension: usize) -> Result<f64, QuantiseError> {
    match bound {
        Bound::Parameter { most, .. } => Ok(most.into()),
        Bound::Norm { norm, .. } => radius(norm, dimension),
    }
}

/// Δ̄, the weighted mean update (`[d]`) from the sums Σq_j over updates whose weights ω add up to `weight_sum`, above 0.
/// `bound` is that of an institution of weight 1.
pub fn decode(
    sums: &[i64],
    bound: Bound,
    clip: f32,
    weight_sum: f64,
) -> Result<Vec<f64>, QuantiseError> {
    let unit = unit(bound, clip, sums.len())?;
    Ok(sums.iter().map(|&sum| unit * sum as f64 / weight_sum).collect())
}

/// The next model: new_j = (old_j + Δ̄_j) computed in f64 and rounded once.
pub fn apply(model: &[f32], mean: &[f64]) -> Vec<f32> {
    model.iter().zip(mean).map(|(&old, mean)| (f64::from(old) + mean) as f32).collect()
}

/// R.
fn radius(norm: u32, dimension: usize) -> Result<f64, QuantiseError> {
    // Not `powi`, whose rounding the language leaves to the platform: the radius decides what is rounded to what.
    let norm_squared = f64::from(norm) * f64::from(norm);
    let room = norm_squared - dimension as f64 / 4.0;
    if room < 4.0 {
        let least = (dimension as u64).div_ceil(4) + 4;
        let least = least.isqrt() + 1;
        return Err(QuantiseError::NormTooSmall { dimension, norm, least });
    }
    Ok(room.sqrt() - 1.0)
}

fn check_clip(clip: f32) -> Result<(), QuantiseError> {
    if clip.is_finite() && clip > 0.0 { Ok(()) } else { Err(QuantiseError::Clip { clip }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const EIGHT: Bound = Bound::parameter(8);
    const SIXTEEN: Bound = Bound::parameter(16);

    fn norm(norm: u32) -> Bound {
        Bound::Norm { norm, projections: 256 }
    }

    #[test]
    fn what_is_not_finite_is_named_by_its_index() {
        let quantiser = Quantiser::new(EIGHT, 1.0, 1.0, 10).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = quantiser.quantise(&[0.0, bad], &mut rng).unwrap_err();
            assert!(matches!(error, QuantiseError::NotFinite { index: 1, .. }), "{error}");
        }
    }

    #[test]
    fn a_quantiser_without_headroom_says_which_number_to_lower() {
        let error = Quantiser::new(SIXTEEN, 1.0, 1.0, MAX_SUMMANDS + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sums of 1025 updates cannot be read off; lower the number of institutions to 1024"
        );
        assert!(Quantiser::new(SIXTEEN, 1.0, 1.0, MAX_SUMMANDS).is_ok());
        for (bits, clip, weight) in
            [(9, 1.0, 1.0), (8, 0.0, 1.0), (8, f32::NAN, 1.0), (8, 1.0, 0.0), (8, 1.0, 1.1)]
        {
            assert!(Quantiser::new(Bound::parameter(bits), clip, weight, 1).is_err());
        }
    }

    #[test]
    fn values_outside_the_bounds_are_no_quantised_update() {
        assert!(QuantisedUpdate::new(vec![127, -127], EIGHT).is_ok());
        for bad in [128, -128, i64::MIN, i64::MAX] {
            assert!(matches!(
                QuantisedUpdate::new(vec![0, bad], EIGHT),
                Err(QuantiseError::OutOfBounds { index: 1, .. })
            ));
        }
    }

    #[test]
    fn rounding_is_unbiased_and_clipping_is_counted() {
        let quantiser = Quantiser::new(EIGHT, 0.5, 1.0, 10).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let x = 0.1234f32;
        let (update, share) = quantiser.quantise(&vec![x; 40_000], &mut rng).unwrap();
        let mean = update.as_slice().iter().sum::<i64>() as f64 / 40_000.0;
        // A rounding has standard deviation at most 1/2, the mean of 40,000 at most 0.0025: four of them.
        assert!((mean - f64::from(x) / 0.5 * 127.0).abs() < 0.01, "{mean}");
        assert_eq!(share, 0.0);
        let (update, share) = quantiser.quantise(&[0.6, -7.0, 0.5, 0.0], &mut rng).unwrap();
        assert_eq!(update.as_slice(), [127, -127, 127, 0]);
        assert_eq!(share, 0.5);
    }

    #[test]
    fn a_norm_without_headroom_says_how_low_it_must_be_and_one_without_room_for_rounding_how_high()
    {
        let error = Quantiser::new(norm(2_000_000), 1.0, 1.0, 10).unwrap_err();
        let QuantiseError::NormHeadroom { most, .. } = error else { panic!("{error}") };
        assert!(Quantiser::new(norm(most), 1.0, 1.0, 10).is_ok());
        assert!(Quantiser::new(norm(most + 1), 1.0, 1.0, 10).is_err());
        for dimension in [1, 289, 100_000] {
            let error = unit(norm(1), 1.0, dimension).unwrap_err();
            let QuantiseError::NormTooSmall { least, .. } = error else { panic!("{error}") };
            assert!(unit(norm(least as u32), 1.0, dimension).is_ok());
        }
        assert!(Quantiser::new(norm(100_000_001), 1.0, 1.0, 1).is_err());
        for clip in [0.0, -1.0, f32::NAN] {
            assert!(
                unit(norm(100), clip, 1).is_err()
                    && Quantiser::new(norm(100), clip, 1.0, 1).is_err()
            );
        }
    }

    #[test]
    fn values_longer_than_the_norm_are_no_quantised_update() {
        assert!(QuantisedUpdate::new(vec![3, -4, 0], norm(5)).is_ok());
        for bad in [vec![3, -4, 1], vec![6], vec![i64::MIN], vec![i64::MAX; 100]] {
            assert_eq!(QuantisedUpdate::new(bad, norm(5)), Err(QuantiseError::TooLong { norm: 5 }));
        }
    }

    #[test]
    fn an_update_is_clipped_to_its_norm_in_its_own_direction() {
        let quantiser = Quantiser::new(norm(5000), 1.0, 0.5, 10).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let delta: Vec<f32> = (0..300).map(|j| (j as f32 / 150.0 - 1.0) * 8.0).collect();
        let (update, share) = quantiser.quantise(&delta, &mut rng).unwrap();
        let length = delta.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        assert!((share - (1.0 - 1.0 / (0.5 * length))).abs() < 1e-6, "{share}");
        let unit = unit(norm(5000), 1.0, 300).unwrap();
        for (q, x) in update.as_slice().iter().zip(&delta) {
            assert!((*q as f64 * unit - f64::from(*x) / length).abs() <= unit, "{q} {x}");
        }
        let (small, share) = quantiser.quantise(&vec![0.01; 300], &mut rng).unwrap();
        assert_eq!(share, 0.0);
        assert!(small.as_slice().iter().all(|q| (*q as f64 * unit - 0.005).abs() <= unit));
        assert!(
            quantiser
                .quantise(&vec![0.0; 300], &mut rng)
                .unwrap()
                .0
                .as_slice()
                .iter()
                .all(|q| *q == 0)
        );
    }

    #[test]
    fn also_at_the_bound_rounding_to_a_norm_is_unbiased_and_seldom_drawn_again() {
        // Coordinates of about one unit each, where truncation would lose half of the update.
        let d = 1000;
        let bound = norm(40);
        let quantiser = Quantiser::new(bound, 1.0, 1.0, 10).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let mut total = 0;
        for _ in 0..200 {
            let (update, _) = quantiser.quantise(&vec![1.0; d], &mut rng).unwrap();
            total += update.as_slice().iter().sum::<i64>();
        }
        let mean = total as f64 / (200.0 * d as f64) * unit(bound, 1.0, d).unwrap();
        let expected = 1.0 / (d as f64).sqrt();
        assert!((mean / expected - 1.0).abs() < 0.01, "{mean} {expected}");
    }

    #[test]
    fn rounding_that_never_fits_is_truncated_toward_zero() {
        // 2.9² + 2.9² is within 4.2², 3² + 3² is not; at 4 only (2, 3), (3, 2) and (2, 2) are.
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for _ in 0..100 {
            let values = round_within(4, [2.7, -2.7].into_iter(), &mut rng);
            assert!(
                square(&values) <= 16 && values.iter().all(|q| [2, 3].contains(&q.abs())),
                "{values:?}"
            );
        }
        struct Up;
        impl rand_core::RngCore for Up {
            fn next_u32(&mut self) -> u32 {
                0
            }
            fn next_u64(&mut self) -> u64 {
                0
            }
            fn fill_bytes(&mut self, bytes: &mut [u8]) {
                bytes.fill(0);
            }
            fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
                bytes.fill(0);
                Ok(())
            }
        }
        // Every draw is away from zero for a positive number.
        assert_eq!(round_within(4, [2.7, 2.7, -0.5].into_iter(), &mut Up), [2, 2, 0]);
    }

    proptest! {
        #[test]
        fn no_update_is_ever_longer_than_its_norm_and_decoding_returns_it_to_within_one_unit(
            delta in proptest::collection::vec(-2.0f32..2.0, 1..200), b in 12u32..6000, seed in any::<u64>(),
        ) {
            let quantiser = Quantiser::new(norm(b), 1.5, 1.0, 10).unwrap();
            let (update, share) = quantiser.quantise(&delta, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
            prop_assert!(square(update.as_slice()) <= u128::from(b).pow(2));
            let unit = unit(norm(b), 1.5, delta.len()).unwrap();
            let decoded = decode(update.as_slice(), norm(b), 1.5, 1.0).unwrap();
            for (decoded, x) in decoded.iter().zip(&delta) {
                prop_assert!((decoded - f64::from(*x) * (1.0 - share)).abs() <= unit + 1e-9, "{decoded} {x}");
            }
        }

        #[test]
        fn decoding_returns_every_coordinate_to_within_one_unit(
            delta in proptest::collection::vec(-2.0f32..2.0, 1..50), sixteen in any::<bool>(), seed in any::<u64>(),
        ) {
            let bits = if sixteen { 16 } else { 8 };
            let bound = Bound::parameter(bits);
            let quantiser = Quantiser::new(bound, 1.0, 0.5, 10).unwrap();
            let (update, _) = quantiser.quantise(&delta, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
            let unit = 1.0 / ((1 << (bits - 1)) - 1) as f64;
            for (decoded, x) in decode(update.as_slice(), bound, 1.0, 0.5).unwrap().iter().zip(&delta) {
                prop_assert!((decoded - f64::from(*x)).abs() <= unit / 0.5, "{decoded} {x}");
            }
        }
    }
}
