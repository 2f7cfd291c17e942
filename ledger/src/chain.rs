//! Verification of one header after another.
//!
//! The caller pins the beginning: the chain's validators, and with them its id (hash of the genesis entry). From there
//! each header must be of the known version, at the next height, sealed for this chain, after the hash of the one before,
//! over the root of all before, and not earlier than it; the first must name no state. Everyone who follows a chain keeps such a copy and is shown
//! nothing else unnoticed: a second signed header at a known height, or a signed successor of another header, is a
//! [`Fork`], which anyone with the coordinator's key can check.

use std::collections::VecDeque;

use consilium_hash::{BlockHash, ChainId, MerkleNode, StateRoot};

use crate::{
    block::{self, Block, entries_root},
    checkpoint::Checkpoint,
    error::{ChainError, LedgerError},
    fork::Fork,
    header::{HEADER_VERSION, Header},
    link::{Link, Links},
    merkle::{self, ConsistencyProof, Frontier, InclusionProof},
    seal::{SealedHeader, Validators},
};

/// A header that follows, without a gap, from the genesis. Only [`HeaderChain`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader {
    sealed: SealedHeader,
    hash: BlockHash,
    checkpoint: Checkpoint,
}

impl VerifiedHeader {
    /// The header with its seal.
    pub fn sealed(&self) -> &SealedHeader {
        &self.sealed
    }

    /// The header's hash.
    pub fn hash(&self) -> &BlockHash {
        &self.hash
    }

    /// The tree over all headers up to and with this one.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl std::ops::Deref for VerifiedHeader {
    type Target = Header;

    fn deref(&self) -> &Header {
        &self.sealed.header
    }
}

/// A verified copy of a chain's headers, up to the last known: from the first on, unless the beginning has been forgotten.
/// About 350 bytes a header.
#[derive(Debug, Clone)]
pub struct HeaderChain {
    validators: Validators,
    /// The last ones, without a gap.
    headers: VecDeque<VerifiedHeader>,
    /// What the next header must follow from.
    links: Links,
}

impl HeaderChain {
    /// The empty copy of the chain that these vouch for.
    pub fn new(validators: Validators) -> Self {
        Self { validators, headers: VecDeque::new(), links: Links::new(*validators.chain_id()) }
    }

    /// The copy of a chain whose first headers, up to and with `last`, were verified before and are not at hand. `peaks` are
    /// those of [`Self::peaks`] then, and `next` is the header after `last`: its seal vouches for all before it.
    ///
    /// # Errors
    /// [`ChainError::BadSeal`], and [`ChainError::WrongPredecessor`] or [`ChainError::WrongHistory`] where `next` does not follow
    /// from the others.
    pub fn resume(
        validators: Validators,
        last: SealedHeader,
        peaks: Vec<MerkleNode>,
        next: &SealedHeader,
    ) -> Result<Self, ChainError> {
        next.verify(&validators)?;
        let Header { height, previous, history_root, .. } = next.header;
        let hash = last.hash();
        if height.checked_sub(1) != Some(last.header.height) || previous != hash {
            return Err(ChainError::WrongPredecessor { height, expected: hash, got: previous });
        }
        let history = Frontier::of_peaks(height, peaks).unwrap_or_default();
        let expected = history.root();
        if expected != history_root {
            return Err(ChainError::WrongHistory { height, expected, got: history_root });
        }
        let links = Links::after(*validators.chain_id(), &last.header, history);
        let header = VerifiedHeader { sealed: last, hash, checkpoint: links.checkpoint() };
        Ok(Self { validators, headers: VecDeque::from([header]), links })
    }

    /// The copy of a chain out of headers that were verified before and kept, from the first on. That they hang together is
    /// verified again, and the last one's seal, which vouches for all before it. The other seals are not looked at: whoever shows
    /// one of them to others verifies it then ([`SealedHeader::verify`]).
    ///
    /// # Errors
    /// As [`Self::append`], but for forks, which are errors of what was kept here.
    pub fn linked(
        validators: Validators,
        headers: impl IntoIterator<Item = SealedHeader>,
    ) -> Result<Self, ChainError> {
        let mut chain = Self::new(validators);
        for sealed in headers {
            let Link { hash, checkpoint, .. } = chain.links.add(&sealed.header)?;
            chain.headers.push_back(VerifiedHeader { sealed, hash, checkpoint });
        }
        if let Some(last) = chain.headers.back() {
            last.sealed.verify(&chain.validators)?;
        }
        Ok(chain)
    }

    /// The roots of the perfect subtrees of the tree over all headers, widest first: what [`Self::resume`] needs of them.
    pub fn peaks(&self) -> &[MerkleNode] {
        self.links.history().peaks()
    }

    /// Keeps the last header alone, for whoever has the others elsewhere.
    pub fn forget(&mut self) {
        self.headers.drain(..self.headers.len().saturating_sub(1));
    }

    /// Verifies the next header and appends it. A header that is already known changes nothing.
    ///
    /// # Errors
    /// A [`ChainError`], with the chain as it was. [`ChainError::Fork`] carries evidence; stop following then.
    pub fn append(&mut self, candidate: SealedHeader) -> Result<&VerifiedHeader, ChainError> {
        let header = &candidate.header;
        self.links.check_place(header)?;
        // Before anything is held against the coordinator: did it seal this?
        candidate.verify(&self.validators)?;

        if header.height < self.len() {
            return match self.get(header.height) {
                Some(ours) if ours.hash == candidate.hash() => Ok(ours),
                Some(ours) => Err(fork(ours, candidate)),
                None => Err(ChainError::Gap { expected: self.len(), got: header.height }),
            };
        }
        if let Some(ours) = self.head().filter(|ours| header.previous != ours.hash) {
            return Err(fork(ours, candidate));
        }
        let Link { hash, checkpoint, .. } = self.links.add(header)?;
        Ok(self.headers.push_back_mut(VerifiedHeader { sealed: candidate, hash, checkpoint }))
    }

    /// Verifies that the entries are the header's, then appends the header.
    ///
    /// # Errors
    /// As [`Block::verify_entries`] and [`HeaderChain::append`].
    pub fn append_block(&mut self, block: &Block) -> Result<&VerifiedHeader, ChainError> {
        block.verify_entries()?;
        self.append(block.sealed)
    }

    /// The header of the next block, for the coordinator to seal. `state_root` is the contract's state before the entries,
    /// [`NO_STATE`](crate::NO_STATE) for the first block. Where its clock (`time_ms`, milliseconds since the
    /// epoch) has gone back, the last block's time stands.
    ///
    /// # Errors
    /// [`ChainError::WrongCount`], [`ChainError::EntryTooLong`] if the entries break the limits of a block.
    pub fn propose(
        &self,
        entries: &[Vec<u8>],
        state_root: StateRoot,
        time_ms: u64,
    ) -> Result<Header, ChainError> {
        let height = self.len();
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        block::check_limits(height, count, entries)?;
        Ok(Header {
            version: HEADER_VERSION,
            height,
            previous: self.links.previous(),
            time_ms: time_ms.max(self.links.time_ms()),
            history_root: self.head_checkpoint().root,
            entries_root: entries_root(entries),
            state_root,
            count,
        })
    }

    /// Number of headers, which is the height of the next.
    pub fn len(&self) -> u64 {
        self.links.len()
    }

    /// Whether there is no header yet.
    pub fn is_empty(&self) -> bool {
        self.links.len() == 0
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &ChainId {
        self.validators.chain_id()
    }

    /// Those who vouch for the headers.
    pub fn validators(&self) -> &Validators {
        &self.validators
    }

    /// The last header.
    pub fn head(&self) -> Option<&VerifiedHeader> {
        self.headers.back()
    }

    /// The header at `height`; `None` also where it has been forgotten.
    pub fn get(&self, height: u64) -> Option<&VerifiedHeader> {
        let first = self.len().checked_sub(self.headers.len() as u64)?;
        self.headers.get(usize::try_from(height.checked_sub(first)?).ok()?)
    }

    /// All headers, from the first on that has not been forgotten.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = &VerifiedHeader> + ExactSizeIterator {
        self.headers.iter()
    }

    /// The tree over the first `size` headers.
    pub fn checkpoint(&self, size: u64) -> Option<Checkpoint> {
        match size.checked_sub(1) {
            None => Some(Checkpoint { chain_id: *self.chain_id(), size, root: merkle::root(&[]) }),
            Some(last) => self.get(last).map(|header| header.checkpoint),
        }
    }

    /// The tree over all headers.
    pub fn head_checkpoint(&self) -> Checkpoint {
        self.links.checkpoint()
    }

    /// That the header at `height` is in the tree over the first `size` headers, for `height < size`.
    ///
    /// The leaf to check it with is [`merkle::leaf_hash`] of the header's hash. Linear time in `size`.
    pub fn inclusion_proof(&self, height: u64, size: u64) -> Option<InclusionProof> {
        merkle::inclusion_proof(&self.history_leaves(size)?, height)
    }

    /// That the tree over the first `old` headers is the beginning of the tree over the first `new` ones.
    ///
    /// It is checked with the roots of the two checkpoints. Linear time in `new`.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Option<ConsistencyProof> {
        merkle::consistency_proof(&self.history_leaves(new)?, old)
    }

    /// The leaves of the tree over the first `size` headers.
    fn history_leaves(&self, size: u64) -> Option<Vec<MerkleNode>> {
        (0..size).map(|height| Some(merkle::leaf_hash(&self.get(height)?.hash.0))).collect()
    }
}

fn fork(ours: &VerifiedHeader, theirs: SealedHeader) -> ChainError {
    ChainError::Fork(Box::new(Fork { height: ours.height, ours: ours.sealed, theirs }))
}

/// Verifies blocks from the first on, entries included, and returns their headers.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_chain(
    blocks: impl IntoIterator<Item = Result<Block, LedgerError>>,
    validators: Validators,
) -> Result<HeaderChain, LedgerError> {
    let mut chain = HeaderChain::new(validators);
    for (height, block) in (0..).zip(blocks) {
        let block = block?;
        if block.height() != height {
            // A known block again would do no harm to a copy, but a ledger holds each block once.
            return Err(ChainError::Gap { expected: height, got: block.height() }.into());
        }
        chain.append_block(&block)?;
    }
    Ok(chain)
}

#[cfg(test)]
pub(crate) mod tests;
