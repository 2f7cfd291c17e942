//! A ledger, replayed through the contract by somebody who trusts nothing but the genesis in its first block.
//!
//! Every block must be sealed by the coordinator that the genesis names, continue the chain, hold the entries whose root
//! it names, and name the state in which the blocks before it have left the contract. What the last block leads to follows
//! from its entries alone: no header has named it yet. Every transaction is judged again by the contract, proofs
//! included: certificates, signatures, key, link and range proofs, sums with their certificates, countersignatures,
//! shares, the read-off of the sums and the model that follows. Every blob that a transaction names must be there.
//! The first thing that does not hold ends the audit.
//!
//! Proofs of updates are checked many rounds at a time, folded into one multiscalar multiplication on all cores, while the
//! rounds before them are run (`ahead`); those about accounts, in another, when it is their turn. An audit can go on from an
//! earlier one ([`Audited`]): then the proofs of updates in the blocks up to a height are not verified again, and everything
//! else is.
//!
//! An institution that asks after its own updates alone needs none of this: [`crate::mine`].

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{
    CandidateTransaction, Contract, ExecuteError, GenesisError, Parameters, Phase, Receipt,
    Recorded,
    execute::{CheckedAhead, end, execute_loaded},
};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::{BlobHash, ChainId, TransactionHash};
use consilium_ledger::{
    Checkpoint, HeaderChain, Malformed, ManifestState, Store, verify_chain, verify_manifest,
};
use consilium_proto::v1::{BlobRef, transaction::Action};
use rand_core::OsRng;

use crate::audited::Audited;

mod ahead;
mod error;
mod report;

use ahead::{Ahead, Batch, End, Read, Trusted};
pub use error::AuditError;
pub use report::AuditReport;

/// What an audit is told beside the ledger.
pub struct Scope<'a> {
    /// The ledger must be of this chain.
    pub chain_id: Option<&'a ChainId>,
    /// An earlier audit, and the height up to which its proofs are not verified again.
    pub since: Option<(&'a Audited, u64)>,
    /// Hears of the blocks that are replayed and of how many there are.
    pub progress: &'a mut dyn FnMut(u64, u64),
}

/// Replays the ledger in `ledger`, from a copy below `scratch`. Where `chain_id` is given, it must be that chain's.
///
/// # Errors
/// [`AuditError`]: the first thing that does not hold.
pub fn audit(
    ledger: &Path,
    scratch: &Path,
    chain_id: Option<&ChainId>,
) -> Result<AuditReport, AuditError> {
    let scope = Scope { chain_id, since: None, progress: &mut |_, _| {} };
    audit_within(ledger, scratch, scope).map(|(report, _)| report)
}

/// Replays a ledger as [`audit`] does, within a scope, and says what a later audit can go on from.
///
/// # Errors
/// [`AuditError`]: the first thing that does not hold.
pub fn audit_within(
    ledger: &Path,
    scratch: &Path,
    scope: Scope<'_>,
) -> Result<(AuditReport, Audited), AuditError> {
    let start = Instant::now();
    let is_closed = verify_manifest(ledger)? == ManifestState::Intact;
    let store = Store::open_copy(ledger, scratch)?;
    let mut replay = Replay::begin(&store, scope.chain_id)?;
    if let Some((earlier, since)) = scope.since {
        replay.trust(earlier, since)?;
    }
    let total = store.head().map_or(0, |head| head.height.saturating_add(1));
    let mut blocks = (1..).zip(store.blocks(1));
    let mut batch = replay.ahead().read(&mut blocks);
    loop {
        let ahead = replay.ahead();
        let mut next = None;
        rayon::in_place_scope(|beside| {
            if batch.can_be_passed() {
                beside.spawn(|_| next = Some(ahead.read(&mut blocks)));
            }
            replay.run(&mut batch, &mut |blocks| (scope.progress)(blocks, total))
        })?;
        match batch.end {
            End::More => {}
            End::OfLedger => return Ok(replay.report(is_closed, start.elapsed())),
            End::Broken(error) => return Err(error),
        }
        batch = match next {
            Some(next) => next,
            None => replay.ahead().read(&mut blocks),
        };
    }
}

/// What cannot be run, with the height that it stands at.
fn failed(height: u64, error: ExecuteError) -> AuditError {
    match error {
        ExecuteError::Entry { index, transaction, cause } => {
            AuditError::Transaction { height, index, transaction, detail: cause.to_string() }
        }
        ExecuteError::StateRoot { expected, found } => {
            AuditError::StateRoot { height, expected, found }
        }
    }
}

struct Replay<'a> {
    store: &'a Store,
    chain: HeaderChain,
    contract: Contract,
    parameters: Arc<Parameters>,
    report: AuditReport,
    /// Height up to which proofs are taken for granted, and the transactions for which they are not.
    trusted: Option<Arc<Trusted>>,
    refuted: Vec<TransactionHash>,
}

impl<'a> Replay<'a> {
    /// Block 0: the genesis, and the initial model beside it.
    fn begin(store: &'a Store, chain_id: Option<&ChainId>) -> Result<Self, AuditError> {
        let at = |source| AuditError::Block { height: 0, source };
        let block = store.get_block(0).map_err(at)?.ok_or(AuditError::Empty)?;
        let [entry] = block.entries.as_slice() else {
            return Err(
                GenesisError::NotAGenesis("the first block holds more than the genesis").into()
            );
        };
        let parameters = Parameters::from_genesis_entry(entry)?;
        if let Some(expected) = chain_id.filter(|expected| **expected != parameters.chain_id) {
            return Err(AuditError::OtherChain { expected: *expected, found: parameters.chain_id });
        }
        let mut chain = HeaderChain::new(parameters.validators());
        let header = chain.append_block(&block).map_err(|error| at(error.into()))?.clone();
        let initial = store
            .get_blob(&BlobHash(parameters.initial_model.0))
            .map_err(at)?
            .ok_or(GenesisError::WrongModel)?;
        let mut contract = Contract::found(entry, &initial, DiscreteLogTable::shared())?;
        end(&mut contract, &header);
        let report = AuditReport {
            chain_id: parameters.chain_id.to_string(),
            blocks: 1,
            transactions: 1,
            signatures: 1,
            blobs: 1,
            ..AuditReport::default()
        };
        let parameters = Arc::new(parameters);
        let (trusted, refuted) = (None, Vec::new());
        Ok(Self { store, chain, contract, parameters, report, trusted, refuted })
    }

    /// Takes the proofs up to `since` for granted, if the ledger is the one that was audited.
    fn trust(&mut self, earlier: &Audited, since: u64) -> Result<(), AuditError> {
        let Checkpoint { chain_id, size, root } = *earlier.checkpoint();
        if since >= size {
            return Err(AuditError::NotAudited { audited: size });
        }
        let other = AuditError::OtherHistory { size };
        if chain_id != *self.chain.chain_id() {
            return Err(other);
        }
        let audited = usize::try_from(size).unwrap_or(usize::MAX);
        let blocks = self.store.blocks(0).take(audited);
        let chain = verify_chain(blocks, *self.chain.validators())?;
        if chain.checkpoint(size).map(|checkpoint| checkpoint.root) != Some(root) {
            return Err(other);
        }
        let refuted = earlier.refuted.iter().copied().collect();
        self.trusted = Some(Arc::new(Trusted { since, refuted }));
        Ok(())
    }

    /// Whoever reads on from here.
    fn ahead(&self) -> Ahead<'a> {
        Ahead {
            store: self.store,
            parameters: Arc::clone(&self.parameters),
            committee: self.contract.committee().cloned(),
            trusted: self.trusted.clone(),
        }
    }

    /// Runs the blocks of a batch, and counts what was found out about them ahead.
    fn run(&mut self, batch: &mut Batch, progress: &mut dyn FnMut(u64)) -> Result<(), AuditError> {
        self.refuted.append(&mut batch.refuted);
        self.report.blobs += batch.proven + batch.granted;
        self.report.proven_updates += batch.proven;
        self.report.earlier_updates += batch.granted;
        // These speak of balances that the blocks before this batch leave.
        let loaded = batch.blocks.iter().map(|read| &read.loaded);
        batch.checked.check_quantities(&self.contract, loaded, &mut OsRng);
        for read in batch.blocks.drain(..) {
            self.block(read, &mut batch.checked)?;
            progress(self.report.blocks);
        }
        Ok(())
    }

    fn block(&mut self, read: Read, checked: &mut CheckedAhead) -> Result<(), AuditError> {
        let Read { height, block, loaded } = read;
        let at = |source| AuditError::Block { height, source };
        if block.height() != height {
            let detail = format!("expected height {height}, the header says {}", block.height());
            return Err(at(Malformed { what: "block", detail }.into()));
        }
        let header = self.chain.append_block(&block).map_err(|error| at(error.into()))?;
        let recorded = execute_loaded(&mut self.contract, loaded, header, checked)
            .map_err(|error| failed(height, error))?;
        for (index, Recorded { transaction, receipt }) in recorded.iter().enumerate() {
            self.count(transaction, receipt);
            let missing = |detail| AuditError::Transaction {
                height,
                index,
                transaction: Some(transaction.id()),
                detail,
            };
            self.blobs_of(transaction, receipt).map_err(missing)?;
        }
        // A sum that does not open stays so: nothing that could follow is accepted.
        if let Phase::Opening(opening) = self.contract.phase()
            && let Some(Err(error)) = opening.outcome()
        {
            let detail = error.to_string();
            let index = recorded.len().saturating_sub(1);
            return Err(AuditError::Transaction { height, index, transaction: None, detail });
        }
        self.report.blocks += 1;
        Ok(())
    }

    fn count(&mut self, transaction: &CandidateTransaction, receipt: &Receipt) {
        let report = &mut self.report;
        report.transactions += 1;
        report.signatures += 1;
        if !receipt.is_accepted() {
            let name = receipt
                .reason
                .as_str_name()
                .trim_start_matches("REASON_")
                .to_lowercase()
                .replace('_', " ");
            *report.rejected.entry(name).or_default() += 1;
            return;
        }
        match transaction.action() {
            Action::Enrol(_) => report.certificates += 1,
            Action::SubmitUpdate(_) => report.accepted_updates += 1,
            Action::CloseCollection(_) => report.sums += 1,
            Action::Countersign(_) => report.countersignatures += 1,
            Action::SubmitShare(_) => report.shares += 1,
            Action::CloseRound(_) => report.models += 1,
            Action::Contribute(_) => report.contributions += 1,
            // Of the others the report has no line: they are among the transactions.
            _ => {}
        }
    }

    /// The blobs that an accepted CloseRound names: the contract has compared their hashes with what it computed.
    fn blobs_of(
        &mut self,
        transaction: &CandidateTransaction,
        receipt: &Receipt,
    ) -> Result<(), String> {
        let Action::CloseRound(close) = transaction.action() else { return Ok(()) };
        if !receipt.is_accepted() {
            return Ok(());
        }
        for (what, blob) in [("sums", &close.sums), ("model", &close.model)] {
            let address = |blob: &BlobRef| BlobHash::try_from(blob.sha256.as_slice()).ok();
            let address =
                blob.as_ref().and_then(address).ok_or_else(|| format!("it names no {what}"))?;
            match self.store.get_blob(&address) {
                Ok(Some(_)) => self.report.blobs += 1,
                Ok(None) => {
                    return Err(format!("the blob of its {what}, {address}, is not in the ledger"));
                }
                Err(error) => return Err(format!("its {what}: {error}")),
            }
        }
        Ok(())
    }

    fn report(self, is_closed: bool, elapsed: Duration) -> (AuditReport, Audited) {
        let audited = Audited { checkpoint: self.chain.head_checkpoint(), refuted: self.refuted };
        let report = AuditReport {
            is_closed,
            steps: (self.contract.step(), self.contract.parameters().steps),
            privacy: self.contract.parameters().describe_privacy(self.contract.succession()),
            phase: self.contract.phase().name().to_owned(),
            model: self.contract.model().hash().to_string(),
            elapsed_s: elapsed.as_secs_f64(),
            ..self.report
        };
        (report, audited)
    }
}

#[cfg(test)]
mod tests;
