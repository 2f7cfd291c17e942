//! Why a key, a deposit, a transfer or a rule of an account refuses, and who is to blame.

use consilium_crypto::DecodeError;
use thiserror::Error;

/// Those who take part in sharing a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whose action it is: who registers, deposits, sends, rolls or rebases.
    Author,
    /// To whom a transfer goes.
    Receiver,
    /// Who vouches for deposits.
    Authority,
}

/// Why something is refused. Each reason is one that a reader can act on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QuantityError {
    /// Bytes that are not the encoding of anything.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A second account of one institution.
    #[error("this institution has an account already; use that one")]
    AlreadyRegistered,
    /// Half of a key that an account has.
    #[error("an account has one of these keys already; generate new ones")]
    KeyTaken,
    /// Somebody without an account.
    #[error("the {who:?} has no account; register keys first")]
    NotRegistered {
        /// Who.
        who: Party,
    },
    /// Somebody who was revoked.
    #[error("the {who:?} has been revoked")]
    Revoked {
        /// Who.
        who: Party,
    },
    /// A transfer to its sender.
    #[error("a transfer to oneself moves nothing; name another receiver")]
    ToSelf,
    /// An action out of turn: sent twice, or made before another of the same author.
    #[error(
        "the author's next sequence number is {expected}, this action has {found}; make it anew"
    )]
    WrongSequence {
        /// The account's next number.
        expected: u64,
        /// The action's.
        found: u64,
    },
    /// An account that cannot be credited once more.
    #[error(
        "the receiving account has been credited {credits} times, the most there are; it has to be rebased"
    )]
    AccountFull {
        /// Credits of the balance and of what is pending.
        credits: u32,
    },
    /// A proof that does not hold.
    #[error("the proof of this {what} does not hold for the account as it is; make it anew")]
    BadProof {
        /// Of which action.
        what: &'static str,
    },
    /// A deposit that the authority has not signed.
    #[error("the deposit is not signed by the authority for this account and sequence number")]
    NotApproved,
    /// A deposit that does not hold what its opening says.
    #[error(
        "the deposit does not hold the amount that its opening says; ask the institution again"
    )]
    WrongOpening,
    /// An action that was verified for another state than the one it meets.
    #[error("the account has changed since this action was verified; verify it again")]
    Outdated,
    /// More than there is.
    #[error("the balance is {balance}; {amount} cannot be sent")]
    Overspent {
        /// What there is.
        balance: u64,
        /// What was asked for.
        amount: u32,
    },
    /// More than a rebase can prove.
    #[error("the balance is {balance}; a rebase is for one below 2^32, so send some of it first")]
    TooMuchToRebase {
        /// What there is.
        balance: u64,
    },
    /// An account that is not the wallet's, or a balance that is not the one the wallet has.
    #[error(
        "the account on the ledger does not hold what this wallet does; follow the ledger first"
    )]
    OutOfStep,
    /// An amount that is no number below 2^32.
    #[error("no amount below 2^32 is in this ciphertext under this wallet's keys")]
    Unreadable,
}

impl QuantityError {
    /// Whom the refusal convicts where the action is signed by its author; nobody where anybody may have changed the bytes,
    /// or where nobody did wrong.
    pub fn culprit(&self) -> Option<Party> {
        match self {
            Self::BadProof { .. } | Self::NotApproved | Self::WrongOpening => Some(Party::Author),
            Self::KeyTaken | Self::AlreadyRegistered | Self::ToSelf => Some(Party::Author),
            Self::Decode(_)
            | Self::NotRegistered { .. }
            | Self::Revoked { .. }
            | Self::WrongSequence { .. }
            | Self::AccountFull { .. }
            | Self::Outdated
            | Self::Overspent { .. }
            | Self::TooMuchToRebase { .. }
            | Self::OutOfStep
            | Self::Unreadable => None,
        }
    }
}
