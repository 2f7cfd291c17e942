//! The state machine: one transaction in, one receipt out.

use std::sync::Arc;

use consilium_crypto::{DiscreteLogTable, Hash};
use consilium_proto::v1::transaction::Action;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    enrolment::roster::Roster,
    keygen::Succession,
    keygen::committee::Committee,
    parameters::{GenesisError, Parameters},
    phase::Phase,
    receipt::Receipt,
    root,
    round::check::CheckedUpdate,
    round::countersign::SealedBlock,
    round::model::Model,
    transaction::{CandidateTransaction, NO_CHAIN, chain_id, parse_entry},
};

/// What `apply` is given beside the transaction.
#[derive(Debug)]
pub enum Body {
    /// Nothing: the transaction names no body, or [`Contract::admit`] decided without it.
    None,
    /// The signed header arrived, but never a body of its length and hash.
    Missing,
    /// The outcome of [`crate::check_updates`].
    Checked(CheckedUpdate),
}

/// What can be said of a transaction before its body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// No body is needed. A rejection is the receipt; an acceptance says that the author may say such a thing, and
    /// [`Contract::apply`] decides the rest.
    Decided(Receipt),
    /// An update of the current attempt: its body decides.
    NeedsBody {
        /// SHA-256 that the signed header names.
        sha256: Hash,
        /// Length in bytes that the signed header names: that of every body of this run.
        length: u64,
    },
}

/// The caller did not give `apply` what it needs. Never the fault of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The update passed admission, so its body must be checked, or said to be missing.
    #[error("the contract needs the checked body of the update, or word that it is missing")]
    BodyNeeded,
    /// The body that was checked belongs to another transaction.
    #[error("the checked body belongs to another transaction")]
    WrongBody,
}

/// The contract of one run: a pure function of the transactions so far.
#[derive(Debug)]
pub struct Contract {
    pub(crate) parameters: Parameters,
    pub(crate) succession: Succession,
    pub(crate) roster: Roster,
    pub(crate) model: Model,
    pub(crate) phase: Phase,
    /// Step that is being made, from 0; equals the number of closed rounds.
    pub(crate) step: u64,
    /// Try at that step, from 0.
    pub(crate) attempt: u32,
    /// Largest time that a transaction has named, in milliseconds since the epoch.
    pub(crate) time_ms: u64,
    /// Hash chain over all receipts.
    pub(crate) receipts: Hash,
    pub(crate) table: Arc<DiscreteLogTable>,
}

impl Contract {
    /// Founds a run: checks the genesis, its signature by its own authority, and the initial model.
    ///
    /// `genesis_entry` is the only entry of block 0; `table` reads small discrete logarithms and is no part of the
    /// state.
    ///
    /// # Errors
    /// [`GenesisError`] naming the field.
    pub fn found(
        genesis_entry: &[u8],
        initial_model: &[u8],
        table: Arc<DiscreteLogTable>,
    ) -> Result<Self, GenesisError> {
        let (parameters, receipt) = read_genesis(genesis_entry)?;
        let model = Model::from_bytes(initial_model, parameters.dimension)
            .filter(|model| model.hash() == parameters.initial_model)
            .ok_or(GenesisError::WrongModel)?;
        let mut contract = Self {
            parameters,
            succession: Succession::default(),
            roster: Roster::default(),
            model,
            phase: Phase::Idle,
            step: 0,
            attempt: 0,
            time_ms: 0,
            receipts: [0; 32],
            table,
        };
        contract.record(&receipt);
        Ok(contract)
    }

    /// The checked genesis.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Who holds the decryption key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<Committee>> {
        self.succession.committee()
    }

    /// The committees of the run.
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// Who is enrolled, with what credit.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The global model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Where the run stands.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The step that is being made, from 0; equals the number of closed rounds.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The try at that step, from 0.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Hash of everything that later decisions depend on. A block header carries the root after its last entry.
    pub fn state_root(&self) -> Hash {
        root::state_root(self)
    }

    /// Decides what can be decided without a body, in the order of the design ("What is a fault, and whose"):
    /// signature, then context. It changes nothing.
    pub fn admit(&self, transaction: &CandidateTransaction) -> Admission {
        let Action::SubmitUpdate(update) = transaction.action() else {
            return Admission::Decided(self.judge_author(transaction));
        };
        match self.admit_update(transaction, update) {
            Ok(header) => {
                Admission::NeedsBody { sha256: *header.body_hash(), length: header.body_length() }
            }
            Err(receipt) => Admission::Decided(receipt),
        }
    }

    /// Applies one transaction.
    ///
    /// # Errors
    /// [`ApplyError`] where the caller did not bring the body that [`Contract::admit`] asks for; the state is as
    /// before.
    pub fn apply(
        &mut self,
        transaction: &CandidateTransaction,
        body: Body,
    ) -> Result<Receipt, ApplyError> {
        let receipt = match transaction.action() {
            Action::SubmitUpdate(update) => self.submit_update(transaction, update, body)?,
            action => {
                let receipt = self.judge_author(transaction);
                if receipt.is_accepted() { self.act(transaction, action) } else { receipt }
            }
        };
        if let Some(culprit) = receipt.culprit {
            self.roster.charge(&culprit, receipt.transaction);
        }
        self.record(&receipt);
        Ok(receipt)
    }

    /// Tells the contract the block that was sealed after the transactions applied so far.
    ///
    /// The state root in that block's header is the one before this call.
    pub fn end_block(&mut self, block: SealedBlock) {
        if let Phase::Sealed(sealed) = &mut self.phase {
            sealed.learn_block(block);
        }
    }

    fn record(&mut self, receipt: &Receipt) {
        self.receipts = Sha256::new()
            .chain_update(b"consilium/v1/receipt")
            .chain_update(self.receipts)
            .chain_update(receipt.transaction)
            .chain_update((receipt.reason as i32).to_be_bytes())
            .chain_update(receipt.culprit.unwrap_or_default())
            .finalize()
            .into();
    }
}

/// Reads the entry of block 0: the parameters, and the receipt of the genesis transaction.
fn read_genesis(genesis_entry: &[u8]) -> Result<(Parameters, Receipt), GenesisError> {
    let (transaction, _) = parse_entry(genesis_entry)?;
    let Action::Genesis(genesis) = transaction.action() else {
        return Err(GenesisError::NotAGenesis("the first entry is another transaction"));
    };
    if transaction.author().is_some() {
        return Err(GenesisError::NotAGenesis("its author is not the authority"));
    }
    let parameters = Parameters::from_genesis(genesis, chain_id(genesis_entry))?;
    if !transaction.is_signed_by(&parameters.authority, &NO_CHAIN) {
        return Err(GenesisError::NotAGenesis("it is not signed by the authority that it names"));
    }
    Ok((parameters, Receipt::accepted(transaction.id())))
}

impl Parameters {
    /// Reads the entry of block 0 and checks the genesis in it and its signature.
    ///
    /// # Errors
    /// [`GenesisError`] naming the field.
    pub fn from_genesis_entry(genesis_entry: &[u8]) -> Result<Self, GenesisError> {
        read_genesis(genesis_entry).map(|(parameters, _)| parameters)
    }
}
