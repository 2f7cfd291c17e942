//! The expensive part of judging what is said of hidden quantities: proofs, ahead of time and folded.
//!
//! A proof speaks of balances that the transactions before it leave. So those of a stretch of the ledger are rehearsed, each
//! proof taken for true, and what they prove is verified together. An outcome is bound to the statement that was verified:
//! where the contract comes to another, after a false proof or a transaction that was refused for something else, it
//! verifies that one alone. What is refused, and why, is found there and nowhere else.

use consilium_crypto::DecodeError;
use consilium_exchange::quantity::{Accounts, Action, Rehearsal, Roll, VerifiedAction};
use consilium_hash::{Pseudonym, TransactionHash};
use rand_core::CryptoRngCore;
use rayon::prelude::*;

use super::{Statement, accounts::Proven};
use crate::{action, transaction::CandidateTransaction};

/// What the proof of one transaction holds for. Only [`check_quantities`] makes one.
#[derive(Debug)]
pub struct CheckedQuantity {
    transaction: TransactionHash,
    verified: Box<VerifiedAction>,
}

impl CheckedQuantity {
    /// Id of the transaction that was checked.
    pub fn transaction(&self) -> TransactionHash {
        self.transaction
    }

    pub(crate) fn verified(&self) -> &VerifiedAction {
        &self.verified
    }
}

/// What a rehearsal takes.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are the large one")]
enum Rehearsed {
    Proven(Action),
    Rolled(Roll),
}

/// Verifies the proofs in these transactions, which follow on these accounts in this order, folded into one multiscalar
/// multiplication. What proves nothing, or does not hold, is left out.
///
/// `rng` is mixed into the weights of the fold; the outcome does not depend on it, but for the probability 2^-128 a hash
/// query that a false proof passes.
pub fn check_quantities(
    accounts: &Accounts,
    transactions: &[&CandidateTransaction],
    rng: &mut impl CryptoRngCore,
) -> Vec<CheckedQuantity> {
    // One proof alone is no faster ahead of its turn, and accounts would be copied for it.
    if transactions.iter().filter(|transaction| has_proof(transaction)).nth(1).is_none() {
        return Vec::new();
    }
    let read: Vec<_> =
        transactions.par_iter().filter_map(|transaction| read(transaction)).collect();
    let mut rehearsal = Rehearsal::of(accounts);
    let mut claimed = Vec::new();
    for (transaction, author, said) in read {
        // What the rules refuse here is refused in its turn, or verified there.
        match said {
            Rehearsed::Rolled(roll) => drop(rehearsal.roll(&author, &roll)),
            Rehearsed::Proven(action) => {
                claimed.extend(rehearsal.take(&author, action).is_ok().then_some(transaction));
            }
        }
    }
    let verdicts = claimed.into_iter().zip(rehearsal.verify(rng));
    let proven = verdicts.filter_map(|(transaction, verdict)| {
        Some(CheckedQuantity { transaction, verified: Box::new(verdict.ok()?) })
    });
    proven.collect()
}

/// Whether a transaction proves something of an account.
pub(crate) fn has_proof(transaction: &CandidateTransaction) -> bool {
    let action::Statement::Exchange(statement) = transaction.kind().statement else { return false };
    matches!(
        statement,
        Statement::OpenAccount(_)
            | Statement::Deposit(_)
            | Statement::Transfer(_)
            | Statement::Rebase(_)
    )
}

fn read(transaction: &CandidateTransaction) -> Option<(TransactionHash, Pseudonym, Rehearsed)> {
    let author = transaction.author()?;
    let action::Statement::Exchange(statement) = transaction.kind().statement else { return None };
    let said = rehearsed(statement)?.ok()?;
    Some((transaction.id(), author, said))
}

fn rehearsed(statement: Statement<'_>) -> Option<Result<Rehearsed, DecodeError>> {
    let action = match statement {
        Statement::OpenAccount(it) => it.action(),
        Statement::Deposit(it) => it.action(),
        Statement::Transfer(it) => it.action(),
        Statement::Rebase(it) => it.action(),
        Statement::Roll(it) => return Some(Roll::decode(&it.roll).map(Rehearsed::Rolled)),
        _ => return None,
    };
    Some(action.map(Rehearsed::Proven))
}
