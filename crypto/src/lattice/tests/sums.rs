//! Sums at the edges of what parameters allow; what a cheater inside its bound can do to them.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha512};

use crate::lattice::matrix::Matrix;
use crate::lattice::projection::Projection;
use crate::lattice::ring::{DEGREE, Q, centred, residue};
use crate::lattice::sample::{Noise, ternary};
use crate::lattice::{
    LatticeKeySum, LatticeMaskedUpdate, LatticeParameters, LatticeSum, key, mask,
};
use crate::tests::Federation;
use crate::{Bound, DecodeError, RoundContext, SumError, UpdateError};

fn round(dimension: u32, bound: Bound) -> RoundContext {
    Federation::bounded(51, 1, 1, dimension, bound).round
}

/// Σv of these, each masked and read as it would be, without proofs.
fn open(parameters: &LatticeParameters, all: &[Vec<i32>]) -> Result<Vec<i64>, SumError> {
    let round = round(parameters.dimension(), parameters.bound());
    let matrix = mask::matrix_of(&round);
    let mut rng = ChaCha20Rng::seed_from_u64(52);
    let mut sum = LatticeSum::new(parameters.dimension());
    let mut key_sum = vec![0i16; DEGREE];
    for v in all {
        let s = ternary(&mut rng);
        key_sum.iter_mut().zip(s.iter()).for_each(|(sum, s)| *sum += i16::from(*s));
        let transformed = key::transformed(s.iter().map(|s| i64::from(*s)));
        let bytes = mask::mask(&matrix, &transformed, v);
        let hash: [u8; 64] = Sha512::digest(&bytes).into();
        let masked = LatticeMaskedUpdate::parse(&bytes, &hash, parameters).unwrap();
        sum.add_masked(&masked, parameters).unwrap();
    }
    assert_eq!(sum.summands() as usize, all.len());
    let bytes: Vec<u8> = key_sum.iter().flat_map(|s| s.to_be_bytes()).collect();
    let key_sum = LatticeKeySum::decode(&bytes, all.len() as u32).unwrap();
    assert_eq!(key_sum.encode(), bytes);
    sum.open(&round, &key_sum)
}

#[test]
fn sums_with_all_of_every_update_in_one_parameter_are_exact_up_to_the_last_one_that_fits() {
    let bound = Bound::Norm { norm: 12_000_000, projections: 256 };
    for summands in [10, 62] {
        let parameters = LatticeParameters::new(3000, bound, 1, summands).unwrap();
        let reach = parameters.reach() as i32;
        for (place, sign) in [(0, 1), (2999, -1)] {
            let mut v = vec![0; 3000];
            v[place] = sign * reach;
            let sums = open(&parameters, &vec![v; summands as usize]).unwrap();
            for (j, sum) in sums.iter().enumerate() {
                let expected = if j == place { i64::from(sign * reach) } else { 0 };
                assert_eq!(*sum, expected * i64::from(summands), "parameter {j}");
            }
        }
    }
    // One update more could wrap around, and is refused before anything is masked.
    assert!(LatticeParameters::new(3000, bound, 1, 70).is_err());
}

#[test]
fn sums_that_updates_within_their_bounds_do_not_add_up_to_are_refused() {
    let bound = Bound::Norm { norm: 1000, projections: 256 };
    let parameters = LatticeParameters::new(100, bound, 1, 3).unwrap();
    let reach = parameters.reach() as i32;
    let mut v = vec![0; 100];
    v[7] = reach;
    assert!(open(&parameters, &[v.clone(), v.clone()]).is_ok());
    v[8] = 2 * reach / 3;
    let error = open(&parameters, &[v.clone(), v]).unwrap_err();
    let most = 2 * u128::from(parameters.reach());
    let SumError::TooLong { norm, .. } = error else { panic!("{error}") };
    assert!(norm > most);
    let context = round(100, bound);
    let other = LatticeSum::new(99).add_masked(
        &LatticeMaskedUpdate::parse(&[0; 400], &Sha512::digest([0; 400]).into(), &parameters)
            .unwrap(),
        &parameters,
    );
    assert_eq!(other, Err(UpdateError::WrongDimension { expected: 99, found: 100 }));
    let key_sum = LatticeKeySum::decode(&[0; LatticeKeySum::LEN], 1).unwrap();
    assert_eq!(LatticeSum::new(100).open(&context, &key_sum), Ok(vec![0; 100]));
}

#[test]
fn a_sum_of_keys_beyond_the_number_of_updates_is_refused() {
    let mut bytes = vec![0; LatticeKeySum::LEN];
    bytes[10..12].copy_from_slice(&(-11i16).to_be_bytes());
    assert!(LatticeKeySum::decode(&bytes, 11).is_ok());
    let refused = LatticeKeySum::decode(&bytes, 10);
    assert!(matches!(refused, Err(DecodeError::Value { found: 11, .. })));
    assert!(LatticeKeySum::decode(&bytes[1..], 11).is_err());
}

/// Why sums are not rounded to multiples of Δ.
#[test]
fn a_cheater_moves_the_unrounded_sum_by_its_own_part_and_a_rounded_one_by_almost_twice_that() {
    const SCALE: i64 = 1024;
    let noise_of = |seed: u64| {
        let mut v = vec![0; DEGREE];
        Noise::draw(&mut ChaCha20Rng::seed_from_u64(seed)).add(0, &mut v);
        v
    };
    let bound = Bound::Norm { norm: 12_000, projections: 256 };
    let parameters = LatticeParameters::new(DEGREE as u32, bound, SCALE as u32, 10).unwrap();
    let honest: Vec<Vec<i32>> = (0..9).map(noise_of).collect();
    let without = open(&parameters, &honest).unwrap();
    // A little less than half a step in every parameter.
    let part = SCALE as i32 / 2 - 2;
    let mut all = honest;
    all.push(vec![part; DEGREE]);
    let with = open(&parameters, &all).unwrap();
    assert!(with.iter().zip(&without).all(|(with, without)| with - without == i64::from(part)));
    let rounded =
        |sums: &[i64]| sums.iter().map(|v| (v + SCALE / 2).div_euclid(SCALE)).collect::<Vec<_>>();
    let moved: i64 = rounded(&with)
        .iter()
        .zip(rounded(&without))
        .map(|(with, without)| (with - without).pow(2))
        .sum();
    let factor = (moved as f64).sqrt() * SCALE as f64 / (f64::from(part) * (DEGREE as f64).sqrt());
    assert!(factor > 1.25, "{factor}");
}

/// The modular lemma where it can be seen: nothing of this length passes, wrapped around or not.
#[test]
fn no_vector_beyond_the_slack_has_a_short_projection_modulo_q_for_any_of_10000_seeds() {
    let bound = Bound::Norm { norm: 24_000, projections: 256 };
    let parameters = LatticeParameters::new(64, bound, 512, 10).unwrap();
    let length = parameters.reach() as f64 * 1.05;
    let scaled = |shape: &[f64]| -> Vec<i32> {
        let norm = shape.iter().map(|x| x * x).sum::<f64>().sqrt();
        shape.iter().map(|x| (x / norm * length) as i32).collect()
    };
    let mut rng = ChaCha20Rng::seed_from_u64(53);
    let mut pair = vec![0.0; 64];
    pair[0] = 60.0;
    pair[1] = 1.0;
    let mut one = vec![0.0; 64];
    one[5] = 1.0;
    let anywhere: Vec<i32> = (0..64).map(|_| rng.next_u32() as i32 / 2).collect();
    // Half of q in one parameter: its projections are 0 or as long as can be.
    let mut half = vec![0; 64];
    half[9] = (Q / 2) as i32;
    for v in [scaled(&[1.0; 64]), scaled(&pair), scaled(&one), anywhere, half] {
        for seed in 0..10_000u64 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            let mut y = vec![0; 256];
            Projection::new(bytes, 256).project(0, &v, &mut y);
            let square = |y: &i64| u128::from(centred(residue(*y)).unsigned_abs()).pow(2);
            let squares: u128 = y.iter().map(square).sum();
            assert!(squares > u128::from(parameters.squares()), "seed {seed}");
        }
    }
}

/// Why two aggregates of one step are never both opened: their difference is one institution's key.
#[test]
fn two_opened_sums_that_differ_by_one_update_open_that_update() {
    let mut rng = ChaCha20Rng::seed_from_u64(54);
    let matrix = Matrix::new(&consilium_hash::ChainId([2; 32]), 0, 0);
    let keys: Vec<_> = (0..3).map(|_| ternary(&mut rng)).collect();
    let sum = |keys: &[crate::lattice::sample::Ternary]| -> Vec<i64> {
        (0..DEGREE).map(|i| keys.iter().map(|s| i64::from(s[i])).sum()).collect()
    };
    let v: Vec<i32> = (0..100).map(|j| j * j - 3000).collect();
    let of_third = key::transformed(keys[2].iter().map(|s| i64::from(*s)));
    let c = mask::decode(&mask::mask(&matrix, &of_third, &v)).unwrap();
    // What the trustees would have opened: Σs of all three, and of the first two.
    let difference = sum(&keys).into_iter().zip(sum(&keys[..2])).map(|(all, two)| all - two);
    let opened = mask::unmask(&matrix, &key::transformed(difference), &c);
    assert!(opened.iter().zip(&v).all(|(opened, v)| *opened == i64::from(*v)));
    // One sum alone opens none of its updates.
    let all = key::transformed(sum(&keys).into_iter());
    let opened = mask::unmask(&matrix, &all, &c);
    assert!(opened.iter().zip(&v).filter(|(opened, v)| **opened == i64::from(**v)).count() < 3);
}
