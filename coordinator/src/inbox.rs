//! What reaches the node, and where its answers go.

use std::time::Duration;

use consilium_contract::{CandidateTransaction, Receipt};
use consilium_hash::{BlobHash, BlockHash, Pseudonym};
use consilium_ledger::LedgerError;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{clock::millis, error::CallError, verify::Batch};

/// What reaches the node.
pub(crate) enum Command {
    /// A signed transaction. An update of the current attempt is answered with what its body must be.
    Submit { transaction: CandidateTransaction, reply: Reply },
    /// The body of an admitted update: of the length and hash of its header, or `None` where that never came.
    Deliver { transaction: CandidateTransaction, body: Option<Vec<u8>>, reply: Reply },
    /// From the verifier.
    Checked(Result<Batch, LedgerError>),
    /// An institution that has connected holds no block that this ledger lacks.
    Heard(Pseudonym),
    /// Somebody has shown a header that this coordinator has signed and its ledger does not hold.
    Lacks { height: u64, hash: BlockHash },
    /// Seal what is open, and end.
    Stop,
}

/// What the node answers to a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The receipt; its block is durable, or the transaction was dropped.
    Receipt(Receipt),
    /// An update of the current attempt: its body decides.
    Upload { sha256: BlobHash, length: u64 },
}

/// Where an answer goes. A caller that has gone away is no error.
pub(crate) type Reply = oneshot::Sender<Result<Answer, CallError>>;

/// Speaks to the node.
#[derive(Debug, Clone)]
pub(crate) struct NodeHandle {
    commands: mpsc::Sender<Command>,
    /// How long a receipt may take: the age at which a block is sealed, and some more.
    patience: Duration,
}

impl NodeHandle {
    pub(crate) fn new(commands: mpsc::Sender<Command>, patience: Duration) -> Self {
        Self { commands, patience }
    }

    /// Hands a transaction in and waits for its receipt, or for the word that its body is needed.
    pub(crate) async fn submit(
        &self,
        transaction: CandidateTransaction,
    ) -> Result<Answer, CallError> {
        self.ask(|reply| Command::Submit { transaction, reply }).await
    }

    /// Hands in the body of an admitted update, or word that it never came.
    pub(crate) async fn deliver(
        &self,
        transaction: CandidateTransaction,
        body: Option<Vec<u8>>,
    ) -> Result<Answer, CallError> {
        self.ask(|reply| Command::Deliver { transaction, body, reply }).await
    }

    /// Tells the node that an institution holds no block that this ledger lacks.
    pub(crate) async fn heard(&self, institution: Pseudonym) -> Result<(), CallError> {
        self.tell(Command::Heard(institution)).await
    }

    /// Tells the node of a block that its ledger lacks.
    pub(crate) async fn lacks(&self, height: u64, hash: BlockHash) -> Result<(), CallError> {
        self.tell(Command::Lacks { height, hash }).await
    }

    async fn tell(&self, command: Command) -> Result<(), CallError> {
        self.commands.send(command).await.map_err(|_| CallError::Stopping)
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<Answer, CallError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| CallError::Stopping)?;
        match timeout(self.patience, answer).await {
            Ok(answer) => answer.unwrap_or(Err(CallError::Stopping)),
            Err(_) => {
                Err(CallError::TooSlow { what: "the receipt", limit_ms: millis(self.patience) })
            }
        }
    }
}
