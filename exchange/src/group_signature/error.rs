//! Why a join, a signature, an opening or a revocation is refused, and who is to blame.

use consilium_crypto::DecodeError;
use thiserror::Error;

/// Those who take part in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Who certifies members and revokes them.
    Issuer,
    /// Who opens signatures, or one of those who do together, by its place from 1.
    Opener {
        /// Its place; 0 where one has the whole key.
        place: u8,
    },
    /// Who joins or signs.
    Member,
}

/// Why something is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GroupError {
    /// Bytes of a wrong length, or a field that means nothing.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Bytes that are no point.
    #[error(
        "{what}: not the compressed encoding of a point of BLS12-381 on its curve and in its subgroup"
    )]
    Point {
        /// What was being read.
        what: &'static str,
    },
    /// Bytes that are no scalar.
    #[error("{what}: a scalar is not reduced below the order of BLS12-381's groups")]
    Scalar {
        /// What was being read.
        what: &'static str,
    },
    /// The identity where it must not be.
    #[error("{what} is the identity, which hides and proves nothing")]
    Identity {
        /// What was being read.
        what: &'static str,
    },
    /// A join whose Ed25519 signature does not verify.
    #[error("the join is not signed by the member whom it names")]
    BadJoinSignature,
    /// A join whose proof does not hold.
    #[error("the join does not prove that one secret is behind both its halves")]
    BadJoinProof,
    /// A second join with one F.
    #[error("another member has joined with this F; generate a new secret")]
    SecretTaken,
    /// A certificate that is none.
    #[error("the certificate is not the issuer's under this member's secret")]
    BadCertificate,
    /// A member whom a revocation is about.
    #[error("this member has been revoked and cannot follow to the next epoch")]
    Revoked,
    /// Something of one epoch under the parameters of another.
    #[error(
        "of epoch {found}, the group is in epoch {expected}; follow the revocations and do it again"
    )]
    OtherEpoch {
        /// The epoch of the parameters.
        expected: u64,
        /// The epoch of what came.
        found: u64,
    },
    /// A signature whose proof does not hold.
    #[error("the group signature does not hold for this group, context and message")]
    BadSignature,
    /// A signature whose certificate does not hold.
    #[error("the group signature is of nobody whom the issuer has certified")]
    NotCertified,
    /// An opening of another signature.
    #[error("the opening is of another signature")]
    OtherSignature,
    /// An opening whose proof does not hold.
    #[error("the opening does not prove who signed")]
    BadOpening {
        /// Whose it is.
        place: u8,
    },
    /// A part of an opening by somebody who has none.
    #[error("opener {place} does not exist")]
    UnknownOpener {
        /// The place, from 1.
        place: u8,
    },
    /// One opener twice.
    #[error("opener {place} is among the parts twice; take distinct ones")]
    Duplicate {
        /// The place, from 1.
        place: u8,
    },
    /// Fewer parts than are needed.
    #[error("{found} parts of an opening, {expected} are needed; ask more trustees")]
    TooFew {
        /// t.
        expected: u8,
        /// How many came.
        found: usize,
    },
    /// Shares of the opener's key that do not lie on one polynomial, or not with the key.
    #[error("the public shares of the opener's key do not lie on one polynomial with it")]
    InconsistentShares,
    /// A threshold that no sharing has.
    #[error(
        "{shares} openers cannot have threshold {threshold}: 1 to the number of openers, at most 128"
    )]
    Threshold {
        /// n.
        shares: usize,
        /// t.
        threshold: u8,
    },
    /// A revocation that does not follow from the parameters.
    #[error("the revocation is not the issuer's: its bases are not those of the next epoch")]
    BadRevocation,
}

impl GroupError {
    /// Whom the refusal convicts, or whom to ask where nothing is signed; nobody where the bytes may have been changed on
    /// the way.
    pub fn culprit(&self) -> Option<Party> {
        match self {
            Self::BadJoinProof => Some(Party::Member),
            Self::BadCertificate | Self::BadRevocation => Some(Party::Issuer),
            Self::BadOpening { place } | Self::Duplicate { place } => {
                Some(Party::Opener { place: *place })
            }
            Self::Decode(_)
            | Self::Point { .. }
            | Self::Scalar { .. }
            | Self::Identity { .. }
            | Self::BadJoinSignature
            | Self::SecretTaken
            | Self::Revoked
            | Self::OtherEpoch { .. }
            | Self::BadSignature
            | Self::NotCertified
            | Self::OtherSignature
            | Self::UnknownOpener { .. }
            | Self::TooFew { .. }
            | Self::InconsistentShares
            | Self::Threshold { .. } => None,
        }
    }
}
