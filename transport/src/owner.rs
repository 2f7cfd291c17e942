//! Whose a key of the transport is, in words that the genesis alone verifies.
//!
//! | owner | who vouches for the key |
//! | --- | --- |
//! | an institution | the authority, in the certificate with which the institution enrols |
//! | the coordinator | the coordinator's key in the genesis |
//! | the authority | the authority's key in the genesis |
//!
//! Each word is for one run. One key has words for several: an institution a certificate for each, the coordinator and the authority
//! one that names its chain. So a coordinator of this run that serves another one can be told from a stranger.

use std::fmt;

use consilium_contract::Parameters;
use consilium_crypto::signature::{Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym, TlsKeyHash};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, TlsKey};
use consilium_proto::{
    decode, hash32,
    v1::{TlsKeyOfChain, TlsOwner as Message, tls_owner::Owner},
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
    /// Of a party of this run, as its own key shows, and for another run that it takes part in.
    #[error("the certificate is {found}'s for another run, chain {}", chain.short())]
    ForAnotherRun {
        /// Whose it is.
        found: Peer,
        /// The other run.
        chain: ChainId,
    },
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

fn vouch(label: &str, signing: &SigningKey, chain_id: &ChainId, key: &TlsKey) -> TlsKeyOfChain {
    let hash = key.hash();
    let signature = signing.sign(label, &[chain_id.as_slice(), hash.as_slice()]);
    TlsKeyOfChain { chain: chain_id.to_vec(), signature: signature.encode().to_vec() }
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
    let vouched = |label, signing: &VerifyingKey, word: &TlsKeyOfChain, found: Peer| {
        let chain = hash32("chain of a key of the transport", &word.chain).map(ChainId);
        let chain = chain.map_err(|error| PeerError::Malformed(error.to_string()))?;
        let signature = Signature::decode(&word.signature).map_err(|_| PeerError::OtherRun)?;
        let signed = signing.verify(label, &[chain.as_slice(), key.as_slice()], &signature);
        signed.map_err(|_| PeerError::OtherRun)?;
        if chain != parameters.chain_id {
            return Err(PeerError::ForAnotherRun { found, chain });
        }
        Ok(found)
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
        Some(Owner::Coordinator(word)) => {
            vouched(COORDINATOR, &parameters.coordinator, &word, Peer::Coordinator)
        }
        Some(Owner::Authority(word)) => {
            vouched(AUTHORITY, &parameters.authority, &word, Peer::Authority)
        }
        None => Err(PeerError::Malformed("it names no owner".to_owned())),
    }
}
