//! The public bases, each made once a process.
//!
//! `g` is the standard basepoint. `h`, the mask bases W_j and the generators of the Bulletproofs ([`generators`]) are hashes
//! of fixed labels into the group: nobody knows a relation between any two of them, on which all binding rests.
//!
//! [`generators`]: super::generators

use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

/// g, the ristretto255 basepoint. Encryption randomness and blindings multiply it.
pub const fn g() -> RistrettoPoint {
    RISTRETTO_BASEPOINT_POINT
}

/// h, the base that messages multiply: the hash of a fixed label, so that nobody knows log_g h.
pub fn h() -> &'static RistrettoPoint {
    static H: OnceLock<RistrettoPoint> = OnceLock::new();
    H.get_or_init(|| hash_to_group(b"consilium v1 message base h", 0))
}

/// Bases that have tables: 30 kB each, which take as long to make as thirty multiplications without one.
const TABULATED: usize = 1024;

/// The mask bases W_0..W_(d−1), at least; grown when a larger model comes, shared by everything in the process.
pub(crate) fn mask_bases(dimension: usize) -> Arc<Vec<RistrettoPoint>> {
    static BASES: Grown<RistrettoPoint> = Grown::new();
    BASES.at_least(dimension, |j| mask_base(j as u64))
}

/// Multiples of the mask bases of a model, in constant time.
pub(crate) struct MaskMultiples {
    bases: Arc<Vec<RistrettoPoint>>,
    tables: Arc<Vec<RistrettoBasepointTable>>,
}

impl MaskMultiples {
    /// For W_0..W_(d−1). A small model's are used round after round, and get tables that make them four times as fast; of a
    /// large one tables would be longer than the memory there is.
    pub(crate) fn of(dimension: usize) -> Self {
        static TABLES: Grown<RistrettoBasepointTable> = Grown::new();
        let bases = mask_bases(dimension);
        let tabulated = if dimension <= TABULATED { dimension } else { 0 };
        let tables = TABLES.at_least(tabulated, |j| {
            RistrettoBasepointTable::create(bases.get(j).unwrap_or(&RISTRETTO_BASEPOINT_POINT))
        });
        Self { bases, tables }
    }

    /// scalar·W_j for all of these j at a time.
    pub(crate) fn times<'a>(
        &'a self,
        range: Range<usize>,
        scalar: &'a Scalar,
    ) -> impl Iterator<Item = RistrettoPoint> + 'a {
        let bases = self.bases.get(range.clone()).unwrap_or_default();
        range.zip(bases).map(move |(j, base)| match self.tables.get(j) {
            Some(table) => table * scalar,
            None => base * scalar,
        })
    }
}

/// A vector of constants that grows as far as somebody asks.
struct Grown<T>(OnceLock<RwLock<Arc<Vec<T>>>>);

impl<T: Clone + Send + Sync> Grown<T> {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn at_least(&self, length: usize, make: impl Fn(usize) -> T + Send + Sync) -> Arc<Vec<T>> {
        let lock = self.0.get_or_init(RwLock::default);
        // The vector behind the lock is replaced whole, so that a panic elsewhere leaves nothing half done.
        let known = Arc::clone(&lock.read().unwrap_or_else(PoisonError::into_inner));
        if known.len() >= length {
            return known;
        }
        // Computed without holding the lock: a thread that waits for the pool runs the pool's other jobs meanwhile, and one
        // of them may come here, too. At worst a constant is computed twice.
        let mut grown = Vec::clone(&known);
        grown.par_extend((grown.len()..length).into_par_iter().with_min_len(64).map(make));
        let grown = Arc::new(grown);
        let mut writable = lock.write().unwrap_or_else(PoisonError::into_inner);
        if writable.len() < grown.len() {
            *writable = Arc::clone(&grown);
        }
        grown
    }
}

fn mask_base(j: u64) -> RistrettoPoint {
    hash_to_group(b"consilium v1 mask base W_j", j)
}

/// Hash to group by SHA-512 of a label and a number of fixed width (the one-way map of RFC 9496, section 4.3.4).
fn hash_to_group(label: &'static [u8], number: u64) -> RistrettoPoint {
    let hash = Sha512::new().chain_update(label).chain_update(number.to_be_bytes());
    RistrettoPoint::from_uniform_bytes(&hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_bases_grow_without_changing() {
        let few = mask_bases(3);
        let many = mask_bases(few.len() + 70);
        assert!(many.len() >= few.len() + 70);
        assert!(many.iter().zip(few.iter()).all(|(a, b)| a == b));
        let mut encodings: Vec<_> = many.iter().map(|w| w.compress().to_bytes()).collect();
        encodings.extend([h().compress().to_bytes(), g().compress().to_bytes()]);
        let all = encodings.len();
        encodings.sort_unstable();
        encodings.dedup();
        assert_eq!(encodings.len(), all);
    }

    #[test]
    fn multiples_of_mask_bases_are_the_same_with_and_without_tables() {
        let bases = mask_bases(TABULATED + 1);
        let scalar = Scalar::from(7u64).invert();
        for dimension in [5, TABULATED + 1] {
            let multiples = MaskMultiples::of(dimension);
            let range = dimension - 3..dimension;
            let expected: Vec<_> = bases[range.clone()].iter().map(|base| base * scalar).collect();
            assert_eq!(multiples.times(range, &scalar).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn mask_bases_grow_from_inside_the_pool_without_waiting_for_each_other() {
        let lengths: Vec<_> =
            (0..64).into_par_iter().map(|i| mask_bases(6000 + 200 * i).len() - 200 * i).collect();
        assert!(lengths.iter().all(|length| *length >= 6000));
    }
}
