//! Every generator of the learning side, derived from the run's seed by name.
//!
//! These generators drive initialisation, shuffling and stochastic rounding. They never reach an encryption or a
//! proof, whose randomness is the operating system's.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

const DOMAIN: &[u8] = b"consilium learning randomness 1";

/// ChaCha20 keyed by SHA-256 over the domain, the length-prefixed `label`, `seed` and each of `parts`, all integers
/// eight bytes little-endian. Different labels or parts give independent generators.
#[must_use]
pub fn generator(label: &str, seed: u64, parts: &[u64]) -> ChaCha20Rng {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update((label.len() as u64).to_le_bytes());
    hash.update(label.as_bytes());
    hash.update(seed.to_le_bytes());
    hash.update((parts.len() as u64).to_le_bytes());
    for part in parts {
        hash.update(part.to_le_bytes());
    }
    ChaCha20Rng::from_seed(hash.finalize().into())
}

/// Uniform in `[0, bound)`, by rejection; `bound` is at least one.
fn below(rng: &mut impl RngCore, bound: u64) -> u64 {
    let excess = (u64::MAX % bound + 1) % bound;
    loop {
        let draw = rng.next_u64();
        if draw <= u64::MAX - excess {
            return draw % bound;
        }
    }
}

/// A uniformly random order of `0..length` (Fisher and Yates), the same in every version of every library.
#[must_use]
pub fn permutation(rng: &mut impl RngCore, length: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, below(rng, last as u64 + 1) as usize);
    }
    order
}

/// Uniform in `[-bound, bound)` on a grid of 2^24 points: exact arithmetic, so the same on every machine.
pub(super) fn uniform(rng: &mut impl RngCore, bound: f32) -> f32 {
    let unit = (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
    (2.0 * unit - 1.0) * bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_seed_and_part_has_its_own_generator() {
        let draw = |label, seed, parts: &[u64]| generator(label, seed, parts).next_u64();
        let all = [
            draw("a", 1, &[]),
            draw("b", 1, &[]),
            draw("a", 2, &[]),
            draw("a", 1, &[0]),
            draw("a", 1, &[0, 0]),
            draw("a", 1, &[1, 0]),
            draw("a", 1, &[0, 1]),
        ];
        for (i, x) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|y| y != x));
        }
        assert_eq!(draw("a", 1, &[7]), draw("a", 1, &[7]));
    }

    #[test]
    fn a_permutation_holds_every_index_once_and_never_changes() {
        let order = permutation(&mut generator("shuffle", 42, &[]), 10);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        assert_eq!(order, [6, 9, 4, 0, 7, 3, 2, 8, 5, 1]);
        assert!(permutation(&mut generator("shuffle", 42, &[]), 0).is_empty());
    }

    #[test]
    fn every_order_of_three_is_about_as_likely() {
        let mut rng = generator("orders", 1, &[]);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            *counts.entry(permutation(&mut rng, 3)).or_insert(0u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|&n| (850..1150).contains(&n)), "{counts:?}");
    }
}
