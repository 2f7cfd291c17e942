//! An update, header and body: made by its institution, read and verified by everyone else.

use rand_core::CryptoRngCore;

use super::{CandidateHeader, Parameters, VerifiedHeader};
use crate::{
    CandidateUpdate as GroupCandidate, Context, EncryptError, EncryptedUpdate, PublicKey,
    QuantisedUpdate, UnprovenUpdate as GroupUnproven, UpdateError, VerifiedUpdate as GroupVerified,
    update, verify_updates_with_rng,
};

/// An encrypted update without proofs, which only its author can add.
#[derive(Debug)]
pub enum UnprovenUpdate {
    /// Under elements of the group.
    Group(GroupUnproven),
}

/// Masks an update and encrypts the mask key, with randomness of the operating system.
///
/// # Errors
/// [`EncryptError`] where the update does not fit the round.
pub fn encrypt(
    parameters: &Parameters,
    key: &PublicKey,
    context: &Context,
    update: &QuantisedUpdate,
) -> Result<UnprovenUpdate, EncryptError> {
    match parameters {
        Parameters::Group(_) => update::encrypt(key, context, update).map(UnprovenUpdate::Group),
    }
}

impl UnprovenUpdate {
    /// Adds the proofs, on all cores.
    ///
    /// # Errors
    /// [`EncryptError::Unlucky`] where chance does not let the bound be proven: [`encrypt`] again.
    pub fn prove(self) -> Result<EncryptedUpdate, EncryptError> {
        match self {
            Self::Group(update) => update.prove(),
        }
    }
}

/// A header and its body, decoded. Nothing in them is proven.
#[derive(Debug)]
pub enum CandidateUpdate {
    /// Under elements of the group.
    Group(Box<GroupCandidate>),
}

impl CandidateUpdate {
    /// The round and the author.
    pub fn context(&self) -> &Context {
        match self {
            Self::Group(update) => update.header().context(),
        }
    }

    /// Reads a body under its header. Checks, in this order: mask and parameters of the round, length and hash of the
    /// body, encodings. The context as such (step, model, author) is for the caller to check, and first.
    ///
    /// # Errors
    /// [`UpdateError`]: the first that does not hold.
    pub fn parse(
        header: CandidateHeader,
        body: &[u8],
        parameters: &Parameters,
    ) -> Result<Self, UpdateError> {
        match (header, parameters) {
            (CandidateHeader::Group(header), Parameters::Group(parameters)) => {
                let update = GroupCandidate::parse(header, body, parameters)?;
                Ok(Self::Group(Box::new(update)))
            }
        }
    }
}

/// An update all of whose proofs hold. Only such a one can be summed.
#[derive(Clone, Debug)]
pub enum VerifiedUpdate {
    /// Under elements of the group.
    Group(GroupVerified, VerifiedHeader),
}

impl VerifiedUpdate {
    fn group(update: GroupVerified) -> Self {
        let header = VerifiedHeader::Group(update.header().clone());
        Self::Group(update, header)
    }

    /// The header, verified along with the rest.
    pub fn header(&self) -> &VerifiedHeader {
        match self {
            Self::Group(_, header) => header,
        }
    }

    /// An update whose proofs the caller has verified before, in an earlier process.
    ///
    /// For an auditor that goes on from what it has audited, and for nobody else: whoever sums an update that was never
    /// verified has no bound on it.
    pub fn assume_proven(update: CandidateUpdate) -> Self {
        match update {
            CandidateUpdate::Group(update) => Self::group(GroupVerified::assume_proven(*update)),
        }
    }
}

/// Verifies the updates of one run, headers included, with randomness that no prover can have known. Verdicts are in the
/// order of the updates and do not depend on what else is in the batch.
pub fn verify_updates(
    key: &PublicKey,
    updates: Vec<CandidateUpdate>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    let group = updates.into_iter().map(|update| match update {
        CandidateUpdate::Group(update) => *update,
    });
    let verified = verify_updates_with_rng(key, group.collect(), rng);
    verified.into_iter().map(|update| update.map(VerifiedUpdate::group)).collect()
}
