//! Many equations in one multiscalar multiplication.
//!
//! An equation "Σ scalar·point = 0" holds in a fold with error 2^-128 if its weight was unknown when its proof was made.
//! So a weight comes from SHAKE-256 over a label, the public key and the SHA-256 of every complete header and body of the
//! batch in order: every byte of every proof, responses included, comes first. Where the caller may use the operating
//! system's randomness, that is mixed in. A weight is never taken from a prover's transcript: a transcript ends before
//! the last responses, and two false proofs could be built to cancel.

use std::sync::OnceLock;

use curve25519_dalek::ristretto::{RistrettoPoint, VartimeRistrettoPrecomputation};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimePrecomputedMultiscalarMul};
use rayon::prelude::*;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::group::generators::{NUMBERED_BITS, consecutive, pairs_of};
use crate::group::{g, h, mask_bases, multiscalar};
use crate::{Hash, PublicKey};

/// Generators that have tables for short proofs.
const TABULATED: usize = 64;
/// Terms from which on buckets that all terms share are faster than tables of some.
const FEW: usize = 128;

/// A stream of weights.
pub struct Weights(sha3::Shake256Reader);

impl Weights {
    /// Weights that depend on everything given; `fresh` is randomness of the operating system, where it may be used.
    pub(crate) fn new<'a>(
        label: &'static [u8],
        number: u64,
        key: &PublicKey,
        fresh: Option<&[u8; 32]>,
        digests: impl IntoIterator<Item = &'a Hash>,
    ) -> Self {
        Self::bound_to(label, number, key.hash().as_slice(), fresh, digests)
    }

    /// The same for proofs under no key of a federation: `name` is of what all of them are about, or empty where the digests
    /// say so.
    pub fn bound_to<'a>(
        label: &'static [u8],
        number: u64,
        name: &[u8],
        fresh: Option<&[u8; 32]>,
        digests: impl IntoIterator<Item = &'a Hash>,
    ) -> Self {
        let mut hash = Shake256::default();
        hash.update(&(label.len() as u64).to_be_bytes());
        hash.update(label);
        hash.update(&number.to_be_bytes());
        hash.update(name);
        hash.update(&[u8::from(fresh.is_some())]);
        hash.update(fresh.map_or(&[], |bytes| bytes.as_slice()));
        for digest in digests {
            hash.update(digest);
        }
        Self(hash.finalize_xof())
    }

    /// The next N weights of 128 bits.
    pub fn take<const N: usize>(&mut self) -> [Scalar; N] {
        std::array::from_fn(|_| {
            let mut bytes = [0; 16];
            self.0.read(&mut bytes);
            Scalar::from(u128::from_le_bytes(bytes))
        })
    }

    /// A stream of its own for the next part of a batch, so that parts can be folded side by side.
    pub(crate) fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        self.0.read(&mut seed);
        Self(Shake256::default().chain(seed).finalize_xof())
    }
}

/// A weighted sum of equations; g, h, X1, X2, the W_j and the generators of the range proofs are there once, however many
/// clients, chunks and rounds there are.
#[derive(Default)]
pub struct Folded {
    /// The coefficient of g.
    pub g: Scalar,
    /// The coefficient of h.
    pub h: Scalar,
    pub(crate) x1: Scalar,
    pub(crate) x2: Scalar,
    /// Coefficients of W_0, W_1, …
    masks: Vec<Scalar>,
    /// Coefficients of the range proofs' G and H, by the value and the bit that they belong to.
    generators: Vec<Vec<[Scalar; 2]>>,
    /// Everything that belongs to one client.
    pub terms: Vec<(Scalar, RistrettoPoint)>,
    refused: bool,
}

impl Folded {
    /// Makes the sum one that does not hold, whatever else is in it.
    pub(crate) fn refuse(&mut self) {
        self.refused = true;
    }

    /// The coefficients of W_0..W_(d−1).
    pub(crate) fn masks(&mut self, dimension: usize) -> &mut [Scalar] {
        first(&mut self.masks, dimension)
    }

    /// The coefficients of the generators of one value, bit by bit.
    pub(crate) fn generators_of(&mut self, value: usize, bits: usize) -> &mut [[Scalar; 2]] {
        if self.generators.len() <= value {
            self.generators.resize_with(value + 1, Vec::new);
        }
        self.generators.get_mut(value).map_or(&mut [], |row| first(row, bits))
    }

    /// Adds to the coefficients of consecutive generators, from number `first` on (`generators::consecutive`).
    pub(crate) fn add_to_generators(
        &mut self,
        first: usize,
        more: impl IntoIterator<Item = Scalar>,
    ) {
        let a_value = 2 * NUMBERED_BITS;
        let mut more = more.into_iter().peekable();
        let mut skipped = first % a_value;
        let mut value = first / a_value;
        while more.peek().is_some() {
            let row = self.generators_of(value, NUMBERED_BITS).as_flattened_mut();
            for (coefficient, more) in row.iter_mut().skip(skipped).zip(&mut more) {
                *coefficient += more;
            }
            skipped = 0;
            value += 1;
        }
    }

    /// The sum of two folds.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.g += other.g;
        self.h += other.h;
        self.x1 += other.x1;
        self.x2 += other.x2;
        add(self.masks(other.masks.len()), &other.masks);
        for (value, row) in other.generators.iter().enumerate() {
            add(self.generators_of(value, row.len()).as_flattened_mut(), row.as_flattened());
        }
        self.terms.extend(other.terms);
        self.refused |= other.refused;
        self
    }

    /// Whether the sum is zero.
    pub(crate) fn holds(mut self, key: &PublicKey) -> bool {
        self.terms.extend([(self.x1, key.x1), (self.x2, key.x2)]);
        self.vanishes()
    }

    /// Whether a sum without X1 and X2 is zero.
    pub fn vanishes(self) -> bool {
        if self.refused {
            return false;
        }
        if let Some(fixed) = self.few_fixed() {
            let (scalars, points): (Vec<_>, Vec<_>) = self.terms.into_iter().unzip();
            return few(&fixed, &scalars, &points).is_identity();
        }
        let g = g();
        let bases = mask_bases(self.masks.len());
        let mut terms = self.terms;
        terms.extend([(self.g, g), (self.h, *h())]);
        let of_value = |(value, row): (usize, &Vec<[Scalar; 2]>)| {
            let coefficients = row.as_flattened().iter().copied();
            let generators = pairs_of(value, row.len()).flatten().copied();
            // A row is as long as a value has bits; short vectors leave most of it untouched.
            let used = coefficients.zip(generators).filter(|(scalar, _)| *scalar != Scalar::ZERO);
            used.collect::<Vec<_>>()
        };
        let generators: Vec<_> =
            self.generators.par_iter().enumerate().flat_map_iter(of_value).collect();
        terms.extend(generators);
        let masks = self.masks.into_par_iter().zip(bases.par_iter().copied());
        multiscalar(terms.into_par_iter().chain(masks)).is_identity()
    }

    /// The coefficients of g, h and the first generators, where there are no others and few terms besides: what a short proof
    /// alone comes to.
    fn few_fixed(&self) -> Option<Vec<Scalar>> {
        let [row] = self.generators.as_slice() else { return None };
        let row = row.as_flattened();
        let (first, rest) = row.split_at_checked(TABULATED).unwrap_or((row, &[]));
        let is_short = self.terms.len() < FEW
            && self.masks.is_empty()
            && rest.iter().all(|coefficient| *coefficient == Scalar::ZERO);
        is_short.then(|| {
            let mut fixed = vec![self.g, self.h];
            fixed.extend_from_slice(first);
            fixed.resize(2 + TABULATED, Scalar::ZERO);
            fixed
        })
    }
}

/// Σ fixed·(g, h and the first generators) + Σ scalars·points. The fixed bases' tables, of 10 kB each, take 28 additions a
/// term where a point that comes with a proof takes 51.
fn few(fixed: &[Scalar], scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    static TABLES: OnceLock<VartimeRistrettoPrecomputation> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        let generators = consecutive(0, TABULATED).into_iter().copied();
        VartimeRistrettoPrecomputation::new([g(), *h()].into_iter().chain(generators))
    });
    tables.vartime_mixed_multiscalar_mul(fixed, scalars, points)
}

fn add(sum: &mut [Scalar], more: &[Scalar]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The first `length` elements of a vector that grows to have them.
fn first<T: Clone + Default>(vector: &mut Vec<T>, length: usize) -> &mut [T] {
    if vector.len() < length {
        vector.resize(length, T::default());
    }
    vector.split_at_mut(length).0
}

/// Which of these parts of a batch hold. One that does not is found by halving, so that a few among many cost little; the
/// verdict on it is its own, whatever else is in the batch.
pub fn sift<T: Sync>(parts: &[T], holds: &(impl Fn(&[T]) -> bool + Sync)) -> Vec<bool> {
    if parts.is_empty() || holds(parts) {
        return vec![true; parts.len()];
    }
    if parts.len() == 1 {
        return vec![false];
    }
    let (left, right) = parts.split_at(parts.len() / 2);
    let (left, right) = rayon::join(|| sift(left, holds), || sift(right, holds));
    [left, right].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::h_times;

    /// A sum that is zero or not, of so many generators and points of its own.
    fn folded(generators: usize, own: u64, error: u64) -> Folded {
        let mut folded =
            Folded { g: Scalar::from(3u64), h: Scalar::from(5u64), ..Folded::default() };
        folded.add_to_generators(0, (0..generators as u64).map(|i| Scalar::from(i + 7)));
        folded.terms =
            (1..=own).map(|i| (Scalar::from(i), h_times(&Scalar::from(i * i)))).collect();
        let bases = consecutive(0, generators);
        let of_generators = bases.iter().zip(7u64..).map(|(base, i)| *base * Scalar::from(i));
        let sum: RistrettoPoint =
            of_generators.chain(folded.terms.iter().map(|(s, p)| s * p)).sum();
        let all = sum + g() * folded.g + *h() * folded.h;
        folded.terms.push((-Scalar::ONE, all + g() * Scalar::from(error)));
        folded
    }

    #[test]
    fn a_sum_is_the_same_with_tables_of_the_fixed_bases_and_without() {
        for (generators, own) in [(1, 1), (40, 60), (TABULATED, 20), (TABULATED + 1, 20), (10, 200)]
        {
            let is_short = generators <= TABULATED && own + 1 < FEW as u64;
            assert_eq!(folded(generators, own, 0).few_fixed().is_some(), is_short);
            assert!(folded(generators, own, 0).vanishes(), "{generators}, {own}");
            assert!(!folded(generators, own, 1).vanishes(), "{generators}, {own}");
        }
    }
}
