//! What the contract made of a transaction.

use consilium_crypto::signature::{Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym, TransactionHash};
use consilium_proto::{
    WireError, hash32,
    v1::{self, Reason},
};
use thiserror::Error;

use crate::{action::Signer, transaction::CandidateTransaction};

const LABEL: &str = "consilium/v1/signed-receipt";

/// The contract's answer to one transaction. Receipts are not stored: whoever replays the chain derives them again,
/// and the state root binds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Id of the transaction.
    pub transaction: TransactionHash,
    /// Accepted, or why not.
    pub reason: Reason,
    /// The institution whose own signature proves the fault, where it costs credit.
    pub culprit: Option<Pseudonym>,
}

/// Why a message is not the coordinator's receipt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// A field has the wrong width.
    #[error("receipt: {0}")]
    Malformed(#[from] WireError),
    /// No reason has this number.
    #[error("receipt: its reason is {0}, which none has")]
    UnknownReason(i32),
    /// Not signed by this chain's coordinator.
    #[error("receipt: not signed by the coordinator of this chain")]
    BadSignature,
}

impl Receipt {
    /// The transaction took effect.
    pub fn accepted(transaction: TransactionHash) -> Self {
        Self { transaction, reason: Reason::Accepted, culprit: None }
    }

    /// The transaction had no effect, and is held against nobody.
    pub fn rejected(transaction: TransactionHash, reason: Reason) -> Self {
        Self { transaction, reason, culprit: None }
    }

    /// The transaction had no effect and proves a fault of `culprit`.
    pub fn fault(transaction: TransactionHash, reason: Reason, culprit: Pseudonym) -> Self {
        Self { transaction, reason, culprit: Some(culprit) }
    }

    /// Whether the transaction took effect.
    pub fn is_accepted(&self) -> bool {
        self.reason == Reason::Accepted
    }

    /// Whether the transaction may stand on a chain: the one rule by which the coordinator records, and by which everyone
    /// who reads a chain convicts it.
    ///
    /// What took effect stands. What was refused stands only where an institution or a participant has signed it, because that
    /// alone may prove a fault or be a verdict. Anyone can send noise under another's name; and what the authority or the
    /// coordinator says has an effect or is answered and forgotten, also an enrolment.
    pub fn may_stand(&self, transaction: &CandidateTransaction) -> bool {
        let is_authored = !matches!(self.reason, Reason::BadSignature | Reason::UnknownInstitution);
        let signer = transaction.kind().signer;
        let is_a_participants = matches!(signer, Signer::Institution | Signer::Participant);
        self.is_accepted() || is_a_participants && is_authored
    }

    /// As a message that its reader can hold against the coordinator, whose `key` signs it.
    pub fn sign(&self, key: &SigningKey, chain_id: &ChainId) -> v1::Receipt {
        let culprit = self.culprit.map(|name| name.to_vec()).unwrap_or_default();
        let reason = self.reason as i32;
        let signature = key.sign(
            LABEL,
            &[chain_id.as_slice(), &self.transaction.0, &reason.to_be_bytes(), &culprit],
        );
        v1::Receipt {
            transaction: self.transaction.to_vec(),
            reason,
            culprit,
            signature: signature.encode().to_vec(),
        }
    }

    /// Reads a receipt that the coordinator of the chain `chain_id` has signed.
    ///
    /// # Errors
    /// [`ReceiptError`]; what it says is nobody's word then.
    pub fn verify(
        message: &v1::Receipt,
        coordinator: &VerifyingKey,
        chain_id: &ChainId,
    ) -> Result<Self, ReceiptError> {
        let v1::Receipt { transaction, reason, culprit, signature } = message;
        let signature = Signature::decode(signature).map_err(|_| ReceiptError::BadSignature)?;
        coordinator
            .verify(
                LABEL,
                &[chain_id.as_slice(), transaction, &reason.to_be_bytes(), culprit],
                &signature,
            )
            .map_err(|_| ReceiptError::BadSignature)?;
        Ok(Self {
            transaction: TransactionHash(hash32("transaction of a receipt", transaction)?),
            reason: match Reason::try_from(*reason) {
                Ok(Reason::Unspecified) | Err(_) => {
                    return Err(ReceiptError::UnknownReason(*reason));
                }
                Ok(reason) => reason,
            },
            culprit: match culprit.as_slice() {
                [] => None,
                bytes => Some(Pseudonym(hash32("culprit of a receipt", bytes)?)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&Zeroizing::new([seed; 32]))
    }

    #[test]
    fn a_receipt_is_the_word_of_its_coordinator_on_its_chain_alone() {
        let coordinator = key(1).verifying_key();
        for receipt in [
            Receipt::accepted(TransactionHash([2; 32])),
            Receipt::fault(TransactionHash([2; 32]), Reason::BadLinkProof, Pseudonym([3; 32])),
        ] {
            let message = receipt.sign(&key(1), &ChainId([4; 32]));
            assert_eq!(Receipt::verify(&message, &coordinator, &ChainId([4; 32])), Ok(receipt));
            assert_eq!(
                Receipt::verify(&message, &coordinator, &ChainId([5; 32])),
                Err(ReceiptError::BadSignature)
            );
            let other = key(2).verifying_key();
            assert_eq!(
                Receipt::verify(&message, &other, &ChainId([4; 32])),
                Err(ReceiptError::BadSignature)
            );
        }
    }

    #[test]
    fn a_change_in_any_field_of_a_receipt_is_found() {
        let message =
            Receipt::fault(TransactionHash([2; 32]), Reason::BadLinkProof, Pseudonym([3; 32]))
                .sign(&key(1), &ChainId([4; 32]));
        let tweaks: [fn(&mut v1::Receipt); 6] = [
            |receipt| receipt.transaction[9] ^= 1,
            |receipt| receipt.reason = Reason::Accepted.into(),
            |receipt| receipt.culprit[31] ^= 1,
            |receipt| receipt.culprit.clear(),
            |receipt| receipt.signature[40] ^= 1,
            |receipt| receipt.signature.truncate(63),
        ];
        for tweak in tweaks {
            let mut message = message.clone();
            tweak(&mut message);
            let verified = Receipt::verify(&message, &key(1).verifying_key(), &ChainId([4; 32]));
            assert_eq!(verified, Err(ReceiptError::BadSignature));
        }
    }

    #[test]
    fn a_signed_receipt_with_a_reason_that_none_has_is_refused() {
        let receipt = Receipt::rejected(TransactionHash([2; 32]), Reason::Unspecified)
            .sign(&key(1), &ChainId([4; 32]));
        let verified = Receipt::verify(&receipt, &key(1).verifying_key(), &ChainId([4; 32]));
        assert_eq!(verified, Err(ReceiptError::UnknownReason(0)));
    }
}
