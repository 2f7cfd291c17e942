//! What can go wrong in a ceremony, and who is to blame for it.

use thiserror::Error;

use crate::context::MAX_MEMBERS;
use crate::{DecodeError, ShareError};

/// Whom an error blames. In a resharing dealers have places in the old committee, recipients in the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Culprit {
    /// A dealer, by its place among the dealers.
    Dealer(u32),
    /// A member, by its place in the committee that is being made.
    Member(u32),
}

/// Why a step of a ceremony fails.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DkgError {
    /// n and t that no committee can have.
    #[error(
        "{members} members cannot have threshold {threshold}: t ≥ 1, n ≥ 3t − 2 and n ≤ {MAX_MEMBERS} are needed; change \
         the threshold or the committee"
    )]
    Shape {
        /// n.
        members: u32,
        /// t.
        threshold: u32,
    },
    /// A place that nobody who can do this has.
    #[error("place {place} has no part in this ceremony as a {role}")]
    UnknownPlace {
        /// The place that came.
        place: u32,
        /// What it was to be: dealer, recipient.
        role: &'static str,
    },
    /// Fewer than the ceremony needs.
    #[error("{found} {what}, {expected} are needed; wait for more, or begin another attempt")]
    TooFew {
        /// Of what.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// One place twice.
    #[error("place {place} is among the {what} twice; take its first only")]
    Duplicate {
        /// Of what.
        what: &'static str,
        /// The place.
        place: u32,
    },
    /// Something of another ceremony, attempt or qualified set.
    #[error("{what} of another ceremony, attempt or qualified set")]
    OtherCeremony {
        /// What it is.
        what: &'static str,
    },
    /// A step of key generation in a resharing, or the other way round.
    #[error("this step belongs to {expected}; the ceremony is none")]
    WrongKind {
        /// The kind of ceremony that has the step.
        expected: &'static str,
    },
    /// A dealing that does not decode.
    #[error("dealer {dealer}: {error}")]
    MalformedDealing {
        /// Its author.
        dealer: u32,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// A sealed share that does not open, or opens to what contradicts the dealer's own commitments.
    #[error(
        "the share that dealer {dealer} sealed for member {recipient} contradicts its dealing; complain"
    )]
    WrongSealedShare {
        /// The dealer, who is to blame in the recipient's eyes.
        dealer: u32,
        /// The recipient.
        recipient: u32,
    },
    /// A share revealed in answer to a complaint that contradicts the dealer's commitments.
    #[error(
        "the share of member {recipient} that dealer {dealer} revealed contradicts its dealing; leave the dealer out"
    )]
    WrongRevealedShare {
        /// The dealer, who is to blame in everyone's eyes.
        dealer: u32,
        /// The recipient.
        recipient: u32,
    },
    /// A member's share of a qualified dealing is not at hand.
    #[error(
        "no share of the qualified dealer {dealer}; open its dealing, or take the share that it revealed"
    )]
    MissingShare {
        /// The dealer.
        dealer: u32,
    },
    /// A product whose proof does not hold.
    #[error("the product of member {member} is not proven to be made of its shares; leave it out")]
    WrongProduct {
        /// Its author.
        member: u32,
    },
    /// A public key share whose proof does not hold.
    #[error(
        "the public key share of member {member} is not proven to be made of its shares; leave it out"
    )]
    WrongShareKey {
        /// Its author.
        member: u32,
    },
    /// Verified values that lie on no common polynomial, which soundness excludes.
    #[error(
        "verified {what} lie on no common polynomial; an assumption is broken, begin another attempt and report it"
    )]
    Inconsistent {
        /// Which values.
        what: &'static str,
    },
    /// The key came out as one that hides nothing, which chance brings about once in 2^250 times.
    #[error("the key is degenerate; begin another attempt")]
    Degenerate,
    /// Bytes that are not the encoding of anything.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The committee that is to be reshared, or a member's share of it, is refused.
    #[error(transparent)]
    Share(#[from] ShareError),
}

impl DkgError {
    /// Who is to blame, if anyone.
    pub fn culprit(&self) -> Option<Culprit> {
        match self {
            Self::MalformedDealing { dealer, .. }
            | Self::WrongSealedShare { dealer, .. }
            | Self::WrongRevealedShare { dealer, .. } => Some(Culprit::Dealer(*dealer)),
            Self::WrongProduct { member } | Self::WrongShareKey { member } => {
                Some(Culprit::Member(*member))
            }
            // Whoever brought the parts together is mistaken; their authors are not to blame.
            Self::Shape { .. }
            | Self::UnknownPlace { .. }
            | Self::TooFew { .. }
            | Self::Duplicate { .. }
            | Self::OtherCeremony { .. }
            | Self::WrongKind { .. }
            | Self::MissingShare { .. }
            | Self::Inconsistent { .. }
            | Self::Degenerate
            | Self::Decode(_)
            | Self::Share(_) => None,
        }
    }
}
