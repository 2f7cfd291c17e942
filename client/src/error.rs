//! What can stop an institution, and what to do about it.

use std::{io, path::PathBuf, time::Duration};

use consilium_audit::{
    durable::LockError, evidence::Kept, execution::ExecutionError, files::FileError,
    follow::FollowError, history::HistoryError, judge::TrusteeError, model_check::ModelError,
};
use consilium_contract::GenesisError;
use consilium_hash::HeaderHash;
use consilium_ledger::{ChainError, NoteError};
use consilium_proto::{WireError, v1::Reason};
use thiserror::Error;

use crate::state::memory::MemoryError;

/// Why an institution's run, or one connection of it, ended.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The genesis does not found a run.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// A file of the state directory cannot be read or written.
    #[error("cannot {action} {}: {source}; give a directory that this user can write, with room left", path.display())]
    State {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the state directory is not what was written there.
    #[error("{}: {detail}; restore it from a backup", path.display())]
    DamagedState {
        /// The file.
        path: PathBuf,
        /// What was expected and what is there.
        detail: String,
    },
    /// The state directory is of another run.
    #[error("{0}")]
    OtherState(String),
    /// Another process works on the state directory.
    #[error("{} is locked: another process of this institution is running; stop it first: one identity runs once", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The memory of countersignatures refuses.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The coordinator signed another history than the one on disk.
    #[error("the coordinator shows another history than the one this institution has verified, from height {height} on; \
             what it has signed is in {}: stop trusting this coordinator and show the file to the others", evidence.display())]
    ForkedHistory {
        /// First height at which the histories differ.
        height: u64,
        /// The file of evidence.
        evidence: PathBuf,
    },
    /// Two heads of other histories than each other's.
    #[error(
        "{} and {} are of two histories: the coordinator has signed two trees of {size} blocks; \
             both heads are in {}: stop trusting this coordinator and show the file to the others",
        first.display(),
        second.display(),
        evidence.display()
    )]
    TwoHeads {
        /// Blocks that both are of.
        size: u64,
        /// One file.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
        /// The file of evidence.
        evidence: PathBuf,
    },
    /// A file is no head of this chain that its coordinator has signed.
    #[error("{}: {source}", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// The data dictionary in the folder is not the one of the run.
    #[error(
        "dictionary.toml in the folder of the ceremony {problem}; copy the folder again from the authority's directory"
    )]
    Dictionary {
        /// What is wrong with it.
        problem: String,
    },
    /// The coordinator has signed no head for this institution yet.
    #[error("{}: no head is kept yet; one is after the first closed round", path.display())]
    NoHead {
        /// Where it would be.
        path: PathBuf,
    },
    /// The coordinator's ledger ends before blocks that it has signed and shown.
    #[error(
        "the coordinator's ledger ends at height {theirs}, but it has signed and shown blocks up to height {ours}: \
             its operator has brought back an old copy, or it hides them; this institution keeps its own copy and waits"
    )]
    LostBlocks {
        /// Height of the last verified block.
        ours: u64,
        /// Height that the coordinator says is its last.
        theirs: u64,
    },
    /// A block that does not continue the chain.
    #[error("the coordinator sent a block that does not continue the chain: {0}")]
    Chain(ChainError),
    /// A signed header that does not follow from those before it.
    #[error(
        "the coordinator has signed a header that does not follow from those before it: {source}; {evidence}"
    )]
    BadHeader {
        /// What does not hold.
        source: ChainError,
        /// What convinces others.
        evidence: Kept,
    },
    /// A signed block holds what no contract can have taken.
    #[error(
        "entry {index} of the block at height {height} must not stand there, and the coordinator has signed it: {detail}; {evidence}"
    )]
    Entry {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong.
        detail: String,
        /// What convinces others.
        evidence: Kept,
    },
    /// The sealed sum is not one that a trustee may help to open.
    #[error("the sum in the block at height {height} must not be opened: {source}; {evidence}")]
    Aggregate {
        /// Height of the sealed block.
        height: u64,
        /// What does not hold.
        source: TrusteeError,
        /// What convinces others.
        evidence: Kept,
    },
    /// A sum holds an update that does not prove what every update must.
    #[error(
        "the sum in the block at height {height} must not be opened: update {} in it does not prove what it must; {evidence}",
        update.short()
    )]
    Unproven {
        /// Height of the sealed block.
        height: u64,
        /// Hash of the update's header.
        update: HeaderHash,
        /// What convinces others.
        evidence: Kept,
    },
    /// A signed block is not what the contract makes of its transactions.
    #[error(
        "the coordinator has signed what the contract does not make of the chain: {source}; {evidence}"
    )]
    Execution {
        /// What does not hold.
        source: ExecutionError,
        /// What convinces others.
        evidence: Kept,
    },
    /// A transaction that counts by its receipt was left out of its step.
    #[error(
        "the coordinator has accepted this institution's {what} of step {step}, and closed the step without it; {evidence}"
    )]
    Omitted {
        /// What was sent.
        what: &'static str,
        /// The step.
        step: u64,
        /// What convinces others.
        evidence: Kept,
    },
    /// One transaction is accepted by one receipt and a fault by another.
    #[error(
        "the coordinator has accepted this institution's update of step {step}, and then called it a fault; {evidence}"
    )]
    TwoReceipts {
        /// The step.
        step: u64,
        /// What convinces others.
        evidence: Kept,
    },
    /// The announced model does not follow from the round.
    #[error(
        "the model announced in the block at height {height} must not be trained on: {source}; {evidence}"
    )]
    Model {
        /// Height of the block that closes the round.
        height: u64,
        /// What does not hold.
        source: Box<ModelError>,
        /// What convinces others.
        evidence: Kept,
    },
    /// The contract refused something without which this institution cannot take part.
    #[error("the contract refused the {what}: {}; {}", reason.as_str_name(), advice(*reason))]
    Refused {
        /// What was sent.
        what: &'static str,
        /// The contract's reason.
        reason: Reason,
    },
    /// The authority has revoked this institution, which holds no share of the key.
    #[error(
        "the authority has revoked this institution: it takes part no longer; keep its state, and ask the authority why"
    )]
    Revoked,
    /// Another process of this institution follows the run.
    #[error("{0}")]
    RunsElsewhere(String),
    /// The coordinator is another run's.
    #[error("{0}")]
    OtherRun(String),
    /// The address of the coordinator is not one.
    #[error(
        "{address} is not the address of a coordinator: expected https://HOST:PORT, or http://127.0.0.1:PORT with --plain"
    )]
    Address {
        /// What was given.
        address: String,
    },
    /// The coordinator does not take this institution's certificate, or not for what was sent.
    #[error("{0}")]
    NotAdmitted(String),
    /// No connection, or one that broke.
    #[error("no connection to the coordinator: {0}")]
    Unreachable(String),
    /// The coordinator does not know, or does not accept, a call as such.
    #[error(
        "the coordinator refuses the call {call}: {message}; use programs of one version on both sides"
    )]
    Unsupported {
        /// The call.
        call: &'static str,
        /// The status that came.
        message: String,
    },
    /// An answer that is not one.
    #[error("the coordinator's answer is not one: {0}")]
    Malformed(String),
    /// The coordinator has brought nothing new for as long as the caller wanted to wait.
    #[error(
        "gave up after {} s in which the coordinator brought nothing new: {last}; see that it runs, that its address is right, and for whom it waits",
        waited.as_secs()
    )]
    GaveUp {
        /// How long it was waited for.
        waited: Duration,
        /// The last error.
        last: String,
    },
    /// Work of this process died.
    #[error("internal work ended early: {0}")]
    Interrupted(String),
}

impl ClientError {
    /// Whether connecting again can help. What somebody's signature proves stays proven.
    pub fn is_transient(&self) -> bool {
        match self {
            // Nobody has signed anything that contradicts itself: the blocks may come back.
            // The other process may end.
            Self::Unreachable(_)
            | Self::Malformed(_)
            | Self::LostBlocks { .. }
            | Self::RunsElsewhere(_) => true,
            // Bytes that the coordinator has not signed say nothing about it.
            Self::Chain(error) => matches!(
                error,
                ChainError::Gap { .. }
                    | ChainError::BadSeal(_)
                    | ChainError::WrongCount { .. }
                    | ChainError::EntryTooLong { .. }
                    | ChainError::WrongEntries { .. }
            ),
            Self::Genesis(_)
            | Self::State { .. }
            | Self::DamagedState { .. }
            | Self::OtherState(_)
            | Self::Locked { .. }
            | Self::Memory(_)
            | Self::ForkedHistory { .. }
            | Self::TwoHeads { .. }
            | Self::Note { .. }
            | Self::NoHead { .. }
            | Self::Dictionary { .. }
            | Self::BadHeader { .. }
            | Self::Entry { .. }
            | Self::Aggregate { .. }
            | Self::Unproven { .. }
            | Self::Execution { .. }
            | Self::Omitted { .. }
            | Self::TwoReceipts { .. }
            | Self::Model { .. }
            | Self::Refused { .. }
            | Self::Revoked
            | Self::OtherRun(_)
            | Self::Address { .. }
            | Self::NotAdmitted(_)
            | Self::Unsupported { .. }
            | Self::GaveUp { .. }
            | Self::Interrupted(_) => false,
        }
    }

    /// The exit code of the program: 1 the run failed, 2 bad values or files, 3 two histories or one that does not hold,
    /// 4 the coordinator broke the rules of a round, 5 the run goes on without this institution, 6 another run is served
    /// there, 7 another process of this institution is running.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Genesis(_)
            | Self::OtherState(_)
            | Self::Address { .. }
            | Self::NotAdmitted(_)
            | Self::Note { .. }
            | Self::NoHead { .. }
            | Self::Dictionary { .. } => 2,
            Self::ForkedHistory { .. }
            | Self::TwoHeads { .. }
            | Self::BadHeader { .. }
            | Self::Memory(MemoryError::OtherBlock { .. }) => 3,
            Self::Entry { .. }
            | Self::Aggregate { .. }
            | Self::Unproven { .. }
            | Self::Execution { .. }
            | Self::Omitted { .. }
            | Self::TwoReceipts { .. }
            | Self::Model { .. } => 4,
            Self::Revoked | Self::Refused { .. } => 5,
            Self::OtherRun(_) => 6,
            Self::Locked { .. } | Self::RunsElsewhere(_) => 7,
            Self::State { .. }
            | Self::DamagedState { .. }
            | Self::Memory(_)
            | Self::Chain(_)
            | Self::LostBlocks { .. }
            | Self::Unreachable(_)
            | Self::Unsupported { .. }
            | Self::Malformed(_)
            | Self::GaveUp { .. }
            | Self::Interrupted(_) => 1,
        }
    }
}

/// What to do where an institution is not let in.
fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::NoPlace => {
            "as many institutions take part as the genesis has places for, and the run goes on without this one: once the \
             authority has revoked another, start this program again"
        }
        Reason::Revoked => {
            "the authority has revoked this institution, which is for good; ask it why, and for a certificate under another name"
        }
        _ => "ask the authority for a certificate of this run",
    }
}

impl From<WireError> for ClientError {
    fn from(error: WireError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<FileError> for ClientError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::System { action, path, source } => Self::State { action, path, source },
            FileError::Damaged { path, detail } => Self::DamagedState { path, detail },
        }
    }
}

impl From<HistoryError> for ClientError {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::File(error) => error.into(),
            HistoryError::OtherRun { .. } => Self::OtherState(error.to_string()),
            HistoryError::ForkedHistory { height, evidence } => {
                Self::ForkedHistory { height, evidence }
            }
            HistoryError::LostBlocks { ours, theirs } => Self::LostBlocks { ours, theirs },
            HistoryError::Chain(error) => Self::Chain(error),
            HistoryError::Malformed(detail) => Self::Malformed(detail),
        }
    }
}

impl From<LockError> for ClientError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held(path) => Self::Locked { path },
            LockError::File(error) => error.into(),
        }
    }
}

impl From<FollowError> for ClientError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Gap { .. } => Self::Malformed(error.to_string()),
            FollowError::Entry { height, index, detail } => {
                Self::Entry { height, index, detail, evidence: Kept(None) }
            }
        }
    }
}
