//! A ledger, replayed through the contract by somebody who trusts nothing but the genesis in its first block.
//!
//! Every block must be signed by the coordinator that the genesis names, continue the chain, hold the entries whose root
//! it names, and leave the state whose root it names. Every transaction is judged again by the contract, proofs
//! included: certificates, signatures, key, link and range proofs, sums with their certificates, countersignatures,
//! shares, the read-off of the sums and the model that follows. Every blob that a transaction names must be there.
//! The first thing that does not hold ends the audit.
//!
//! Proofs are checked many rounds at a time, folded into one multiscalar multiplication on all cores; memory is bounded by
//! the updates of one fold (`BATCH_PARAMETERS`). An audit can go on from an earlier one ([`Audited`]): then the proofs in
//! the blocks up to a height are not verified again, and everything else is.
//!
//! An institution that asks after its own updates alone needs none of this: [`crate::mine`].

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    path::Path,
    time::{Duration, Instant},
};

use consilium_contract::{
    Admission, Body, CandidateTransaction, CheckedUpdate, Contract, GenesisError, Parameters,
    Phase, Receipt, check::assume_checked, check_updates, transaction::parse_entry,
};
use consilium_crypto::{CandidateHeader, DiscreteLogTable, Hash};
use consilium_ledger::{
    Block, Checkpoint, HeaderChain, LedgerError, SealState, Store, verify_chain, verify_seal,
};
use consilium_proto::v1::{BlobRef, transaction::Action};
use ed25519_dalek::VerifyingKey;
use rand_core::OsRng;
use serde::Serialize;
use thiserror::Error;

use crate::{
    audited::Audited,
    digest::{hex, short},
};

/// Parameters of the updates that are folded at once, and so the most that are held decoded: 260 bytes each.
const BATCH_PARAMETERS: u64 = 1 << 20;

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
    #[error(
        "the ledger is of chain {}, expected {}; give the ledger of that run",
        hex(found),
        hex(expected)
    )]
    OtherChain {
        /// The chain id asked for.
        expected: Hash,
        /// The ledger's.
        found: Hash,
    },
    /// A transaction that cannot stand where it stands.
    #[error("block {height}, transaction {} (entry {index}): {detail}", transaction.as_ref().map_or("that does not decode".into(), hex))]
    Transaction {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// Its id, where it decodes.
        transaction: Option<Hash>,
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
        "block {height}: its transactions lead to state {}, its header says {}; the coordinator recorded what the contract does not make of them",
        short(expected),
        short(found)
    )]
    StateRoot {
        /// Height of the block.
        height: u64,
        /// The state that follows.
        expected: Hash,
        /// The state in the header.
        found: Hash,
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

/// What an audit has verified.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditReport {
    /// Chain id, in hexadecimal.
    pub chain_id: String,
    /// Whether the files are sealed and as they were when the ledger was closed; `false` where it was never closed.
    pub is_sealed: bool,
    /// Blocks: signature, hash, entries root, history root, state root of each.
    pub blocks: u64,
    /// Transactions, all of them.
    pub transactions: u64,
    /// Signatures of transactions.
    pub signatures: u64,
    /// Contributions to making committees.
    pub contributions: u64,
    /// Certificates of institutions.
    pub certificates: u64,
    /// Updates whose key, link and range proofs were verified, or found to fail as recorded.
    pub proven_updates: u64,
    /// Updates whose proofs an earlier audit has verified.
    pub earlier_updates: u64,
    /// Updates accepted into a round.
    pub accepted_updates: u64,
    /// Sums: additions of the encrypted keys and their certificates.
    pub sums: u64,
    /// Countersignatures that counted.
    pub countersignatures: u64,
    /// Decryption shares that counted.
    pub shares: u64,
    /// Models computed from the opened sums.
    pub models: u64,
    /// Blobs read and hashed.
    pub blobs: u64,
    /// Rejected transactions by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Closed rounds and the rounds that the genesis asks for.
    pub steps: (u64, u64),
    /// What the closed rounds have cost each institution, where they add noise.
    pub privacy: Option<String>,
    /// How the run stands: `finished`, or the phase at which the ledger ends.
    pub phase: String,
    /// SHA-256 of the last model, in hexadecimal.
    pub model: String,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("blocks: signatures, hashes, roots", self.blocks),
            ("transactions", self.transactions),
            ("signatures of transactions", self.signatures),
            ("contributions to making committees", self.contributions),
            ("certificates", self.certificates),
            ("updates with key, link and range proofs", self.proven_updates),
            ("updates that an earlier audit has proven", self.earlier_updates),
            ("updates accepted", self.accepted_updates),
            ("sums and their certificates", self.sums),
            ("countersignatures", self.countersignatures),
            ("decryption shares", self.shares),
            ("decoded models", self.models),
            ("blobs", self.blobs),
        ];
        writeln!(f, "chain {}", self.chain_id)?;
        for (what, count) in counts {
            writeln!(f, "  {what:<42}{count:>10}")?;
        }
        for (reason, count) in &self.rejected {
            writeln!(f, "  {:<42}{count:>10}", format!("rejected: {reason}"))?;
        }
        writeln!(
            f,
            "  {:<42}{:>10}",
            "rounds closed",
            format!("{} of {}", self.steps.0, self.steps.1)
        )?;
        if let Some(privacy) = &self.privacy {
            writeln!(f, "  privacy: {privacy}")?;
        }
        writeln!(f, "  {:<42}{:>10}", "the ledger ends", self.phase)?;
        let seal = if self.is_sealed { "intact" } else { "none" };
        writeln!(f, "  {:<42}{seal:>10}", "seal over the files")?;
        writeln!(f, "  last model {}", self.model)?;
        write!(f, "  everything holds; {:.1} s", self.elapsed_s)
    }
}

/// What an audit is told beside the ledger.
pub struct Scope<'a> {
    /// The ledger must be of this chain.
    pub chain_id: Option<&'a Hash>,
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
    chain_id: Option<&Hash>,
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
    let is_sealed = verify_seal(ledger)? == SealState::Intact;
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
        for ahead in &batch {
            replay.block(ahead, &mut checked)?;
            (scope.progress)(replay.report.blocks, total);
        }
        match end {
            Ahead::More => {}
            Ahead::End => return Ok(replay.report(is_sealed, start.elapsed())),
            Ahead::Broken(error) => return Err(error),
        }
    }
}

/// A block that has been read and not judged, with the bodies of the updates in it.
struct Read {
    height: u64,
    block: Block,
    entries: Vec<(CandidateTransaction, bool)>,
    /// By the place of their transactions.
    bodies: Vec<(usize, Vec<u8>)>,
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

struct Replay<'a> {
    store: &'a Store,
    chain: HeaderChain,
    contract: Contract,
    report: AuditReport,
    /// Height up to which proofs are taken for granted, and the transactions for which they are not.
    trusted: Option<(u64, HashSet<Hash>)>,
    refuted: Vec<Hash>,
}

impl<'a> Replay<'a> {
    /// Block 0: the genesis, and the initial model beside it.
    fn begin(store: &'a Store, chain_id: Option<&Hash>) -> Result<Self, AuditError> {
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
        let coordinator = VerifyingKey::from_bytes(&parameters.coordinator.encode())
            .map_err(|_| GenesisError::NotAGenesis("the coordinator's key is unusable"))?;
        let mut chain = HeaderChain::new(parameters.chain_id, coordinator);
        chain.append_block(&block).map_err(|error| at(error.into()))?;
        let initial = store
            .get_blob(&parameters.initial_model)
            .map_err(at)?
            .ok_or(GenesisError::WrongModel)?;
        let contract = Contract::found(entry, &initial, DiscreteLogTable::shared())?;
        let report = AuditReport {
            chain_id: hex(&parameters.chain_id),
            blocks: 1,
            transactions: 1,
            signatures: 1,
            blobs: 1,
            ..AuditReport::default()
        };
        let mut replay =
            Self { store, chain, contract, report, trusted: None, refuted: Vec::new() };
        replay.end(0, &block)?;
        Ok(replay)
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
        let chain = verify_chain(blocks, chain_id, *self.chain.coordinator())?;
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
        // Before there is a key there is no update.
        let most = if self.contract.committee().is_some() { BATCH_PARAMETERS } else { 0 };
        let mut batch = Vec::new();
        let mut parameters = 0;
        loop {
            let Some((height, block)) = blocks.next() else { return (batch, Ahead::End) };
            let read = block.map_err(|source| AuditError::Block { height, source });
            match read.and_then(|block| self.read_block(height, block)) {
                Ok(read) => {
                    parameters +=
                        read.bodies.len() as u64 * u64::from(self.contract.parameters().dimension);
                    batch.push(read);
                }
                Err(error) => return (batch, Ahead::Broken(error)),
            }
            // Before the key is made there is nothing that proofs could be checked for.
            if parameters >= most || self.contract.committee().is_none() {
                return (batch, Ahead::More);
            }
        }
    }

    /// An update without a stored body is left out here, and missed where the contract asks for it.
    fn read_block(&self, height: u64, block: Block) -> Result<Read, AuditError> {
        let failed = |index, transaction, detail| AuditError::Transaction {
            height,
            index,
            transaction,
            detail,
        };
        let parse = |(index, entry): (usize, &Vec<u8>)| {
            parse_entry(entry).map_err(|error| failed(index, None, error.to_string()))
        };
        let entries = block.entries.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut bodies = Vec::new();
        for (index, (transaction, body_missing)) in entries.iter().enumerate() {
            let Action::SubmitUpdate(update) = transaction.action() else { continue };
            let Ok(header) = CandidateHeader::decode(&update.header) else { continue };
            if *body_missing {
                continue;
            }
            let body = self.store.get_blob(header.body_hash());
            let body =
                body.map_err(|error| failed(index, Some(transaction.id()), error.to_string()))?;
            bodies.extend(body.map(|body| (index, body)));
        }
        Ok(Read { height, block, entries, bodies })
    }

    /// All proofs of the updates in these blocks, folded.
    fn check(&mut self, batch: &[Read]) -> HashMap<Hash, CheckedUpdate> {
        let mut open = Vec::new();
        let mut granted = Vec::new();
        for read in batch {
            for (index, body) in &read.bodies {
                let Some((transaction, _)) = read.entries.get(*index) else { continue };
                let is_granted = self.trusted.as_ref().is_some_and(|(since, refuted)| {
                    read.height <= *since && !refuted.contains(&transaction.id())
                });
                let kind = if is_granted { &mut granted } else { &mut open };
                kind.push((transaction, body.as_slice()));
            }
        }
        // Its key stays, whoever holds the shares of it.
        let Some(committee) = self.contract.committee() else { return HashMap::new() };
        let parameters = self.contract.parameters();
        let mut checked = check_updates(parameters, committee, &open, &mut OsRng);
        self.refuted.extend(
            checked.iter().filter(|update| !update.is_proven()).map(CheckedUpdate::transaction),
        );
        checked.extend(assume_checked(parameters, &granted));
        self.report.blobs += checked.len() as u64;
        self.report.proven_updates += open.len() as u64;
        self.report.earlier_updates += granted.len() as u64;
        checked.into_iter().map(|update| (update.transaction(), update)).collect()
    }

    fn block(
        &mut self,
        read: &Read,
        checked: &mut HashMap<Hash, CheckedUpdate>,
    ) -> Result<(), AuditError> {
        let Read { height, block, entries, .. } = read;
        let height = *height;
        let at = |source| AuditError::Block { height, source };
        if block.height() != height {
            let detail = format!("expected height {height}, the header says {}", block.height());
            return Err(at(LedgerError::Malformed { what: "block", detail }));
        }
        self.chain.append_block(block).map_err(|error| at(error.into()))?;
        for (index, (transaction, body_missing)) in entries.iter().enumerate() {
            let id = transaction.id();
            let failed = |detail: String| AuditError::Transaction {
                height,
                index,
                transaction: Some(id),
                detail,
            };
            let body = match self.contract.admit(transaction) {
                Admission::Decided(_) => Body::None,
                Admission::NeedsBody { .. } if *body_missing => Body::Missing,
                Admission::NeedsBody { sha256, .. } => match checked.remove(&id) {
                    Some(update) => Body::Checked(update),
                    None => {
                        return Err(failed(format!(
                            "its body {} is not in the ledger",
                            hex(&sha256)
                        )));
                    }
                },
            };
            let receipt = self
                .contract
                .apply(transaction, body)
                .map_err(|error| failed(error.to_string()))?;
            if receipt.is_dropped() {
                let reason = receipt.reason.as_str_name();
                return Err(failed(format!("it must not stand on any chain: {reason}")));
            }
            self.count(transaction, &receipt);
            self.blobs_of(transaction, &receipt).map_err(failed)?;
            if let Phase::Opening(opening) = self.contract.phase()
                && let Some(Err(error)) = opening.outcome()
            {
                return Err(failed(error.to_string()));
            }
        }
        self.report.blocks += 1;
        self.end(height, block)
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
            Action::Genesis(_)
            | Action::OpenRound(_)
            | Action::Abandon(_)
            | Action::Revoke(_)
            | Action::BeginKeygen(_)
            | Action::EndStage(_)
            | Action::ChangeCommittee(_) => {}
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
            let address = |blob: &BlobRef| Hash::try_from(blob.sha256.as_slice()).ok();
            let address =
                blob.as_ref().and_then(address).ok_or_else(|| format!("it names no {what}"))?;
            match self.store.get_blob(&address) {
                Ok(Some(_)) => self.report.blobs += 1,
                Ok(None) => {
                    return Err(format!(
                        "the blob of its {what}, {}, is not in the ledger",
                        hex(&address)
                    ));
                }
                Err(error) => return Err(format!("its {what}: {error}")),
            }
        }
        Ok(())
    }

    /// The state after a block is the one that its header names.
    fn end(&mut self, height: u64, block: &Block) -> Result<(), AuditError> {
        let expected = self.contract.state_root();
        let found = block.header().state_root;
        if expected != found {
            return Err(AuditError::StateRoot { height, expected, found });
        }
        if let Some(head) = self.chain.head() {
            self.contract.end_block(head.into());
        }
        Ok(())
    }

    fn report(self, is_sealed: bool, elapsed: Duration) -> (AuditReport, Audited) {
        let audited = Audited { checkpoint: self.chain.head_checkpoint(), refuted: self.refuted };
        let report = AuditReport {
            is_sealed,
            steps: (self.contract.step(), self.contract.parameters().steps),
            privacy: self
                .contract
                .parameters()
                .privacy
                .as_ref()
                .map(|privacy| privacy.spent(self.contract.step())),
            phase: self.contract.phase().name().to_owned(),
            model: hex(&self.contract.model().hash()),
            elapsed_s: elapsed.as_secs_f64(),
            ..self.report
        };
        (report, audited)
    }
}

#[cfg(test)]
mod tests;
