//! What comes from peers, before the contract decides: known already, admitted, within limits, or being verified.

use std::{collections::BTreeMap, sync::Arc};

use consilium_contract::{
    Admission, Body, CandidateTransaction, Contract, Phase, Receipt, Recorded,
};
use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::Reason;

use crate::{
    CoordinatorError,
    error::CallError,
    history::{History, Standing, is_final},
    inbox::{Answer, Reply},
    sequencer::Sequencer,
    verify::{Done, Job},
};

/// What is to be done about what came.
pub(crate) enum Passed {
    /// It is answered, or waits together with an earlier one.
    Settled,
    /// The contract decides it now.
    Decide { transaction: CandidateTransaction, body: Body, waiting: Vec<Reply> },
    /// Its proofs are checked first.
    Verify(Job),
}

/// An update that is being verified.
struct InFlight {
    author: Option<Pseudonym>,
    arrived_ms: u64,
    waiting: Vec<Reply>,
}

/// See the module. Owned by the node's thread: the verifier only hands back what it was given.
pub(crate) struct Gate {
    /// Receipts of all that is durable.
    history: History,
    /// By transaction. No two of one author.
    in_flight: BTreeMap<TransactionHash, InFlight>,
    /// Rejected transactions of one institution that are recorded in an attempt or stage.
    rejections_per_attempt: u32,
}

impl Gate {
    pub(crate) fn new(history: History, rejections_per_attempt: u32) -> Self {
        Self { history, in_flight: BTreeMap::new(), rejections_per_attempt }
    }

    /// A transaction as it came from a peer.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn submit(
        &mut self,
        contract: &Contract,
        sequencer: &mut dyn Sequencer,
        transaction: CandidateTransaction,
        reply: Reply,
    ) -> Result<Passed, CoordinatorError> {
        let id = transaction.id();
        let Some(reply) = self.known(sequencer, &id, reply)? else { return Ok(Passed::Settled) };
        Ok(match contract.admit(&transaction) {
            Admission::Decided(receipt) if !receipt.may_stand(&transaction) => {
                send(reply, Ok(Answer::Receipt(receipt)));
                Passed::Settled
            }
            Admission::NeedsBody { sha256, length } => {
                if let Some(reply) = self.within_limits(&transaction, reply) {
                    send(reply, Ok(Answer::Upload { sha256, length }));
                }
                Passed::Settled
            }
            Admission::Decided(_) => match self.within_limits(&transaction, reply) {
                Some(reply) => {
                    Passed::Decide { transaction, body: Body::None, waiting: vec![reply] }
                }
                None => Passed::Settled,
            },
        })
    }

    /// The body of an update, or word that it never came.
    ///
    /// # Errors
    /// Where the ledger cannot be read, or an update is admitted and no committee holds a key: a defect.
    pub(crate) fn deliver(
        &mut self,
        contract: &Contract,
        sequencer: &mut dyn Sequencer,
        transaction: CandidateTransaction,
        body: Option<Vec<u8>>,
        reply: Reply,
        now_ms: u64,
    ) -> Result<Passed, CoordinatorError> {
        let id = transaction.id();
        let Some(reply) = self.known(sequencer, &id, reply)? else { return Ok(Passed::Settled) };
        let Some(reply) = self.within_limits(&transaction, reply) else {
            return Ok(Passed::Settled);
        };
        let body = match (contract.admit(&transaction), body) {
            // What has become late meanwhile is not worth verifying.
            (Admission::Decided(_), _) => {
                return Ok(Passed::Decide { transaction, body: Body::None, waiting: vec![reply] });
            }
            (Admission::NeedsBody { .. }, Some(body)) => body,
            // Recorded once a header: a cut connection costs the chain one entry, however often it is cut.
            (Admission::NeedsBody { .. }, None) => {
                return Ok(match self.history.receipt(&id)?.filter(is_incomplete) {
                    Some(receipt) => {
                        send(reply, Ok(Answer::Receipt(receipt)));
                        Passed::Settled
                    }
                    None => {
                        Passed::Decide { transaction, body: Body::Missing, waiting: vec![reply] }
                    }
                });
            }
        };
        let author = transaction.author();
        if self.in_flight.values().any(|other| other.author == author) {
            send(reply, Err(CallError::Verifying));
            return Ok(Passed::Settled);
        }
        let committee = contract.committee().map(Arc::clone).ok_or(CoordinatorError::Died)?;
        self.in_flight.insert(id, InFlight { author, arrived_ms: now_ms, waiting: vec![reply] });
        // Each of those in flight is another institution's, and none of them has a verdict.
        let is_last = match contract.phase() {
            Phase::Collecting(collecting) => {
                let awaited = collecting.awaited(contract.roster(), contract.parameters());
                awaited.count() <= self.in_flight.len()
            }
            _ => true,
        };
        Ok(Passed::Verify(Job { transaction, committee, body, is_last }))
    }

    /// An update whose proofs have been checked, with everyone who waits for its receipt.
    pub(crate) fn verified(&mut self, done: Done) -> (CandidateTransaction, Body, Vec<Reply>) {
        let Done { transaction, checked } = done;
        let in_flight = self.in_flight.remove(&transaction.id());
        let waiting = in_flight.map(|in_flight| in_flight.waiting).unwrap_or_default();
        (transaction, Body::Checked(checked.into()), waiting)
    }

    /// When the oldest update that is being verified arrived.
    pub(crate) fn oldest_in_flight_ms(&self) -> Option<u64> {
        self.in_flight.values().map(|in_flight| in_flight.arrived_ms).min()
    }

    /// Takes note of a durable block's entries.
    ///
    /// # Errors
    /// Where the ledger cannot be read or written.
    pub(crate) fn record(
        &mut self,
        entries: &[Recorded],
        contract: &Contract,
    ) -> Result<(), CoordinatorError> {
        Ok(self.history.record(entries, Standing::of(contract))?)
    }

    /// Answers a transaction that came before: with its receipt if that is durable, together with the first one if it
    /// is still on its way. Gives `reply` back where the transaction is to be judged.
    fn known(
        &mut self,
        sequencer: &mut dyn Sequencer,
        id: &TransactionHash,
        reply: Reply,
    ) -> Result<Option<Reply>, CoordinatorError> {
        // Nothing has moved since what stands in the open block was judged.
        let stands = |receipt: &Receipt| is_final(receipt) || receipt.reason == Reason::TooEarly;
        if let Some(receipt) = sequencer.receipt(id).filter(stands) {
            sequencer.wait(reply, receipt);
        } else if let Some(in_flight) = self.in_flight.get_mut(id) {
            in_flight.waiting.push(reply);
        } else if let Some(receipt) = self.history.answer(id)? {
            send(reply, Ok(Answer::Receipt(receipt)));
        } else {
            return Ok(Some(reply));
        }
        Ok(None)
    }

    /// Refuses to judge what an institution sends after too many rejections in one attempt. Only its own signature gets
    /// a transaction this far, so nobody spends another's.
    fn within_limits(&self, transaction: &CandidateTransaction, reply: Reply) -> Option<Reply> {
        let limit = self.rejections_per_attempt;
        if transaction.author().is_some_and(|author| self.history.rejections(&author) >= limit) {
            send(reply, Err(CallError::TooManyRejections { limit }));
            return None;
        }
        Some(reply)
    }
}

fn is_incomplete(receipt: &Receipt) -> bool {
    receipt.reason == Reason::IncompleteBody
}

/// Answers at once. A caller that has gone away is no error.
fn send(reply: Reply, answer: Result<Answer, CallError>) {
    let _ = reply.send(answer);
}
