//! The random projection Π ∈ {−1, 0, 1}^(N×d) of a norm bound, never stored whole.
//!
//! An entry is the difference of two random bits: 0 with probability 1/2, ±1 with 1/4 each. SHAKE-256 over a label, the
//! seed, N and the number of a block of [`BLOCK`] columns gives for each column N bits to add, then N bits to subtract.
//! So y = Πx and σ = Πᵀγ are computed block by block on all cores, at 64 bytes of the stream a parameter for N = 256.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

use crate::transcript::PROJECTION;

/// Columns of one stream.
const BLOCK: usize = 512;
/// Limbs of 32 bits of a 128-bit number, in places of 64: 2^31 of them add up.
pub(super) type Limbs = [i64; 4];

/// Π, as its seed.
pub(crate) struct Projection {
    seed: [u8; 32],
    rows: usize,
}

/// A sum of the 128-bit γ_t with signs, of at most 139 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weight {
    negative: bool,
    magnitude: Scalar,
}

impl Projection {
    /// Π with N = `rows`, a multiple of 8.
    pub(crate) fn new(seed: [u8; 32], rows: usize) -> Self {
        Self { seed, rows }
    }

    /// y = Πx. Wraps where values that nobody honest has overflow. Takes the same time for every x of a length.
    pub(crate) fn project(&self, x: &[i64]) -> Zeroizing<Vec<i64>> {
        let partial = |(number, block): (usize, &[i64])| {
            let mut y = Zeroizing::new(vec![0; self.rows]);
            self.columns(number, block, |&x, plus, minus| {
                let bits = plus.iter().zip(minus);
                for (y, (plus, minus)) in y.as_chunks_mut::<8>().0.iter_mut().zip(bits) {
                    for (bit, y) in y.iter_mut().enumerate() {
                        let sign = i64::from(plus >> bit & 1) - i64::from(minus >> bit & 1);
                        *y = i64::wrapping_add(*y, sign.wrapping_mul(x));
                    }
                }
            });
            y
        };
        let add = |mut left: Zeroizing<Vec<i64>>, right: Zeroizing<Vec<i64>>| {
            left.iter_mut()
                .zip(right.iter())
                .for_each(|(left, right)| *left = left.wrapping_add(*right));
            left
        };
        x.par_chunks(BLOCK)
            .enumerate()
            .map(partial)
            .reduce(|| Zeroizing::new(vec![0; self.rows]), add)
    }

    /// σ = Πᵀγ, d of them, over the integers: sums of tabulated subsets of eight γ at a time.
    pub(crate) fn combine(&self, gamma: &[u128], dimension: usize) -> Vec<Weight> {
        let tables: Vec<[Limbs; 256]> = gamma.chunks(8).map(subset_sums).collect();
        let columns = vec![(); dimension];
        let block = |(number, block): (usize, &[()])| {
            let mut weights = Vec::with_capacity(block.len());
            self.columns(number, block, |(), plus, minus| {
                let mut sum = Limbs::default();
                for (table, (plus, minus)) in tables.iter().zip(plus.iter().zip(minus)) {
                    if let (Some(plus), Some(minus)) =
                        (table.get(usize::from(*plus)), table.get(usize::from(*minus)))
                    {
                        for (sum, (plus, minus)) in sum.iter_mut().zip(plus.iter().zip(minus)) {
                            *sum += plus - minus;
                        }
                    }
                }
                weights.push(Weight::new(sum));
            });
            weights
        };
        columns.par_chunks(BLOCK).enumerate().flat_map_iter(block).collect()
    }

    /// Calls `each` with an item and its column: the bits to add and the bits to subtract.
    fn columns<T>(&self, number: usize, items: &[T], mut each: impl FnMut(&T, &[u8], &[u8])) {
        let mut hash = Shake256::default();
        hash.update(PROJECTION);
        hash.update(&self.seed);
        hash.update(&(self.rows as u64).to_be_bytes());
        hash.update(&(number as u64).to_be_bytes());
        let mut stream = hash.finalize_xof();
        let mut column = vec![0; self.rows / 4];
        for item in items {
            stream.read(&mut column);
            let (plus, minus) = column.split_at(self.rows / 8);
            each(item, plus, minus);
        }
    }
}

/// The sums of all subsets of up to eight numbers, the subset as a number's bits.
pub(super) fn subset_sums(gamma: &[u128]) -> [Limbs; 256] {
    std::array::from_fn(|subset| {
        let mut sum = Limbs::default();
        for (bit, gamma) in gamma.iter().enumerate() {
            if subset >> bit & 1 == 1 {
                for (place, limb) in sum.iter_mut().enumerate() {
                    *limb += i64::from((gamma >> (32 * place)) as u32);
                }
            }
        }
        sum
    })
}

impl Weight {
    pub(super) fn new([a, b, c, d]: Limbs) -> Self {
        let low = i128::from(a) + (i128::from(b) << 32);
        let high = i128::from(c) + (i128::from(d) << 32) + (low >> 64);
        // high·2^64 + the low 64 bits of low, in two's complement.
        let negative = high < 0;
        let low = low as u64;
        let (low, high) = if negative {
            let (low, carry) = (!low).overflowing_add(1);
            (low, (!high).wrapping_add(i128::from(carry)))
        } else {
            (low, high)
        };
        let mut bytes = [0; 32];
        let places = low.to_le_bytes().into_iter().chain(high.cast_unsigned().to_le_bytes());
        bytes.iter_mut().zip(places).for_each(|(slot, byte)| *slot = byte);
        Self { negative, magnitude: Scalar::from_bytes_mod_order(bytes) }
    }

    /// The sum modulo ℓ.
    pub(crate) fn scalar(&self) -> Scalar {
        if self.negative { -self.magnitude } else { self.magnitude }
    }

    /// The sum times a point, as a term of a multiscalar multiplication whose scalar is short.
    pub(crate) fn term(&self, point: &RistrettoPoint) -> (Scalar, RistrettoPoint) {
        (self.magnitude, if self.negative { -point } else { *point })
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    const N: usize = 256;

    /// Π entry by entry, `[d][N]`.
    fn entries(projection: &Projection, dimension: usize) -> Vec<Vec<i64>> {
        (0..dimension)
            .map(|j| {
                let mut x = vec![0; dimension];
                x[j] = 1;
                projection.project(&x).to_vec()
            })
            .collect()
    }

    /// ‖Πx‖² for many seeds.
    fn squares(x: &[i64], rows: usize, seeds: u64) -> Vec<i64> {
        let square = |seed: u64| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_be_bytes());
            Projection::new(bytes, rows).project(x).iter().map(|y| y * y).sum()
        };
        (0..seeds).into_par_iter().map(square).collect()
    }

    #[test]
    fn entries_are_zero_with_one_half_and_either_sign_with_one_quarter() {
        let columns = entries(&Projection::new([1; 32], N), 1000);
        let all = (1000 * N) as f64;
        for (entry, share) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
            let found =
                columns.iter().flatten().filter(|value| **value == entry).count() as f64 / all;
            // A standard deviation is below 0.001.
            assert!((found - share).abs() < 0.005, "{entry}: {found}");
        }
    }

    #[test]
    fn projecting_adds_the_columns_across_blocks() {
        let d = 2 * BLOCK + 7;
        let projection = Projection::new([2; 32], N);
        let x: Vec<i64> = (0..d as i64).map(|j| j * 7919 % 2003 - 1001).collect();
        let mut y = vec![0; N];
        for (column, x) in entries(&projection, d).iter().zip(&x) {
            y.iter_mut().zip(column).for_each(|(y, entry)| *y += entry * x);
        }
        assert_eq!(*projection.project(&x), y);
        assert_ne!(*Projection::new([3; 32], N).project(&x), y);
        assert_ne!(entries(&projection, BLOCK + 1)[0], entries(&projection, BLOCK + 1)[BLOCK]);
    }

    #[test]
    fn combining_is_the_transpose_of_projecting() {
        let d = BLOCK + 9;
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for rows in [256, 512, 1024] {
            let projection = Projection::new([4; 32], rows);
            let mut random = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            let mut gamma: Vec<u128> = (0..rows).map(|_| random()).collect();
            gamma[0] = u128::MAX;
            let columns = entries(&projection, d);
            for (weight, column) in projection.combine(&gamma, d).iter().zip(columns) {
                let sum = |sign| -> Scalar {
                    column
                        .iter()
                        .zip(&gamma)
                        .filter(|(e, _)| **e == sign)
                        .map(|(_, g)| Scalar::from(*g))
                        .sum()
                };
                assert_eq!(weight.scalar(), sum(1) - sum(-1));
                let (scalar, point) = weight.term(&crate::group::g());
                assert!(scalar.as_bytes()[18..].iter().all(|byte| *byte == 0), "a short scalar");
                assert_eq!(point * scalar, crate::group::g() * weight.scalar());
            }
        }
    }

    #[test]
    fn weights_of_every_sign_and_carry_are_the_sums_of_their_limbs() {
        let two = Scalar::from(1u64 << 32);
        for limbs in [
            [0; 4],
            [1, 0, 0, 0],
            [-1, 0, 0, 0],
            [0, 0, -1, 0],
            [-1 << 42, 0, 0, 1],
            [1 << 42, -1 << 42, 1 << 42, -1 << 42],
            [-1 << 42; 4],
            [1 << 42; 4],
        ] {
            let signed = |v: i64| {
                if v < 0 { -Scalar::from(v.unsigned_abs()) } else { Scalar::from(v.unsigned_abs()) }
            };
            let expected =
                limbs.iter().rev().fold(Scalar::ZERO, |sum, limb| sum * two + signed(*limb));
            assert_eq!(Weight::new(limbs).scalar(), expected, "{limbs:?}");
        }
    }

    /// Both tails where they are thick enough to be seen: at 2^-7 the share of seeds beyond is what χ²_N/2 says.
    #[test]
    fn squares_of_projections_are_distributed_as_the_constants_assume() {
        const SEEDS: u64 = 20_000;
        // x/√2 of χ²_N that 1/128 lies beyond, on either side (Wilson, Hilferty 1931).
        let quantile = |rows: f64, z: f64| {
            rows * (1.0 - 2.0 / (9.0 * rows) + z * (2.0 / (9.0 * rows)).sqrt()).powi(3) / 2.0
        };
        let dense: Vec<i64> = (0..64).map(|j| j * 31 % 41 - 20).collect();
        let one = vec![1000];
        for (rows, x, spread) in [
            (256, dense.clone(), 1.35),
            (512, dense.clone(), 1.35),
            (1024, dense, 1.35),
            (256, one, 0.9),
        ] {
            let norm = x.iter().map(|x| x * x).sum::<i64>() as f64;
            let squares = squares(&x, rows, SEEDS);
            let mean = squares.iter().sum::<i64>() as f64 / norm / SEEDS as f64;
            // E = N/2; a standard deviation of the mean is √(N/2)/√SEEDS, at most.
            assert!((mean / (rows as f64 / 2.0) - 1.0).abs() < 0.004, "{mean} at {rows}");
            let share = |beyond: &dyn Fn(f64) -> bool| {
                squares.iter().filter(|square| beyond(**square as f64 / norm)).count() as f64
                    / SEEDS as f64
                    * 128.0
            };
            let low = quantile(rows as f64, -2.4176);
            let high = quantile(rows as f64, 2.4176);
            let below = share(&|square| square < low);
            let above = share(&|square| square > high);
            // 156 expected, standard deviation 12.5: five of them are 0.4. One coordinate alone has thinner tails.
            assert!(below < spread && above < spread, "{below} below, {above} above at {rows}");
            assert!(
                x.len() == 1 || (below > 0.65 && above > 0.65),
                "{below} below, {above} above at {rows}"
            );
        }
    }
}
