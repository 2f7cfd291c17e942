//! The signed header of an update, and what proves that it is an encryption.

use consilium_hash::{BlobHash, HeaderHash};
use rand_core::CryptoRngCore;

use super::Parameters;
use crate::{
    CandidateHeader as GroupCandidate, Context, PublicKey, UpdateError,
    VerifiedHeader as GroupVerified, verify_key_proofs_with_rng,
};

/// A header that decodes. Nothing in it is proven.
#[derive(Debug)]
pub enum CandidateHeader {
    /// Under elements of the group.
    Group(GroupCandidate),
}

impl CandidateHeader {
    /// Reads a header, whose length says under which mask it is.
    ///
    /// # Errors
    /// [`UpdateError`] where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, UpdateError> {
        GroupCandidate::decode(bytes).map(Self::Group)
    }

    /// The context that a header's bytes begin with, for the checks that come before decoding: author, signature, round.
    ///
    /// # Errors
    /// [`UpdateError`] where the bytes are no header's.
    pub fn peek_context(bytes: &[u8]) -> Result<Context, UpdateError> {
        GroupCandidate::peek_context(bytes)
    }

    /// Whether it is under the mask of a run with these parameters.
    pub fn is_of(&self, parameters: &Parameters) -> bool {
        match (self, parameters) {
            (Self::Group(_), Parameters::Group(_)) => true,
        }
    }

    /// SHA-256 of the bytes: the name of the update.
    pub fn hash(&self) -> HeaderHash {
        match self {
            Self::Group(header) => header.hash(),
        }
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        match self {
            Self::Group(header) => header.context(),
        }
    }

    /// SHA-256 of what a trustee needs besides the header; `None` where the header holds all of it.
    pub fn key_part_hash(&self) -> Option<&BlobHash> {
        match self {
            Self::Group(_) => None,
        }
    }

    /// SHA-256 of the body.
    pub fn body_hash(&self) -> &BlobHash {
        match self {
            Self::Group(header) => header.body_hash(),
        }
    }

    /// Length of the body, in bytes.
    pub fn body_length(&self) -> u64 {
        match self {
            Self::Group(header) => header.body_length(),
        }
    }
}

/// The encrypted key of an update, decoded: what a trustee needs of it. Nothing in it is proven.
#[derive(Debug)]
pub enum CandidateKey {
    /// Under elements of the group, where the header holds all of it.
    Group(GroupCandidate),
}

impl CandidateKey {
    /// Reads the key part of a header: the bytes [`Parameters::key_part`] of its body, none where a run has none.
    ///
    /// # Errors
    /// [`UpdateError`] where header and bytes do not belong together, or are none of this run.
    pub fn parse(
        header: CandidateHeader,
        key_part: &[u8],
        parameters: &Parameters,
    ) -> Result<Self, UpdateError> {
        match (header, parameters) {
            (CandidateHeader::Group(header), Parameters::Group(_)) => {
                if key_part.is_empty() {
                    return Ok(Self::Group(header));
                }
                let found = key_part.len() as u64;
                Err(UpdateError::IncompleteBody { expected: 0, found })
            }
        }
    }
}

/// A header whose key proof holds.
#[derive(Clone, Debug)]
pub enum VerifiedHeader {
    /// Under elements of the group.
    Group(GroupVerified),
}

impl VerifiedHeader {
    /// SHA-256 of the bytes: the name of the update.
    pub fn hash(&self) -> HeaderHash {
        match self {
            Self::Group(header) => header.hash(),
        }
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        match self {
            Self::Group(header) => header.context(),
        }
    }
}

/// Verifies the key proofs of updates of one run, with randomness that no prover can have known. Verdicts are in the
/// order of the updates and do not depend on what else is in the batch.
pub fn verify_key_proofs(
    key: &PublicKey,
    updates: Vec<CandidateKey>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedHeader, UpdateError>> {
    let group = updates.into_iter().map(|update| match update {
        CandidateKey::Group(header) => header,
    });
    let verified = verify_key_proofs_with_rng(key, group.collect(), rng);
    verified.into_iter().map(|header| header.map(VerifiedHeader::Group)).collect()
}
