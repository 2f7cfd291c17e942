//! Transactions as bytes that somebody signed.
//!
//! # Construction
//!
//! id = SHA-256(`consilium/v1/transaction-id` ‖ encoded `SignedTransaction`);
//! the author signs `consilium/v1/transaction` ‖ chain id ‖ encoded `Transaction`, so that a signature given on one
//! chain means nothing on another. The genesis, which a chain id is made of, is signed under the all-zero chain id.

use std::sync::OnceLock;

use consilium_crypto::{
    UpdateError,
    mask::CandidateHeader,
    signature::{SIGNATURE_LEN, Signature, SigningKey, VerifyingKey},
};
use consilium_hash::{ChainId, Pseudonym, TransactionHash};
use consilium_proto::{
    GENESIS_BYTES, WireError, decode,
    v1::{Entry, SignedTransaction, Transaction, transaction::Action},
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::action::Kind;

const SIGNATURE_LABEL: &str = "consilium/v1/transaction";
const ID_LABEL: &[u8] = b"consilium/v1/transaction-id";
const CHAIN_LABEL: &[u8] = b"consilium/v1/chain";

/// The chain id under which a genesis is signed.
pub const NO_CHAIN: ChainId = ChainId([0; 32]);

/// A transaction that decoded strictly and whose signature nobody has looked at yet.
///
/// What is found out about its bytes, which never change, is found out once: clones know what the original knew.
#[derive(Debug, Clone)]
pub struct CandidateTransaction {
    signed: SignedTransaction,
    signature: Signature,
    author: Option<Pseudonym>,
    action: Action,
    id: TransactionHash,
    /// The header of an update.
    header: OnceLock<Option<Result<CandidateHeader, UpdateError>>>,
    /// Whose signature was verified, for which chain.
    signer: OnceLock<(VerifyingKey, ChainId)>,
}

/// Two with the same signed bytes, which the id is the hash of.
impl PartialEq for CandidateTransaction {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl CandidateTransaction {
    /// Parses a signed transaction out of a peer's message.
    ///
    /// # Errors
    /// [`WireError`] where the inner transaction is too large, not canonical, or names no action or author.
    pub fn parse(signed: SignedTransaction) -> Result<Self, WireError> {
        let Transaction { author, action } =
            decode("transaction", &signed.transaction, GENESIS_BYTES)?;
        let action = action.ok_or(WireError::WrongLength {
            what: "action of a transaction",
            actual: 0,
            expected: 1,
        })?;
        let kind = Kind::of(&action);
        if signed.transaction.len() > kind.max_bytes {
            return Err(WireError::TooLarge {
                what: kind.name,
                actual: signed.transaction.len(),
                limit: kind.max_bytes,
            });
        }
        let signature =
            Signature::decode(&signed.signature).map_err(|_| WireError::WrongLength {
                what: "signature of a transaction",
                actual: signed.signature.len(),
                expected: SIGNATURE_LEN,
            })?;
        let author = match author.as_slice() {
            [] => None,
            bytes => Some(Pseudonym(consilium_proto::hash32("author of a transaction", bytes)?)),
        };
        let id = Sha256::new().chain_update(ID_LABEL).chain_update(signed.encode_to_vec());
        let id = TransactionHash(id.finalize().into());
        let (header, signer) = Default::default();
        Ok(Self { signed, signature, author, action, id, header, signer })
    }

    /// The pseudonym of the institution that claims to be the author; `None` for the authority and the coordinator.
    pub fn author(&self) -> Option<Pseudonym> {
        self.author
    }

    /// What the author wants done.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Its kind, as the list of all kinds has it.
    pub fn kind(&self) -> Kind<'_> {
        Kind::of(&self.action)
    }

    /// The hash that names this transaction.
    pub fn id(&self) -> TransactionHash {
        self.id
    }

    /// The bytes as they were signed.
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// The header of the update that it submits, or why that is none; `None` where it submits no update.
    pub fn update_header(&self) -> Option<Result<&CandidateHeader, &UpdateError>> {
        let decode = || match &self.action {
            Action::SubmitUpdate(update) => Some(CandidateHeader::decode(&update.header)),
            _ => None,
        };
        self.header.get_or_init(decode).as_ref().map(Result::as_ref)
    }

    /// Whether `key` signed these bytes for the chain `chain_id` (strict Ed25519 verification).
    pub fn is_signed_by(&self, key: &VerifyingKey, chain_id: &ChainId) -> bool {
        if self.signer.get() == Some(&(*key, *chain_id)) {
            return true;
        }
        let parts = [chain_id.as_slice(), &self.signed.transaction];
        let is_signed = key.verify(SIGNATURE_LABEL, &parts, &self.signature).is_ok();
        if is_signed {
            self.signer.get_or_init(|| (*key, *chain_id));
        }
        is_signed
    }
}

/// Signs `action` for the chain `chain_id`. `author` is the pseudonym of an institution, `None` for the authority and
/// the coordinator.
pub fn sign(
    key: &SigningKey,
    chain_id: &ChainId,
    author: Option<&Pseudonym>,
    action: Action,
) -> SignedTransaction {
    let author = author.map(|pseudonym| pseudonym.to_vec()).unwrap_or_default();
    let transaction = Transaction { author, action: Some(action) }.encode_to_vec();
    let signature =
        key.sign(SIGNATURE_LABEL, &[chain_id.as_slice(), &transaction]).encode().to_vec();
    SignedTransaction { transaction, signature }
}

/// The leaf of a block that holds `signed`.
pub fn entry(signed: SignedTransaction, body_missing: bool) -> Vec<u8> {
    Entry { signed: Some(signed), body_missing }.encode_to_vec()
}

/// Reads a leaf of a block: the transaction, and whether its body never arrived.
///
/// # Errors
/// [`WireError`] where the entry is too large, not canonical, or marks the body of anything but an update as missing.
pub fn parse_entry(bytes: &[u8]) -> Result<(CandidateTransaction, bool), WireError> {
    let Entry { signed, body_missing } = decode("entry", bytes, GENESIS_BYTES + 128)?;
    let signed = signed.ok_or(WireError::NotCanonical { what: "entry" })?;
    let transaction = CandidateTransaction::parse(signed)?;
    if body_missing && !transaction.kind().names_body {
        return Err(WireError::NotCanonical { what: "entry" });
    }
    Ok((transaction, body_missing))
}

/// The chain id: the hash of the entry that holds the genesis.
pub fn chain_id(genesis_entry: &[u8]) -> ChainId {
    let hash = Sha256::new().chain_update(CHAIN_LABEL).chain_update(genesis_entry);
    ChainId(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use consilium_proto::v1::SubmitUpdate;
    use rand_core::OsRng;

    use super::*;

    fn update(key: &SigningKey, chain: &ChainId, header: &[u8]) -> CandidateTransaction {
        let action = Action::SubmitUpdate(SubmitUpdate { header: header.to_vec() });
        CandidateTransaction::parse(sign(key, chain, Some(&Pseudonym([1; 32])), action)).unwrap()
    }

    #[test]
    fn a_signature_that_was_verified_counts_for_no_other_key_and_no_other_chain() {
        let [author, other] = [(); 2].map(|()| SigningKey::generate(&mut OsRng));
        let [chain, elsewhere] = [ChainId([2; 32]), ChainId([3; 32])];
        let transaction = update(&author, &chain, b"no header");
        for known in [transaction.clone(), transaction] {
            for _ in 0..2 {
                assert!(!known.is_signed_by(&other.verifying_key(), &chain));
                assert!(!known.is_signed_by(&author.verifying_key(), &elsewhere));
                assert!(known.is_signed_by(&author.verifying_key(), &chain));
            }
        }
    }

    #[test]
    fn a_header_that_does_not_decode_is_refused_each_time_it_is_asked_for() {
        let key = SigningKey::generate(&mut OsRng);
        let transaction = update(&key, &NO_CHAIN, b"no header");
        for _ in 0..2 {
            assert!(matches!(transaction.update_header(), Some(Err(_))));
        }
        let parsed = CandidateTransaction::parse(transaction.signed().clone()).unwrap();
        assert_eq!(parsed, transaction);
    }
}
