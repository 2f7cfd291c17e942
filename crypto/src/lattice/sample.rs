//! What the operating system draws for a mask: the ternary key s and the noise e, in constant time.
//!
//! s_i = b + b' − 1 with two random bits. e is centred binomial of 128 − 128 bits, of deviation 8: a difference of two
//! counts of 128 bits is the count of all 256, half of them negated, less 128, and a negated random bit is a random bit.
//! 32 bytes a parameter of a ChaCha20 stream, one stream for each block of parameters.

use chacha20::cipher::StreamCipher;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::matrix::stream;
use super::ring::DEGREE;

/// Bytes of the stream for one coefficient of the noise.
const NOISE_BYTES: usize = 32;
/// Coefficients whose bytes are drawn at once.
const AT_ONCE: usize = 64;
/// The largest |e|.
pub(crate) const MAX_NOISE: i64 = 128;

/// s, in {−1, 0, 1}. On the heap, so that moving it leaves no copy behind.
pub(crate) type Ternary = Zeroizing<Vec<i8>>;

/// Draws s.
pub(crate) fn ternary(rng: &mut impl CryptoRngCore) -> Ternary {
    let mut bytes = Zeroizing::new(vec![0u8; DEGREE / 4]);
    rng.fill_bytes(&mut bytes);
    let mut s = Zeroizing::new(vec![0; DEGREE]);
    for (places, byte) in s.as_chunks_mut::<4>().0.iter_mut().zip(bytes.iter()) {
        for (pair, place) in places.iter_mut().enumerate() {
            let bits = byte >> (2 * pair);
            *place = (bits & 1).cast_signed() + (bits >> 1 & 1).cast_signed() - 1;
        }
    }
    s
}

/// The noise of one encryption, as the key of its streams.
pub(crate) struct Noise {
    key: Box<Zeroizing<[u8; 32]>>,
}

impl Noise {
    /// Draws the key.
    pub(crate) fn draw(rng: &mut impl CryptoRngCore) -> Self {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        rng.fill_bytes(&mut **key);
        Self { key }
    }

    /// Adds the noise of a block of parameters.
    pub(crate) fn add(&self, block: u64, values: &mut [i32]) {
        let mut stream = stream(&self.key, block);
        let mut bytes = Zeroizing::new([0; NOISE_BYTES * AT_ONCE]);
        for values in values.chunks_mut(AT_ONCE) {
            bytes.fill(0);
            stream.apply_keystream(&mut *bytes);
            for (value, words) in values.iter_mut().zip(bytes.as_chunks::<NOISE_BYTES>().0) {
                let words = words.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
                let ones: u32 = words.map(u64::count_ones).sum();
                *value = value.wrapping_add(ones.cast_signed() - MAX_NOISE as i32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    /// Mean and variance.
    fn moments(values: &[f64]) -> (f64, f64) {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
    }

    #[test]
    fn a_mask_key_is_zero_with_one_half_and_either_sign_with_one_quarter() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let keys: Vec<Ternary> = (0..100).map(|_| ternary(&mut rng)).collect();
        let all: Vec<i8> = keys.iter().flat_map(|key| key.iter().copied()).collect();
        for (value, share) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
            let found = all.iter().filter(|s| **s == value).count() as f64 / all.len() as f64;
            // A standard deviation is at most 0.0011.
            assert!((found - share).abs() < 0.006, "{value}: {found}");
        }
        // Each of the four places of a byte by itself, and neighbours are not related.
        for place in 0..4 {
            let values: Vec<f64> =
                all.iter().skip(place).step_by(4).map(|s| f64::from(*s)).collect();
            let (mean, variance) = moments(&values);
            assert!(mean.abs() < 0.02 && (variance - 0.5).abs() < 0.02, "{mean}, {variance}");
        }
        let products: Vec<f64> = all.windows(2).map(|pair| f64::from(pair[0] * pair[1])).collect();
        assert!(moments(&products).0.abs() < 0.008);
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn noise_has_variance_64_and_the_tails_of_a_binomial() {
        let noise = Noise::draw(&mut ChaCha20Rng::seed_from_u64(2));
        let mut values = vec![0; 400_000];
        for (block, values) in (0..).zip(values.chunks_mut(DEGREE)) {
            noise.add(block, values);
        }
        assert!(values.iter().all(|e| i64::from(*e).abs() <= MAX_NOISE));
        let all: Vec<f64> = values.iter().map(|e| f64::from(*e)).collect();
        let (mean, variance) = moments(&all);
        // Standard deviations 0.013 and 0.14.
        assert!(mean.abs() < 0.08 && (variance - 64.0).abs() < 0.9, "{mean}, {variance}");
        // P(|e| > 16) of a binomial B(256, 1/2): 0.0394.
        let beyond = values.iter().filter(|e| e.abs() > 16).count() as f64 / all.len() as f64;
        assert!((beyond - 0.0394).abs() < 0.002, "{beyond}");
    }

    #[test]
    fn noise_of_blocks_is_independent_and_follows_from_the_key() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let noise = Noise::draw(&mut rng);
        let of = |noise: &Noise, block| {
            let mut values = vec![0; DEGREE];
            noise.add(block, &mut values);
            values
        };
        let first = of(&noise, 0);
        assert_eq!(first, of(&noise, 0));
        let other_key = of(&Noise::draw(&mut rng), 0);
        for other in [of(&noise, 1), of(&noise, 1 << 33), other_key] {
            let product: i32 = first.iter().zip(&other).map(|(a, b)| a * b).sum();
            // Uncorrelated products have variance 64² each: a standard deviation of 2,896.
            assert!(product.abs() < 15_000, "{product}");
        }
        // A part of a block has the noise of its start.
        let mut part = vec![100; 100];
        noise.add(0, &mut part);
        assert!(part.iter().zip(&first).all(|(part, e)| part - 100 == *e));
    }
}
