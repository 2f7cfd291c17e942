//! Opening the sum of the mask keys: t shares, hundreds of limbs, and of each limb its digits.

use super::parameters::LatticeParameters;
use super::ring::DEGREE;
use super::sum::LatticeKeySum;
use crate::decrypt::open_limbs;
use crate::{DealingCommitments, DiscreteLogTable, ShareError, VerifiedEvaluation, VerifiedShare};

/// Opens s̄ = Σs with any t shares of the sum.
pub fn combine_lattice(
    parameters: &LatticeParameters,
    evaluation: &VerifiedEvaluation,
    shares: &[VerifiedShare],
    commitments: &DealingCommitments,
    table: &DiscreteLogTable,
) -> Result<LatticeKeySum, ShareError> {
    let limbs = parameters.limbs();
    let summands = evaluation.summands();
    let sums = open_limbs(evaluation, shares, commitments, table, limbs.beyond(summands))?;
    let digits = sums.iter().flat_map(|sum| {
        (0..limbs.digits).map(move |digit| sum >> (limbs.bits * digit as u32) & limbs.mask())
    });
    // A digit is the sum of m of {0, 1, 2}, as the key proofs say: no carry, and at most 2m.
    let entries = digits.take(DEGREE).map(|digit| (digit - i64::from(summands)) as i16);
    Ok(LatticeKeySum(entries.collect()))
}
