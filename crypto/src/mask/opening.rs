//! What shares open, and what that opens: the sum of the updates.

use super::header::other_mask;
use super::{Parameters, VerifiedHeader, VerifiedUpdate};
use crate::lattice::{LatticeKeySum, LatticeMaskedUpdate, LatticeSum, combine_lattice};
use crate::{
    DealingCommitments, DiscreteLogTable, MaskKeySum as GroupKeySum, MaskedSum as GroupSum,
    MaskedUpdate, RoundContext, ShareError, SumError, UpdateError, VerifiedEvaluation,
    VerifiedShare, combine as combine_group,
};

/// The sum of the mask keys of a round. Public once the trustees have opened it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskKeySum {
    /// k̄, a scalar.
    Group(GroupKeySum),
    /// s̄, coefficients.
    Lattice(LatticeKeySum),
}

impl MaskKeySum {
    /// The bytes: as many as [`Parameters::key_sum_length`] says.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Group(sum) => sum.encode().to_vec(),
            Self::Lattice(sum) => sum.encode(),
        }
    }
}

/// Opens the sum of the mask keys with any t shares of it.
///
/// # Errors
/// [`ShareError`].
pub fn combine(
    parameters: &Parameters,
    evaluation: &VerifiedEvaluation,
    shares: &[VerifiedShare],
    commitments: &DealingCommitments,
    table: &DiscreteLogTable,
) -> Result<MaskKeySum, ShareError> {
    match parameters {
        Parameters::Group(_) => {
            combine_group(evaluation, shares, commitments, table).map(MaskKeySum::Group)
        }
        Parameters::Lattice(parameters) => {
            combine_lattice(parameters, evaluation, shares, commitments, table)
                .map(MaskKeySum::Lattice)
        }
    }
}

/// The sum of the masked parameters of a round's updates.
#[derive(Clone, Debug)]
pub enum MaskedSum {
    /// Elements of the group.
    Group(GroupSum),
    /// Numbers modulo q, masked by the matrix of the round.
    Lattice(LatticeSum, Box<RoundContext>),
}

impl MaskedSum {
    /// The empty sum of a round.
    pub fn new(parameters: &Parameters, round: &RoundContext) -> Self {
        match parameters {
            Parameters::Group(parameters) => Self::Group(GroupSum::new(parameters)),
            Parameters::Lattice(parameters) => {
                Self::Lattice(LatticeSum::new(parameters.dimension()), Box::new(round.clone()))
            }
        }
    }

    /// Adds an update that has been verified here.
    ///
    /// # Errors
    /// [`UpdateError`] where it is of another dimension or under another mask.
    pub fn add(&mut self, update: &VerifiedUpdate) -> Result<(), UpdateError> {
        match (self, update) {
            (Self::Group(sum), VerifiedUpdate::Group(update)) => sum.add(update),
            (Self::Lattice(sum, _), VerifiedUpdate::Lattice(update)) => sum.add(update),
            _ => Err(other_mask()),
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
    ) -> Result<(), UpdateError> {
        match (self, header) {
            (Self::Group(sum), VerifiedHeader::Group(header)) => {
                let own = header.context().parameters()?;
                let update = MaskedUpdate::parse(masked, header.mask_hash(), &own)?;
                sum.add_masked(&update)
            }
            (Self::Lattice(sum, _), VerifiedHeader::Lattice(key_part)) => {
                let parameters = key_part.parameters();
                let mask_hash = key_part.header().mask_hash();
                let update = LatticeMaskedUpdate::parse(masked, mask_hash, parameters)?;
                sum.add_masked(&update, parameters)
            }
            _ => Err(other_mask()),
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
            (Self::Lattice(sum, round), MaskKeySum::Lattice(mask_key)) => sum.open(round, mask_key),
            _ => Err(SumError::Mismatch),
        }
    }

    /// Whether `sums` is what [`open`](Self::open) would read off: what an institution checks before it trains on a model.
    /// The weights follow from `seed`, which nobody could know who announced the sums. Errs with probability 2^-128 under
    /// elements of the group, and never under a lattice mask, where it is computed again.
    ///
    /// # Errors
    /// [`SumError`]: why `open` would have refused, or [`SumError::Mismatch`] where it would have read off others.
    pub fn check(
        &self,
        mask_key: &MaskKeySum,
        sums: &[i64],
        seed: &[u8; 32],
    ) -> Result<(), SumError> {
        match (self, mask_key) {
            (Self::Group(sum), MaskKeySum::Group(mask_key)) => sum.check(mask_key, sums, seed),
            (Self::Lattice(sum, round), MaskKeySum::Lattice(mask_key)) => {
                let is_right = sum.open(round, mask_key)? == sums;
                if is_right { Ok(()) } else { Err(SumError::Mismatch) }
            }
            _ => Err(SumError::Mismatch),
        }
    }
}
