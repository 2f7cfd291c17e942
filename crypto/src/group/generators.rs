//! The generators G and H of the range proofs, made when they are first needed, once a process.
//!
//! Those of the bulletproofs crate: value j's are SHAKE-256 of "GeneratorsChain", 'G' or 'H' and j in four bytes, little end
//! first, 64 bytes an element through the one-way map of RFC 9496. So the first 8 of 16 bits have the generators of 8 bits.

use std::sync::OnceLock;

use curve25519_dalek::ristretto::RistrettoPoint;
use rayon::prelude::*;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

/// Most values under one range proof.
pub(crate) const MAX_VALUES: usize = 256;

/// G_i and H_i.
pub(crate) type Pair = [RistrettoPoint; 2];

/// Bits of a value at which its next generators are made, so that 8 bits cost no more than they need.
const STEPS: [usize; 5] = [0, 8, 16, 32, 64];

type Steps = [OnceLock<Vec<Pair>>; 4];

static VALUES: [Steps; MAX_VALUES] = [const { [const { OnceLock::new() }; 4] }; MAX_VALUES];

/// The generators of so many values of so many bits, value by value. At most [`MAX_VALUES`] and 64.
pub(crate) fn pairs(values: usize, bits: usize) -> Vec<&'static Pair> {
    (0..values)
        .into_par_iter()
        .with_min_len(8)
        .flat_map_iter(|value| pairs_of(value, bits))
        .collect()
}

/// The generators of one value.
pub(crate) fn pairs_of(value: usize, bits: usize) -> impl Iterator<Item = &'static Pair> {
    let steps = VALUES.get(value).into_iter().flatten();
    let ranges = STEPS.iter().zip(STEPS.iter().skip(1)).zip(steps);
    let needed = ranges.filter(move |((start, _), _)| **start < bits);
    needed
        .flat_map(move |((start, end), step)| {
            step.get_or_init(|| generate(value as u32, *start, *end))
        })
        .take(bits)
}

/// Bits of a value whose generators are numbered.
pub(crate) const NUMBERED_BITS: usize = 64;

/// So many generators from number `first` on, for commitments to vectors: value by value, all 64 bits of each, G before H.
/// There are 2·64·[`MAX_VALUES`].
pub(crate) fn consecutive(first: usize, count: usize) -> Vec<&'static RistrettoPoint> {
    let a_value = 2 * NUMBERED_BITS;
    let values = first / a_value..(first + count).div_ceil(a_value);
    let generators = values
        .into_par_iter()
        .flat_map_iter(|value| pairs_of(value, NUMBERED_BITS).flatten())
        .collect::<Vec<_>>();
    generators.into_iter().skip(first % a_value).take(count).collect()
}

fn generate(value: u32, start: usize, end: usize) -> Vec<Pair> {
    let [g, h] = [b'G', b'H'].map(|kind| {
        let chain =
            Shake256::default().chain(b"GeneratorsChain").chain([kind]).chain(value.to_le_bytes());
        let mut chain = chain.finalize_xof();
        let blocks = std::iter::repeat_with(move || {
            let mut bytes = [0; 64];
            chain.read(&mut bytes);
            bytes
        });
        blocks.take(end).skip(start)
    });
    g.zip(h)
        .map(|pair| <[_; 2]>::from(pair).map(|bytes| RistrettoPoint::from_uniform_bytes(&bytes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bulletproofs::BulletproofGens;

    use super::*;

    #[test]
    fn generators_are_those_of_the_reference_in_whatever_order_they_are_asked_for() {
        for (values, bits) in [(3, 32), (256, 8), (1, 64), (16, 16), (64, 8)] {
            let reference = BulletproofGens::new(bits, values);
            let ours = pairs(values, bits);
            assert_eq!(ours.len(), values * bits);
            for (value, ours) in ours.chunks(bits).enumerate() {
                // The crate shows its G only; its H takes part in the proofs that cross.
                let theirs = reference.share(value).G(bits).map(|g| g.compress().to_bytes());
                assert!(theirs.eq(ours.iter().map(|[g, _]| g.compress().to_bytes())), "{value}");
            }
        }
    }

    #[test]
    fn no_generator_is_there_twice() {
        let mut encodings: Vec<_> = pairs(MAX_VALUES, 16)
            .into_iter()
            .flatten()
            .map(|point| point.compress().to_bytes())
            .collect();
        let all = encodings.len();
        encodings.sort_unstable();
        encodings.dedup();
        assert_eq!(encodings.len(), all);
    }
}
