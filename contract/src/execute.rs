//! One way to run a block: for a node that recovers, an audit, whoever judges evidence, and what a consensus decides.
//!
//! ```text
//! Block ─▶ Decoded ─▶ Loaded (with the bodies at hand) ─▶ check_ahead ─▶ execute ─▶ what became of each entry
//! ```
//!
//! [`execute`] does all of it, and folds the proofs of a block's updates into one check, and those about accounts into
//! another. Whoever reads many blocks loads them, checks all of them ahead and then runs each with [`execute_loaded`].

use std::{borrow::Cow, collections::HashMap};

use consilium_crypto::mask::CandidateHeader;
use consilium_hash::{BlobHash, StateRoot, TransactionHash};
use consilium_ledger::{Block, VerifiedHeader};
use consilium_proto::{WireError, v1::Reason};
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{
    action::Statement,
    body::{ApplyError, Body, Checked},
    contract::{Admission, Contract},
    exchange::check::{check_quantities, has_proof},
    parameters::Parameters,
    receipt::Receipt,
    round::{self, ExpectedSums, check::CheckedUpdate, check::check_updates},
    transaction::{CandidateTransaction, parse_entry},
};

/// What a proof about an account takes while it is verified with others, in bytes.
const QUANTITY_BYTES: usize = 16 << 10;

/// An entry of a block, and what the contract made of it.
#[derive(Debug)]
pub struct Recorded {
    /// The transaction.
    pub transaction: CandidateTransaction,
    /// What came of it.
    pub receipt: Receipt,
}

/// Why a block is not what an honest orderer seals, or cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExecuteError {
    /// An entry that cannot stand where it stands.
    #[error("entry {index}{}: {cause}", transaction.as_ref().map_or(String::new(), |id| format!(", transaction {}", id)))]
    Entry {
        /// Place in the block, from 0.
        index: usize,
        /// Its id, where it decodes.
        transaction: Option<TransactionHash>,
        /// What is wrong with it.
        cause: EntryError,
    },
    /// The blocks before it lead to another state than the header names.
    #[error("the transactions before it lead to state {expected}, its header says {found}")]
    StateRoot {
        /// The state that follows.
        expected: StateRoot,
        /// The state in the header.
        found: StateRoot,
    },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// It is no transaction.
    #[error("not a transaction: {0}")]
    Malformed(#[from] WireError),
    /// The contract refuses it, and by [`Receipt::may_stand`] no honest orderer records it.
    #[error("it must not stand on any chain: {}", .0.as_str_name())]
    MayNotStand(Reason),
    /// An update whose body decides, and is not at hand. It may be elsewhere.
    #[error("its body {0} is not there")]
    BodyAbsent(BlobHash),
    /// The caller checked another transaction: a defect of the caller.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl ExecuteError {
    /// Whether the block, which the coordinator has signed, convicts it. A body that is not at hand convicts nobody.
    pub fn convicts_the_coordinator(&self) -> bool {
        match self {
            Self::StateRoot { .. } => true,
            Self::Entry { cause, .. } => {
                matches!(cause, EntryError::Malformed(_) | EntryError::MayNotStand(_))
            }
        }
    }
}

/// The entries of a block, decoded. Nobody has judged them.
#[derive(Debug)]
pub struct Decoded {
    /// Each with the word that its body never arrived.
    entries: Vec<(CandidateTransaction, bool)>,
    /// Length of the encoded entries, in bytes.
    length: usize,
}

/// The entries of a block, decoded, with those bodies that are at hand. Nobody has judged them.
#[derive(Debug)]
pub struct Loaded<'a> {
    entries: Vec<Entry<'a>>,
    /// Length of the encoded entries, in bytes.
    length: usize,
}

#[derive(Debug)]
struct Entry<'a> {
    transaction: CandidateTransaction,
    body_missing: bool,
    body: Option<Cow<'a, [u8]>>,
}

impl Decoded {
    /// Decodes the entries of a block.
    ///
    /// # Errors
    /// [`ExecuteError::Entry`]: the first that is no transaction.
    pub fn of(block: &Block) -> Result<Self, ExecuteError> {
        let decode = |(index, entry): (usize, &Vec<u8>)| {
            parse_entry(entry).map_err(|error| ExecuteError::Entry {
                index,
                transaction: None,
                cause: error.into(),
            })
        };
        let entries = block.entries.iter().enumerate().map(decode).collect::<Result<_, _>>()?;
        Ok(Self { entries, length: block.entries.iter().map(Vec::len).sum() })
    }

    /// Length of the encoded entries, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The transactions, each with the word that its body never arrived.
    pub fn entries(&self) -> impl Iterator<Item = (&CandidateTransaction, bool)> {
        self.entries.iter().map(|(transaction, body_missing)| (transaction, *body_missing))
    }

    /// Fetches the bodies of updates and blobs of sums that the entries name by their SHA-256. Whether a body is needed, the
    /// contract says when it is its turn; sums never are.
    ///
    /// # Errors
    /// [`LoadError::Body`]: the error of `body`.
    pub fn load<'a, E>(
        self,
        mut body: impl FnMut(&BlobHash) -> Result<Option<Cow<'a, [u8]>>, E>,
    ) -> Result<Loaded<'a>, LoadError<E>> {
        let mut entries = Vec::with_capacity(self.entries.len());
        for (index, (transaction, body_missing)) in self.entries.into_iter().enumerate() {
            let named = || {
                body_hash(&transaction).or_else(|| announced(&transaction).map(|(_, sums)| sums))
            };
            let address = if body_missing { None } else { named() };
            let body = match address {
                Some(address) => body(&address).map_err(|error| LoadError::Body {
                    index,
                    transaction: transaction.id(),
                    error,
                })?,
                None => None,
            };
            entries.push(Entry { transaction, body_missing, body });
        }
        Ok(Loaded { entries, length: self.length })
    }
}

impl<'a> Loaded<'a> {
    /// Decodes the entries of a block, and fetches what they name.
    ///
    /// # Errors
    /// [`LoadError`]: the first entry that is no transaction, or the error of `body`.
    pub fn load<E>(
        block: &Block,
        body: impl FnMut(&BlobHash) -> Result<Option<Cow<'a, [u8]>>, E>,
    ) -> Result<Self, LoadError<E>> {
        Decoded::of(block)?.load(body)
    }

    /// What this block and the check of its proofs take in memory, in bytes: nearly all of it.
    pub fn verifying_bytes(&self, parameters: &Parameters) -> usize {
        let of_updates = parameters.verifying_bytes();
        let updates = self.with_bodies().count().saturating_mul(of_updates);
        let proofs = self.transactions().filter(|transaction| has_proof(transaction)).count();
        updates + proofs * QUANTITY_BYTES + self.length
    }

    /// Whether something in it is about the key: before there is one, it may be made here.
    pub fn is_about_the_key(&self) -> bool {
        let mut transactions = self.transactions();
        transactions.any(|it| matches!(it.kind().statement, Statement::Keygen(_)))
    }

    fn transactions(&self) -> impl Iterator<Item = &CandidateTransaction> {
        self.entries.iter().map(|entry| &entry.transaction)
    }

    /// The updates that came with a body, each with it.
    pub fn with_bodies(&self) -> impl Iterator<Item = (&CandidateTransaction, &[u8])> {
        let updates = self.entries.iter().filter(|entry| is_update(&entry.transaction));
        updates.filter_map(|entry| Some((&entry.transaction, entry.body.as_deref()?)))
    }

    /// The blobs of sums that orders in this block announce, with their steps.
    fn sums(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.entries.iter().filter_map(|entry| match entry.transaction.kind().statement {
            Statement::Round(round::Statement::Close(close)) => {
                Some((close.step, entry.body.as_deref()?))
            }
            _ => None,
        })
    }
}

/// Why a block was not loaded.
#[derive(Debug, Error)]
pub enum LoadError<E> {
    /// The block is at fault.
    #[error(transparent)]
    Block(#[from] ExecuteError),
    /// The place that bodies come from.
    #[error("entry {index}, transaction {}: {error}", transaction)]
    Body {
        /// Place in the block, from 0.
        index: usize,
        /// The transaction whose body was sought.
        transaction: TransactionHash,
        /// What went wrong there.
        error: E,
    },
}

/// What has been found out about blocks before they are run: outcomes of expensive checks, and what sums are said to open to.
#[derive(Debug, Default)]
pub struct CheckedAhead {
    checked: HashMap<TransactionHash, Checked>,
    /// By step.
    sums: HashMap<u64, ExpectedSums>,
}

impl CheckedAhead {
    /// Takes the sums that these blocks, or later ones, announce.
    pub fn expect<'b, 'a: 'b>(
        &mut self,
        parameters: &Parameters,
        blocks: impl IntoIterator<Item = &'b Loaded<'a>>,
        rng: &mut impl CryptoRngCore,
    ) {
        for (step, blob) in blocks.into_iter().flat_map(Loaded::sums) {
            let expected = ExpectedSums::read(step, blob, parameters.form(step).dimension(), rng);
            self.sums.extend(expected.map(|expected| (step, expected)));
        }
    }

    /// Verifies the proofs about accounts in these blocks, which follow on the contract's state in this order, folded.
    pub fn check_quantities<'b, 'a: 'b>(
        &mut self,
        contract: &Contract,
        blocks: impl IntoIterator<Item = &'b Loaded<'a>>,
        rng: &mut impl CryptoRngCore,
    ) {
        let said: Vec<_> = blocks.into_iter().flat_map(Loaded::transactions).collect();
        let checked = check_quantities(contract.exchange().accounts(), &said, rng);
        self.checked.extend(checked.into_iter().map(|it| (it.transaction(), it.into())));
    }

    /// What came of the check of a transaction.
    pub fn get(&self, transaction: &TransactionHash) -> Option<&Checked> {
        self.checked.get(transaction)
    }
}

impl FromIterator<CheckedUpdate> for CheckedAhead {
    fn from_iter<I: IntoIterator<Item = CheckedUpdate>>(updates: I) -> Self {
        let checked = updates.into_iter().map(|update| (update.transaction(), update.into()));
        Self { checked: checked.collect(), sums: HashMap::new() }
    }
}

/// Runs the expensive checks of all these blocks at once: the proofs of their updates are one sum that must be zero, those
/// about accounts another.
///
/// All blocks lie between two changes of the key, of which there is one; before it is made there is no update to check.
pub fn check_ahead<'b, 'a: 'b>(
    contract: &Contract,
    blocks: impl IntoIterator<Item = &'b Loaded<'a>> + Clone,
    rng: &mut impl CryptoRngCore,
) -> CheckedAhead {
    let mut checked = match contract.committee() {
        Some(committee) => {
            let parameters = contract.parameters();
            let updates: Vec<_> =
                blocks.clone().into_iter().flat_map(Loaded::with_bodies).collect();
            let checked = check_updates(parameters, committee, &updates, rng);
            let mut checked = checked.into_iter().collect::<CheckedAhead>();
            checked.expect(parameters, blocks.clone(), rng);
            checked
        }
        None => CheckedAhead::default(),
    };
    checked.check_quantities(contract, blocks, rng);
    checked
}

/// Runs a block after block 0: its entries, and the end of it.
///
/// # Errors
/// [`LoadError`]. The contract stands in the middle of the block then, and is of no use any more.
pub fn execute<'a, E>(
    contract: &mut Contract,
    block: &Block,
    header: &VerifiedHeader,
    body: impl FnMut(&BlobHash) -> Result<Option<Cow<'a, [u8]>>, E>,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<Recorded>, LoadError<E>> {
    // Before a body is asked for: of a block that names a wrong state the header alone matters.
    begin(contract, header)?;
    let loaded = Loaded::load(block, body)?;
    let mut checked = check_ahead(contract, [&loaded], rng);
    let recorded = run_entries(contract, loaded, &mut checked)?;
    end(contract, header);
    Ok(recorded)
}

/// Runs a block whose expensive checks have run ahead.
///
/// # Errors
/// [`ExecuteError`]. The contract stands in the middle of the block then, and is of no use any more.
pub fn execute_loaded(
    contract: &mut Contract,
    block: Loaded<'_>,
    header: &VerifiedHeader,
    checked: &mut CheckedAhead,
) -> Result<Vec<Recorded>, ExecuteError> {
    begin(contract, header)?;
    let recorded = run_entries(contract, block, checked)?;
    end(contract, header);
    Ok(recorded)
}

/// Begins a block after block 0: its header names the state in which the blocks before it have left the contract.
///
/// # Errors
/// [`ExecuteError::StateRoot`].
pub fn begin(contract: &Contract, header: &VerifiedHeader) -> Result<(), ExecuteError> {
    let expected = contract.state_root();
    let found = header.state_root;
    if expected == found { Ok(()) } else { Err(ExecuteError::StateRoot { expected, found }) }
}

/// Runs the entries of a block, or a part of them, between [`begin`] and [`end`].
///
/// # Errors
/// [`ExecuteError::Entry`]. The contract stands in the middle of the block then, and is of no use any more.
pub fn run_entries(
    contract: &mut Contract,
    block: Loaded<'_>,
    checked: &mut CheckedAhead,
) -> Result<Vec<Recorded>, ExecuteError> {
    let mut recorded = Vec::with_capacity(block.entries.len());
    for (index, Entry { transaction, body_missing, .. }) in block.entries.into_iter().enumerate() {
        match run(contract, &transaction, body_missing, checked) {
            Ok(receipt) => recorded.push(Recorded { transaction, receipt }),
            Err(cause) => {
                let transaction = Some(transaction.id());
                return Err(ExecuteError::Entry { index, transaction, cause });
            }
        }
    }
    Ok(recorded)
}

/// Ends a block, also block 0. The state after it is the one that the next header names.
pub fn end(contract: &mut Contract, header: &VerifiedHeader) {
    contract.end_block(header.into());
}

fn run(
    contract: &mut Contract,
    transaction: &CandidateTransaction,
    body_missing: bool,
    ahead: &mut CheckedAhead,
) -> Result<Receipt, EntryError> {
    if let Statement::Round(round::Statement::SubmitShare(share)) = transaction.kind().statement
        && let Some(sums) = ahead.sums.remove(&share.step)
    {
        contract.expect(sums);
    }
    let body = match contract.admit(transaction) {
        // What a proof about an account was found to hold for, if it was checked.
        Admission::Decided(_) => {
            ahead.checked.remove(&transaction.id()).map_or(Body::None, Body::Checked)
        }
        Admission::NeedsBody { .. } if body_missing => Body::Missing,
        Admission::NeedsBody { sha256, .. } => match ahead.checked.remove(&transaction.id()) {
            Some(checked) => Body::Checked(checked),
            None => return Err(EntryError::BodyAbsent(sha256)),
        },
    };
    let receipt = contract.apply(transaction, body)?;
    if receipt.may_stand(transaction) {
        Ok(receipt)
    } else {
        Err(EntryError::MayNotStand(receipt.reason))
    }
}

/// Address of the body that a transaction names.
pub fn body_hash(transaction: &CandidateTransaction) -> Option<BlobHash> {
    transaction.update_header()?.ok().map(CandidateHeader::body_hash)
}

/// Step and address of the sums that an order to close a round announces.
pub fn announced(transaction: &CandidateTransaction) -> Option<(u64, BlobHash)> {
    let Statement::Round(round::Statement::Close(close)) = transaction.kind().statement else {
        return None;
    };
    let address = BlobHash::try_from(close.sums.as_ref()?.sha256.as_slice()).ok()?;
    Some((close.step, address))
}

fn is_update(transaction: &CandidateTransaction) -> bool {
    let statement = transaction.kind().statement;
    matches!(statement, Statement::Round(round::Statement::SubmitUpdate(_)))
}
