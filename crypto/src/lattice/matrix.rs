//! The public matrix A of one attempt: elements a_b, one for each block of 2,048 parameters.
//!
//! They are uniform *as transforms*: words of 32 bits, least byte first, of ChaCha20 (RFC 8439) under the key
//! SHA-256(label, chain id, step, attempt) and the nonce b; words from q on are skipped. Every attempt has its own, so that
//! one lattice reduction never serves two; all institutions of an attempt share it, which the sum needs. It does not follow
//! from the model: whoever publishes a model could try many.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use consilium_hash::ChainId;
use sha2::{Digest, Sha256};

use super::ring::{DEGREE, Q};
use crate::Hash;
use crate::transcript::LATTICE_MATRIX;

/// The transform of a_b, reduced.
pub(crate) type Row = [u32; DEGREE];

/// A, as the key of its stream.
pub(crate) struct Matrix {
    key: Hash,
}

impl Matrix {
    /// The matrix of an attempt.
    pub(crate) fn new(chain_id: &ChainId, step: u64, attempt: u32) -> Self {
        let hash = Sha256::new().chain_update(LATTICE_MATRIX).chain_update(chain_id.0);
        let hash = hash.chain_update(step.to_be_bytes()).chain_update(attempt.to_be_bytes());
        Self { key: hash.finalize().into() }
    }

    /// The transform of a_b.
    pub(crate) fn row(&self, block: u64) -> Row {
        let mut stream = stream(&self.key, block);
        let mut row = [0; DEGREE];
        let mut filled = 0;
        // One word in 350,000 is skipped: a few more than are needed make a second round rare.
        let mut words = [[0; 4]; DEGREE + 16];
        while filled < DEGREE {
            words.as_flattened_mut().fill(0);
            stream.apply_keystream(words.as_flattened_mut());
            let words = words.iter().map(|word| u32::from_le_bytes(*word));
            let accepted = words.filter(|word| u64::from(*word) < Q);
            for (slot, word) in row.iter_mut().skip(filled).zip(accepted) {
                *slot = word;
                filled += 1;
            }
        }
        row
    }
}

/// The ChaCha20 stream of this number under a key.
pub(super) fn stream(key: &[u8; 32], number: u64) -> ChaCha20 {
    let mut nonce = [0; 12];
    let (_, low) = nonce.split_at_mut(4);
    low.copy_from_slice(&number.to_le_bytes());
    ChaCha20::new(key.into(), &nonce.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: ChainId = ChainId([7; 32]);

    #[test]
    fn every_attempt_step_chain_and_block_has_elements_of_its_own() {
        let matrix = Matrix::new(&CHAIN, 3, 1);
        assert_eq!(matrix.row(0), Matrix::new(&CHAIN, 3, 1).row(0));
        let others = [
            matrix.row(1),
            matrix.row(1 << 40),
            Matrix::new(&CHAIN, 3, 2).row(0),
            Matrix::new(&CHAIN, 4, 1).row(0),
            Matrix::new(&ChainId([8; 32]), 3, 1).row(0),
        ];
        for (position, row) in others.iter().enumerate() {
            assert_ne!(*row, matrix.row(0), "{position}");
            assert!(!others[..position].contains(row), "{position}");
        }
    }

    /// By an implementation of RFC 8439 that shares nothing with this one. Word 40 of block 23 is not below q.
    #[test]
    fn elements_are_the_words_of_chacha20_below_the_modulus() {
        let matrix = Matrix::new(&CHAIN, 3, 1);
        let first = matrix.row(0);
        assert_eq!(first[..3], [1_863_773_593, 1_173_305_838, 949_286_993]);
        assert_eq!(first[DEGREE - 1], 271_257_173);
        let skipping = matrix.row(23);
        assert_eq!(skipping[39..42], [3_589_462_683, 2_898_288_364, 1_959_505_603]);
        assert_eq!(skipping[DEGREE - 1], 1_272_835_270);
    }

    #[test]
    fn words_are_uniform_below_the_modulus() {
        let rows: Vec<Row> = (0..100).map(|block| Matrix::new(&CHAIN, 0, 0).row(block)).collect();
        let words = || rows.iter().flatten().copied();
        assert!(words().all(|word| u64::from(word) < Q));
        // Every bit but the ones that q makes rarer: 204,800 words, a standard deviation of 226.
        for bit in 0..32 {
            let ones = words().filter(|word| word >> bit & 1 == 1).count();
            assert!(ones.abs_diff(102_400) < 1_400, "bit {bit}: {ones}");
        }
    }
}
