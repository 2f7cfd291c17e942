//! What shares open, and what that opens: the sum of the updates.

use rand_core::CryptoRngCore;

use super::{Parameters, VerifiedHeader, VerifiedUpdate};
use crate::{
    DiscreteLogTable, MaskKeySum as GroupKeySum, MaskedSum as GroupSum, MaskedUpdate, RoundContext,
    SumError, UpdateError,
};

/// The sum of the mask keys of a round. Public once the trustees have opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskKeySum {
    /// k̄, a scalar.
    Group(GroupKeySum),
}

impl MaskKeySum {
    /// The bytes: as many as [`Parameters::key_sum_length`] says.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Group(sum) => sum.encode().to_vec(),
        }
    }
}

/// The sum of the masked parameters of a round's updates.
#[derive(Clone, Debug)]
pub enum MaskedSum {
    /// Elements of the group.
    Group(GroupSum),
}

impl MaskedSum {
    /// The empty sum of a round.
    pub fn new(parameters: &Parameters, _round: &RoundContext) -> Self {
        match parameters {
            Parameters::Group(parameters) => Self::Group(GroupSum::new(parameters)),
        }
    }

    /// Adds an update that has been verified here.
    ///
    /// # Errors
    /// [`UpdateError`] where it is of another dimension or under another mask.
    pub fn add(&mut self, update: &VerifiedUpdate) -> Result<(), UpdateError> {
        match (self, update) {
            (Self::Group(sum), VerifiedUpdate::Group(update, _)) => sum.add(update),
        }
    }

    /// Adds the masked parameters of an update that has been verified elsewhere, if they are those that its header names.
    ///
    /// # Errors
    /// [`UpdateError`].
    pub fn add_masked(
        &mut self,
        masked: &[u8],
        header: &VerifiedHeader,
        parameters: &Parameters,
    ) -> Result<(), UpdateError> {
        match (self, header, parameters) {
            (Self::Group(sum), VerifiedHeader::Group(header), Parameters::Group(parameters)) => {
                let update = MaskedUpdate::parse(masked, header.mask_hash(), parameters)?;
                sum.add_masked(&update)
            }
        }
    }

    /// Reads the sums of all parameters off (`[d]`).
    ///
    /// # Errors
    /// [`SumError`] where they are not what updates within their bound add up to.
    pub fn open(
        &self,
        mask_key: &MaskKeySum,
        table: &DiscreteLogTable,
    ) -> Result<Vec<i64>, SumError> {
        match (self, mask_key) {
            (Self::Group(sum), MaskKeySum::Group(mask_key)) => sum.open(mask_key, table),
        }
    }

    /// Whether `sums` is what [`open`](Self::open) would read off: what an institution checks before it trains on a model.
    /// Errs with probability 2^-128.
    ///
    /// # Errors
    /// [`SumError`]: why `open` would have refused, or [`SumError::Mismatch`] where it would have read off others.
    pub fn check(
        &self,
        mask_key: &MaskKeySum,
        sums: &[i64],
        rng: &mut impl CryptoRngCore,
    ) -> Result<(), SumError> {
        match (self, mask_key) {
            (Self::Group(sum), MaskKeySum::Group(mask_key)) => sum.check(mask_key, sums, rng),
        }
    }
}
