//! Runs transactions through the contract, and says what the coordinator has to say next.
//!
//! The rules are the contract's. What is kept here besides is what a process knows and the chain does not: since when
//! the run has been where it is, and who has been heard lately.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{
    Attendance, Body, CandidateTransaction, Contract, Phase, Receipt, SealedBlock,
    action::Kind,
    schedule::{Situation, deadline_ms},
    transaction::sign,
};
use consilium_crypto::{EvaluationKey, signature::SigningKey};
use consilium_hash::StateRoot;
use consilium_proto::v1::transaction::Action;

use crate::{
    CoordinatorError, Ended,
    round::{Next, next},
};

/// Where the run stands: a block ends wherever this changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) step: u64,
    pub(crate) attempt: u32,
    /// The phase, or the stage in which a committee is made.
    pub(crate) phase: &'static str,
    /// Number of the committee that is being made, and the try at it.
    pub(crate) keygen: Option<(u32, u32)>,
}

/// A transaction that the contract has decided.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) receipt: Receipt,
    pub(crate) before: Position,
    pub(crate) after: Position,
    pub(crate) took: Duration,
}

impl Executed {
    /// Whether the run stands elsewhere than before, so that the block ends with this transaction.
    pub(crate) fn has_moved(&self) -> bool {
        self.before != self.after
    }
}

/// See the module. Owned by the node's thread: nothing else reads or writes any of it.
pub(crate) struct Executor {
    /// Ahead of the ledger by the transactions of the open block, never behind it.
    contract: Contract,
    /// The contract's state after the last durable block, before the transactions of the open one: what the next header
    /// names.
    state_before_block: StateRoot,
    attendance: Attendance,
    signing: Arc<SigningKey>,
    evaluation: EvaluationKey,
    /// How long the making of the key waits for institutions that have not enrolled, counted from the start.
    enrolment_timeout_ms: u64,
    started_ms: u64,
    /// When the run came to where it stands, or this process was started there.
    phase_since_ms: u64,
}

impl Executor {
    pub(crate) fn new(
        contract: Contract,
        attendance: Attendance,
        signing: Arc<SigningKey>,
        evaluation: EvaluationKey,
        enrolment_timeout_ms: u64,
        now_ms: u64,
    ) -> Self {
        Self {
            state_before_block: contract.state_root(),
            contract,
            attendance,
            signing,
            evaluation,
            enrolment_timeout_ms,
            started_ms: now_ms,
            phase_since_ms: now_ms,
        }
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.contract
    }

    pub(crate) fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// When the run came to where it stands, or this process was started there.
    pub(crate) fn phase_since_ms(&self) -> u64 {
        self.phase_since_ms
    }

    /// Time begins here: whoever waits for something has its whole time from now on.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.started_ms = now_ms;
        self.phase_since_ms = now_ms;
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.contract.phase(), Phase::Finished)
    }

    /// How the run would end for this process if it ended now.
    pub(crate) fn outcome(&self) -> Ended {
        Ended {
            finished: self.is_finished(),
            steps: self.contract.step(),
            model: self.contract.model().hash(),
        }
    }

    pub(crate) fn position(&self) -> Position {
        let keygen = match self.contract.phase() {
            Phase::Keygen(keygen) => Some((keygen.number(), keygen.attempt())),
            _ => None,
        };
        Position {
            step: self.contract.step(),
            attempt: self.contract.attempt(),
            phase: self.contract.phase().name(),
            keygen,
        }
    }

    /// The write path, step 1.
    pub(crate) fn execute(
        &mut self,
        transaction: &CandidateTransaction,
        body: Body,
        now_ms: u64,
    ) -> Result<Executed, CoordinatorError> {
        let before = self.position();
        let start = Instant::now();
        let receipt = self.contract.apply(transaction, body)?;
        let took = start.elapsed();
        if let Some(author) = transaction.author().filter(|_| receipt.is_accepted()) {
            self.attendance.hear(&author, before.step);
        }
        let after = self.position();
        if before != after {
            self.phase_since_ms = now_ms;
        }
        tracing::debug!(
            transaction = %receipt.transaction,
            reason = receipt.reason.as_str_name(),
            "applied"
        );
        Ok(Executed { receipt, before, after, took })
    }

    /// Tells the contract of the block that its last transactions have become part of.
    pub(crate) fn end_block(&mut self, block: SealedBlock) {
        self.contract.end_block(block);
        self.state_before_block = self.contract.state_root();
    }

    /// What the header of the open block is to name.
    pub(crate) fn state_before_block(&self) -> StateRoot {
        self.state_before_block
    }

    /// The coordinator's next transaction, if it is time for one. `oldest_in_flight_ms` is when the oldest update that
    /// is being verified arrived.
    ///
    /// # Errors
    /// Where the run cannot go on.
    pub(crate) fn due(
        &self,
        now_ms: u64,
        oldest_in_flight_ms: Option<u64>,
    ) -> Result<Option<Next>, CoordinatorError> {
        let deadline_ms = deadline_ms(&self.contract, self.phase_since_ms).unwrap_or_default();
        let waited_ms = now_ms.saturating_sub(self.started_ms);
        let situation = Situation {
            now_ms,
            since_ms: self.phase_since_ms,
            enrolment_over: waited_ms >= self.enrolment_timeout_ms,
            verifying: oldest_in_flight_ms.is_some_and(|arrived_ms| arrived_ms < deadline_ms),
        };
        next(&self.contract, &self.evaluation, &situation)
    }

    /// Signs what the coordinator has to say.
    pub(crate) fn sign(&self, action: Action) -> Result<CandidateTransaction, CoordinatorError> {
        let name = Kind::of(&action).name;
        let chain_id = &self.contract.parameters().chain_id;
        CandidateTransaction::parse(sign(&self.signing, chain_id, None, action))
            .map_err(|error| CoordinatorError::Refused { action: name, reason: error.to_string() })
    }
}
