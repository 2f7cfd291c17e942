//! How one kind of transaction takes effect: read, judged against the state, executed.

use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::Reason;

use crate::{receipt::Receipt, state::State, transaction::CandidateTransaction};

/// A transaction whose author has been established, without its action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    /// Its id.
    pub(crate) transaction: TransactionHash,
    /// The institution that signed it; `None` for the authority and the coordinator.
    pub(crate) author: Option<Pseudonym>,
}

impl Said {
    /// Of a transaction whose author has been established.
    pub(crate) fn of(transaction: &CandidateTransaction) -> Self {
        Self { transaction: transaction.id(), author: transaction.author() }
    }

    /// The institution that signed it.
    pub(crate) fn institution(&self) -> Result<Pseudonym, Refusal> {
        self.author.ok_or(Refusal::rejected(Reason::UnknownInstitution))
    }
}

/// Why a transaction has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The cause.
    pub reason: Reason,
    /// Whether the author's own signature proves a fault of its own.
    pub is_fault: bool,
}

impl Refusal {
    /// Held against nobody.
    pub fn rejected(reason: Reason) -> Self {
        Self { reason, is_fault: false }
    }

    /// The author's own signature proves it.
    pub fn fault(reason: Reason) -> Self {
        Self { reason, is_fault: true }
    }

    /// The answer to a transaction that is refused for this.
    pub(crate) fn receipt(self, said: &Said) -> Receipt {
        match said.author.filter(|_| self.is_fault) {
            Some(author) => Receipt::fault(said.transaction, self.reason, author),
            None => Receipt::rejected(said.transaction, self.reason),
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::rejected(reason)
    }
}

/// How one kind of transaction takes effect, in three stages. [`handle`] runs them.
pub(crate) trait Handler {
    /// What the message says, decoded; or why it does not decode.
    type Read;
    /// What changes, once nothing stands against it.
    type Effect;

    /// Decodes the message. A function of its bytes alone: it may run ahead of time, and refuses nothing itself, because
    /// only [`judge`](Self::judge) knows whether a message that does not decode was due at all, and so is a fault.
    fn read(&self) -> Self::Read;

    /// Judges the message against the state. Every reason to refuse it is found here.
    fn judge(&self, read: Self::Read, said: &Said, state: &State) -> Result<Self::Effect, Refusal>;

    /// Changes the state. Nothing is left that could fail.
    fn execute(effect: Self::Effect, state: &mut State);

    /// What a proven fault changes besides its author's credit.
    fn convict(&self, author: &Pseudonym, refusal: Refusal, state: &mut State) {
        let _ = (author, refusal, state);
    }
}

/// Runs the three stages.
pub(crate) fn handle<H: Handler>(handler: &H, said: &Said, state: &mut State) -> Receipt {
    match handler.judge(handler.read(), said, state) {
        Ok(effect) => {
            H::execute(effect, state);
            Receipt::accepted(said.transaction)
        }
        Err(refusal) => {
            if let Some(author) = said.author.filter(|_| refusal.is_fault) {
                handler.convict(&author, refusal, state);
            }
            refusal.receipt(said)
        }
    }
}
