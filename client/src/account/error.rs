//! Why an order about an account is not carried out.

use consilium_exchange::quantity::QuantityError;
use consilium_hash::Pseudonym;
use consilium_proto::v1::Reason;
use thiserror::Error;

use crate::ClientError;

/// See the module.
#[derive(Debug, Error)]
pub enum AccountError {
    /// The files, the chain, or the coordinator.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A rule of accounts, found before anything was sent.
    #[error("{0}; nothing was sent")]
    Rule(#[from] QuantityError),
    /// The institution is not part of the run.
    #[error(
        "this institution has not enrolled yet: start `consilium-client run`, which enrols it, and ask again"
    )]
    NotEnrolled,
    /// The institution has no account.
    #[error("this institution has no account yet: open one with `consilium-client account open`")]
    NoAccount,
    /// The institution has an account.
    #[error("this institution has an account already; `consilium-client account status` shows it")]
    HasAccount,
    /// An account on the ledger whose keys are not here.
    #[error(
        "the ledger has an account of this institution, but its account.key is not in this state directory: restore it \
         from a backup, without it nobody can move what is in the account"
    )]
    LostKeys,
    /// Whoever is to receive has no account.
    #[error(
        "{0} has no account: `consilium-client account status` lists those who have one; nothing was sent"
    )]
    NoReceiver(Pseudonym),
    /// A roll of nothing.
    #[error("nothing has come in that is not in the balance; nothing was sent")]
    NothingWaits,
    /// A deposit that the authority has signed for an earlier state of the account, or for somebody else.
    #[error(
        "this deposit was made for sequence number {found} of the account, whose next one is {expected}: ask the authority \
         for a new one; nothing was sent"
    )]
    OldDeposit {
        /// The account's next number.
        expected: u64,
        /// The deposit's.
        found: u64,
    },
    /// The contract refused the statement; nothing has moved.
    #[error("the ledger refused to {what}: {} ({})", meaning(*reason), reason.as_str_name())]
    Refused {
        /// What was asked for.
        what: String,
        /// The contract's reason.
        reason: Reason,
    },
    /// The chain does not show the statement yet.
    #[error(
        "the ledger has not shown within {seconds} s what became of the order to {what}: give the same command again, which \
         sends the same bytes and pays nothing twice"
    )]
    Waited {
        /// What was asked for.
        what: String,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl AccountError {
    /// The exit code of the program, as [`ClientError::exit_code`] has them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Client(error) => error.exit_code(),
            Self::Rule(_)
            | Self::NoReceiver(_)
            | Self::NothingWaits
            | Self::OldDeposit { .. }
            | Self::HasAccount => 2,
            Self::NotEnrolled
            | Self::NoAccount
            | Self::LostKeys
            | Self::Refused { .. }
            | Self::Waited { .. } => 1,
        }
    }
}

fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::WrongSequence => {
            "another statement of this account came first; see its status, then ask again"
        }
        Reason::AccountFull => {
            "the receiving account has been credited as often as it can be; its owner has to roll and rebase"
        }
        Reason::BadStatement => {
            "a proof or the authority's signature does not hold, which costs a credit"
        }
        Reason::Revoked => "the authority has revoked one of the two",
        Reason::Expelled => "this institution has lost its credit",
        Reason::Duplicate => "there is such an account already",
        Reason::UnknownParticipant | Reason::NoAccount => "one of the two has no account",
        _ => "see docs/protocol.md for the reason",
    }
}
