//! The state machine: one transaction in, one receipt out.

use std::sync::Arc;

use consilium_crypto::DiscreteLogTable;
use consilium_hash::{BlobHash, ReceiptsHash, StateRoot};
use consilium_ledger::Validators;
use consilium_proto::v1::{Reason, transaction::Action};
use sha2::{Digest, Sha256};

use crate::{
    action::{Signer, Statement},
    body::{ApplyError, Body, Checked},
    enrolment::roster::Roster,
    exchange::{Exchange, Surroundings},
    handler::Said,
    keygen::{Succession, committee::Committee},
    parameters::{GenesisError, Parameters},
    phase::Phase,
    receipt::Receipt,
    root,
    round::{
        self, ExpectedSums, Findings, admission, countersign::SealedBlock, model::Model,
        pause::Pausing,
    },
    state::State,
    transaction::{CandidateTransaction, NO_CHAIN, chain_id, parse_entry},
};

/// What can be said of a transaction before its body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// No body is needed. A rejection is the receipt; an acceptance says that the author may say such a thing, and
    /// [`Contract::apply`] decides the rest.
    Decided(Receipt),
    /// An update of the current attempt: its body decides.
    NeedsBody {
        /// SHA-256 that the signed header names.
        sha256: BlobHash,
        /// Length in bytes that the signed header names: that of every body of this run.
        length: u64,
    },
}

/// The contract of one run: a pure function of the transactions so far.
#[derive(Debug)]
pub struct Contract {
    pub(crate) state: State,
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
        let model = Model::initial(initial_model, &parameters).ok_or(GenesisError::WrongModel)?;
        let mut contract = Self { state: State::new(parameters, model, table) };
        contract.record(&receipt);
        Ok(contract)
    }

    /// The checked genesis.
    pub fn parameters(&self) -> &Parameters {
        &self.state.parameters
    }

    /// Who holds the decryption key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<Committee>> {
        self.state.succession.committee()
    }

    /// The committees of the run.
    pub fn succession(&self) -> &Succession {
        &self.state.succession
    }

    /// Who is enrolled, with what credit.
    pub fn roster(&self) -> &Roster {
        &self.state.roster
    }

    /// What is shared beside the rounds.
    pub fn exchange(&self) -> &Exchange {
        &self.state.exchange
    }

    /// The global model.
    pub fn model(&self) -> &Model {
        &self.state.model
    }

    /// What closed steps have found out about rows and models.
    pub fn findings(&self) -> &Findings {
        &self.state.findings
    }

    /// Where the run stands.
    pub fn phase(&self) -> &Phase {
        &self.state.phase
    }

    /// Whether nothing is being made: neither a round nor a committee.
    pub fn rests(&self) -> bool {
        matches!(self.state.phase, Phase::Idle | Phase::Finished)
    }

    /// The step that is being made, from 0; equals the number of closed rounds.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Whether the authority holds the run.
    pub fn pausing(&self) -> &Pausing {
        &self.state.pausing
    }

    /// The try at that step, from 0.
    pub fn attempt(&self) -> u32 {
        self.state.attempt
    }

    /// Hash of everything that later decisions depend on. A block header carries the root before its first entry.
    pub fn state_root(&self) -> StateRoot {
        root::state_root(&self.state)
    }

    /// Decides what can be decided without a body, in the order of docs/protocol.md ("What is a fault, and whose"):
    /// signature, then context. It changes nothing.
    pub fn admit(&self, transaction: &CandidateTransaction) -> Admission {
        let authored = self.judge_author(transaction);
        if !authored.is_accepted() {
            return Admission::Decided(authored);
        }
        let Statement::Round(round::Statement::SubmitUpdate(update)) = transaction.kind().statement
        else {
            return Admission::Decided(authored);
        };
        match admission::admit(transaction, update, &self.state) {
            Ok(header) => {
                Admission::NeedsBody { sha256: header.body_hash(), length: header.body_length() }
            }
            Err(refusal) => Admission::Decided(refusal.receipt(&Said::of(transaction))),
        }
    }

    /// Applies one transaction. One that may not stand on a chain ([`Receipt::may_stand`]) leaves the state as it was.
    ///
    /// # Errors
    /// [`ApplyError`] where the caller did not bring the body that [`Contract::admit`] asks for; the state is as
    /// before.
    pub fn apply(
        &mut self,
        transaction: &CandidateTransaction,
        body: Body,
    ) -> Result<Receipt, ApplyError> {
        let authored = self.judge_author(transaction);
        let receipt = if authored.is_accepted() { self.act(transaction, body)? } else { authored };
        if receipt.may_stand(transaction) {
            match (receipt.culprit, transaction.kind().statement) {
                (None, _) => {}
                (Some(culprit), Statement::Exchange(_)) => {
                    self.state.exchange.charge(culprit, receipt.transaction);
                }
                (Some(culprit), _) => self.state.roster.charge(&culprit, receipt.transaction),
            }
            self.record(&receipt);
        }
        Ok(receipt)
    }

    /// Hands the action to its wing, once its author is established.
    fn act(
        &mut self,
        transaction: &CandidateTransaction,
        body: Body,
    ) -> Result<Receipt, ApplyError> {
        let said = Said::of(transaction);
        let state = &mut self.state;
        Ok(match transaction.kind().statement {
            Statement::Genesis(_) => Receipt::rejected(said.transaction, Reason::Duplicate),
            Statement::Enrolment(statement) => statement.apply(&said, state),
            Statement::Keygen(statement) => statement.apply(&said, state),
            Statement::Round(statement) => statement.apply(transaction, body, state)?,
            Statement::Exchange(statement) => {
                let ahead = match &body {
                    Body::Checked(checked) if checked.transaction() != said.transaction => {
                        return Err(ApplyError::WrongBody);
                    }
                    Body::Checked(Checked::Quantity(quantity)) => Some(quantity.verified()),
                    Body::Checked(Checked::Update(_)) | Body::None | Body::Missing => None,
                };
                let State { exchange, roster, parameters, .. } = state;
                let run = Surroundings { chain_id: &parameters.chain_id, roster };
                match exchange.apply(statement, said.author, &run, ahead) {
                    Ok(()) => Receipt::accepted(said.transaction),
                    Err(refusal) => refusal.receipt(&said),
                }
            }
        })
    }

    /// Whether the transaction is signed by the one who may say such a thing, and has not been paid for already.
    fn judge_author(&self, transaction: &CandidateTransaction) -> Receipt {
        let id = transaction.id();
        let parameters = &self.state.parameters;
        let author = transaction.author();
        let key = match (transaction.kind().signer, &author) {
            (Signer::Authority, None) => parameters.authority,
            (Signer::Coordinator, None) => parameters.coordinator,
            (Signer::Institution, Some(author)) => match self.state.roster.get(author) {
                Some(institution) => institution.certificate.signing_key,
                None => return Receipt::rejected(id, Reason::UnknownInstitution),
            },
            (Signer::Participant, Some(author)) => {
                match self.state.exchange.key_of(author, &self.state.roster) {
                    Some(key) => key,
                    None => return Receipt::rejected(id, Reason::UnknownInstitution),
                }
            }
            (Signer::Newcomer(certificate), Some(author)) => {
                let certificate = certificate
                    .and_then(|certificate| parameters.verify_certificate(certificate).ok());
                match certificate.filter(|certificate| certificate.pseudonym == *author) {
                    Some(certificate) => certificate.signing_key,
                    None => return Receipt::rejected(id, Reason::BadCertificate),
                }
            }
            _ => return Receipt::rejected(id, Reason::UnknownInstitution),
        };
        if !transaction.is_signed_by(&key, &parameters.chain_id) {
            return Receipt::rejected(id, Reason::BadSignature);
        }
        // What names no attempt could be sent again in a later one, and would stand in the way of an honest update.
        let institution = author.and_then(|author| self.state.roster.get(&author));
        let has_paid = institution.is_some_and(|institution| institution.has_paid_for(&id));
        if has_paid || self.state.exchange.is_paid_for(&id) {
            return Receipt::rejected(id, Reason::Duplicate);
        }
        Receipt::accepted(id)
    }

    /// Tells the contract what a sum is said to open to. It believes nobody: the state that follows is the same without.
    pub fn expect(&mut self, sums: ExpectedSums) {
        self.state.expected = Some(sums);
    }

    /// Tells the contract the block that was sealed after the transactions applied so far.
    ///
    /// The state after this call is the one that the next block's header names.
    pub fn end_block(&mut self, block: SealedBlock) {
        if let Phase::Sealed(sealed) = &mut self.state.phase {
            sealed.learn_block(block);
        }
    }

    fn record(&mut self, receipt: &Receipt) {
        let receipts = Sha256::new()
            .chain_update(b"consilium/v1/receipt")
            .chain_update(self.state.receipts)
            .chain_update(receipt.transaction)
            .chain_update((receipt.reason as i32).to_be_bytes())
            .chain_update(receipt.culprit.unwrap_or_default());
        self.state.receipts = ReceiptsHash(receipts.finalize().into());
    }
}

/// Reads the entry of block 0: the parameters, and the receipt of the genesis transaction.
pub(crate) fn read_genesis(genesis_entry: &[u8]) -> Result<(Parameters, Receipt), GenesisError> {
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

    /// Those who vouch for the blocks of this run.
    pub fn validators(&self) -> Validators {
        Validators::single(self.chain_id, self.coordinator.into())
    }
}
