//! What orders transactions and makes their order durable.

use std::time::Duration;

use consilium_contract::{Receipt, Recorded, SealedBlock};
use consilium_hash::{StateRoot, TransactionHash};

use crate::{
    CoordinatorError,
    inbox::Reply,
    open_block::{Entry, Unanswered},
};

/// What orders transactions.
///
/// An implementation signs at most one header of a height, ever, whatever crashes lie between: two convict it. It lets
/// nobody see a header, and answers nobody, before the block is where it will be found again.
pub(crate) trait Sequencer: Send {
    /// Takes a transaction that the contract has decided into the order. It is not durable before [`Self::seal`].
    fn push(&mut self, entry: Entry, now_ms: u64);

    /// Answers `reply` with `receipt` once the transaction is durable, or at once where losing it would change nothing.
    fn wait(&mut self, reply: Reply, receipt: Receipt);

    /// The receipt of a transaction that is ordered and not durable yet; the latest where it stands there twice.
    fn receipt(&self, id: &TransactionHash) -> Option<Receipt>;

    /// Whether what is open is large or old enough to be made durable.
    fn is_due(&self, now_ms: u64) -> bool;

    /// Makes what is open durable; `None` where nothing is. `state_root` is the contract's state before what is
    /// open, and so after the block before it.
    ///
    /// # Errors
    /// Where it cannot be written. Nobody has seen the block then, and the process must end: what reached the disk shows
    /// when the ledger is opened again.
    fn seal(
        &mut self,
        state_root: StateRoot,
        now_ms: u64,
    ) -> Result<Option<Sealed>, CoordinatorError>;
}

/// A durable block, which nobody outside has seen.
pub(crate) struct Sealed {
    pub(crate) height: u64,
    /// As the contract takes it.
    pub(crate) block: SealedBlock,
    pub(crate) recorded: Vec<Recorded>,
    /// Who is to be answered once followers have been told.
    pub(crate) unanswered: Unanswered,
    /// Time that writing and flushing took.
    pub(crate) took: Duration,
}
