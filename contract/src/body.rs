//! What comes beside a transaction.

use consilium_hash::TransactionHash;
use thiserror::Error;

use crate::{exchange::check::CheckedQuantity, round::check::CheckedUpdate};

/// The outcome of an expensive check that ran ahead of its transaction, in whichever wing. It is a pure function of the
/// transaction and the body, or is bound to the state that it was computed for and believed for no other. So the state that
/// follows is the same as if it had been computed in its turn.
#[derive(Debug)]
pub enum Checked {
    /// Decoding and proofs of an update.
    Update(CheckedUpdate),
    /// The proof of something that is said of an account.
    Quantity(CheckedQuantity),
}

impl Checked {
    /// Id of the transaction that was checked.
    pub fn transaction(&self) -> TransactionHash {
        match self {
            Self::Update(update) => update.transaction(),
            Self::Quantity(quantity) => quantity.transaction(),
        }
    }
}

impl From<CheckedUpdate> for Checked {
    fn from(update: CheckedUpdate) -> Self {
        Self::Update(update)
    }
}

impl From<CheckedQuantity> for Checked {
    fn from(quantity: CheckedQuantity) -> Self {
        Self::Quantity(quantity)
    }
}

/// What [`Contract::apply`](crate::Contract::apply) is given besides the transaction.
#[derive(Debug)]
pub enum Body {
    /// Nothing: the transaction names no body, or [`Contract::admit`](crate::Contract::admit) decided without it.
    None,
    /// The signed header arrived, but never a body of its length and hash.
    Missing,
    /// The body arrived and was checked; or what the transaction proves of an account was.
    Checked(Checked),
}

/// The caller did not give `apply` what it needs. Never the fault of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The update passed admission, so its body must be checked, or said to be missing.
    #[error("the contract needs the checked body of the update, or word that it is missing")]
    BodyNeeded,
    /// What was checked belongs to another transaction.
    #[error("what was checked belongs to another transaction")]
    WrongBody,
}
