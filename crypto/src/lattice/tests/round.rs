//! Sums under a lattice mask are those of the updates.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::Lattice;
use crate::lattice::{EncryptedLatticeUpdate, LatticeHeader};
use crate::quantise::{Quantiser, decode};
use crate::{Bound, UpdateError};

#[test]
fn the_sum_of_ten_is_exact_once_it_is_rounded() {
    for dimension in [1, 2047, 2049, 5000] {
        let mut lattice = Lattice::new(1, dimension, 10_000, 1024, 10);
        let updates: Vec<_> = (1..=10).map(|who| lattice.update(who)).collect();
        let sums = lattice.open(&updates);
        for (j, sum) in sums.iter().enumerate() {
            let plain: i64 = (1..=10).map(|who| lattice.federation.values(who)[j]).sum();
            let rounded = (sum + 512).div_euclid(1024);
            assert_eq!(rounded, plain, "parameter {j} of {dimension}");
        }
    }
}

/// Noise in the place of coarse rounding: at Δ = 1 and a norm of 12 million what the sum loses is less than a twentieth of
/// what rounding to a norm of 5,600 loses, which is what the group mask's sums are read off from.
#[test]
fn a_mean_under_a_lattice_mask_is_closer_to_plain_averaging_than_rounding_to_5600_is() {
    const D: usize = 500;
    const CLIP: f32 = 2.0;
    let delta = |who: usize| -> Vec<f32> {
        (0..D).map(|j| (((j * 37 + who * 1009) % 211) as f32 - 105.0) / 1400.0).collect()
    };
    let plain: Vec<f64> =
        (0..D).map(|j| (0..3).map(|who| f64::from(delta(who)[j])).sum::<f64>() / 3.0).collect();
    let distance = |mean: &[f64]| {
        mean.iter().zip(&plain).map(|(mean, plain)| (mean - plain).powi(2)).sum::<f64>().sqrt()
    };
    let mut rng = ChaCha20Rng::seed_from_u64(3);

    let mut lattice = Lattice::new(2, D as u32, 12_000_000, 1, 10);
    let bound = lattice.parameters.bound();
    let quantiser = Quantiser::of_sums_that_are_computed(bound, CLIP, 1.0).unwrap();
    let updates: Vec<_> = (0..3)
        .map(|who| {
            let (x, clipped) = quantiser.quantise(&delta(who), &mut rng).unwrap();
            assert_eq!(clipped, 0.0);
            lattice.encrypt(who as u8, x.as_slice().to_vec())
        })
        .collect();
    let sums = lattice.open(&updates);
    let weights = 3.0 * f64::from(lattice.parameters.scale());
    let fine = distance(&decode(&sums, bound, CLIP, weights).unwrap());

    let coarse = Bound::Norm { norm: 5600, projections: 256 };
    let quantiser = Quantiser::new(coarse, CLIP, 1.0, 10).unwrap();
    let mut sums = vec![0; D];
    for who in 0..3 {
        let (x, _) = quantiser.quantise(&delta(who), &mut rng).unwrap();
        sums.iter_mut().zip(x.as_slice()).for_each(|(sum, x)| *sum += x);
    }
    let rounded = distance(&decode(&sums, coarse, CLIP, 3.0).unwrap());
    assert!(fine < rounded / 20.0, "{fine} and {rounded}");
}

#[test]
fn an_institution_of_less_weight_proves_its_own_bound_and_no_more() {
    let mut lattice = Lattice::new(4, 100, 5600, 512, 10);
    let own = Bound::Norm { norm: 560, projections: 256 };
    let mut x = vec![0; 100];
    for (length, expected) in [
        (560, None),
        (1700, Some(UpdateError::BadNormProof)),
        (5600, Some(UpdateError::BadNormProof)),
    ] {
        x[3] = length;
        let mut context = lattice.context(1);
        context.bound = own;
        let update = lattice.encrypt_in(&context, x.clone());
        assert_eq!(lattice.verify(&update).err(), expected, "length {length}");
        if expected.is_none() {
            let key_part = lattice.verify_key_part(&update).unwrap();
            assert_eq!(key_part.parameters().bound(), own);
            assert!(key_part.parameters().reach() < lattice.parameters.reach() / 9);
            // With the whole bound in its context it is another statement.
            let header = LatticeHeader::new(
                lattice.context(1),
                *update.header.mask_hash(),
                update.header.key_part(),
                update.header.body(),
            );
            let moved = EncryptedLatticeUpdate { header, ..update };
            let error = lattice.verify_key_part(&moved).err();
            assert_eq!(error, Some(UpdateError::BadKeyProof));
        }
    }
}
