//! The random projection Π ∈ {−1, 0, 1}^(N×d) over a lattice mask, never stored whole.
//!
//! An entry is the difference of two random bits: 0 with probability 1/2, ±1 with 1/4 each. A ChaCha20 stream under the
//! seed, with the number of a block of 2,048 columns for its nonce, gives for each column N bits to add, then N bits to
//! subtract: at 64 bytes a column ChaCha20 is several times as fast as SHAKE-256, and the seed is a transcript's.
//!
//! Both directions look sums of eight up in tables of 256, by public bits, so that secret values cost the same whatever they
//! are: y = Πv by eight columns at a time, whose bits are transposed first, and σ^(r) = γ^(r)Π by eight rows.

use chacha20::cipher::StreamCipher;
use zeroize::Zeroizing;

use super::matrix::stream;
use super::ring::{DEGREE, Q};

/// Repetitions of the check modulo q: q^-4 is 2^-128.
pub(crate) const REPETITIONS: usize = 4;

/// Columns whose bits are drawn at once.
const AT_ONCE: usize = 32;

/// Π, as its seed.
pub(crate) struct Projection {
    seed: [u8; 32],
    rows: usize,
}

/// The weights γ^(r) ∈ Z_q^N, with the sums of every eight of them.
pub(crate) struct Weights {
    /// γ^(r)_t by row t.
    rows: Vec<[u64; REPETITIONS]>,
    tables: Vec<[[u32; REPETITIONS]; 256]>,
}

impl Projection {
    /// Π with N = `rows`, a multiple of 64.
    pub(crate) fn new(seed: [u8; 32], rows: usize) -> Self {
        Self { seed, rows }
    }

    /// N.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a block's part of Πv to y (`[N]`), in the same time for all values.
    pub(crate) fn project(&self, block: u64, values: &[i32], y: &mut [i64]) {
        let mut values = values.chunks(8);
        self.columns(block, |columns| {
            let Some(eight) = values.next() else { return false };
            let sums = Zeroizing::new(subset_sums(eight));
            let sum = |subset: u8| sums.get(usize::from(subset)).copied().unwrap_or_default();
            let words_of_column = self.rows / 32;
            let words = columns.as_chunks().0;
            for (place, y) in y.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                let [plus, minus] = [place, place + words_of_column / 2].map(|start| {
                    let words = words.iter().skip(start).step_by(words_of_column);
                    let mut columns = [0; 8];
                    for (column, word) in columns.iter_mut().zip(words) {
                        *column = u64::from_le_bytes(*word);
                    }
                    transpose_bytes(columns).map(|bits| transpose(bits).to_le_bytes())
                });
                let signs = plus.as_flattened().iter().zip(minus.as_flattened());
                for (y, (plus, minus)) in y.iter_mut().zip(signs) {
                    *y = y.wrapping_add(sum(*plus)).wrapping_sub(sum(*minus));
                }
            }
            true
        });
    }

    /// σ^(r) = γ^(r)Π for the first `count` columns of a block: numbers congruent modulo q, below 2^42; 0 for the others.
    pub(crate) fn combine(
        &self,
        block: u64,
        weights: &Weights,
        count: usize,
        sigma: &mut [[u64; DEGREE]; REPETITIONS],
    ) {
        // Larger than any sum that is subtracted.
        let offset = Q * weights.tables.len() as u64;
        sigma.as_flattened_mut().fill(0);
        let [first, second, third, fourth] =
            sigma.each_mut().map(|sigma| sigma.iter_mut().take(count));
        let mut places = first.zip(second).zip(third.zip(fourth));
        self.columns(block, |columns| {
            for column in columns.chunks_exact(self.rows / 4) {
                let (plus, minus) = column.split_at(self.rows / 8);
                let mut added = [offset; REPETITIONS];
                let mut subtracted = [0; REPETITIONS];
                for (table, (plus, minus)) in weights.tables.iter().zip(plus.iter().zip(minus)) {
                    let plus = table.get(usize::from(*plus)).copied().unwrap_or_default();
                    let minus = table.get(usize::from(*minus)).copied().unwrap_or_default();
                    added.iter_mut().zip(plus).for_each(|(sum, more)| *sum += u64::from(more));
                    subtracted
                        .iter_mut()
                        .zip(minus)
                        .for_each(|(sum, more)| *sum += u64::from(more));
                }
                let Some(((first, second), (third, fourth))) = places.next() else { return false };
                let slots = [first, second, third, fourth];
                for (slot, (added, subtracted)) in
                    slots.into_iter().zip(added.into_iter().zip(subtracted))
                {
                    *slot = added - subtracted;
                }
            }
            true
        });
    }

    /// Calls `each` with the bits of eight columns after eight, until it wants no more.
    fn columns(&self, block: u64, mut each: impl FnMut(&[u8]) -> bool) {
        let mut stream = stream(&self.seed, block);
        let mut bytes = vec![0; AT_ONCE * self.rows / 4];
        for _ in (0..DEGREE).step_by(AT_ONCE) {
            bytes.fill(0);
            stream.apply_keystream(&mut bytes);
            for eight in bytes.chunks_exact(2 * self.rows) {
                if !each(eight) {
                    return;
                }
            }
        }
    }
}

impl Weights {
    /// Of N weights for each repetition, reduced modulo q here.
    pub(crate) fn new(gamma: &[[u128; REPETITIONS]]) -> Self {
        let rows: Vec<[u64; REPETITIONS]> =
            gamma.iter().map(|row| row.map(|gamma| (gamma % u128::from(Q)) as u64)).collect();
        let tables = rows.chunks(8).map(|eight| {
            let mut table = [[0u32; REPETITIONS]; 256];
            for (bit, row) in eight.iter().enumerate() {
                let (known, next) = table.split_at_mut(1 << bit);
                for (sums, known) in next.iter_mut().zip(known) {
                    for ((sum, known), gamma) in sums.iter_mut().zip(known).zip(row) {
                        *sum = ((u64::from(*known) + gamma) % Q) as u32;
                    }
                }
            }
            table
        });
        let tables = tables.collect();
        Self { rows, tables }
    }

    /// γ^(r)_t by row t.
    pub(crate) fn rows(&self) -> &[[u64; REPETITIONS]] {
        &self.rows
    }
}

/// The sums of all subsets of eight values, the subset as a number's bits; those that are missing are 0.
fn subset_sums(values: &[i32]) -> [i64; 256] {
    let mut sums = [0i64; 256];
    for (bit, value) in values.iter().chain(&[0; 7]).take(8).enumerate() {
        let (known, next) = sums.split_at_mut(1 << bit);
        for (sum, known) in next.iter_mut().zip(known) {
            *sum = *known + i64::from(*value);
        }
    }
    sums
}

/// The transpose of 8×8 bytes, a row to a word, by the steps of [`transpose`].
fn transpose_bytes(rows: [u64; 8]) -> [u64; 8] {
    let swap = |left: u64, right: u64, mask: u64, shift: u32| {
        let different = ((left >> shift) ^ right) & mask;
        (left ^ (different << shift), right ^ different)
    };
    let far = |left, right| swap(left, right, 0x0000_0000_FFFF_FFFF, 32);
    let near = |left, right| swap(left, right, 0x0000_FFFF_0000_FFFF, 16);
    let next = |left, right| swap(left, right, 0x00FF_00FF_00FF_00FF, 8);
    let [a, b, c, d, e, f, g, h] = rows;
    let (a, e) = far(a, e);
    let (b, f) = far(b, f);
    let (c, g) = far(c, g);
    let (d, h) = far(d, h);
    let (a, c) = near(a, c);
    let (b, d) = near(b, d);
    let (e, g) = near(e, g);
    let (f, h) = near(f, h);
    let (a, b) = next(a, b);
    let (c, d) = next(c, d);
    let (e, f) = next(e, f);
    let (g, h) = next(g, h);
    [a, b, c, d, e, f, g, h]
}

/// The transpose of 8×8 bits, a row to a byte (Warren, Hacker's Delight, section 7-3).
fn transpose(bits: u64) -> u64 {
    let swap = |bits: u64, mask: u64, shift: u32| {
        let different = (bits ^ (bits >> shift)) & mask;
        bits ^ different ^ (different << shift)
    };
    let bits = swap(bits, 0x00AA_00AA_00AA_00AA, 7);
    let bits = swap(bits, 0x0000_CCCC_0000_CCCC, 14);
    swap(bits, 0x0000_0000_F0F0_F0F0, 28)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    /// The columns of one block, entry by entry, `[2048][N]`.
    fn entries(projection: &Projection, block: u64) -> Vec<Vec<i64>> {
        let mut stream = stream(&projection.seed, block);
        let bit = |bytes: &[u8], row: usize| i64::from(bytes[row / 8] >> (row % 8) & 1);
        let column = |_| {
            let mut bytes = vec![0; projection.rows / 4];
            stream.apply_keystream(&mut bytes);
            let (plus, minus) = bytes.split_at(projection.rows / 8);
            (0..projection.rows).map(|row| bit(plus, row) - bit(minus, row)).collect()
        };
        (0..DEGREE).map(column).collect()
    }

    #[test]
    fn entries_are_zero_with_one_half_and_either_sign_with_one_quarter() {
        let columns = entries(&Projection::new([1; 32], 256), 0);
        let all = (DEGREE * 256) as f64;
        for (entry, share) in [(-1, 0.25), (0, 0.5), (1, 0.25)] {
            let found = columns.iter().flatten().filter(|value| **value == entry).count() as f64;
            // A standard deviation is below 0.0007.
            assert!((found / all - share).abs() < 0.004, "{entry}: {found}");
        }
    }

    #[test]
    fn projecting_adds_the_columns_of_every_block_whole_or_not() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for rows in [256, 512, 1024] {
            let projection = Projection::new([2; 32], rows);
            for (block, length) in [(0, DEGREE), (1, DEGREE), (1, 1), (2, 13), (3, 0)] {
                let values: Vec<i32> = (0..length).map(|_| rng.next_u32() as i32).collect();
                let mut expected = vec![5i64; rows];
                for (column, value) in entries(&projection, block).iter().zip(&values) {
                    let terms = expected.iter_mut().zip(column);
                    terms.for_each(|(sum, entry)| *sum += entry * i64::from(*value));
                }
                let mut y = vec![5; rows];
                projection.project(block, &values, &mut y);
                assert_eq!(y, expected, "{length} of block {block}, {rows} rows");
            }
        }
    }

    #[test]
    fn combining_is_the_transpose_of_projecting_modulo_q() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        for (rows, count) in [(256, DEGREE), (512, 9), (1024, DEGREE)] {
            let projection = Projection::new([3; 32], rows);
            let mut random = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            let mut gamma: Vec<[u128; REPETITIONS]> =
                (0..rows).map(|_| [(); REPETITIONS].map(|()| random())).collect();
            gamma[..9].fill([u128::from(Q) - 1; REPETITIONS]);
            let weights = Weights::new(&gamma);
            let mut sigma = Box::new([[1; DEGREE]; REPETITIONS]);
            projection.combine(4, &weights, count, &mut sigma);
            let columns = entries(&projection, 4);
            for (r, sigma) in sigma.iter().enumerate() {
                assert!(sigma.iter().skip(count).all(|sigma| *sigma == 0));
                for (column, sigma) in columns.iter().zip(sigma).take(count) {
                    let terms = column.iter().zip(weights.rows());
                    let sum: i64 = terms.map(|(e, gamma)| e * gamma[r] as i64).sum();
                    assert!(*sigma < 1 << 42);
                    assert_eq!(sigma % Q, sum.rem_euclid(Q as i64) as u64);
                }
            }
        }
    }

    #[test]
    fn blocks_and_seeds_have_columns_of_their_own() {
        let one = entries(&Projection::new([4; 32], 256), 0);
        assert_ne!(one, entries(&Projection::new([4; 32], 256), 1));
        assert_ne!(one, entries(&Projection::new([5; 32], 256), 0));
    }

    #[test]
    fn a_transposed_square_has_its_bits_at_the_mirrored_places() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let square = rng.next_u64();
        let transposed = transpose(square);
        for row in 0..8 {
            for column in 0..8 {
                let here = square >> (8 * row + column) & 1;
                assert_eq!(here, transposed >> (8 * column + row) & 1);
            }
        }
        let rows = [(); 8].map(|()| rng.next_u64());
        let columns = transpose_bytes(rows);
        for (row, bytes) in rows.iter().enumerate() {
            for (column, byte) in bytes.to_le_bytes().into_iter().enumerate() {
                assert_eq!(byte, columns[column].to_le_bytes()[row]);
            }
        }
    }
}
