//! The public bases, each made once a process.
//!
//! `g` is the standard basepoint. `h`, the mask bases W_j and the generators of the Bulletproofs ([`generators`]) are hashes
//! of fixed labels into the group: nobody knows a relation between any two of them, on which all binding rests.
//!
//! [`generators`]: super::generators

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

/// The mask bases W_0..W_(d−1), at least; grown when a larger model comes, shared by everything in the process.
pub(crate) fn mask_bases(dimension: usize) -> Arc<Vec<RistrettoPoint>> {
    static BASES: OnceLock<RwLock<Arc<Vec<RistrettoPoint>>>> = OnceLock::new();
    let bases = BASES.get_or_init(RwLock::default);
    // The vector behind the lock is replaced whole, so that a panic elsewhere leaves nothing half done.
    let known = Arc::clone(&bases.read().unwrap_or_else(PoisonError::into_inner));
    if known.len() >= dimension {
        return known;
    }
    // Computed without holding the lock: a thread that waits for the pool runs the pool's other jobs meanwhile, and one of
    // them may come here, too. At worst a base is computed twice.
    let mut grown = Vec::clone(&known);
    grown.par_extend(
        (grown.len()..dimension).into_par_iter().with_min_len(64).map(|j| mask_base(j as u64)),
    );
    let grown = Arc::new(grown);
    let mut writable = bases.write().unwrap_or_else(PoisonError::into_inner);
    if writable.len() < grown.len() {
        *writable = Arc::clone(&grown);
    }
    grown
}

/// Mask bases that have tables, of 30 kB each.
const TABULATED: usize = 1024;

/// scalar·W_j in constant time for these bases, of which the first is W_(`first`).
///
/// The first bases have tables, which make it four times as fast. A table takes as long to make as thirty multiplications
/// without one: those of a small model are worth it, as it is encrypted round after round.
pub(crate) fn mask_multiples(
    first: usize,
    bases: &[RistrettoPoint],
    scalar: &Scalar,
) -> impl Iterator<Item = RistrettoPoint> {
    static TABLES: [OnceLock<Box<RistrettoBasepointTable>>; TABULATED] =
        [const { OnceLock::new() }; TABULATED];
    bases.iter().enumerate().map(move |(place, base)| match TABLES.get(first + place) {
        Some(table) => {
            let table = table.get_or_init(|| Box::new(RistrettoBasepointTable::create(base)));
            table.as_ref() * scalar
        }
        None => base * scalar,
    })
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
        let bases = mask_bases(TABULATED + 2);
        let scalar = Scalar::from(7u64).invert();
        let first = TABULATED - 2;
        let expected: Vec<_> = bases[first..].iter().map(|base| base * scalar).collect();
        let multiples: Vec<_> = mask_multiples(first, &bases[first..], &scalar).collect();
        assert_eq!(multiples, expected);
    }

    #[test]
    fn mask_bases_grow_from_inside_the_pool_without_waiting_for_each_other() {
        let lengths: Vec<_> =
            (0..64).into_par_iter().map(|i| mask_bases(6000 + 200 * i).len() - 200 * i).collect();
        assert!(lengths.iter().all(|length| *length >= 6000));
    }
}
