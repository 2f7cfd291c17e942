//! The authority's word on an institution.
//!
//! A certificate binds a pseudonym to the keys that were made at the institution, to its place among the trustees and
//! to its number of rows. Everyone checks it against the authority's key in the genesis, never against what the
//! coordinator says (docs/protocol.md, "Parties").

use consilium_crypto::signature::{Signature, SigningKey, VerifyingKey};
use consilium_hash::{Pseudonym, TlsKeyHash};
use consilium_proto::{WireError, hash32, v1};
use prost::Message;
use sha2::{Digest, Sha256};
use thiserror::Error;

const LABEL: &str = "consilium/v1/certificate";
/// The largest number of an institution: numbers are never given again, so that a run can see many come and go.
pub const MAX_INDEX: u32 = 1 << 16;

const PSEUDONYM_LABEL: &[u8] = b"consilium/v1/pseudonym";

/// The name under which an institution appears on the chain:
/// SHA-256(label ‖ length of the identity in 8 bytes ‖ identity ‖ the authority's secret nonce).
pub fn pseudonym(identity: &str, nonce: &[u8; 32]) -> Pseudonym {
    let hash = Sha256::new()
        .chain_update(PSEUDONYM_LABEL)
        .chain_update((identity.len() as u64).to_be_bytes())
        .chain_update(identity)
        .chain_update(nonce);
    Pseudonym(hash.finalize().into())
}

/// Why a certificate is not one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// A field has the wrong width or does not decode.
    #[error("certificate: {0}")]
    Malformed(#[from] WireError),
    /// The signing key is not a usable Ed25519 key.
    #[error("certificate: the signing key is not a valid Ed25519 public key")]
    BadKey,
    /// Not signed by this run's authority.
    #[error(
        "certificate: not signed by the authority of this chain; ask the authority for one issued for this run"
    )]
    BadSignature,
    /// The trustee index is 0 or too large, or there are no rows, or more than the genesis allows.
    #[error("certificate: {field} is {actual}; 1 to {limit} are allowed")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What the certificate says.
        actual: u64,
        /// The largest allowed value.
        limit: u64,
    },
}

/// A certificate whose signature and ranges hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Name on the chain.
    pub pseudonym: Pseudonym,
    /// Key of the institution's transactions.
    pub signing_key: VerifyingKey,
    /// SHA-256 of its TLS public key, where the transport is TLS.
    pub tls_key: Option<TlsKeyHash>,
    /// Its number among the institutions, from 1: its place in the first committee, where that has so many.
    pub trustee_index: u32,
    /// Rows that it trains on: the numerator of its weight.
    pub rows: u64,
}

impl Certificate {
    /// Signs this certificate as the authority of the chain whose genesis carries `nonce`.
    pub fn issue(&self, authority: &SigningKey, nonce: &[u8; 32]) -> v1::Certificate {
        let mut message = v1::Certificate {
            pseudonym: self.pseudonym.to_vec(),
            signing_key: self.signing_key.encode().to_vec(),
            tls_key: self.tls_key.map(|hash| hash.to_vec()).unwrap_or_default(),
            trustee_index: self.trustee_index,
            rows: self.rows,
            signature: Vec::new(),
        };
        message.signature =
            authority.sign(LABEL, &[nonce, &message.encode_to_vec()]).encode().to_vec();
        message
    }

    /// Verifies a certificate against the authority's key, the genesis nonce and the largest number of rows.
    ///
    /// # Errors
    /// [`CertificateError`]; nothing of a certificate that fails is used.
    pub fn verify(
        message: &v1::Certificate,
        authority: &VerifyingKey,
        nonce: &[u8; 32],
        max_rows: u64,
    ) -> Result<Self, CertificateError> {
        let unsigned = v1::Certificate { signature: Vec::new(), ..message.clone() };
        let signature =
            Signature::decode(&message.signature).map_err(|_| CertificateError::BadSignature)?;
        authority
            .verify(LABEL, &[nonce, &unsigned.encode_to_vec()], &signature)
            .map_err(|_| CertificateError::BadSignature)?;
        let in_range = |field, actual, limit| match actual {
            1.. if actual <= limit => Ok(()),
            _ => Err(CertificateError::OutOfRange { field, actual, limit }),
        };
        in_range("trustee index", u64::from(message.trustee_index), u64::from(MAX_INDEX))?;
        in_range("number of rows", message.rows, max_rows)?;
        let tls_key = match message.tls_key.as_slice() {
            [] => None,
            bytes => Some(TlsKeyHash(hash32("TLS key", bytes)?)),
        };
        Ok(Self {
            pseudonym: Pseudonym(hash32("pseudonym", &message.pseudonym)?),
            signing_key: VerifyingKey::decode(&message.signing_key)
                .map_err(|_| CertificateError::BadKey)?,
            tls_key,
            trustee_index: message.trustee_index,
            rows: message.rows,
        })
    }
}
