//! The group ristretto255 and its public bases, each made once a process.
//!
//! `g` is the standard basepoint. `h`, the mask bases W_j and the generators of the Bulletproofs are hashes of fixed
//! labels into the group: nobody knows a relation between any two of them, on which all binding rests.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use bulletproofs::{BulletproofGens, PedersenGens};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

/// Largest chunk of values under one aggregated range proof.
pub(crate) const MAX_RANGE_VALUES: usize = 256;
/// g, the ristretto255 basepoint. Encryption randomness and blindings multiply it.
pub(crate) const fn g() -> RistrettoPoint {
    RISTRETTO_BASEPOINT_POINT
}

/// h, the base that messages multiply: the hash of a fixed label, so that nobody knows log_g h.
pub(crate) fn h() -> &'static RistrettoPoint {
    static H: OnceLock<RistrettoPoint> = OnceLock::new();
    H.get_or_init(|| hash_to_group(b"consilium v1 message base h", 0))
}

/// Multiplication by h with a precomputed table, in constant time.
pub(crate) fn h_times(scalar: &Scalar) -> RistrettoPoint {
    static TABLE: OnceLock<RistrettoBasepointTable> = OnceLock::new();
    TABLE.get_or_init(|| RistrettoBasepointTable::create(h())) * scalar
}

/// Multiplication by g with a precomputed table, in constant time.
pub(crate) fn g_times(scalar: &Scalar) -> RistrettoPoint {
    RistrettoPoint::mul_base(scalar)
}

/// The commitment bases of the range proofs: commit(u; β) = u·h + β·g.
pub(crate) fn pedersen() -> PedersenGens {
    PedersenGens { B: *h(), B_blinding: g() }
}

/// Generators of the Bulletproofs, enough for so many values of so many bits: for chunks of 16 bits, which every update
/// has, for one value of 64, and for chunks of 32, which only large norms need.
pub(crate) fn range_generators(bits: usize, values: usize) -> &'static BulletproofGens {
    static NARROW: OnceLock<BulletproofGens> = OnceLock::new();
    static SINGLE: OnceLock<BulletproofGens> = OnceLock::new();
    static WIDE: OnceLock<BulletproofGens> = OnceLock::new();
    match (bits, values) {
        (..=16, _) => NARROW.get_or_init(|| BulletproofGens::new(16, MAX_RANGE_VALUES)),
        (_, ..=1) => SINGLE.get_or_init(|| BulletproofGens::new(64, 1)),
        _ => WIDE.get_or_init(|| BulletproofGens::new(32, MAX_RANGE_VALUES)),
    }
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
    grown.par_extend((grown.len()..dimension).into_par_iter().with_min_len(64).map(|j| mask_base(j as u64)));
    let grown = Arc::new(grown);
    let mut writable = bases.write().unwrap_or_else(PoisonError::into_inner);
    if writable.len() < grown.len() {
        *writable = Arc::clone(&grown);
    }
    grown
}

fn mask_base(j: u64) -> RistrettoPoint {
    hash_to_group(b"consilium v1 mask base W_j", j)
}

/// Hash to group by SHA-512 of a label and a number of fixed width (the one-way map of RFC 9496, section 4.3.4).
fn hash_to_group(label: &'static [u8], number: u64) -> RistrettoPoint {
    RistrettoPoint::from_hash(Sha512::new().chain_update(label).chain_update(number.to_be_bytes()))
}

/// Σ scalars·points over public values, on all cores where the sum is long enough to gain from it.
pub(crate) fn multiscalar(terms: &[(Scalar, RistrettoPoint)]) -> RistrettoPoint {
    let share = terms.len().div_ceil(rayon::current_num_threads()).max(1024);
    terms
        .par_chunks(share)
        .map(|chunk| {
            RistrettoPoint::vartime_multiscalar_mul(chunk.iter().map(|(s, _)| s), chunk.iter().map(|(_, p)| p))
        })
        .sum()
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
    fn mask_bases_grow_from_inside_the_pool_without_waiting_for_each_other() {
        let lengths: Vec<_> = (0..64).into_par_iter().map(|i| mask_bases(6000 + 200 * i).len() - 200 * i).collect();
        assert!(lengths.iter().all(|length| *length >= 6000));
    }

    #[test]
    fn multiplying_in_parts_gives_the_same_sum() {
        let bases = mask_bases(5000);
        let terms: Vec<_> = (1u64..).map(Scalar::from).zip(bases.iter().copied()).take(5000).collect();
        let naive: RistrettoPoint = terms.iter().map(|(s, p)| s * p).sum();
        assert_eq!(multiscalar(&terms), naive);
    }
}
