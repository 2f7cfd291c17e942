//! From floats to integers and back.
//!
//! x = ω·Δ is clipped to [−c, c] and rounded at random to q ∈ [−(2^(b−1)−1), 2^(b−1)−1] so that E\[q\] is
//! x·(2^(b−1)−1)/c. The rounding is seeded, so that runs repeat; the seed never reaches an encryption.
//! Decoding: Δ̄ = c/(2^(b−1)−1) · (Σu − m·2^(b−1)) / Σω over the m accepted updates, u = q + 2^(b−1).

use rand_core::RngCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::dlog::MAX_BOUND;
use crate::{MAX_SUMMANDS, QuantiseError};

/// An update as integers, each within ±(2^(b−1)−1). Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct QuantisedUpdate {
    values: Vec<i64>,
    bits: u8,
}

impl QuantisedUpdate {
    /// Takes values that are within the bounds of `bits`, 8 or 16.
    pub fn new(values: Vec<i64>, bits: u8) -> Result<Self, QuantiseError> {
        let bound = largest(bits)?;
        match values.iter().position(|value| value.unsigned_abs() > bound.unsigned_abs()) {
            Some(index) => {
                Err(QuantiseError::OutOfBounds { index, value: values.get(index).copied().unwrap_or_default(), bound })
            }
            None => Ok(Self { values, bits }),
        }
    }

    /// Takes any values, so that experiments can send what cannot be proven: encryption encodes q + 2^(b−1), in wrapping
    /// 64-bit arithmetic, as a signed scalar; the proofs come out false and every verifier rejects them.
    #[cfg(any(test, feature = "adversary"))]
    pub fn unchecked(values: Vec<i64>, bits: u8) -> Self {
        Self { values, bits }
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

    /// b, the bits a parameter.
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

// An update says what its institution's rows say; it does not go into a log.
impl std::fmt::Debug for QuantisedUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QuantisedUpdate({} values of {} bits)", self.values.len(), self.bits)
    }
}

/// Turns an institution's update into integers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantiser {
    bits: u8,
    clip: f32,
    weight: f64,
}

impl Quantiser {
    /// b = `bits`, 8 or 16; c = `clip`; ω = `weight`, the institution's rows over the largest institution's. Refuses what
    /// sums of `max_summands` updates could not be read off again.
    pub fn new(bits: u8, clip: f32, weight: f64, max_summands: u32) -> Result<Self, QuantiseError> {
        largest(bits)?;
        if !(clip.is_finite() && clip > 0.0) {
            return Err(QuantiseError::Clip { clip });
        }
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(QuantiseError::Weight { weight });
        }
        if max_summands > MAX_SUMMANDS || (u64::from(max_summands) << bits) > MAX_BOUND {
            return Err(QuantiseError::Headroom { summands: max_summands, most: MAX_SUMMANDS });
        }
        Ok(Self { bits, clip, weight })
    }

    /// q of the update Δ (`[d]`, local minus global model) and the share of parameters that were clipped, from 0 to 1.
    pub fn quantise(&self, delta: &[f32], rng: &mut impl RngCore) -> Result<(QuantisedUpdate, f64), QuantiseError> {
        let most = largest(self.bits)?;
        let clip = f64::from(self.clip);
        let mut clipped = 0usize;
        let mut values = Vec::with_capacity(delta.len());
        for (index, &value) in delta.iter().enumerate() {
            if !value.is_finite() {
                return Err(QuantiseError::NotFinite { index, value });
            }
            let x = self.weight * f64::from(value);
            clipped += usize::from(x.abs() > clip);
            let scaled = x.clamp(-clip, clip) / clip * most as f64;
            let floor = scaled.floor();
            // 53 random bits are a uniform double in [0, 1).
            let uniform = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            values.push(floor as i64 + i64::from(uniform < scaled - floor));
        }
        let share = if delta.is_empty() { 0.0 } else { clipped as f64 / delta.len() as f64 };
        Ok((QuantisedUpdate::new(values, self.bits)?, share))
    }
}

/// Δ̄, the weighted mean update (`[d]`) from the sums Σu_j over `summands` updates whose weights ω add up to
/// `weight_sum`, above 0.
pub fn decode(sums: &[u64], summands: u32, bits: u8, clip: f32, weight_sum: f64) -> Result<Vec<f64>, QuantiseError> {
    let most = largest(bits)?;
    let offset = i128::from(summands) << (bits - 1);
    let unit = f64::from(clip) / most as f64;
    Ok(sums.iter().map(|&sum| unit * (i128::from(sum) - offset) as f64 / weight_sum).collect())
}

/// The next model: new_j = (old_j + Δ̄_j) computed in f64 and rounded once.
pub fn apply(model: &[f32], mean: &[f64]) -> Vec<f32> {
    model.iter().zip(mean).map(|(&old, mean)| (f64::from(old) + mean) as f32).collect()
}

/// 2^(b−1) − 1.
fn largest(bits: u8) -> Result<i64, QuantiseError> {
    match bits {
        8 | 16 => Ok((1 << (bits - 1)) - 1),
        _ => Err(QuantiseError::Bits { bits }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn what_is_not_finite_is_named_by_its_index() {
        let quantiser = Quantiser::new(8, 1.0, 1.0, 10).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = quantiser.quantise(&[0.0, bad], &mut rng).unwrap_err();
            assert!(matches!(error, QuantiseError::NotFinite { index: 1, .. }), "{error}");
        }
    }

    #[test]
    fn a_quantiser_without_headroom_says_which_number_to_lower() {
        let error = Quantiser::new(16, 1.0, 1.0, MAX_SUMMANDS + 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sums of 1025 updates cannot be read off; lower the number of institutions to 1024"
        );
        assert!(Quantiser::new(16, 1.0, 1.0, MAX_SUMMANDS).is_ok());
        for (bits, clip, weight) in [(9, 1.0, 1.0), (8, 0.0, 1.0), (8, f32::NAN, 1.0), (8, 1.0, 0.0), (8, 1.0, 1.1)] {
            assert!(Quantiser::new(bits, clip, weight, 1).is_err());
        }
    }

    #[test]
    fn values_outside_the_bounds_are_no_quantised_update() {
        assert!(QuantisedUpdate::new(vec![127, -127], 8).is_ok());
        for bad in [128, -128, i64::MIN, i64::MAX] {
            assert!(matches!(QuantisedUpdate::new(vec![0, bad], 8), Err(QuantiseError::OutOfBounds { index: 1, .. })));
        }
    }

    #[test]
    fn rounding_is_unbiased_and_clipping_is_counted() {
        let quantiser = Quantiser::new(8, 0.5, 1.0, 10).unwrap();
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

    proptest! {
        #[test]
        fn decoding_returns_every_coordinate_to_within_one_unit(
            delta in proptest::collection::vec(-2.0f32..2.0, 1..50), sixteen in any::<bool>(), seed in any::<u64>(),
        ) {
            let bits = if sixteen { 16 } else { 8 };
            let quantiser = Quantiser::new(bits, 1.0, 0.5, 10).unwrap();
            let (update, _) = quantiser.quantise(&delta, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap();
            let sums: Vec<u64> = update.as_slice().iter().map(|q| (q + (1 << (bits - 1))) as u64).collect();
            let unit = 1.0 / ((1 << (bits - 1)) - 1) as f64;
            for (decoded, x) in decode(&sums, 1, bits, 1.0, 0.5).unwrap().iter().zip(&delta) {
                prop_assert!((decoded - f64::from(*x)).abs() <= unit / 0.5, "{decoded} {x}");
            }
        }
    }
}
