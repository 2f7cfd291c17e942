//! What can go wrong: what ends a node, and what ends one call.

use std::io;

use consilium_contract::{ApplyError, GenesisError};
use consilium_crypto::Hash;
use consilium_identity::FilesError;
use consilium_ledger::{ChainError, LedgerError};
use consilium_proto::{WireError, v1::Reason};
use thiserror::Error;

/// Why a node does not start or does not go on. It has acknowledged nothing that is not on its disk.
#[derive(Debug, Error)]
pub enum CoordinatorError {
    /// A value that no run can have.
    #[error("configuration: {0}")]
    Config(String),
    /// The ceremony's folder is not usable.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The genesis does not found a run.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The ledger cannot be opened, read or written.
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// The ledger's first block is of another run.
    #[error(
        "the ledger belongs to another run than the ceremony's folder; give an empty folder, or the ceremony of this ledger"
    )]
    OtherRun,
    /// The ledger does not replay to the state that its own blocks name.
    #[error(
        "ledger: block {height} does not replay: {detail}; restore the ledger from a copy that `consilium audit` accepts"
    )]
    Replay {
        /// Height of the block.
        height: u64,
        /// What does not hold.
        detail: String,
    },
    /// Too few institutions are left to open a round.
    #[error(
        "step {step}: only {able} institutions may still submit, a sum needs {needed}; revoked and expelled ones do not come back: have others join (`consilium-authority admit`) while the node waits for enrolments after its next start, or start a new run"
    )]
    TooFewInstitutions {
        /// The step.
        step: u64,
        /// Institutions that are neither revoked nor expelled.
        able: usize,
        /// min_updates of the genesis.
        needed: u32,
    },
    /// A step was abandoned as often as the genesis allows.
    #[error(
        "step {step} was abandoned {attempts} times, each time with too few accepted updates; see the receipts on the ledger for why, and start a new run"
    )]
    Stopped {
        /// The step.
        step: u64,
        /// Attempts made.
        attempts: u32,
    },
    /// The decryption key was not made.
    #[error(
        "the institutions made no decryption key in {attempts} attempts, each time too few took part in time; see the ledger for who spoke in which stage, and start a new run"
    )]
    NoKey {
        /// Attempts made.
        attempts: u32,
    },
    /// Trustees did not answer.
    #[error(
        "step {step} is {phase}: {present} of {needed} trustees answered within {waited_ms} ms; start the node again when they are back, the step goes on where it stands; nothing came from {}",
        names(absent)
    )]
    TrusteesAbsent {
        /// The step.
        step: u64,
        /// `sealed` (waiting for countersignatures), `opening` (waiting for shares) or `confirming` (a committee waits
        /// for its members, and where it takes the key over for those of the one before).
        phase: &'static str,
        /// Trustees that have answered.
        present: usize,
        /// Trustees that are needed.
        needed: usize,
        /// Pseudonyms of those who have not.
        absent: Vec<Hash>,
        /// How long the node has waited, in milliseconds.
        waited_ms: u64,
    },
    /// A sum of verified updates did not open.
    #[error(
        "step {step} cannot be closed: {detail}; this is a defect, keep the ledger and report it"
    )]
    NotOpened {
        /// The step.
        step: u64,
        /// What failed.
        detail: String,
    },
    /// The contract refused what the coordinator said, or was asked in a wrong way: a defect of this program.
    #[error(
        "the contract refused the coordinator's own {action}: {reason}; this is a defect, keep the ledger and report it"
    )]
    Refused {
        /// The transaction.
        action: &'static str,
        /// What the contract said.
        reason: String,
    },
    /// The socket cannot be used.
    #[error("network: {0}; choose another address to listen on")]
    Network(#[from] io::Error),
    /// The server failed.
    #[error("server: {0}")]
    Server(String),
    /// The thread that owns the contract has panicked.
    #[error("the node died; its ledger holds everything that it acknowledged, start it again")]
    Died,
}

/// Pseudonyms as far as people need them to find the institution.
pub(crate) fn names(pseudonyms: &[Hash]) -> String {
    pseudonyms
        .iter()
        .map(|name| hex::encode(name.first_chunk::<8>().unwrap_or(&[0; 8])))
        .collect::<Vec<_>>()
        .join(", ")
}

impl From<ChainError> for CoordinatorError {
    fn from(error: ChainError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<ApplyError> for CoordinatorError {
    fn from(error: ApplyError) -> Self {
        Self::Refused { action: "order of work", reason: error.to_string() }
    }
}

impl CoordinatorError {
    pub(crate) fn refused(action: &'static str, reason: Reason) -> Self {
        Self::Refused { action, reason: reason.as_str_name().to_owned() }
    }
}

/// Why one call gets no receipt and no answer. What the contract rejects is not among these: that is a receipt.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// Bytes that are no transaction.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A transaction, but not one for this call.
    #[error("{call} takes {expected}; send other transactions to their own call")]
    WrongAction { call: &'static str, expected: &'static str },
    /// What was asked for is not here.
    #[error("no {what} here: {advice}")]
    NotFound { what: &'static str, advice: String },
    /// A number outside of what the chain has.
    #[error("{what} is {actual}; {expected}")]
    OutOfRange { what: &'static str, actual: u64, expected: String },
    /// The peer calls too often.
    #[error("too many calls from this address; wait {wait_ms} ms")]
    TooOften { wait_ms: u64 },
    /// As many streams or uploads as this node serves are open.
    #[error("as many {what} as this node serves at once are open; try again in a few seconds")]
    TooMany { what: &'static str },
    /// This institution's transactions have been rejected too often in this attempt to record another one.
    #[error(
        "{limit} transactions of this institution were rejected in this attempt; the next attempt, step or stage starts afresh"
    )]
    TooManyRejections { limit: u32 },
    /// Another update of this institution is being verified.
    #[error("another update of this institution is being verified; wait for its receipt")]
    Verifying,
    /// A newer upload of the same institution took this one's place.
    #[error("a newer upload of this institution from the same address took this one's place")]
    Superseded,
    /// Nothing came for too long.
    #[error(
        "{what} did not come within {limit_ms} ms; send it again, the same transaction gets the same receipt"
    )]
    TooSlow { what: &'static str, limit_ms: u64 },
    /// The stream broke before its first message.
    #[error("the stream ended before its header came")]
    NoHeader,
    /// The node is stopping or has stopped.
    #[error(
        "the node is stopping; send it again when it is back, the same transaction gets the same receipt"
    )]
    Stopping,
    /// The ledger cannot be read.
    #[error("the ledger cannot be read; the operator's log says why")]
    Ledger(#[from] LedgerError),
}
