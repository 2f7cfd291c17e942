//! Headers of records: everything about a record but its body.
//!
//! Header = ctx, A, capsule, commitment to K, tags, length, root. Its hash, signed by custodian and owner, is all that the
//! ledger has of it: category and tags never go there. The chunks of the body are bound to the hash of the part before
//! length and root (the prologue), the header to the chunks by the root.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::{MerkleRoot, RecordHash};

use super::body::Body;
use super::capsule::Capsule;
use super::record::VerifiedRecord;
use super::transcript::{HEADER_HASH, PROLOGUE_HASH, hash};
use super::{Party, PublicKey, RecordContext, RecordError, RecordId, Scope, Tags};

/// What the fields of a header are, before any of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateHeader {
    pub(super) prologue: Prologue,
    pub(super) body: Body,
}

/// The part of a header that is known before the body is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prologue {
    pub(super) context: RecordContext,
    pub(super) delegator: PublicKey,
    pub(super) capsule: Capsule,
    pub(super) commitment: [u8; 32],
    pub(super) tags: Tags,
}

impl Prologue {
    const MAX_LEN: usize = RecordContext::MAX_LEN + PublicKey::LEN + Capsule::LEN + 32 + Tags::LEN;

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CandidateHeader::MAX_LEN);
        bytes.extend_from_slice(&self.context.encode());
        bytes.extend_from_slice(self.delegator.encoding());
        bytes.extend_from_slice(&self.capsule.encode());
        bytes.extend_from_slice(&self.commitment);
        bytes.extend_from_slice(self.tags.encode());
        bytes
    }

    /// What every chunk of the body is bound to.
    pub(super) fn hash(&self) -> [u8; 32] {
        hash(PROLOGUE_HASH, &[&self.encode()])
    }

    /// Whether the capsule belongs to the rest.
    pub(super) fn verify_capsule(&self) -> Result<(), RecordError> {
        self.capsule.verify(&self.delegator, &self.context.encode())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            context: RecordContext::read(reader)?,
            delegator: PublicKey::read(reader)?,
            capsule: Capsule::read(reader)?,
            commitment: reader.array()?,
            tags: Tags::read(reader)?,
        })
    }
}

impl CandidateHeader {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = Prologue::MAX_LEN + 8 + 32;

    /// ctx ‖ A ‖ capsule ‖ commitment ‖ tags ‖ length ‖ root.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.prologue.encode();
        bytes.extend_from_slice(&self.body.length.to_be_bytes());
        bytes.extend_from_slice(self.body.root.as_slice());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::at_most("record header", bytes, Self::MAX_LEN)?;
        let prologue = Prologue::read(&mut reader)?;
        let body = Body { length: reader.u64()?, root: MerkleRoot(reader.array()?) };
        reader.end()?;
        Ok(Self { prologue, body })
    }

    /// The hash by which the ledger names the record.
    pub fn hash(&self) -> RecordHash {
        hash(HEADER_HASH, &[&self.encode()])
    }

    /// What the header says that the record is of.
    pub fn scope(&self) -> &Scope {
        &self.prologue.context.scope
    }

    /// What the header says of the record's length, in bytes.
    pub fn length(&self) -> u64 {
        self.body.length
    }

    /// Verifies that this is the header which the ledger names, and its capsule.
    pub fn verify(self, record: &VerifiedRecord) -> Result<VerifiedHeader, RecordError> {
        if self.hash() != *record.hash() {
            return Err(RecordError::OtherHeader);
        }
        let context = &self.prologue.context;
        // Both signed a hash; that it is of a record of theirs, only the header says.
        if context.chain_id != *record.chain_id() || context.scope.custodian != *record.custodian()
        {
            return Err(RecordError::OtherParty { what: Party::Custodian });
        }
        if context.scope.owner != *record.owner() {
            return Err(RecordError::OtherParty { what: Party::Owner });
        }
        self.prologue.verify_capsule()?;
        Ok(VerifiedHeader { hash: *record.hash(), header: self })
    }
}

/// The header of a record on the ledger, with a capsule that belongs to it.
#[derive(Clone, Debug)]
pub struct VerifiedHeader {
    hash: RecordHash,
    header: CandidateHeader,
}

impl VerifiedHeader {
    /// The hash by which the ledger names the record.
    pub fn hash(&self) -> &RecordHash {
        &self.hash
    }

    /// What the record is of.
    pub fn scope(&self) -> &Scope {
        self.header.scope()
    }

    /// The record's name.
    pub fn id(&self) -> &RecordId {
        &self.prologue().context.id
    }

    /// The record's tags.
    pub fn tags(&self) -> &Tags {
        &self.prologue().tags
    }

    /// Length of the record, in bytes.
    pub fn length(&self) -> u64 {
        self.header.length()
    }

    pub(super) fn prologue(&self) -> &Prologue {
        &self.header.prologue
    }

    pub(super) fn body(&self) -> Body {
        self.header.body
    }
}
