//! Blocks of an audit, read, and their proofs checked, while the blocks before them are run.
//!
//! Running a block takes one core; checking proofs takes all of them. So a batch is read and checked beside the run of the
//! one before it. What that needs stays the same from the first key on: parameters, and the key, whoever holds its shares.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use consilium_contract::{
    CheckedUpdate, Parameters,
    check::assume_checked,
    check_updates,
    execute::{CheckedAhead, LoadError, Loaded},
    keygen::committee::Committee,
};
use consilium_hash::{BlobHash, TransactionHash};
use consilium_ledger::{Block, LedgerError, Store};
use rand_core::OsRng;

use super::{AuditError, failed};

/// What is folded at once may take so much in memory, unless one block holds more. Two batches are held.
const BATCH_BYTES: usize = 128 << 20;
/// Updates that are folded at once. The bases that all share are a twentieth of such a fold; more would make batches so few
/// that nothing is left to be run beside them. Ledgers of tests are short, and have more than one batch, too.
const BATCH_UPDATES: usize = if cfg!(test) { 2 } else { 128 };

/// Proofs that an earlier audit has verified.
pub(super) struct Trusted {
    /// Height up to which they are.
    pub(super) since: u64,
    /// But for those that it found not to hold.
    pub(super) refuted: HashSet<TransactionHash>,
}

/// Reads blocks on.
pub(super) struct Ahead<'a> {
    pub(super) store: &'a Store,
    pub(super) parameters: Arc<Parameters>,
    /// Nobody before the key is made.
    pub(super) committee: Option<Arc<Committee>>,
    pub(super) trusted: Option<Arc<Trusted>>,
}

/// A block that has been read and not judged, with the bodies of the updates in it.
pub(super) struct Read {
    pub(super) height: u64,
    pub(super) block: Block,
    pub(super) loaded: Loaded<'static>,
}

/// Blocks that were read ahead, and what was found out about them.
pub(super) struct Batch {
    pub(super) blocks: Vec<Read>,
    pub(super) checked: CheckedAhead,
    /// Updates whose proofs were decided.
    pub(super) proven: u64,
    /// Updates whose proofs an earlier audit had verified.
    pub(super) granted: u64,
    /// Those whose proofs do not hold.
    pub(super) refuted: Vec<TransactionHash>,
    pub(super) end: End,
    has_key: bool,
}

/// Why no further block was read ahead.
pub(super) enum End {
    /// The batch is full.
    More,
    /// The ledger ends.
    OfLedger,
    /// The next block does not hold. What comes before it is judged first.
    Broken(AuditError),
}

impl Batch {
    /// Whether the blocks after it can be read before its own are run.
    pub(super) fn can_be_passed(&self) -> bool {
        self.has_key && matches!(self.end, End::More)
    }
}

impl Ahead<'_> {
    /// Reads blocks with their bodies, as many as are folded at once, and checks their proofs.
    pub(super) fn read(
        &self,
        blocks: &mut impl Iterator<Item = (u64, Result<Block, LedgerError>)>,
    ) -> Batch {
        let mut batch = Vec::new();
        let (mut bytes, mut updates) = (0, 0);
        let end = loop {
            let Some((height, block)) = blocks.next() else { break End::OfLedger };
            let read = block.map_err(|source| AuditError::Block { height, source });
            match read.and_then(|block| self.read_block(height, block)) {
                Ok(read) => {
                    bytes += read.loaded.verifying_bytes(&self.parameters);
                    updates += read.loaded.with_bodies().count();
                    // Updates are checked for the key: where it may be made, what follows waits for it.
                    let may_make_key = self.committee.is_none() && read.loaded.is_about_the_key();
                    batch.push(read);
                    if bytes >= BATCH_BYTES || updates >= BATCH_UPDATES || may_make_key {
                        break End::More;
                    }
                }
                Err(error) => break End::Broken(error),
            }
        };
        self.check(batch, end)
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

    /// All proofs of the updates in these blocks, folded.
    fn check(&self, blocks: Vec<Read>, end: End) -> Batch {
        let mut batch = Batch {
            blocks,
            checked: CheckedAhead::default(),
            proven: 0,
            granted: 0,
            refuted: Vec::new(),
            end,
            has_key: self.committee.is_some(),
        };
        let Some(committee) = &self.committee else { return batch };
        let mut open = Vec::new();
        let mut granted = Vec::new();
        for read in &batch.blocks {
            for (transaction, body) in read.loaded.with_bodies() {
                let is_granted = self.trusted.as_ref().is_some_and(|trusted| {
                    read.height <= trusted.since && !trusted.refuted.contains(&transaction.id())
                });
                let kind = if is_granted { &mut granted } else { &mut open };
                kind.push((transaction, body));
            }
        }
        batch.proven = open.len() as u64;
        batch.granted = granted.len() as u64;
        let mut checked = check_updates(&self.parameters, committee, &open, &mut OsRng);
        let refuted = checked.iter().filter(|update| !update.is_proven());
        batch.refuted.extend(refuted.map(CheckedUpdate::transaction));
        checked.extend(assume_checked(&self.parameters, committee, &granted));
        batch.checked = checked.into_iter().collect();
        let loaded = batch.blocks.iter().map(|read| &read.loaded);
        batch.checked.expect(&self.parameters, loaded, &mut OsRng);
        batch
    }
}
