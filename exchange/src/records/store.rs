//! Storing a record: its custodian encrypts and signs, its owner decrypts, checks and signs.
//!
//! ```text
//! custodian   RecordEncryptor::new → absorb… → finish → UnsignedRecord::sign → OfferedRecord
//! owner       OfferedRecord::review → Review: absorb… → finish → ReviewedRecord::accept → Record, for the ledger
//! ```

use consilium_crypto::{DecodeError, SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, RecordHash};
use rand_core::{CryptoRng, RngCore};

use super::body::BodyEncryptor;
use super::capsule::Capsule;
use super::header::Prologue;
use super::record::Signed;
use super::{
    BodyDecryptor, CandidateHeader, DelegatorKey, Keyword, KeywordKey, Party, Record,
    RecordContext, RecordError, RecordId, Tags, VerifiedDelegatorKey,
};

/// A record on its way to be encrypted by its custodian.
#[derive(Debug)]
pub struct RecordEncryptor {
    prologue: Prologue,
    body: BodyEncryptor,
}

impl RecordEncryptor {
    /// Begins a record under the delegator key that its owner has published for its scope.
    pub fn new(
        delegator: &VerifiedDelegatorKey,
        keyword_key: &KeywordKey,
        keywords: &[Keyword],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Self, RecordError> {
        let scope = delegator.scope.clone();
        let id = RecordId::generate(rng);
        let tags = Tags::new(keyword_key, &scope.category, scope.period, &id, keywords, rng)?;
        let context = RecordContext { chain_id: delegator.chain_id, id, scope };
        let (capsule, key) = Capsule::seal(&delegator.public, &context.encode(), rng);
        let commitment = key.commitment();
        let prologue = Prologue { context, delegator: delegator.public, capsule, commitment, tags };
        let body = BodyEncryptor::new(&key.body_key(), prologue.hash());
        Ok(Self { prologue, body })
    }

    /// Takes bytes of the record from the front of `data`. Called until none are left, it returns each encrypted chunk but
    /// the last.
    pub fn absorb(&mut self, data: &mut &[u8]) -> Result<Option<&[u8]>, RecordError> {
        self.body.absorb(data)
    }

    /// The last encrypted chunk, and the record to be signed.
    pub fn finish(self) -> Result<(Vec<u8>, UnsignedRecord), RecordError> {
        let (last, body) = self.body.finish()?;
        Ok((last, UnsignedRecord { header: CandidateHeader { prologue: self.prologue, body } }))
    }
}

/// A record whose body is encrypted, and stored before its custodian signs.
#[derive(Debug)]
pub struct UnsignedRecord {
    pub(super) header: CandidateHeader,
}

impl UnsignedRecord {
    /// Signs as its custodian.
    pub fn sign(self, custodian: &SigningKey) -> OfferedRecord {
        let signature = signed(&self.header, &self.header.hash()).sign_as_custodian(custodian);
        OfferedRecord { header: self.header, signature }
    }
}

fn signed<'a>(header: &'a CandidateHeader, hash: &'a RecordHash) -> Signed<'a> {
    let RecordContext { chain_id, scope, .. } = &header.prologue.context;
    Signed { chain_id, hash, owner: &scope.owner, custodian: &scope.custodian }
}

/// A header with its custodian's signature, as it is sent to the owner. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedRecord {
    pub(super) header: CandidateHeader,
    pub(super) signature: Signature,
}

impl OfferedRecord {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = SIGNATURE_LEN + CandidateHeader::MAX_LEN;

    /// Signature ‖ header.
    pub fn encode(&self) -> Vec<u8> {
        [self.signature.encode().as_slice(), &self.header.encode()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let length = DecodeError::Length {
            what: "offered record",
            expected: Self::MAX_LEN,
            found: bytes.len(),
        };
        let (signature, header) = bytes.split_at_checked(SIGNATURE_LEN).ok_or(length)?;
        let signature = Signature::decode(signature)?;
        Ok(Self { header: CandidateHeader::decode(header)?, signature })
    }

    /// The header, which the custodian keeps with the body.
    pub fn header(&self) -> &CandidateHeader {
        &self.header
    }

    /// Begins the owner's check: custodian's signature, capsule, commitment. The body follows.
    pub fn review(
        self,
        chain_id: &ChainId,
        delegator: &DelegatorKey,
        custodian: &VerifyingKey,
    ) -> Result<Review, RecordError> {
        let prologue = &self.header.prologue;
        if prologue.context.chain_id != *chain_id {
            return Err(RecordError::OtherParty { what: Party::Custodian });
        }
        if prologue.context.scope != *delegator.scope() || prologue.delegator != *delegator.public()
        {
            return Err(RecordError::OtherDelegatorKey);
        }
        let hash = self.header.hash();
        signed(&self.header, &hash).verify(custodian, Party::Custodian, &self.signature)?;
        prologue.verify_capsule()?;
        let key = prologue.capsule.open(delegator, &prologue.context.encode());
        key.check(&prologue.commitment, Party::Custodian)?;
        let body = BodyDecryptor::new(&key.body_key(), prologue.hash(), self.header.body)?;
        Ok(Review { offered: self, hash, body })
    }
}

/// A record that its owner reads before accepting it.
#[derive(Debug)]
pub struct Review {
    offered: OfferedRecord,
    hash: RecordHash,
    body: BodyDecryptor,
}

impl Review {
    /// As [`BodyDecryptor::absorb`].
    pub fn absorb(&mut self, data: &mut &[u8]) -> Result<Option<&[u8]>, RecordError> {
        self.body.absorb(data)
    }

    /// As [`BodyDecryptor::finish`]: the body is whole. Whether it is true, the owner decides.
    pub fn finish(self) -> Result<ReviewedRecord, RecordError> {
        self.body.finish()?;
        Ok(ReviewedRecord { offered: self.offered, hash: self.hash })
    }
}

/// A record that its owner has read to its end.
#[derive(Debug)]
pub struct ReviewedRecord {
    offered: OfferedRecord,
    hash: RecordHash,
}

impl ReviewedRecord {
    /// Signs as its owner: what goes on the ledger.
    pub fn accept(self, owner: &SigningKey) -> Record {
        let header = &self.offered.header;
        let owner_signature = signed(header, &self.hash).sign_as_owner(owner);
        Record {
            hash: self.hash,
            owner: header.scope().owner,
            custodian: header.scope().custodian,
            custodian_signature: self.offered.signature,
            owner_signature,
        }
    }
}
