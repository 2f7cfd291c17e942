//! The sum of masked updates, and what the sum of the mask keys opens.
//!
//! c̄ = Σc modulo q; with s̄ = Σs, which the trustees open, anyone computes Σv = (c̄ − A·s̄) modulo q, centred: an exact
//! integer, since the parameters keep m·reach below q/2. It is *not* rounded to multiples of Δ: rounding is not linear, and
//! would let a cheater move the result by almost twice its own length. What is left of the noise is known to everybody.

use super::body::{LatticeMaskedUpdate, VerifiedLatticeUpdate};
use super::key::transformed;
use super::mask::{self, matrix_of};
use super::parameters::LatticeParameters;
use super::ring::DEGREE;
use crate::bound::square;
use crate::group::encoding::Reader;
use crate::{DecodeError, RoundContext, SumError, UpdateError};

/// s̄, the sum of the mask keys of a round, each entry within ±m. Public once the trustees have opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatticeKeySum(pub(super) Vec<i16>);

impl LatticeKeySum {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 2 * DEGREE;

    /// 2,048 entries of two bytes, big-endian.
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|s| s.to_be_bytes()).collect()
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses an entry beyond ±`summands`.
    pub fn decode(bytes: &[u8], summands: u32) -> Result<Self, DecodeError> {
        let entries = Reader::new("sum of the mask keys", bytes, Self::LEN)?.take(Self::LEN)?;
        let entries = entries.as_chunks().0.iter().map(|bytes| i16::from_be_bytes(*bytes));
        let entries: Vec<i16> = entries.collect();
        match entries.iter().find(|s| u32::from(s.unsigned_abs()) > summands) {
            None => Ok(Self(entries)),
            Some(s) => Err(DecodeError::Value {
                what: "magnitude in the sum of the mask keys",
                found: s.unsigned_abs().into(),
                allowed: "up to the number of updates",
            }),
        }
    }
}

/// Σc over m updates.
#[derive(Clone, Debug)]
pub struct LatticeSum {
    sum: Vec<u32>,
    summands: u32,
    /// Σ of the lengths that the updates' proofs allow.
    reach: u64,
}

impl LatticeSum {
    /// The empty sum over d parameters.
    pub fn new(dimension: u32) -> Self {
        Self { sum: vec![0; dimension as usize], summands: 0, reach: 0 }
    }

    /// Adds an update that has been verified here.
    pub fn add(&mut self, update: &VerifiedLatticeUpdate) -> Result<(), UpdateError> {
        self.add_masked_parameters(update.masked(), update.key_part().parameters())
    }

    /// Adds an update that has been verified elsewhere; `parameters` are its author's.
    pub fn add_masked(
        &mut self,
        update: &LatticeMaskedUpdate,
        parameters: &LatticeParameters,
    ) -> Result<(), UpdateError> {
        self.add_masked_parameters(update.masked(), parameters)
    }

    fn add_masked_parameters(
        &mut self,
        c: &[u32],
        parameters: &LatticeParameters,
    ) -> Result<(), UpdateError> {
        if c.len() != self.sum.len() {
            let expected = self.sum.len() as u32;
            return Err(UpdateError::WrongDimension { expected, found: c.len() as u32 });
        }
        mask::add(&mut self.sum, c);
        self.summands = self.summands.saturating_add(1);
        self.reach = self.reach.saturating_add(parameters.reach());
        Ok(())
    }

    /// m, the number of updates in the sum.
    pub fn summands(&self) -> u32 {
        self.summands
    }

    /// Σv (`[d]`), in units of 1/Δ of a quantisation step: [`quantise::decode`](crate::quantise::decode) takes them with Δ
    /// times the sum of the weights. Deterministic, so that everybody who has c̄ and s̄ has the same.
    ///
    /// # Errors
    /// [`SumError::TooLong`] where all together are longer than updates within their bounds add up to.
    pub fn open(
        &self,
        round: &RoundContext,
        mask_key: &LatticeKeySum,
    ) -> Result<Vec<i64>, SumError> {
        let key = transformed(mask_key.0.iter().map(|s| i64::from(*s)));
        let sums = mask::unmask(&matrix_of(round), &key, &self.sum);
        self.check_norm(&sums)?;
        Ok(sums)
    }

    /// By the triangle inequality the sum is no longer than its updates in one direction: what is longer holds an update that
    /// has no proof.
    fn check_norm(&self, sums: &[i64]) -> Result<(), SumError> {
        let squares = square(sums);
        let most = u128::from(self.reach);
        if squares <= most * most {
            return Ok(());
        }
        let floor = squares.isqrt();
        let norm = floor + u128::from(floor * floor < squares);
        Err(SumError::TooLong { norm, summands: self.summands, most })
    }
}
