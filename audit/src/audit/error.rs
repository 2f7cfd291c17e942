//! Why an audit fails.

use consilium_contract::GenesisError;
use consilium_hash::{ChainId, StateRoot, TransactionHash};
use consilium_ledger::LedgerError;
use thiserror::Error;

/// The first thing in a ledger that does not hold.
#[derive(Debug, Error)]
pub enum AuditError {
    /// The ledger cannot be read, or its files were changed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The store or the chain of headers, at a height.
    #[error("block {height}: {source}")]
    Block {
        /// Height of the block.
        height: u64,
        /// What does not hold.
        source: LedgerError,
    },
    /// There is no block.
    #[error("the ledger holds no block; give the folder that a coordinator has written")]
    Empty,
    /// The first block founds no run.
    #[error("block 0: {0}")]
    Genesis(#[from] GenesisError),
    /// Another chain than the one asked for.
    #[error("the ledger is of chain {}, expected {}; give the ledger of that run", found, expected)]
    OtherChain {
        /// The chain id asked for.
        expected: ChainId,
        /// The ledger's.
        found: ChainId,
    },
    /// A transaction that cannot stand where it stands.
    #[error("block {height}, transaction {} (entry {index}): {detail}", transaction.as_ref().map_or("that does not decode".into(), TransactionHash::to_string))]
    Transaction {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// Its id, where it decodes.
        transaction: Option<TransactionHash>,
        /// What does not hold.
        detail: String,
    },
    /// The ledger is not the one that was audited before.
    #[error(
        "the tree of its first {size} blocks is not the one that was audited before: the ledger shows another history, \
             or has lost blocks; compare heads with the others"
    )]
    OtherHistory {
        /// Blocks that were audited before.
        size: u64,
    },
    /// The earlier audit did not come so far.
    #[error("the earlier audit is of {audited} blocks, the last at height {}: give a height up to that", audited.saturating_sub(1))]
    NotAudited {
        /// Blocks that were audited before.
        audited: u64,
    },
    /// The contract reaches another state.
    #[error(
        "block {height}: the transactions before it lead to state {}, its header says {}; the coordinator recorded what the contract does not make of them",
        expected.short(),
        found.short()
    )]
    StateRoot {
        /// Height of the block.
        height: u64,
        /// The state that follows.
        expected: StateRoot,
        /// The state in the header.
        found: StateRoot,
    },
}

impl AuditError {
    /// Height of the block that does not hold, where it is one.
    pub fn height(&self) -> Option<u64> {
        match self {
            Self::Block { height, .. }
            | Self::Transaction { height, .. }
            | Self::StateRoot { height, .. } => Some(*height),
            Self::Ledger(_)
            | Self::Empty
            | Self::Genesis(_)
            | Self::OtherChain { .. }
            | Self::OtherHistory { .. }
            | Self::NotAudited { .. } => None,
        }
    }

    /// The exit code of the program: 3 for a ledger of another history than the one that was audited before.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::OtherHistory { .. } => 3,
            Self::NotAudited { .. } => 2,
            Self::Ledger(_)
            | Self::Block { .. }
            | Self::Empty
            | Self::Genesis(_)
            | Self::OtherChain { .. }
            | Self::Transaction { .. }
            | Self::StateRoot { .. } => 1,
        }
    }
}
