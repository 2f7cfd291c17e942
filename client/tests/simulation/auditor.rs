//! Whoever sees everything that is said and every durable block, and says whether anything is as it must not be.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use consilium_contract::{
    CandidateTransaction, Contract, Model, Phase,
    action::Kind,
    execute::{LoadError, execute},
};
use consilium_coordinator::Simulated;
use consilium_crypto::mask::{CandidateHeader, VerifiedHeader};
use consilium_hash::{BlobHash, BlockHash, TransactionHash};
use consilium_ledger::{HeaderChain, LedgerError};
use consilium_proto::v1::{Reason, SignedTransaction, contribute::Part, transaction::Action};
use consilium_testkit::Parties as _;
use rand_core::OsRng;
use tokio::time::Instant;

use crate::world::{World, value};

/// What must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The node does not hold a block that was durable.
    LostBlock { height: u64 },
    /// A transaction was acknowledged as accepted and is on no durable block.
    LostTransaction { what: &'static str },
    /// The chain does not verify, or does not replay to the state that its headers name.
    Chain { detail: String },
    /// Somebody is convicted though all are honest.
    Convicted { what: &'static str, reason: Reason },
    /// An institution has said two things where it may say one.
    SaidTwice { place: usize, what: String },
    /// A model is not the one that the plain updates in its sum lead to.
    OtherModel { step: u64 },
    /// A process ended though nothing was wrong with its disk.
    Stopped { party: usize, error: String },
    /// Institutions ended with another model, or after another number of steps, than the chain.
    OtherOutcome { place: usize },
    /// An institution keeps another block than the chain has at that height.
    OtherBlock { place: usize, height: u64 },
    /// The run did not finish though no fault was left.
    Stalled { phase: String },
}

/// See the module.
pub struct Auditor {
    world: Arc<World>,
    began: Instant,
    chain: HeaderChain,
    hashes: Vec<BlockHash>,
    contract: Contract,
    accepted: BTreeSet<TransactionHash>,
    said: BTreeMap<(usize, String), Vec<u8>>,
    violation: Option<Violation>,
    /// Every block: when it was first seen (milliseconds), and by whom its entries are.
    pub trace: Vec<(u64, Vec<String>)>,
    /// Updates in each sum that was closed.
    pub sums: Vec<usize>,
}

impl Auditor {
    pub fn new(world: Arc<World>) -> Self {
        Self {
            began: Instant::now(),
            chain: world.empty_chain(),
            hashes: Vec::new(),
            contract: world.contract(),
            accepted: BTreeSet::new(),
            said: BTreeMap::new(),
            violation: None,
            trace: Vec::new(),
            sums: Vec::new(),
            world,
        }
    }

    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// The first thing that is wrong.
    pub fn violation(&self) -> Option<Violation> {
        self.violation.clone()
    }

    pub fn find(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// The block at a height, if there is one.
    pub fn hash(&self, height: u64) -> Option<&BlockHash> {
        self.hashes.get(height as usize)
    }

    /// Follows what is durable: it must go on from all that ever was.
    pub fn follow(&mut self, node: &Simulated) {
        if let Err(violation) = self.try_follow(node) {
            self.find(violation);
        }
    }

    fn try_follow(&mut self, node: &Simulated) -> Result<(), Violation> {
        let known = self.chain.len();
        let broken = |detail: String| Violation::Chain { detail };
        if let Some(last) = known.checked_sub(1) {
            let found = node.blocks(last).next().transpose();
            let found = found.map_err(|error| broken(error.to_string()))?;
            if found.is_none_or(|found| found.hash() != self.hashes[last as usize]) {
                return Err(Violation::LostBlock { height: last });
            }
        }
        for block in node.blocks(known) {
            let block = block.map_err(|error| broken(error.to_string()))?;
            let header = self.chain.append_block(&block);
            let header = header.map_err(|error| broken(error.to_string()))?.clone();
            let before = self.inputs();
            let recorded = if header.height == 0 {
                consilium_contract::execute::end(&mut self.contract, &header);
                Vec::new()
            } else {
                let body = |address: &BlobHash| Ok(node.blob(address)?.map(Cow::Owned));
                execute(&mut self.contract, &block, &header, body, &mut OsRng).map_err(
                    |error: LoadError<LedgerError>| match error {
                        LoadError::Block(error) => broken(format!("{}: {error}", header.height)),
                        LoadError::Body { error, .. } => broken(error.to_string()),
                    },
                )?
            };
            let mut entries = Vec::new();
            for entry in &recorded {
                let what = Kind::of(entry.transaction.action()).name;
                let receipt = entry.receipt;
                if receipt.culprit.is_some() {
                    return Err(Violation::Convicted { what, reason: receipt.reason });
                }
                if receipt.is_accepted() {
                    self.accepted.insert(receipt.transaction);
                }
                let author = entry.transaction.author().map_or(String::new(), |name| {
                    let places = 0..self.world.ceremony.institutions.len();
                    let place = places.into_iter().find(|place| self.world.name(*place) == name);
                    place.map_or(String::new(), |place| format!(" of {place}"))
                });
                entries.push(format!("{what}{author}: {}", receipt.reason.as_str_name()));
                if let Action::CloseRound(close) = entry.transaction.action()
                    && receipt.is_accepted()
                {
                    self.closed(close.step, &before)?;
                }
            }
            self.hashes.push(block.hash());
            self.trace.push((self.began.elapsed().as_millis() as u64, entries));
        }
        Ok(())
    }

    /// The authors of the updates in the sum that is being opened, and the model that they go on from.
    fn inputs(&self) -> Option<(Vec<usize>, Model)> {
        let accepted: &[VerifiedHeader] = match self.contract.phase() {
            Phase::Sealed(sealed) => sealed.accepted(),
            Phase::Opening(opening) => opening.accepted(),
            _ => return None,
        };
        let place = |header: &VerifiedHeader| {
            let name = header.context().pseudonym;
            (0..self.world.ceremony.institutions.len()).find(|it| self.world.name(*it) == name)
        };
        Some((accepted.iter().filter_map(place).collect(), self.contract.model().clone()))
    }

    /// A step is closed: its model follows from the plain updates in its sum.
    fn closed(&mut self, step: u64, before: &Option<(Vec<usize>, Model)>) -> Result<(), Violation> {
        let Some((authors, model)) = before else { return Err(Violation::OtherModel { step }) };
        let parameters = self.world.parameters();
        let sum: i64 = authors.iter().map(|place| value(*place, step)).sum();
        let rows = authors.iter().map(|it| self.world.ceremony.institutions[*it].identity.rows);
        let weight_sum = rows.map(|rows| parameters.weight(rows)).sum();
        let expected = model.step(parameters, &vec![sum; model.parameters().len()], weight_sum);
        if expected.map(|model| model.hash()) != Some(self.contract.model().hash()) {
            return Err(Violation::OtherModel { step });
        }
        self.sums.push(authors.len());
        Ok(())
    }

    /// The coordinator has acknowledged a transaction.
    pub fn acknowledged(&mut self, transaction: TransactionHash, what: &'static str) {
        if !self.accepted.contains(&transaction) {
            self.find(Violation::LostTransaction { what });
        }
    }

    /// An institution has sent what it has signed.
    pub fn said(&mut self, place: usize, signed: &SignedTransaction) {
        let Ok(transaction) = CandidateTransaction::parse(signed.clone()) else { return };
        let (about, what) = match transaction.action() {
            Action::SubmitUpdate(update) => {
                let Ok(header) = CandidateHeader::decode(&update.header) else { return };
                let round = &header.context().round;
                let about = format!("update of step {}, attempt {}", round.step, round.attempt);
                (about, header.hash().to_vec())
            }
            Action::Countersign(said) => {
                (format!("countersignature of step {}", said.step), said.sealed_block.clone())
            }
            Action::SubmitShare(said) => {
                (format!("share of step {}", said.step), said.sealed_block.clone())
            }
            Action::Contribute(said) => {
                let about = |what| {
                    format!("{what} of committee {}, attempt {}", said.committee, said.attempt)
                };
                match &said.part {
                    // What is drawn at random once an attempt.
                    Some(Part::Offer(offer)) => (about("offer"), offer.clone()),
                    // Its shares are sealed anew each time; what they are shares of, its first commitment says.
                    Some(Part::Dealing(dealing)) => {
                        (about("dealing"), dealing.iter().take(32).copied().collect())
                    }
                    Some(Part::Agreement(_)) => (about("agreement"), said.basis.clone()),
                    Some(Part::Confirmation(_)) => (
                        format!("confirmation of committee {}", said.committee),
                        said.basis.clone(),
                    ),
                    _ => return,
                }
            }
            _ => return,
        };
        let before = self.said.entry((place, about.clone())).or_insert_with(|| what.clone());
        if *before != what {
            self.find(Violation::SaidTwice { place, what: about });
        }
    }
}
