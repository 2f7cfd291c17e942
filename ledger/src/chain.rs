//! Verification of one header after another.
//!
//! The caller pins the beginning: the chain id (hash of the genesis entry) and the coordinator's key. From there each
//! header must be of the known version, at the next height, signed for this chain, after the hash of the one before,
//! over the root of all before, and not earlier than it. Everyone who follows a chain keeps such a copy and is shown
//! nothing else unnoticed: a second signed header at a known height, or a signed successor of another header, is a
//! [`Fork`], which anyone with the coordinator's key can check.

use consilium_hash::{BlockHash, ChainId, StateRoot};
use ed25519_dalek::VerifyingKey;

use crate::{
    Block, ChainError, Checkpoint, HEADER_VERSION, Hash, Header, LedgerError, SealedHeader, block,
    entries_root,
    merkle::{self, ConsistencyProof, Frontier, InclusionProof},
};

/// A header that follows, without a gap, from the genesis. Only [`HeaderChain`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHeader {
    sealed: SealedHeader,
    hash: BlockHash,
    checkpoint: Checkpoint,
}

impl VerifiedHeader {
    /// The header with the coordinator's signature.
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

/// Evidence that the coordinator signed two histories: two headers at one height, or one header and a successor of
/// another at the next height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The height at which the histories differ.
    pub height: u64,
    /// The header on the chain of the one who noticed.
    pub ours: SealedHeader,
    /// The header, at the same height or the next, that belongs to another history.
    pub theirs: SealedHeader,
}

impl Fork {
    /// Whether this convicts the coordinator: both signatures hold, and no chain contains both headers.
    pub fn verify(&self, chain_id: &ChainId, coordinator: &VerifyingKey) -> bool {
        let ours = &self.ours;
        let theirs = &self.theirs;
        let signed = [ours, theirs]
            .iter()
            .all(|sealed| sealed.verify_signature(chain_id, coordinator).is_ok());
        let same_height =
            theirs.header.height == ours.header.height && theirs.hash() != ours.hash();
        let successor_of_another = Some(theirs.header.height) == ours.header.height.checked_add(1)
            && theirs.header.previous != ours.hash();
        signed && self.height == ours.header.height && (same_height || successor_of_another)
    }
}

/// A verified copy of a chain's headers, from the first to the last known. About 350 bytes a header.
#[derive(Debug, Clone)]
pub struct HeaderChain {
    chain_id: ChainId,
    coordinator: VerifyingKey,
    headers: Vec<VerifiedHeader>,
    /// Over the hashes of all `headers`: its root is the next header's history root.
    history: Frontier,
}

impl HeaderChain {
    /// The empty copy of the chain with this id (hash of its genesis entry) and coordinator.
    pub fn new(chain_id: ChainId, coordinator: VerifyingKey) -> Self {
        Self { chain_id, coordinator, headers: Vec::new(), history: Frontier::new() }
    }

    /// Verifies the next header and appends it. A header that is already known changes nothing.
    ///
    /// # Errors
    /// A [`ChainError`], with the chain as it was. [`ChainError::Fork`] carries evidence; stop following then.
    pub fn append(&mut self, candidate: SealedHeader) -> Result<&VerifiedHeader, ChainError> {
        let header = &candidate.header;
        let height = header.height;
        let hash = candidate.hash();
        let next = self.len();
        if header.version != HEADER_VERSION {
            return Err(ChainError::Version {
                height,
                expected: HEADER_VERSION,
                got: header.version,
            });
        }
        if height > next {
            return Err(ChainError::Gap { expected: next, got: height });
        }
        // Before anything is held against the coordinator: did it sign this?
        candidate.verify_signature(&self.chain_id, &self.coordinator)?;

        if height < next {
            return match self.get(height) {
                Some(ours) if ours.hash == hash => Ok(ours),
                Some(ours) => Err(fork(ours, candidate)),
                None => Err(ChainError::Gap { expected: next, got: height }),
            };
        }
        match self.head() {
            None if header.previous.0 != self.chain_id.0 => {
                return Err(ChainError::WrongGenesis {
                    expected: self.chain_id,
                    got: header.previous,
                });
            }
            Some(ours) if header.previous != ours.hash => return Err(fork(ours, candidate)),
            Some(ours) if header.time_ms < ours.time_ms => {
                return Err(ChainError::TimeBackwards {
                    height,
                    previous_ms: ours.time_ms,
                    got_ms: header.time_ms,
                });
            }
            _ => {}
        }
        let expected = self.history.root();
        if header.history_root != expected {
            return Err(ChainError::WrongHistory { height, expected, got: header.history_root });
        }

        self.history.append(merkle::leaf_hash(&hash.0));
        let checkpoint = self.head_checkpoint();
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

    /// The header of the next block, for the coordinator to seal. Where its clock (`time_ms`, milliseconds since the
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
            previous: self.head().map_or(BlockHash::from(self.chain_id.0), |head| head.hash),
            time_ms: self.head().map_or(time_ms, |head| time_ms.max(head.time_ms)),
            history_root: self.history.root(),
            entries_root: entries_root(entries),
            state_root,
            count,
        })
    }

    /// Number of headers, which is the height of the next.
    pub fn len(&self) -> u64 {
        self.history.size()
    }

    /// Whether there is no header yet.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// The chain's id.
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The key that signs the headers.
    pub fn coordinator(&self) -> &VerifyingKey {
        &self.coordinator
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
            None => Some(Checkpoint { chain_id: self.chain_id, size, root: merkle::root(&[]) }),
            Some(last) => self.get(last).map(|header| header.checkpoint),
        }
    }

    /// The tree over all headers.
    pub fn head_checkpoint(&self) -> Checkpoint {
        Checkpoint { chain_id: self.chain_id, size: self.len(), root: self.history.root() }
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
    fn history_leaves(&self, size: u64) -> Option<Vec<Hash>> {
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
    chain_id: ChainId,
    coordinator: VerifyingKey,
) -> Result<HeaderChain, LedgerError> {
    let mut chain = HeaderChain::new(chain_id, coordinator);
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
pub(crate) mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    pub(crate) const CHAIN_ID: ChainId = ChainId([1; 32]);

    pub(crate) fn coordinator() -> SigningKey {
        SigningKey::from_bytes(&[2; 32])
    }

    pub(crate) fn empty_chain() -> HeaderChain {
        HeaderChain::new(CHAIN_ID, coordinator().verifying_key())
    }

    /// The next block of `chain`, with two entries.
    pub(crate) fn next_block(chain: &HeaderChain) -> Block {
        let entries = vec![chain.len().to_be_bytes().to_vec(), vec![0xab; 100]];
        let header = chain.propose(&entries, StateRoot([3; 32]), 1_000 + chain.len()).unwrap();
        Block { sealed: header.seal(&CHAIN_ID, &coordinator()), entries }
    }

    pub(crate) fn chain_of(blocks: u64) -> (HeaderChain, Vec<Block>) {
        let mut chain = empty_chain();
        let blocks = (0..blocks)
            .map(|_| {
                let block = next_block(&chain);
                chain.append_block(&block).unwrap();
                block
            })
            .collect();
        (chain, blocks)
    }

    fn seal(header: Header) -> SealedHeader {
        header.seal(&CHAIN_ID, &coordinator())
    }

    #[test]
    fn blocks_in_order_verify_and_known_ones_change_nothing() {
        let (chain, blocks) = chain_of(9);
        let mut copy =
            verify_chain(blocks.iter().cloned().map(Ok), CHAIN_ID, coordinator().verifying_key())
                .unwrap();
        assert_eq!(copy.len(), 9);
        assert_eq!(copy.head(), chain.head());
        assert_eq!(copy.append(blocks[3].sealed).unwrap().height, 3);
        assert_eq!(copy.len(), 9);
        assert!(copy.headers().map(|header| *header.hash()).eq(blocks.iter().map(Block::hash)));
    }

    #[test]
    fn every_wrong_field_has_its_own_error_and_leaves_the_chain_as_it_was() {
        let (mut chain, blocks) = chain_of(4);
        let good = next_block(&chain).sealed.header;
        let bad = [9; 32];
        let ours = blocks[3].sealed;
        let successor_of_another = seal(Header { previous: BlockHash(bad), ..good });
        let cases = [
            (
                seal(Header { version: 2, ..good }),
                ChainError::Version { height: 4, expected: 1, got: 2 },
            ),
            (seal(Header { height: 5, ..good }), ChainError::Gap { expected: 4, got: 5 }),
            (
                successor_of_another,
                ChainError::Fork(Box::new(Fork { height: 3, ours, theirs: successor_of_another })),
            ),
            (
                seal(Header { history_root: bad, ..good }),
                ChainError::WrongHistory { height: 4, expected: good.history_root, got: bad },
            ),
            (
                seal(Header { time_ms: 1_002, ..good }),
                ChainError::TimeBackwards { height: 4, previous_ms: 1_003, got_ms: 1_002 },
            ),
            (
                SealedHeader { signature: [0; 64], ..seal(good) },
                ChainError::BadSignature { height: 4 },
            ),
            (good.seal(&ChainId(bad), &coordinator()), ChainError::BadSignature { height: 4 }),
        ];
        for (candidate, expected) in cases {
            assert_eq!(chain.append(candidate), Err(expected));
            assert_eq!(chain.len(), 4);
        }
        assert!(chain.append(seal(good)).is_ok());
    }

    #[test]
    fn the_first_header_must_name_the_chain_id() {
        let mut chain = empty_chain();
        let first = next_block(&chain).sealed.header;
        let stranger = seal(Header { previous: BlockHash([9; 32]), ..first });
        assert_eq!(
            chain.append(stranger),
            Err(ChainError::WrongGenesis { expected: CHAIN_ID, got: BlockHash([9; 32]) })
        );
        assert!(chain.append(seal(first)).is_ok());
    }

    #[test]
    fn two_signed_headers_at_one_height_are_evidence_and_noise_is_not() {
        let (mut chain, blocks) = chain_of(4);
        let second = seal(Header { state_root: StateRoot([9; 32]), ..blocks[2].sealed.header });
        let Err(ChainError::Fork(fork)) = chain.append(second) else { panic!("expected a fork") };
        assert_eq!(*fork, Fork { height: 2, ours: blocks[2].sealed, theirs: second });
        let key = coordinator().verifying_key();
        assert!(fork.verify(&CHAIN_ID, &key));
        assert!(!fork.verify(&ChainId([8; 32]), &key));
        assert!(!Fork { theirs: fork.ours, ..*fork }.verify(&CHAIN_ID, &key));
        assert!(!Fork { theirs: blocks[3].sealed, ..*fork }.verify(&CHAIN_ID, &key));
        let successor = seal(Header { previous: BlockHash([9; 32]), ..blocks[3].sealed.header });
        assert!(Fork { theirs: successor, ..*fork }.verify(&CHAIN_ID, &key));

        let unsigned = SealedHeader { signature: [7; 64], ..second };
        assert_eq!(chain.append(unsigned), Err(ChainError::BadSignature { height: 2 }));
        assert!(!Fork { theirs: unsigned, ..*fork }.verify(&CHAIN_ID, &key));
    }

    #[test]
    fn entries_that_are_not_the_headers_are_refused() {
        let (mut chain, _) = chain_of(2);
        let block = next_block(&chain);
        let mut changed = block.clone();
        changed.entries[1][50] ^= 1;
        assert!(matches!(
            chain.append_block(&changed),
            Err(ChainError::WrongEntries { height: 2, .. })
        ));
        let mut swapped = block.clone();
        swapped.entries.swap(0, 1);
        assert!(matches!(
            chain.append_block(&swapped),
            Err(ChainError::WrongEntries { height: 2, .. })
        ));
        let mut missing = block.clone();
        missing.entries.pop();
        assert!(matches!(
            chain.append_block(&missing),
            Err(ChainError::WrongCount { height: 2, expected: 2, got: 1 })
        ));
        assert!(chain.append_block(&block).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_does_not_stop_the_chain() {
        let (mut chain, blocks) = chain_of(3);
        let header = chain.propose(&blocks[0].entries, StateRoot([0; 32]), 5).unwrap();
        assert_eq!(header.time_ms, 1_002);
        assert!(chain.append(seal(header)).is_ok());
    }

    #[test]
    fn proposals_outside_the_limits_are_refused() {
        let chain = empty_chain();
        assert!(matches!(
            chain.propose(&[], StateRoot([0; 32]), 0),
            Err(ChainError::WrongCount { .. })
        ));
        assert!(matches!(
            chain.propose(&vec![vec![]; 65], StateRoot([0; 32]), 0),
            Err(ChainError::WrongCount { .. })
        ));
        let long = vec![vec![0; crate::MAX_ENTRY_BYTES + 1]];
        assert!(matches!(
            chain.propose(&long, StateRoot([0; 32]), 0),
            Err(ChainError::EntryTooLong { index: 0, .. })
        ));
    }

    #[test]
    fn one_header_proves_every_earlier_header_and_history() {
        let (chain, blocks) = chain_of(11);
        for head in 0..=11 {
            let Checkpoint { size, root, .. } = chain.checkpoint(head).unwrap();
            assert_eq!(size, head);
            assert!(
                blocks.get(head as usize).is_none_or(|block| block.header().history_root == root)
            );
            for height in 0..head {
                let proof = chain.inclusion_proof(height, head).unwrap();
                let leaf = merkle::leaf_hash(&blocks[height as usize].hash().0);
                assert_eq!(proof.verify(&leaf, &root), Ok(()));
                let proof = chain.consistency_proof(height, head).unwrap();
                assert_eq!(
                    proof.verify(&blocks[height as usize].header().history_root, &root),
                    Ok(())
                );
            }
            assert_eq!(chain.inclusion_proof(head, head), None);
        }
        assert_eq!(chain.checkpoint(11), Some(chain.head_checkpoint()));
        assert_eq!(chain.checkpoint(12), None);
        assert_eq!(chain.inclusion_proof(0, 12), None);
        assert_eq!(chain.consistency_proof(3, 12), None);
    }
}
