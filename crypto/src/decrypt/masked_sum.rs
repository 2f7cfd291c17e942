//! The sum of masked updates, and what the sum of the mask keys opens.
//!
//! Masks are a key-homomorphic pseudorandom function: ΣE_j = (Σu_j)·h + (Σk)·W_j. With k̄ = Σk, which the trustees open,
//! anyone computes (Σu_j)·h = ΣE_j − k̄·W_j and reads the sums Σq_j off, as far as proofs let anyone reach: each within
//! ± the sum of what every single update may have under its own bound ([`Bound::reach`]), and under a bound on the norm all
//! together no longer than that. Sums beyond are refused, also where they follow from the masked updates: one of these
//! cannot have been within its bound.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rayon::prelude::*;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::bound::square;
use crate::context::MAX_RANGE;
use crate::group::encoding::Reader;
use crate::group::{h, mask_bases, mask_multiples, multiscalar, signed};
use crate::{
    Bound, DecodeError, DiscreteLogTable, MaskedUpdate, Parameters, SumError, UpdateError,
    VerifiedUpdate,
};

/// Sums that a core unmasks in one go.
const UNMASKED_AT_ONCE: usize = 64;

/// k̄, the sum of the mask keys of a round. Public once the trustees have opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskKeySum(pub(crate) Scalar);

impl MaskKeySum {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 32;

    /// The bytes of k̄ mod ℓ, little-endian.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0.to_bytes()
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses what is not reduced.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let [sum] = Reader::new("sum of the mask keys", bytes, Self::LEN)?.scalars()?;
        Ok(Self(sum))
    }
}

/// ΣE_j over m updates.
#[derive(Clone, Debug)]
pub struct MaskedSum {
    points: Vec<RistrettoPoint>,
    bound: Bound,
    summands: u32,
    /// Σ of what no parameter of a summand is beyond, each by its own bound.
    reach: u64,
    /// Σ of what was added to the parameters of each before it was encrypted.
    offset: i64,
}

impl MaskedSum {
    /// The empty sum, in a run of these parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let points = vec![RistrettoPoint::default(); parameters.dimension() as usize];
        Self { points, bound: parameters.bound(), summands: 0, reach: 0, offset: 0 }
    }

    /// Adds an update that has been verified here.
    pub fn add(&mut self, update: &VerifiedUpdate) -> Result<(), UpdateError> {
        self.add_points(update.masked(), update.header().context().bound)
    }

    /// Adds an update that has been verified elsewhere.
    pub fn add_masked(&mut self, update: &MaskedUpdate) -> Result<(), UpdateError> {
        self.add_points(update.masked(), update.bound())
    }

    fn add_points(&mut self, update: &[RistrettoPoint], bound: Bound) -> Result<(), UpdateError> {
        if update.len() != self.points.len() {
            let expected = self.points.len() as u32;
            let found = update.len() as u32;
            return Err(UpdateError::WrongDimension { expected, found });
        }
        if !bound.is_within(&self.bound) {
            return Err(UpdateError::WrongBound { expected: self.bound, found: bound });
        }
        for (sum, point) in self.points.iter_mut().zip(update) {
            *sum += point;
        }
        self.summands = self.summands.saturating_add(1);
        self.reach = self.reach.saturating_add(bound.reach());
        self.offset = self.offset.saturating_add(bound.offset());
        Ok(())
    }

    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        self.summands
    }

    /// Reads Σq_j off (`[d]`).
    ///
    /// # Errors
    /// [`SumError`] where a sum is not found in its range or all together are longer than updates within their bound
    /// add up to.
    pub fn open(
        &self,
        mask_key: &MaskKeySum,
        table: &DiscreteLogTable,
    ) -> Result<Vec<i64>, SumError> {
        let bases = mask_bases(self.points.len());
        let unmasked: Vec<_> = (self.points.par_chunks(UNMASKED_AT_ONCE))
            .zip(bases.par_chunks(UNMASKED_AT_ONCE))
            .enumerate()
            .flat_map_iter(|(chunk, (sums, bases))| {
                let masks = mask_multiples(UNMASKED_AT_ONCE * chunk, bases, &mask_key.0);
                sums.iter().zip(masks).map(|(sum, mask)| sum - mask).collect::<Vec<_>>()
            })
            .collect();
        let (least, bound) = self.range();
        let offset = self.offset;
        let mut sums = table.read_off(
            &unmasked,
            least.saturating_add(offset),
            bound.saturating_add(offset),
        )?;
        sums.iter_mut().for_each(|sum| *sum = sum.saturating_sub(offset));
        self.check_norm(&sums)?;
        Ok(sums)
    }

    /// Whether `sums` is what [`open`](Self::open) would read off, as one multiscalar multiplication with random weights:
    /// what an institution checks before it trains on a model. The weights follow from `seed`, which nobody could know who
    /// announced the sums. Errs with probability 2^-128.
    ///
    /// # Errors
    /// [`SumError`]: why `open` would have refused, or [`SumError::Mismatch`] where it would have read off others.
    pub fn check(
        &self,
        mask_key: &MaskKeySum,
        sums: &[i64],
        seed: &[u8; 32],
    ) -> Result<(), SumError> {
        if sums.len() != self.points.len() {
            return Err(SumError::Length { expected: self.points.len(), found: sums.len() });
        }
        let (least, bound) = self.range();
        if let Some((index, &value)) =
            sums.iter().enumerate().find(|(_, sum)| !(least..bound).contains(sum))
        {
            return Err(SumError::OutOfRange { index, value, least, bound });
        }
        self.check_norm(sums)?;
        let mut stream =
            Shake256::default().chain(b"consilium/v1/sums weights").chain(seed).finalize_xof();
        let weight = |_: &i64| {
            let mut weight = [0; 16];
            stream.read(&mut weight);
            Scalar::from(u128::from_le_bytes(weight))
        };
        let weights: Vec<_> = sums.iter().map(weight).collect();
        let offset = signed(self.offset);
        let total: Scalar =
            weights.iter().zip(sums).map(|(weight, sum)| weight * (signed(*sum) + offset)).sum();
        // k̄ is outside of the sum over W: short scalars cost half.
        let of = |points: &[RistrettoPoint]| {
            multiscalar(weights.par_iter().copied().zip(points.par_iter().copied()))
        };
        let rest = RistrettoPoint::vartime_multiscalar_mul(
            [mask_key.0, total],
            [of(&mask_bases(sums.len())), *h()],
        );
        if of(&self.points) == rest { Ok(()) } else { Err(SumError::Mismatch) }
    }

    /// Every update by itself is no longer than its proof lets it be, so neither is their sum than all of them in one
    /// direction: what is longer holds an update that has no such proof.
    fn check_norm(&self, sums: &[i64]) -> Result<(), SumError> {
        if matches!(self.bound, Bound::Parameter { .. }) {
            return Ok(());
        }
        let most = u128::from(self.reach);
        let squares = square(sums);
        if squares <= most * most {
            return Ok(());
        }
        let floor = squares.isqrt();
        let norm = floor + u128::from(floor * floor < squares);
        Err(SumError::TooLong { norm, summands: self.summands, most })
    }

    fn range(&self) -> (i64, i64) {
        // What no table reaches cannot be read off; the range must not overflow for it, though.
        let reach = self.reach.min(MAX_RANGE).cast_signed();
        (-reach, reach + 1)
    }
}
