//! Seeded randomness whose outcomes never change with a library's version: named ChaCha20 streams and our own shuffle.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// The stream of one `purpose` under one `seed`: ChaCha20 keyed with SHA-256(label ‖ purpose ‖ 0 ‖ seed, little-endian).
pub(crate) fn stream(purpose: &str, seed: u64) -> ChaCha20Rng {
    let key = Sha256::new()
        .chain_update(b"consilium/datasets/v1/")
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(seed.to_le_bytes())
        .finalize();
    ChaCha20Rng::from_seed(key.into())
}

/// Fisher-Yates (Durstenfeld's form): every order equally likely.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl RngCore) {
    for i in (1..items.len()).rev() {
        let j = below(i as u64 + 1, rng) as usize;
        items.swap(i, j);
    }
}

/// Uniform in `0..bound`, `bound > 0`. Draws from the incomplete last interval are thrown away: keeping
/// them would favour low values.
fn below(bound: u64, rng: &mut impl RngCore) -> u64 {
    loop {
        let draw = rng.next_u64();
        let value = draw % bound;
        if draw - value <= u64::MAX - (bound - 1) {
            return value;
        }
    }
}

/// Uniform in [0, 1), in steps of 2^-53.
pub(crate) fn unit(rng: &mut impl RngCore) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_fixed_by_purpose_and_seed() {
        let first = |purpose, seed| stream(purpose, seed).next_u64();
        assert_eq!(first("split", 42), first("split", 42));
        assert_ne!(first("split", 42), first("split", 43));
        assert_ne!(first("split", 42), first("deal", 42));
    }

    #[test]
    fn a_shuffle_keeps_every_item_and_reaches_every_order() {
        let mut rng = stream("test", 0);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, &mut rng);
            *seen.entry(items).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 6);
        // 1000 expected each, standard deviation 29.
        assert!(seen.values().all(|count| (850..1150).contains(count)), "{seen:?}");
    }

    #[test]
    fn nothing_and_a_single_item_can_be_shuffled() {
        let mut rng = stream("test", 0);
        shuffle::<u8>(&mut [], &mut rng);
        shuffle(&mut [1], &mut rng);
    }
}
