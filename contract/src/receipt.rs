//! What the contract made of a transaction.

use consilium_crypto::Hash;
use consilium_proto::v1::{self, Reason};

/// The contract's answer to one transaction. Receipts are not stored: whoever replays the chain derives them again,
/// and the state root binds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the transaction.
    pub transaction: Hash,
    /// Accepted, or why not.
    pub reason: Reason,
    /// The institution whose own signature proves the fault, where it costs credit.
    pub culprit: Option<Hash>,
}

impl Receipt {
    /// The transaction took effect.
    pub fn accepted(transaction: Hash) -> Self {
        Self { transaction, reason: Reason::Accepted, culprit: None }
    }

    /// The transaction had no effect, and is held against nobody.
    pub fn rejected(transaction: Hash, reason: Reason) -> Self {
        Self { transaction, reason, culprit: None }
    }

    /// The transaction had no effect and proves a fault of `culprit`.
    pub fn fault(transaction: Hash, reason: Reason, culprit: Hash) -> Self {
        Self { transaction, reason, culprit: Some(culprit) }
    }

    /// Whether the transaction took effect.
    pub fn is_accepted(&self) -> bool {
        self.reason == Reason::Accepted
    }

    /// Whether the transaction never goes on the chain: anyone can send noise, also under another's name.
    pub fn is_dropped(&self) -> bool {
        matches!(self.reason, Reason::BadSignature | Reason::UnknownInstitution | Reason::BadCertificate)
    }

    /// As a message.
    pub fn to_wire(&self) -> v1::Receipt {
        v1::Receipt {
            transaction: self.transaction.to_vec(),
            reason: self.reason.into(),
            culprit: self.culprit.map(|name| name.to_vec()).unwrap_or_default(),
        }
    }
}
