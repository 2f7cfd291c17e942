//! An update, header and body: made by its institution, read and verified by everyone else.

use consilium_hash::BlobHash;
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};

use super::header::other_mask;
use super::{CandidateHeader, CandidateKey, Parameters, VerifiedHeader, verify_key_proofs};
use crate::lattice::{
    CandidateLatticeUpdate, VerifiedKeyPart, VerifiedLatticeUpdate, encrypt_lattice,
    verify_lattice_updates_with_rng,
};
use crate::{
    CandidateUpdate as GroupCandidate, Context, EncryptError, EncryptedUpdate, PublicKey,
    QuantisedUpdate, UnprovenUpdate as UnprovenGroupUpdate, UpdateError,
    VerifiedUpdate as GroupVerified, update, verify_updates_with_rng,
};

/// An encrypted update without proofs, which only its author can add.
#[derive(Debug)]
pub enum UnprovenUpdate {
    /// Under elements of the group.
    Group(Box<UnprovenGroupUpdate>),
    /// Under a lattice mask, where encryption and proofs are made in one go.
    Lattice(EncryptedUpdate),
}

/// Masks an update and encrypts the mask key, on all cores, with randomness of the operating system.
///
/// # Errors
/// [`EncryptError`] where the update does not fit the round; [`EncryptError::Unlucky`] where chance does not let its bound
/// be proven: again, with fresh randomness.
pub fn encrypt(
    parameters: &Parameters,
    key: &PublicKey,
    context: &Context,
    update: &QuantisedUpdate,
) -> Result<UnprovenUpdate, EncryptError> {
    match parameters {
        Parameters::Group(_) => {
            let unproven = update::encrypt(key, context, update)?;
            Ok(UnprovenUpdate::Group(Box::new(unproven)))
        }
        Parameters::Lattice(parameters) => {
            let encrypted = encrypt_lattice(key, context, parameters, update)?;
            let header = encrypted.header.as_bytes().to_vec();
            Ok(UnprovenUpdate::Lattice(EncryptedUpdate { header, body: encrypted.body() }))
        }
    }
}

impl UnprovenUpdate {
    /// Adds the proofs, on all cores, where they are not there yet.
    ///
    /// # Errors
    /// [`EncryptError::Unlucky`] as [`encrypt`].
    pub fn prove(self) -> Result<EncryptedUpdate, EncryptError> {
        match self {
            Self::Group(update) => update.prove(),
            Self::Lattice(update) => Ok(update),
        }
    }
}

/// A header and its body, decoded as far as can be before anything is proven. Nothing in them is.
#[derive(Debug)]
pub enum CandidateUpdate<'a> {
    /// Under elements of the group.
    Group(Box<GroupCandidate>),
    /// Under a lattice mask: the key, and the body, which is read once the key is proven.
    Lattice(CandidateKey, &'a [u8]),
}

impl<'a> CandidateUpdate<'a> {
    /// The round and the author.
    pub fn context(&self) -> &Context {
        match self {
            Self::Group(update) => update.header().context(),
            Self::Lattice(key, _) => key.context(),
        }
    }

    /// Reads a body under its header. Checks, in this order: mask and parameters of the round, length and hash of the
    /// body, encodings. The context as such (step, model, author) is for the caller to check, and first.
    ///
    /// # Errors
    /// [`UpdateError`]: the first that does not hold.
    pub fn parse(
        header: CandidateHeader,
        body: &'a [u8],
        parameters: &Parameters,
    ) -> Result<Self, UpdateError> {
        match (header, parameters) {
            (CandidateHeader::Group(header), Parameters::Group(parameters)) => {
                let update = GroupCandidate::parse(header, body, parameters)?;
                Ok(Self::Group(Box::new(update)))
            }
            (header @ CandidateHeader::Lattice(_), Parameters::Lattice(_)) => {
                let expected = header.body_length();
                let found = body.len() as u64;
                if expected != found || header.body_hash() != blob_hash(body) {
                    return Err(UpdateError::IncompleteBody { expected, found });
                }
                let key_part = body.get(parameters.key_part()).unwrap_or_default();
                // The author has signed both: a key part that is not the beginning of its body is no transfer's fault.
                let key = CandidateKey::parse(header, key_part, parameters);
                let key = key.map_err(|error| match error {
                    UpdateError::IncompleteKeyPart { .. } => UpdateError::BadKeyProof,
                    error => error,
                })?;
                Ok(Self::Lattice(key, body))
            }
            _ => Err(other_mask()),
        }
    }
}

fn blob_hash(bytes: &[u8]) -> BlobHash {
    BlobHash(Sha256::digest(bytes).into())
}

/// An update all of whose proofs hold. Only such a one can be summed.
#[derive(Clone, Debug)]
pub enum VerifiedUpdate {
    /// Under elements of the group.
    Group(GroupVerified),
    /// Under a lattice mask.
    Lattice(VerifiedLatticeUpdate),
}

impl VerifiedUpdate {
    /// The header, verified along with the rest.
    pub fn header(&self) -> VerifiedHeader {
        match self {
            Self::Group(update) => VerifiedHeader::Group(update.header().clone()),
            Self::Lattice(update) => VerifiedHeader::Lattice(update.key_part().clone()),
        }
    }
}

/// Verifies the updates of one run, headers included, with randomness that no prover can have known. Verdicts are in the
/// order of the updates and do not depend on what else is in the batch.
pub fn verify_updates(
    key: &PublicKey,
    updates: Vec<CandidateUpdate<'_>>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    let mut of_group = Vec::new();
    let mut keys = Vec::new();
    let mut bodies = Vec::new();
    let mut is_lattice = Vec::with_capacity(updates.len());
    for update in updates {
        is_lattice.push(matches!(update, CandidateUpdate::Lattice(..)));
        match update {
            CandidateUpdate::Group(update) => of_group.push(*update),
            CandidateUpdate::Lattice(key, body) => {
                keys.push(key);
                bodies.push(body);
            }
        }
    }
    let mut of_group = verify_updates_with_rng(key, of_group, rng)
        .into_iter()
        .map(|verdict| verdict.map(VerifiedUpdate::Group));
    let mut of_lattice = verify_lattice(key, keys, &bodies, rng).into_iter();
    // Of a run all are of one mask; the order is that of the updates in any case.
    let next = |is_lattice| if is_lattice { of_lattice.next() } else { of_group.next() };
    is_lattice.into_iter().map(next).map(|verdict| verdict.unwrap_or(Err(other_mask()))).collect()
}

/// A body is read and verified under a key part that is proven, so the key parts of all of them come first.
fn verify_lattice(
    key: &PublicKey,
    keys: Vec<CandidateKey>,
    bodies: &[&[u8]],
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    let keys = verify_key_proofs(key, keys, rng);
    let mut candidates = Vec::with_capacity(keys.len());
    let refused: Vec<Option<UpdateError>> = keys
        .into_iter()
        .zip(bodies)
        .map(|(key, body)| read_body(key?, body).map(|update| candidates.push(update)))
        .map(Result::err)
        .collect();
    let mut verified = verify_lattice_updates_with_rng(key, candidates, rng).into_iter();
    let verdict = |refused: Option<UpdateError>| match refused {
        Some(error) => Err(error),
        None => verified.next().unwrap_or(Err(other_mask())).map(VerifiedUpdate::Lattice),
    };
    refused.into_iter().map(verdict).collect()
}

fn read_body(key: VerifiedHeader, body: &[u8]) -> Result<CandidateLatticeUpdate, UpdateError> {
    match key {
        VerifiedHeader::Lattice(key_part) => CandidateLatticeUpdate::parse(key_part, body),
        VerifiedHeader::Group(_) => Err(other_mask()),
    }
}

/// An update whose proofs the caller has verified before, in an earlier process.
///
/// For an auditor that goes on from what it has audited, and for nobody else: whoever sums an update that was never
/// verified has no bound on it.
pub fn assume_proven(
    key: &PublicKey,
    update: CandidateUpdate<'_>,
) -> Result<VerifiedUpdate, UpdateError> {
    match update {
        CandidateUpdate::Group(update) => {
            Ok(VerifiedUpdate::Group(GroupVerified::assume_proven(*update)))
        }
        CandidateUpdate::Lattice(CandidateKey::Lattice(candidate), body) => {
            let key_part = VerifiedKeyPart::assume_proven(key, *candidate);
            let update = CandidateLatticeUpdate::parse(key_part, body)?;
            Ok(VerifiedUpdate::Lattice(VerifiedLatticeUpdate::assume_proven(update)))
        }
        CandidateUpdate::Lattice(CandidateKey::Group(_), _) => Err(other_mask()),
    }
}
