//! A ledger, replayed through the contract by somebody who trusts nothing but the genesis in its first block.
//!
//! Every block must be sealed by the coordinator that the genesis names, continue the chain, hold the entries whose root
//! it names, and name the state in which the blocks before it have left the contract. What the last block leads to follows
//! from its entries alone: no header has named it yet. Every transaction is judged again by the contract, proofs
//! included: certificates, signatures, key, link and range proofs, sums with their certificates, countersignatures,
//! shares, the read-off of the sums and the model that follows. Every blob that a transaction names must be there.
//! The first thing that does not hold ends the audit.
//!
//! Proofs are checked many rounds at a time, those of updates and those about accounts each folded into one multiscalar
//! multiplication; memory is bounded by what is folded at once (`BATCH_BYTES`). An audit can go on from an earlier one
//! ([`Audited`]): then the proofs of updates in the blocks up to a height are not verified again, and everything else is.
//!
//! An institution that asks after its own updates alone needs none of this: [`crate::mine`].

use std::{
    borrow::Cow,
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};

use consilium_contract::{
    CandidateTransaction, CheckedUpdate, Contract, ExecuteError, GenesisError, Parameters, Phase,
    Receipt, Recorded,
    check::assume_checked,
    check_updates,
    execute::{CheckedAhead, LoadError, Loaded, end, execute_loaded},
};
use consilium_crypto::DiscreteLogTable;
use consilium_hash::{BlobHash, ChainId, TransactionHash};
use consilium_ledger::{
    Block, Checkpoint, HeaderChain, LedgerError, Malformed, ManifestState, Store, verify_chain,
    verify_manifest,
};
use consilium_proto::v1::{BlobRef, transaction::Action};
use rand_core::OsRng;

use crate::audited::Audited;

mod error;
mod report;

pub use error::AuditError;
pub use report::AuditReport;

/// What the proofs that are folded at once may take in memory, unless one block holds more.
const BATCH_BYTES: usize = 256 << 20;

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
    loop {
        let (batch, end) = replay.read(&mut blocks);
        let mut checked = replay.check(&batch);
        for ahead in batch {
            replay.block(ahead, &mut checked)?;
            (scope.progress)(replay.report.blocks, total);
        }
        match end {
            Ahead::More => {}
            Ahead::End => return Ok(replay.report(is_closed, start.elapsed())),
            Ahead::Broken(error) => return Err(error),
        }
    }
}

/// A block that has been read and not judged, with the bodies of the updates in it.
struct Read {
    height: u64,
    block: Block,
    loaded: Loaded<'static>,
}

/// Why no further block was read ahead.
enum Ahead {
    /// The batch is full.
    More,
    /// The ledger ends.
    End,
    /// The next block does not hold. What comes before it is judged first.
    Broken(AuditError),
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
    report: AuditReport,
    /// Height up to which proofs are taken for granted, and the transactions for which they are not.
    trusted: Option<(u64, HashSet<TransactionHash>)>,
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
        Ok(Self { store, chain, contract, report, trusted: None, refuted: Vec::new() })
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
        self.trusted = Some((since, earlier.refuted.iter().copied().collect()));
        Ok(())
    }

    /// Reads blocks ahead, with their bodies, as many as are folded at once.
    fn read(
        &self,
        blocks: &mut impl Iterator<Item = (u64, Result<Block, LedgerError>)>,
    ) -> (Vec<Read>, Ahead) {
        let parameters = self.contract.parameters();
        let has_key = self.contract.committee().is_some();
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            let Some((height, block)) = blocks.next() else { return (batch, Ahead::End) };
            let read = block.map_err(|source| AuditError::Block { height, source });
            match read.and_then(|block| self.read_block(height, block)) {
                Ok(read) => {
                    bytes += read.loaded.verifying_bytes(parameters);
                    // Updates are checked for the key: where it may be made, what follows waits for it.
                    let may_make_key = !has_key && read.loaded.is_about_the_key();
                    batch.push(read);
                    if bytes >= BATCH_BYTES || may_make_key {
                        return (batch, Ahead::More);
                    }
                }
                Err(error) => return (batch, Ahead::Broken(error)),
            }
        }
    }

    /// An update without a stored body is left out here, and missed where the contract asks for it.
    fn read_block(&self, height: u64, block: Block) -> Result<Read, AuditError> {
        let body = |address: &BlobHash| {
            Ok::<_, LedgerError>(self.store.get_blob(address)?.map(Cow::Owned))
        };
        match Loaded::load(&block, body) {
            Ok(loaded) => Ok(Read { height, block, loaded }),
            Err(LoadError::Block(error)) => Err(failed(height, error)),
            Err(LoadError::Body { index, transaction, error }) => Err(AuditError::Transaction {
                height,
                index,
                transaction: Some(transaction),
                detail: error.to_string(),
            }),
        }
    }

    /// All proofs of the updates in these blocks, folded; and those about accounts.
    fn check(&mut self, batch: &[Read]) -> CheckedAhead {
        let mut open = Vec::new();
        let mut granted = Vec::new();
        for read in batch {
            for (transaction, body) in read.loaded.with_bodies() {
                let is_granted = self.trusted.as_ref().is_some_and(|(since, refuted)| {
                    read.height <= *since && !refuted.contains(&transaction.id())
                });
                let kind = if is_granted { &mut granted } else { &mut open };
                kind.push((transaction, body));
            }
        }
        let parameters = self.contract.parameters();
        let mut ahead = CheckedAhead::default();
        // Its key stays, whoever holds the shares of it.
        if let Some(committee) = self.contract.committee() {
            let mut checked = check_updates(parameters, committee, &open, &mut OsRng);
            self.refuted.extend(
                checked.iter().filter(|update| !update.is_proven()).map(CheckedUpdate::transaction),
            );
            checked.extend(assume_checked(parameters, committee, &granted));
            self.report.blobs += checked.len() as u64;
            self.report.proven_updates += open.len() as u64;
            self.report.earlier_updates += granted.len() as u64;
            ahead = checked.into_iter().collect();
            ahead.expect(parameters, batch.iter().map(|read| &read.loaded), &mut OsRng);
        }
        let blocks = batch.iter().map(|read| &read.loaded);
        ahead.check_quantities(&self.contract, blocks, &mut OsRng);
        ahead
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
