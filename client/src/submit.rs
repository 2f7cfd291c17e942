//! From a quantised update to bytes that can be sent, sent again, and never made twice.
//!
//! ```text
//! Assignment + QuantisedUpdate ── encrypt, prove, sign ──► Sealed envelope ── store ──► Upload ── send, send again ..
//! ```
//!
//! Only an [`Upload`] can be sent, and it exists only on disk first. After a cut connection or a restart within the same
//! attempt the stored bytes go out again: an encryption is never repeated where the first one may have arrived, because
//! the contract counts the first signed header of an attempt. A new attempt makes a new encryption, with new randomness
//! of the operating system, also if the update has not changed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use consilium_contract::{
    Parameters,
    transaction::{CandidateTransaction, sign},
};
use consilium_crypto::{
    CandidateHeader, EncryptError, Hash, QuantisedUpdate, RoundContext, signature::SigningKey, update::encrypt,
};
use consilium_ledger::sha256;
use consilium_proto::v1::{SignedTransaction, SubmitUpdate, transaction::Action};

use crate::{ClientError, durable, model_check::Assignment};

/// The file of the last upload in a state directory: length of the transaction, transaction, signature, body.
const FILE: &str = "upload.bin";

/// An encrypted, proven and signed update that is not on disk yet.
pub struct Envelope {
    signed: SignedTransaction,
    header_hash: Hash,
    round: RoundContext,
    body: Vec<u8>,
    /// Time of the encryption.
    pub encrypt: Duration,
    /// Time of the proofs.
    pub prove: Duration,
}

/// Encrypts the update for the assignment, proves it and signs its header.
///
/// # Errors
/// [`EncryptError`] where the update does not fit the round.
pub fn seal(
    assignment: &Assignment,
    update: &QuantisedUpdate,
    parameters: &Parameters,
    key: &SigningKey,
) -> Result<Envelope, EncryptError> {
    let context = assignment.context();
    let start = Instant::now();
    let unproven = encrypt(&parameters.public_key, context, update)?;
    let encrypt = start.elapsed();
    let start = Instant::now();
    let proven = unproven.prove()?;
    let prove = start.elapsed();
    let header_hash = sha256(&proven.header);
    let action = Action::SubmitUpdate(SubmitUpdate { header: proven.header });
    let signed = sign(key, &context.round.chain_id, Some(&context.pseudonym), action);
    Ok(Envelope { signed, header_hash, round: context.round.clone(), body: proven.body, encrypt, prove })
}

impl Envelope {
    /// Writes the bytes to disk, flushed; from then on they are what is sent in this attempt.
    ///
    /// # Errors
    /// [`ClientError::State`]: nothing may be sent.
    pub fn store(self, directory: &Path) -> Result<Upload, ClientError> {
        let Self { signed, header_hash, round, body, .. } = self;
        let length = (signed.transaction.len() as u64).to_be_bytes();
        durable::replace(&directory.join(FILE), &[&length, &signed.transaction, &signed.signature, &body])?;
        Ok(Upload { signed, header_hash, round, body: body.into() })
    }
}

/// An update that is on disk: what is sent, and sent again.
#[derive(Debug, Clone)]
pub struct Upload {
    signed: SignedTransaction,
    header_hash: Hash,
    round: RoundContext,
    body: std::sync::Arc<[u8]>,
}

impl Upload {
    /// Reads the upload that was stored last; `None` where there is none that this institution signed for this chain.
    ///
    /// # Errors
    /// [`ClientError::State`], [`ClientError::DamagedState`].
    pub fn load(directory: &Path, parameters: &Parameters, key: &SigningKey) -> Result<Option<Self>, ClientError> {
        let most = consilium_crypto::body_length(&parameters.update_parameters()) + consilium_proto::ENTRY_BYTES;
        let Some(bytes) = durable::read(&directory.join(FILE), most as u64)? else { return Ok(None) };
        Ok(Self::parse(&bytes).filter(|(candidate, upload)| {
            upload.round.chain_id == parameters.chain_id
                && candidate.is_signed_by(&key.verifying_key(), &parameters.chain_id)
        }).map(|(_, upload)| upload))
    }

    fn parse(bytes: &[u8]) -> Option<(CandidateTransaction, Self)> {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (transaction, rest) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
        let (signature, body) = rest.split_at_checked(consilium_crypto::signature::SIGNATURE_LEN)?;
        let signed = SignedTransaction { transaction: transaction.to_vec(), signature: signature.to_vec() };
        let candidate = CandidateTransaction::parse(signed.clone()).ok()?;
        let Action::SubmitUpdate(update) = candidate.action() else { return None };
        let header = CandidateHeader::decode(&update.header).ok()?;
        // A stored body that is not the header's would only earn an "incomplete" again and again.
        if *header.body_hash() != sha256(body) {
            return None;
        }
        let upload =
            Self { signed, header_hash: header.hash(), round: header.context().round.clone(), body: body.into() };
        Some((candidate, upload))
    }

    /// The signed header.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// SHA-256 of the header: the name of the update.
    pub fn header_hash(&self) -> &Hash {
        &self.header_hash
    }

    /// The round it was made for.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// The body.
    pub fn body(&self) -> &std::sync::Arc<[u8]> {
        &self.body
    }

    /// Bytes of header and body.
    pub fn bytes(&self) -> u64 {
        (self.signed.transaction.len() + self.signed.signature.len() + self.body.len()) as u64
    }
}
