//! What comes beside a transaction.

use consilium_hash::TransactionHash;
use thiserror::Error;

use crate::round::check::CheckedUpdate;

/// The outcome of an expensive check that ran ahead of its transaction, in whichever wing. It is a pure function of the
/// transaction and the body, so the state that follows is the same as if it had been computed in its turn.
#[derive(Debug)]
pub enum Checked {
    /// Decoding and proofs of an update.
    Update(CheckedUpdate),
}

impl Checked {
    /// Id of the transaction that was checked.
    pub fn transaction(&self) -> TransactionHash {
        match self {
            Self::Update(update) => update.transaction(),
        }
    }
}

impl From<CheckedUpdate> for Checked {
    fn from(update: CheckedUpdate) -> Self {
        Self::Update(update)
    }
}

/// What [`Contract::apply`](crate::Contract::apply) is given besides the transaction.
#[derive(Debug)]
pub enum Body {
    /// Nothing: the transaction names no body, or [`Contract::admit`](crate::Contract::admit) decided without it.
    None,
    /// The signed header arrived, but never a body of its length and hash.
    Missing,
    /// The body arrived and was checked.
    Checked(Checked),
}

/// The caller did not give `apply` what it needs. Never the fault of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The update passed admission, so its body must be checked, or said to be missing.
    #[error("the contract needs the checked body of the update, or word that it is missing")]
    BodyNeeded,
    /// The body that was checked belongs to another transaction.
    #[error("the checked body belongs to another transaction")]
    WrongBody,
}
