//! What the ledger has of a record: the hash of its header with two signatures.

use consilium_crypto::building_blocks::Reader;
use consilium_crypto::{DecodeError, SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym, RecordHash};

use super::transcript::{RECORD_OF_CUSTODIAN, RECORD_OF_OWNER};
use super::{Party, RecordError};

/// A record's statement for the ledger. Its signatures are not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(super) hash: RecordHash,
    pub(super) owner: Pseudonym,
    pub(super) custodian: Pseudonym,
    pub(super) custodian_signature: Signature,
    pub(super) owner_signature: Signature,
}

impl Record {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 3 * 32 + 2 * SIGNATURE_LEN;

    /// Hash ‖ owner ‖ custodian ‖ custodian's signature ‖ owner's signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(self.hash.as_slice());
        bytes.extend_from_slice(self.owner.as_slice());
        bytes.extend_from_slice(self.custodian.as_slice());
        bytes.extend_from_slice(&self.custodian_signature.encode());
        bytes.extend_from_slice(&self.owner_signature.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("record", bytes, Self::LEN)?;
        Ok(Self {
            hash: RecordHash(reader.array()?),
            owner: Pseudonym(reader.array()?),
            custodian: Pseudonym(reader.array()?),
            custodian_signature: Signature::decode(reader.take(SIGNATURE_LEN)?)?,
            owner_signature: Signature::decode(reader.take(SIGNATURE_LEN)?)?,
        })
    }

    /// The record.
    pub fn hash(&self) -> &RecordHash {
        &self.hash
    }

    /// Whose record it is said to be.
    pub fn owner(&self) -> &Pseudonym {
        &self.owner
    }

    /// Who is said to keep it.
    pub fn custodian(&self) -> &Pseudonym {
        &self.custodian
    }

    /// Verifies both signatures, under the keys of those whom the statement names.
    pub fn verify(
        self,
        chain_id: &ChainId,
        custodian: &VerifyingKey,
        owner: &VerifyingKey,
    ) -> Result<VerifiedRecord, RecordError> {
        let signed =
            Signed { chain_id, hash: &self.hash, owner: &self.owner, custodian: &self.custodian };
        signed.verify(custodian, Party::Custodian, &self.custodian_signature)?;
        signed.verify(owner, Party::Owner, &self.owner_signature)?;
        Ok(VerifiedRecord { chain_id: *chain_id, record: self })
    }
}

/// What both sign, each under its own label.
pub(super) struct Signed<'a> {
    pub(super) chain_id: &'a ChainId,
    pub(super) hash: &'a RecordHash,
    pub(super) owner: &'a Pseudonym,
    pub(super) custodian: &'a Pseudonym,
}

impl Signed<'_> {
    fn parts(&self) -> [&[u8]; 4] {
        [
            self.chain_id.as_slice(),
            self.hash.as_slice(),
            self.owner.as_slice(),
            self.custodian.as_slice(),
        ]
    }

    pub(super) fn sign_as_custodian(&self, key: &SigningKey) -> Signature {
        key.sign(RECORD_OF_CUSTODIAN, &self.parts())
    }

    pub(super) fn sign_as_owner(&self, key: &SigningKey) -> Signature {
        key.sign(RECORD_OF_OWNER, &self.parts())
    }

    pub(super) fn verify(
        &self,
        key: &VerifyingKey,
        by: Party,
        signature: &Signature,
    ) -> Result<(), RecordError> {
        let label = if by == Party::Custodian { RECORD_OF_CUSTODIAN } else { RECORD_OF_OWNER };
        key.verify(label, &self.parts(), signature)
            .map_err(|_| RecordError::BadSignature { what: "record", by })
    }
}

/// A record's statement with both signatures verified. Whether the ledger has it, the reader of the ledger knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    chain_id: ChainId,
    record: Record,
}

impl VerifiedRecord {
    /// The ledger it is for.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The record.
    pub fn hash(&self) -> &RecordHash {
        &self.record.hash
    }

    /// Whose record it is.
    pub fn owner(&self) -> &Pseudonym {
        &self.record.owner
    }

    /// Who keeps it.
    pub fn custodian(&self) -> &Pseudonym {
        &self.record.custodian
    }
}
