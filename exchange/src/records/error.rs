//! Why a record, a consent or what follows from them is refused, and who is to blame.

use consilium_crypto::DecodeError;
use thiserror::Error;

use super::Period;

/// Those who take part in sharing a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whom the record is about.
    Owner,
    /// Who made the record and keeps its key.
    Custodian,
    /// Who asks for the record.
    Requester,
    /// Who re-encrypts, by its place among a consent's proxies, from 1.
    Proxy {
        /// Its place.
        place: u8,
    },
}

/// Why something is refused. Each reason is one that a reader can act on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// Bytes that are not the encoding of anything.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A signature that does not verify.
    #[error("the signature under this {what} is not the one of its {by:?}; ask for it again")]
    BadSignature {
        /// What is signed.
        what: &'static str,
        /// Who should have signed.
        by: Party,
    },
    /// A header that is not the one on the ledger.
    #[error("the header is not the one whose hash is on the ledger; fetch it again")]
    OtherHeader,
    /// A record of somebody else, or kept by somebody else, than the ledger says.
    #[error("the header names another {what:?} or ledger than the statement on the ledger")]
    OtherParty {
        /// Whose name differs.
        what: Party,
    },
    /// A capsule that its maker has not proven, or of another header.
    #[error("the capsule does not belong to this header; its custodian made it for another record")]
    BadCapsule,
    /// A content key that the header does not commit to.
    #[error(
        "the key that came out is not the one that the header commits to; the {by:?} has signed what cannot be read"
    )]
    WrongContentKey {
        /// Who signed both of what does not agree.
        by: Party,
    },
    /// A delegator key of another scope than the record's.
    #[error("the delegator key is not the one of this record; derive it for the record's scope")]
    OtherDelegatorKey,
    /// An encrypted chunk that does not decrypt.
    #[error(
        "chunk {index} of the body was changed, moved, doubled or left out; fetch the body again"
    )]
    BadChunk {
        /// Which chunk, from 0.
        index: u64,
    },
    /// A body that ends too early or too late.
    #[error("the body has {expected} bytes, {found} came; fetch it again")]
    BodyLength {
        /// Bytes of the encrypted body.
        expected: u64,
        /// Bytes that came, at least.
        found: u64,
    },
    /// Chunks that decrypt, under a root that is not theirs.
    #[error("the body is not the one whose Merkle root is in the header; who encrypted it cheated")]
    WrongRoot,
    /// More than the counter of chunks can number.
    #[error("a body is at most 2^32 chunks of 64 KiB; divide the record")]
    BodyTooLong,
    /// A consent that is not in force yet.
    #[error("the consent is not in a sealed block yet; wait for the block")]
    NotSealed,
    /// A consent that its owner has taken back.
    #[error("the consent was withdrawn by its owner")]
    Withdrawn,
    /// A consent that has ended.
    #[error("the consent ended at {until_ms} ms, now it is {now_ms} ms; ask for another")]
    Expired {
        /// Its end, in ms since 1970.
        until_ms: u64,
        /// Now, in ms since 1970.
        now_ms: u64,
    },
    /// A record that the consent does not speak of.
    #[error("the consent is not for this record: its {what} is another")]
    NotConsented {
        /// What differs.
        what: &'static str,
    },
    /// A record with none of the consent's keywords.
    #[error("no keyword of the consent is on this record")]
    NoKeyword,
    /// A trapdoor that is not the one that the owner committed to.
    #[error(
        "the trapdoor of keyword {keyword} in {period} is not the one that the consent commits to"
    )]
    ForgedTrapdoor {
        /// Which keyword, from 0.
        keyword: usize,
        /// Which month.
        period: Period,
    },
    /// A re-encryption key that is not the one that the consent commits to.
    #[error(
        "the re-encryption key of {period} is not the one of this consent: R is not rk·g; the owner has to send it again"
    )]
    WrongReencryptionKey {
        /// Which month.
        period: Period,
    },
    /// Shares of a re-encryption key that do not lie on one polynomial.
    #[error(
        "the public shares of period {period} do not lie on one polynomial; not every {threshold} proxies could re-encrypt"
    )]
    InconsistentShares {
        /// Which period of the consent, from 0.
        period: usize,
        /// t.
        threshold: u8,
    },
    /// Terms that the consent does not commit to.
    #[error("these are not the terms that the consent commits to")]
    WrongTerms,
    /// A statement about another consent.
    #[error("this is about another consent; send it to those whom that one names")]
    OtherConsent,
    /// A consent given to somebody else, or for another request.
    #[error("the consent is not for this requester and request")]
    OtherRequester,
    /// A keyword that the consent does not commit to.
    #[error("keyword {keyword} is not the one that the consent commits to")]
    OtherKeyword {
        /// Which keyword, from 0.
        keyword: usize,
    },
    /// A proxy that the consent does not name at this place.
    #[error("the consent does not name this proxy at place {place}")]
    OtherProxy {
        /// The place, from 1.
        place: u8,
    },
    /// A re-encryption whose proof does not hold.
    #[error("proxy {place} has not re-encrypted this capsule with the key of this consent")]
    BadReencryption {
        /// The proxy's place, from 1.
        place: u8,
    },
    /// A re-encryption of another record.
    #[error("a re-encryption is of another record than the one to open")]
    OtherRecord,
    /// One proxy twice.
    #[error("proxy {place} is among the re-encryptions twice; take distinct ones")]
    Duplicate {
        /// Its place, from 1.
        place: u8,
    },
    /// Fewer re-encryptions than needed.
    #[error("{found} re-encryptions, {expected} are needed; ask more proxies")]
    TooFew {
        /// t.
        expected: u8,
        /// How many came.
        found: usize,
    },
    /// Numbers that a consent or a record cannot have.
    #[error("{found} {what}; allowed are {allowed}")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are allowed.
        allowed: &'static str,
    },
    /// A sealed request that does not open.
    #[error("the request was not sealed to this owner on this ledger, or was changed")]
    Unreadable,
}

impl RecordError {
    /// Whom the refusal convicts or, where nothing is signed, whom to ask; nobody where the bytes may have been changed on
    /// the way or where nobody did wrong.
    pub fn culprit(&self) -> Option<Party> {
        match self {
            Self::BadSignature { by, .. } | Self::WrongContentKey { by } => Some(*by),
            Self::BadCapsule | Self::WrongRoot => Some(Party::Custodian),
            Self::ForgedTrapdoor { .. }
            | Self::WrongReencryptionKey { .. }
            | Self::InconsistentShares { .. }
            | Self::WrongTerms
            | Self::OtherKeyword { .. } => Some(Party::Owner),
            Self::BadReencryption { place } | Self::Duplicate { place } => {
                Some(Party::Proxy { place: *place })
            }
            Self::Decode(_)
            | Self::OtherHeader
            | Self::OtherParty { .. }
            | Self::OtherDelegatorKey
            | Self::BadChunk { .. }
            | Self::BodyLength { .. }
            | Self::BodyTooLong
            | Self::NotSealed
            | Self::Withdrawn
            | Self::Expired { .. }
            | Self::NotConsented { .. }
            | Self::NoKeyword
            | Self::OtherConsent
            | Self::OtherRequester
            | Self::OtherProxy { .. }
            | Self::OtherRecord
            | Self::TooFew { .. }
            | Self::Count { .. }
            | Self::Unreadable => None,
        }
    }
}
