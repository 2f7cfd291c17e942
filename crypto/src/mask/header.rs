//! The signed header of an update, and what proves that it is an encryption.

use std::sync::Arc;

use consilium_hash::{BlobHash, HeaderHash};
use rand_core::CryptoRngCore;

use super::Parameters;
use crate::encrypted_key::{EncryptedKey, sealed::Sealed};
use crate::lattice::{
    CandidateKeyPart, LATTICE_HEADER_LEN, LatticeHeader, VerifiedKeyPart, verify_key_parts_with_rng,
};
use crate::{
    CandidateHeader as GroupCandidate, Ciphertext, Context, DecodeError, PublicKey, UpdateError,
    VerifiedHeader as GroupVerified, verify_key_proofs_with_rng,
};

/// A header that decodes. Nothing in it is proven.
#[derive(Clone, Debug)]
pub enum CandidateHeader {
    /// Under elements of the group.
    Group(GroupCandidate),
    /// Under a lattice mask.
    Lattice(Arc<LatticeHeader>),
}

impl CandidateHeader {
    /// Reads a header, whose length says under which mask it is. Whether that is the run's, [`Self::is_of`] says.
    ///
    /// # Errors
    /// [`UpdateError`] where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, UpdateError> {
        if bytes.len() == LATTICE_HEADER_LEN {
            LatticeHeader::decode(bytes).map(Arc::new).map(Self::Lattice)
        } else {
            GroupCandidate::decode(bytes).map(Self::Group)
        }
    }

    /// The context that a header's bytes begin with, for the checks that come before decoding: author, signature, round.
    ///
    /// # Errors
    /// [`UpdateError`] where the bytes are no header's.
    pub fn peek_context(bytes: &[u8]) -> Result<Context, UpdateError> {
        match bytes.get(..Context::LEN) {
            Some(context) if bytes.len() == LATTICE_HEADER_LEN => Ok(Context::decode(context)?),
            _ => GroupCandidate::peek_context(bytes),
        }
    }

    /// Whether it is under the mask of a run with these parameters.
    pub fn is_of(&self, parameters: &Parameters) -> bool {
        matches!(
            (self, parameters),
            (Self::Group(_), Parameters::Group(_)) | (Self::Lattice(_), Parameters::Lattice(_))
        )
    }

    /// SHA-256 of the bytes: the name of the update.
    pub fn hash(&self) -> HeaderHash {
        match self {
            Self::Group(header) => header.hash(),
            Self::Lattice(header) => header.hash(),
        }
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        match self {
            Self::Group(header) => header.context(),
            Self::Lattice(header) => header.context(),
        }
    }

    /// SHA-256 of what a trustee needs besides the header; `None` where the header holds all of it.
    pub fn key_part_hash(&self) -> Option<BlobHash> {
        match self {
            Self::Group(_) => None,
            Self::Lattice(header) => Some(header.key_part().hash),
        }
    }

    /// SHA-256 of the body.
    pub fn body_hash(&self) -> BlobHash {
        match self {
            Self::Group(header) => *header.body_hash(),
            Self::Lattice(header) => header.body().hash,
        }
    }

    /// Length of the body, in bytes.
    pub fn body_length(&self) -> u64 {
        match self {
            Self::Group(header) => header.body_length(),
            Self::Lattice(header) => header.body().length,
        }
    }
}

/// The encrypted key of an update, decoded: what a trustee needs of it. Nothing in it is proven.
#[derive(Debug)]
pub enum CandidateKey {
    /// Under elements of the group, where the header holds all of it.
    Group(GroupCandidate),
    /// Under a lattice mask.
    Lattice(Box<CandidateKeyPart>),
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
            (CandidateHeader::Group(header), Parameters::Group(_)) if key_part.is_empty() => {
                Ok(Self::Group(header))
            }
            (CandidateHeader::Group(_), Parameters::Group(_)) => {
                let found = key_part.len() as u64;
                Err(UpdateError::IncompleteKeyPart { expected: 0, found })
            }
            (CandidateHeader::Lattice(header), Parameters::Lattice(parameters)) => {
                CandidateKeyPart::parse(Arc::unwrap_or_clone(header), key_part, parameters)
                    .map(|key_part| Self::Lattice(Box::new(key_part)))
            }
            _ => Err(other_mask()),
        }
    }
}

impl CandidateKey {
    pub(super) fn context(&self) -> &Context {
        match self {
            Self::Group(header) => header.context(),
            Self::Lattice(key_part) => key_part.header().context(),
        }
    }
}

/// A header, update or sum under another mask than the run's.
pub(super) fn other_mask() -> UpdateError {
    let allowed = "the mask that the run has";
    DecodeError::Value { what: "mask of an update", found: 0, allowed }.into()
}

/// A header whose key proof holds.
#[derive(Clone, Debug)]
pub enum VerifiedHeader {
    /// Under elements of the group.
    Group(GroupVerified),
    /// Under a lattice mask.
    Lattice(VerifiedKeyPart),
}

impl VerifiedHeader {
    /// SHA-256 of the bytes: the name of the update.
    pub fn hash(&self) -> HeaderHash {
        self.header_hash()
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        EncryptedKey::context(self)
    }
}

impl Sealed for VerifiedHeader {}

impl EncryptedKey for VerifiedHeader {
    fn context(&self) -> &Context {
        match self {
            Self::Group(header) => EncryptedKey::context(header),
            Self::Lattice(key_part) => key_part.context(),
        }
    }

    fn header_hash(&self) -> HeaderHash {
        match self {
            Self::Group(header) => header.header_hash(),
            Self::Lattice(key_part) => key_part.header_hash(),
        }
    }

    fn limbs(&self) -> &[Ciphertext] {
        match self {
            Self::Group(header) => header.limbs(),
            Self::Lattice(key_part) => key_part.limbs(),
        }
    }

    fn most_summands(&self) -> u32 {
        match self {
            Self::Group(header) => header.most_summands(),
            Self::Lattice(key_part) => key_part.most_summands(),
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
    let is_lattice: Vec<bool> =
        updates.iter().map(|update| matches!(update, CandidateKey::Lattice(_))).collect();
    let mut of_group = Vec::new();
    let mut of_lattice = Vec::new();
    for update in updates {
        match update {
            CandidateKey::Group(header) => of_group.push(header),
            CandidateKey::Lattice(key_part) => of_lattice.push(*key_part),
        }
    }
    let mut of_group = verify_key_proofs_with_rng(key, of_group, rng)
        .into_iter()
        .map(|verdict| verdict.map(VerifiedHeader::Group));
    let mut of_lattice = verify_key_parts_with_rng(key, of_lattice, rng)
        .into_iter()
        .map(|verdict| verdict.map(VerifiedHeader::Lattice));
    // Of a run all are of one mask; the order is that of the updates in any case.
    let next = |is_lattice| if is_lattice { of_lattice.next() } else { of_group.next() };
    is_lattice.into_iter().map(next).map(|verdict| verdict.unwrap_or(Err(other_mask()))).collect()
}
