//! Whose a key of the transport is, in words that the genesis alone verifies.
//!
//! | owner | who vouches for the key |
//! | --- | --- |
//! | an institution | the authority, in the certificate with which the institution enrols |
//! | the coordinator | the coordinator's key in the genesis |
//! | the authority | the authority's key in the genesis |

use std::fmt;

use consilium_contract::Parameters;
use consilium_crypto::signature::{Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym, TlsKeyHash};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, TlsKey};
use consilium_proto::{
    decode,
    v1::{TlsOwner as Message, tls_owner::Owner},
};
use prost::Message as _;
use thiserror::Error;

const COORDINATOR: &str = "consilium/v1/tls-key-of-coordinator";
const AUTHORITY: &str = "consilium/v1/tls-key-of-authority";

/// No word on an owner is longer, in bytes.
const MAX_LEN: usize = 1024;

/// A party at the other end of a connection, verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An institution that the authority has certified.
    Institution(Pseudonym),
    /// The coordinator.
    Coordinator,
    /// The authority.
    Authority,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Institution(pseudonym) => write!(f, "institution {}", pseudonym.short()),
            Self::Coordinator => f.write_str("the coordinator"),
            Self::Authority => f.write_str("the authority"),
        }
    }
}

/// Why a certificate of the transport is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeerError {
    /// Not what parties of this project present.
    #[error("the certificate is not one of this project's parties: {0}")]
    Malformed(String),
    /// Of another run, or of nobody's.
    #[error(
        "the certificate is of another run than the one here, or nobody of this run has signed it"
    )]
    OtherRun,
    /// Its owner has another key.
    #[error("the certificate names its owner's key as another one than it holds")]
    OtherKey,
    /// Verified, and of a party that is not expected there.
    #[error("the certificate is of {found}; {expected} was expected")]
    OtherParty {
        /// Whose it is.
        found: Peer,
        /// Who was expected.
        expected: &'static str,
    },
}

/// A key of the transport with the word on whose it is: what a party presents.
#[derive(Debug)]
pub struct Presented {
    key: TlsKey,
    owner: Vec<u8>,
}

impl Presented {
    /// An institution presents the certificate with which it enrols.
    pub fn institution(files: &InstitutionFiles) -> Self {
        let owner = Owner::Institution(files.certificate.clone());
        Self::new(&files.tls, owner)
    }

    /// The coordinator presents its own word.
    pub fn coordinator(files: &CoordinatorFiles) -> Self {
        let chain_id = &files.parameters.chain_id;
        let owner = Owner::Coordinator(vouch(COORDINATOR, &files.signing, chain_id, &files.tls));
        Self::new(&files.tls, owner)
    }

    /// The authority presents its own word.
    pub fn authority(signing: &SigningKey, key: &TlsKey, chain_id: &ChainId) -> Self {
        Self::new(key, Owner::Authority(vouch(AUTHORITY, signing, chain_id, key)))
    }

    fn new(key: &TlsKey, owner: Owner) -> Self {
        let owner = Message { owner: Some(owner) }.encode_to_vec();
        Self { key: TlsKey::from_bytes(&key.to_bytes()), owner }
    }

    /// The key itself.
    pub(crate) fn key(&self) -> &TlsKey {
        &self.key
    }

    /// The word on whose it is, encoded.
    pub(crate) fn owner(&self) -> &[u8] {
        &self.owner
    }
}

fn vouch(label: &str, signing: &SigningKey, chain_id: &ChainId, key: &TlsKey) -> Vec<u8> {
    let hash = key.hash();
    signing.sign(label, &[chain_id.as_slice(), hash.as_slice()]).encode().to_vec()
}

/// Whose key this is, as the word that came with it says and the genesis confirms.
///
/// # Errors
/// [`PeerError`]; nothing of a word that fails is used.
pub(crate) fn verify(
    parameters: &Parameters,
    owner: &[u8],
    key: &TlsKeyHash,
) -> Result<Peer, PeerError> {
    let message: Message = decode("owner of a key of the transport", owner, MAX_LEN)
        .map_err(|error| PeerError::Malformed(error.to_string()))?;
    let signed = |label, signing: &VerifyingKey, signature: &[u8]| {
        let parts = [parameters.chain_id.as_slice(), key.as_slice()];
        let signature = Signature::decode(signature).map_err(|_| PeerError::OtherRun)?;
        signing.verify(label, &parts, &signature).map_err(|_| PeerError::OtherRun)
    };
    match message.owner {
        Some(Owner::Institution(certificate)) => {
            let identity =
                parameters.verify_certificate(&certificate).map_err(|_| PeerError::OtherRun)?;
            if identity.tls_key != Some(*key) {
                return Err(PeerError::OtherKey);
            }
            Ok(Peer::Institution(identity.pseudonym))
        }
        Some(Owner::Coordinator(signature)) => {
            signed(COORDINATOR, &parameters.coordinator, &signature)?;
            Ok(Peer::Coordinator)
        }
        Some(Owner::Authority(signature)) => {
            signed(AUTHORITY, &parameters.authority, &signature)?;
            Ok(Peer::Authority)
        }
        None => Err(PeerError::Malformed("it names no owner".to_owned())),
    }
}
