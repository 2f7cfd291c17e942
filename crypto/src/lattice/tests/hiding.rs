//! What two encryptions of one update have in common, and what is seen of an update: nothing.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::Lattice;
use crate::QuantisedUpdate;
use crate::lattice::body_proof::{CommittedBody, Statement, Witness};
use crate::lattice::encrypt::encrypt_lattice_with_rng;
use crate::lattice::matrix::Matrix;
use crate::lattice::ring::Q;
use crate::lattice::sample::ternary;
use crate::lattice::{encrypt_lattice, key_part_length, lattice_mask_length, mask};
use crate::proof::shortness::SUMS_LEN;
use crate::proof::vector::CommittedVector;

#[test]
fn two_encryptions_of_one_update_share_no_element() {
    let lattice = Lattice::new(41, 64, 5600, 512, 10);
    let x = lattice.federation.values(1);
    let update = QuantisedUpdate::unchecked(x, lattice.parameters.bound());
    let key = &lattice.federation.dealing.public_key;
    let [one, two] = [(); 2]
        .map(|()| encrypt_lattice(key, &lattice.context(1), &lattice.parameters, &update).unwrap());
    assert!(lattice.verify(&one).is_ok() && lattice.verify(&two).is_ok());
    assert_ne!(one.header.mask_hash(), two.header.mask_hash());
    // Every element of 32 bytes of a key part; of a body every parameter and every element after c.
    assert_eq!(one.key_part.len(), key_part_length(&lattice.parameters));
    let elements = one.key_part.as_chunks::<32>().0.iter().zip(two.key_part.as_chunks().0);
    assert!(elements.enumerate().all(|(place, (one, two))| {
        assert_ne!(one, two, "element {place} of the key part");
        true
    }));
    let mask = lattice_mask_length(&lattice.parameters);
    let [c_one, c_two] = [&one, &two].map(|update| update.bound_part[..mask].as_chunks::<4>().0);
    assert!(c_one.iter().zip(c_two).all(|(one, two)| one != two));
    let [one, two] = [&one, &two].map(|update| update.bound_part[mask..].as_chunks::<32>().0);
    assert!(one.iter().zip(two).all(|(one, two)| one != two));
}

#[test]
fn an_update_follows_from_the_numbers_that_are_drawn_and_from_all_of_them() {
    let lattice = Lattice::new(44, 5000, 5600, 512, 10);
    let update = QuantisedUpdate::unchecked(vec![1; 5000], lattice.parameters.bound());
    let key = &lattice.federation.dealing.public_key;
    let context = lattice.context(1);
    let simulated = |seed| {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        encrypt_lattice_with_rng(key, &context, &lattice.parameters, &update, &mut rng).unwrap()
    };
    assert_eq!(simulated(1), simulated(1));
    assert_ne!(simulated(1).bound_part, simulated(2).bound_part);
    assert!(lattice.verify(&simulated(1)).is_ok());
}

#[test]
fn masked_parameters_are_uniform_whatever_they_hide() {
    let mut rng = ChaCha20Rng::seed_from_u64(42);
    let matrix = Matrix::new(&consilium_hash::ChainId([1; 32]), 0, 0);
    // Nothing, and all the same: 40 keys, 163,840 parameters each.
    for value in [0, 1_000_000] {
        let v = vec![value; 4096];
        let c: Vec<u32> = (0..40)
            .flat_map(|_| {
                let s = ternary(&mut rng);
                let key = crate::lattice::key::transformed(s.iter().map(|s| i64::from(*s)));
                mask::decode(&mask::mask(&matrix, &key, &v)).unwrap()
            })
            .collect();
        for shift in [0, 8, 16, 24] {
            let mut counts = [0f64; 256];
            c.iter().for_each(|c| counts[(c >> shift & 255) as usize] += 1.0);
            let expected = c.len() as f64 / 256.0;
            let chi: f64 = counts.iter().map(|n| (n - expected).powi(2) / expected).sum();
            // χ² with 255 degrees of freedom: 255 ± 22.6.
            assert!((chi - 255.0).abs() < 130.0, "byte {}: χ² = {chi}", shift / 8);
        }
        let mean = c.iter().map(|c| f64::from(*c)).sum::<f64>() / c.len() as f64;
        // Of uniform numbers below q: a standard deviation of q/√12/405.
        assert!((mean / Q as f64 - 0.5).abs() < 0.005, "{mean}");
    }
}

/// F of many proofs about one update, whose first and last bytes are uniform whatever the update is.
#[test]
fn sums_over_subsets_are_uniform_for_nothing_and_for_an_update_at_its_bound() {
    let mut lattice = Lattice::new(43, 8, 24_000, 512, 10);
    for length in [0, 24_000] {
        let context = lattice.context(1);
        let parameters = lattice.parameters;
        let matrix = mask::matrix_of(&context.round);
        let rng = &mut lattice.federation.rng;
        let mut v = vec![0; 8];
        v[3] = length * 512;
        let s = ternary(rng);
        let key = crate::lattice::key::transformed(s.iter().map(|s| i64::from(*s)));
        let c = mask::decode(&mask::mask(&matrix, &key, &v)).unwrap();
        // The mask of s has no part in F; a short one is made faster.
        let mask_of_s = CommittedVector::new(0, Vec::new(), rng);
        let mut sums = Vec::new();
        for run in 0..100u64 {
            let mut base = merlin::Transcript::new(b"test");
            base.append_u64(b"run", run);
            let statement =
                Statement { base: &base, parameters: &parameters, matrix: &matrix, c: &c };
            let witness = Witness { v: &v, s: &s, mask_of_s: &mask_of_s };
            sums.extend(CommittedBody::new(&statement, &witness, rng).unwrap().sums().to_vec());
        }
        assert_eq!(sums.len(), 100 * SUMS_LEN);
        for place in [0, 7, 14] {
            let bytes: Vec<u8> = sums.iter().skip(place).step_by(15).copied().collect();
            let mut counts = [0f64; 256];
            bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1.0);
            let expected = bytes.len() as f64 / 256.0;
            let chi: f64 = counts.iter().map(|n| (n - expected).powi(2) / expected).sum();
            assert!((chi - 255.0).abs() < 130.0, "byte {place}, length {length}: χ² = {chi}");
        }
    }
}
