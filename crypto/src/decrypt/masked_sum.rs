//! The sum of masked updates, and what the sum of the mask keys opens.
//!
//! Masks are a key-homomorphic pseudorandom function: ΣE_j = (Σu_j)·h + (Σk)·W_j. With k̄ = Σk, which the trustees open,
//! anyone computes (Σu_j)·h = ΣE_j − k̄·W_j and reads the sums off: from 0 to below m·2^b under a bound on parameters, within
//! ±m·⌈√(Γ/λ)·B⌉ under one on the norm, which is as far as proofs let anyone reach.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rand_core::CryptoRngCore;
use rayon::prelude::*;

use crate::group::encoding::Reader;
use crate::group::{h, mask_bases, multiscalar, signed};
use crate::{
    Bound, DecodeError, DiscreteLogTable, MAX_SUMMANDS, MaskedUpdate, Parameters, ReadOffError,
    UpdateError, VerifiedUpdate,
};

/// k̄, the sum of the mask keys of a round. Public once the trustees have opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskKeySum(pub(crate) Scalar);

impl MaskKeySum {
    /// The 32 bytes of k̄ mod ℓ, little-endian.
    pub fn encode(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses what is not reduced.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let [sum] = Reader::new("sum of the mask keys", bytes, 32)?.scalars()?;
        Ok(Self(sum))
    }
}

/// ΣE_j over m updates.
#[derive(Clone, Debug)]
pub struct MaskedSum {
    points: Vec<RistrettoPoint>,
    bound: Bound,
    summands: u32,
}

impl MaskedSum {
    /// The empty sum.
    pub fn new(parameters: &Parameters) -> Self {
        let points = vec![RistrettoPoint::default(); parameters.dimension() as usize];
        Self { points, bound: parameters.bound(), summands: 0 }
    }

    /// Adds an update that has been verified here.
    pub fn add(&mut self, update: &VerifiedUpdate) -> Result<(), UpdateError> {
        self.add_points(update.masked())
    }

    /// Adds an update that has been verified elsewhere.
    pub fn add_masked(&mut self, update: &MaskedUpdate) -> Result<(), UpdateError> {
        self.add_points(update.masked())
    }

    fn add_points(&mut self, update: &[RistrettoPoint]) -> Result<(), UpdateError> {
        if update.len() != self.points.len() {
            let expected = self.points.len() as u32;
            let found = update.len() as u32;
            return Err(UpdateError::WrongDimension { expected, found });
        }
        for (sum, point) in self.points.iter_mut().zip(update) {
            *sum += point;
        }
        self.summands = self.summands.saturating_add(1);
        Ok(())
    }

    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        self.summands
    }

    /// Reads Σu_j off (`[d]`), each as encrypted: of u = q + 2^(b−1) under a bound on parameters, of q itself under one on
    /// the norm.
    pub fn open(
        &self,
        mask_key: &MaskKeySum,
        table: &DiscreteLogTable,
    ) -> Result<Vec<i64>, ReadOffError> {
        let minus = -mask_key.0;
        let bases = mask_bases(self.points.len());
        let unmasked: Vec<_> = (self.points.par_iter().with_min_len(64))
            .zip(bases.par_iter())
            .map(|(sum, base)| sum + RistrettoPoint::vartime_multiscalar_mul([minus], [base]))
            .collect();
        let (least, bound) = self.range();
        table.read_off(&unmasked, least, bound)
    }

    /// Whether `sums` is what [`open`](Self::open) would read off, as one multiscalar multiplication with random weights:
    /// what an institution checks before it trains on a model. Errs with probability 2^-128.
    pub fn check(&self, mask_key: &MaskKeySum, sums: &[i64], rng: &mut impl CryptoRngCore) -> bool {
        let (least, bound) = self.range();
        if sums.len() != self.points.len() || sums.iter().any(|sum| !(least..bound).contains(sum)) {
            return false;
        }
        let weight = |_: &i64| {
            let mut weight = [0; 16];
            rng.fill_bytes(&mut weight);
            Scalar::from(u128::from_le_bytes(weight))
        };
        let weights: Vec<_> = sums.iter().map(weight).collect();
        let total: Scalar =
            weights.iter().zip(sums).map(|(weight, sum)| weight * signed(*sum)).sum();
        // k̄ is outside of the sum over W: short scalars cost half.
        let of = |points: &[RistrettoPoint]| {
            multiscalar(weights.par_iter().copied().zip(points.par_iter().copied()))
        };
        let rest = RistrettoPoint::vartime_multiscalar_mul(
            [mask_key.0, total],
            [of(&mask_bases(sums.len())), *h()],
        );
        of(&self.points) == rest
    }

    fn range(&self) -> (i64, i64) {
        // More summands than any aggregate holds cannot be read off; the range must not overflow for them, though.
        self.bound.sums(self.summands.min(MAX_SUMMANDS + 1))
    }
}
