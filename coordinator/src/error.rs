//! What can go wrong: what ends a node, and what ends one call.

use std::{io, path::PathBuf};

use consilium_contract::{ApplyError, GenesisError};
use consilium_hash::{BlockHash, Pseudonym};
use consilium_identity::FilesError;
use consilium_ledger::{ChainError, LedgerError, Malformed};
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
    /// What the key has sealed last cannot be read or remembered.
    #[error("cannot {action} {}: {source}; the coordinator remembers there what it has sealed", path.display())]
    Memory {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What the key has sealed last is not what was written.
    #[error(
        "{} is damaged: it remembers what the coordinator has sealed; bring it back from a copy, or move it away to have the node ask the institutions first",
        path.display()
    )]
    DamagedMemory {
        /// The file.
        path: PathBuf,
    },
    /// Another process seals with the same key.
    #[error("{} is in use: another coordinator runs with this ceremony; stop it first", path.display())]
    InUse {
        /// The file that it has locked.
        path: PathBuf,
    },
    /// The coordinator's key has signed a block that the ledger does not hold.
    #[error(
        "the coordinator's key has signed block {height} ({}), as {told_by} shows; {}. Going on would sign a second block of \
         the same height and convict its operator, so nothing more is signed: bring the ledger back with \
         `consilium-coordinator restore`",
        hash,
        match ledger {
            Some(end) if end >= height => "the ledger has another block there".to_owned(),
            Some(end) => format!("the ledger ends at block {end}"),
            None => "the ledger is empty".to_owned(),
        }
    )]
    LacksBlocks {
        /// Height of the block.
        height: u64,
        /// Its hash.
        hash: BlockHash,
        /// Height of the ledger's last block.
        ledger: Option<u64>,
        /// Where the block was seen.
        told_by: &'static str,
    },
    /// Two copies hold two blocks of one height, both signed.
    #[error(
        "{} holds another block {height} than the copies before it, and the coordinator's key has signed both: one of them is \
         of a second history, which convicts its operator",
        path.display()
    )]
    TwoHistories {
        /// Height of the first block in which they differ.
        height: u64,
        /// The copy that differs.
        path: PathBuf,
    },
    /// A block cannot be executed without bodies that no copy has.
    #[error(
        "block {height} needs bodies of updates that no copy has: of {authors} (SHA-256 {}); give a copy of the ledger that has \
         them, or the state directory of an institution that has verified them",
        bodies.join(", ")
    )]
    BodiesMissing {
        /// Height of the block.
        height: u64,
        /// Beginnings of the pseudonyms of the institutions whose updates they are.
        authors: String,
        /// SHA-256 of the bodies.
        bodies: Vec<String>,
    },
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
pub(crate) fn names(pseudonyms: &[Pseudonym]) -> String {
    pseudonyms.iter().map(|name| name.short().to_string()).collect::<Vec<_>>().join(", ")
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
    /// A connection that brings another's words.
    #[error(
        "this connection's certificate is of {caller}, which does not speak for {}: connect with the certificate of whoever has \
         signed",
        author.short()
    )]
    OtherCaller { caller: String, author: Pseudonym },
    /// What was asked for is not here.
    #[error("no {what} here: {advice}")]
    NotFound { what: &'static str, advice: String },
    /// A message that no transaction is as long as.
    #[error("the message has {actual} bytes, at most {most} are expected")]
    TooLong { actual: u32, most: usize },
    /// A number outside of what the chain has.
    #[error("{what} is {actual}; {expected}")]
    OutOfRange { what: &'static str, actual: u64, expected: String },
    /// The peer calls too often.
    #[error("too many calls from this peer; wait {wait_ms} ms")]
    TooOften { wait_ms: u64 },
    /// As many calls or uploads as this node serves are open.
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
    /// A header that the coordinator has not signed.
    #[error("the header shown is none that this coordinator has signed on this chain")]
    NotSigned,
    /// A header that the coordinator has signed, and that its ledger does not hold.
    #[error(
        "this ledger lacks block {height}, which its coordinator has signed; the node stops until its operator has brought it back: keep your copy, and connect again later"
    )]
    LacksBlocks { height: u64 },
    /// More calls than are held back while the node listens.
    #[error(
        "the node has just been started and waits to hear from institutions; send it again in a few seconds"
    )]
    Listening,
    /// Two processes of one institution.
    #[error(
        "another process of institution {} follows this run: one identity runs once; stop one of them. One that was cut off is \
         forgotten within a minute",
        .0.short()
    )]
    RunsElsewhere(Pseudonym),
    /// Bytes that are no header.
    #[error("the header shown does not decode: {0}")]
    Header(Malformed),
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
