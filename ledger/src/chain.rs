//! Verification of one header after another.
//!
//! The caller pins the beginning: the chain's validators, and with them its id (hash of the genesis entry). From there
//! each header must be of the known version, at the next height, sealed for this chain, after the hash of the one before,
//! over the root of all before, and not earlier than it; the first must name no state. Everyone who follows a chain keeps such a copy and is shown
//! nothing else unnoticed: a second signed header at a known height, or a signed successor of another header, is a
//! [`Fork`], which anyone with the coordinator's key can check.

use consilium_hash::{BlockHash, ChainId, MerkleNode, StateRoot};

use crate::{
    block::{self, Block, entries_root},
    checkpoint::Checkpoint,
    error::{ChainError, LedgerError},
    fork::Fork,
    header::{HEADER_VERSION, Header},
    link::{Link, Links},
    merkle::{self, ConsistencyProof, InclusionProof},
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

/// A verified copy of a chain's headers, from the first to the last known. About 350 bytes a header.
#[derive(Debug, Clone)]
pub struct HeaderChain {
    validators: Validators,
    headers: Vec<VerifiedHeader>,
    /// What the next header must follow from.
    links: Links,
}

impl HeaderChain {
    /// The empty copy of the chain that these vouch for.
    pub fn new(validators: Validators) -> Self {
        Self { validators, headers: Vec::new(), links: Links::new(*validators.chain_id()) }
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

        if let Some(at) = usize::try_from(header.height).ok().filter(|at| *at < self.headers.len())
        {
            return match self.headers.get(at) {
                Some(ours) if ours.hash == candidate.hash() => Ok(ours),
                Some(ours) => Err(fork(ours, candidate)),
                None => Err(ChainError::Gap { expected: self.len(), got: header.height }),
            };
        }
        if let Some(ours) = self.head().filter(|ours| header.previous != ours.hash) {
            return Err(fork(ours, candidate));
        }
        let Link { hash, checkpoint, .. } = self.links.add(header)?;
        Ok(self.headers.push_mut(VerifiedHeader { sealed: candidate, hash, checkpoint }))
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
        self.headers.is_empty()
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
        self.headers.last()
    }

    /// The header at `height`.
    pub fn get(&self, height: u64) -> Option<&VerifiedHeader> {
        self.headers.get(usize::try_from(height).ok()?)
    }

    /// All headers from the first on.
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
        let before = self.headers.get(..usize::try_from(size).ok()?)?;
        Some(before.iter().map(|header| merkle::leaf_hash(&header.hash.0)).collect())
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
