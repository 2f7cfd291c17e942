//! Decryption shares: what a trustee contributes to opening a sum.

use consilium_hash::BlockHash;

use super::{MaskKeySum, Parameters, VerifiedEvaluation};
use crate::{
    DealingCommitments, DecodeError, DecryptionShare as GroupShare, DiscreteLogTable, KeyShare,
    PublicKey, ShareError, VerifiedShare as GroupVerified, combine as combine_group,
    verify_share as verify_group,
};

/// A share that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecryptionShare {
    /// Under elements of the group.
    Group(GroupShare),
}

impl DecryptionShare {
    /// The share of the trustee that holds `share` in opening a sum that it has verified itself.
    pub fn new(
        share: &KeyShare,
        key: &PublicKey,
        evaluation: &VerifiedEvaluation,
        sealed_block: &BlockHash,
    ) -> Self {
        match evaluation {
            VerifiedEvaluation::Group(evaluation) => {
                Self::Group(share.decryption_share(key, evaluation, sealed_block))
            }
        }
    }

    /// Reads a share of a sum of this run.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are none, or one under another mask.
    pub fn decode(bytes: &[u8], parameters: &Parameters) -> Result<Self, DecodeError> {
        match parameters {
            Parameters::Group(_) => GroupShare::decode(bytes).map(Self::Group),
        }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Group(share) => share.encode(),
        }
    }

    /// The trustee that it claims to be of, from 1.
    pub fn index(&self) -> u32 {
        match self {
            Self::Group(share) => share.index(),
        }
    }

    /// The block that it answers.
    pub fn sealed_block(&self) -> &BlockHash {
        match self {
            Self::Group(share) => share.sealed_block(),
        }
    }
}

/// A share whose proof holds.
#[derive(Clone, Debug)]
pub enum VerifiedShare {
    /// Under elements of the group.
    Group(GroupVerified),
}

impl VerifiedShare {
    /// Its trustee, from 1 to n.
    pub fn index(&self) -> u32 {
        match self {
            Self::Group(share) => share.index(),
        }
    }
}

/// Verifies a share of the sum in a sealed block.
///
/// # Errors
/// [`ShareError`].
pub fn verify_share(
    share: &DecryptionShare,
    key: &PublicKey,
    commitments: &DealingCommitments,
    evaluation: &VerifiedEvaluation,
    sealed_block: &BlockHash,
) -> Result<VerifiedShare, ShareError> {
    match (share, evaluation) {
        (DecryptionShare::Group(share), VerifiedEvaluation::Group(evaluation)) => {
            verify_group(share, key, commitments, evaluation, sealed_block)
                .map(VerifiedShare::Group)
        }
    }
}

/// Opens the sum of the mask keys with any t shares of it.
///
/// # Errors
/// [`ShareError`].
pub fn combine(
    evaluation: &VerifiedEvaluation,
    shares: &[VerifiedShare],
    commitments: &DealingCommitments,
    table: &DiscreteLogTable,
) -> Result<MaskKeySum, ShareError> {
    match evaluation {
        VerifiedEvaluation::Group(evaluation) => {
            let shares = shares.iter().map(|share| match share {
                VerifiedShare::Group(share) => share.clone(),
            });
            let shares: Vec<_> = shares.collect();
            combine_group(evaluation, &shares, commitments, table).map(MaskKeySum::Group)
        }
    }
}
