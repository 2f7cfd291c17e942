//! How one header follows from those before it, signatures aside.
//!
//! [`HeaderChain`](crate::HeaderChain) asks this of every header whose seal it has verified. Whoever has a whole chain at
//! once needs one seal, the last one's: it covers the headers before it through the hashes that tie them
//! ([`verify_linked`]).

use consilium_hash::{BlockHash, ChainId};

use crate::{
    block::Block,
    checkpoint::Checkpoint,
    error::ChainError,
    header::{HEADER_VERSION, Header, NO_STATE},
    merkle::{Frontier, leaf_hash},
    seal::Validators,
};

/// A header that follows from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its hash.
    pub hash: BlockHash,
    /// The tree over all headers up to and with it.
    pub checkpoint: Checkpoint,
    /// When its block was made, in milliseconds since the epoch.
    pub time_ms: u64,
}

/// The end of a chain of headers: what the next one must follow from.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    chain_id: ChainId,
    last: Option<Link>,
    /// Over the hashes of all headers: its root is the next header's history root.
    history: Frontier,
}

impl Links {
    /// Before the first header.
    pub(crate) fn new(chain_id: ChainId) -> Self {
        Self { chain_id, last: None, history: Frontier::new() }
    }

    /// After this header, the last of as many as the frontier has leaves.
    pub(crate) fn after(chain_id: ChainId, header: &Header, history: Frontier) -> Self {
        let checkpoint = Checkpoint { chain_id, size: history.size(), root: history.root() };
        let last = Link { hash: header.hash(), checkpoint, time_ms: header.time_ms };
        Self { chain_id, last: Some(last), history }
    }

    /// The tree over all headers, as far as it takes part in what follows.
    pub(crate) fn history(&self) -> &Frontier {
        &self.history
    }

    /// Number of headers, which is the height of the next.
    pub(crate) fn len(&self) -> u64 {
        self.history.size()
    }

    /// What the next header is to name as its predecessor: the last one's hash, or the chain id.
    pub(crate) fn previous(&self) -> BlockHash {
        self.last.map_or(BlockHash::from(self.chain_id.0), |last| last.hash)
    }

    /// The time before which the next header cannot be.
    pub(crate) fn time_ms(&self) -> u64 {
        self.last.map_or(0, |last| last.time_ms)
    }

    /// The tree over all headers.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { chain_id: self.chain_id, size: self.len(), root: self.history.root() }
    }

    /// Checks version and height, which can be held against nobody before the seal has been verified.
    pub(crate) fn check_place(&self, header: &Header) -> Result<(), ChainError> {
        let height = header.height;
        if header.version != HEADER_VERSION {
            let got = header.version;
            return Err(ChainError::Version { height, expected: HEADER_VERSION, got });
        }
        if height > self.len() {
            return Err(ChainError::Gap { expected: self.len(), got: height });
        }
        Ok(())
    }

    /// Adds the next header, if it is that.
    pub(crate) fn add(&mut self, header: &Header) -> Result<Link, ChainError> {
        self.check_place(header)?;
        let height = header.height;
        if height != self.len() {
            return Err(ChainError::Gap { expected: self.len(), got: height });
        }
        if header.previous != self.previous() {
            let expected = self.previous();
            let got = header.previous;
            return Err(match height {
                0 => ChainError::WrongGenesis { expected: self.chain_id, got },
                _ => ChainError::WrongPredecessor { height, expected, got },
            });
        }
        if height == 0 && header.state_root != NO_STATE {
            return Err(ChainError::FirstState { got: header.state_root });
        }
        if header.time_ms < self.time_ms() {
            let previous_ms = self.time_ms();
            let got_ms = header.time_ms;
            return Err(ChainError::TimeBackwards { height, previous_ms, got_ms });
        }
        let expected = self.history.root();
        if header.history_root != expected {
            return Err(ChainError::WrongHistory { height, expected, got: header.history_root });
        }
        let hash = header.hash();
        self.history.append(leaf_hash(&hash.0));
        let link = Link { hash, checkpoint: self.checkpoint(), time_ms: header.time_ms };
        self.last = Some(link);
        Ok(link)
    }
}

/// Verifies that blocks, from the first on, hang together and that the last one is sealed, which vouches for all headers
/// before it. The entries are not looked at: [`Block::verify_entries`].
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_linked(blocks: &[Block], validators: &Validators) -> Result<Vec<Link>, ChainError> {
    let mut links = Links::new(*validators.chain_id());
    let linked = blocks.iter().map(|block| links.add(block.header())).collect::<Result<_, _>>()?;
    if let Some(last) = blocks.last() {
        last.sealed.verify(validators)?;
    }
    Ok(linked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chain::tests::{chain_of, validators},
        seal::{BadSeal, Seal},
    };

    #[test]
    fn linked_blocks_are_those_of_the_chain_and_need_the_last_seal_alone() {
        let (chain, mut blocks) = chain_of(9);
        blocks[..8].iter_mut().for_each(|block| block.sealed.seal = Seal::from_bytes([7; 64]));
        let linked = verify_linked(&blocks, &validators()).unwrap();
        for (link, header) in linked.iter().zip(chain.headers()) {
            assert_eq!((&link.hash, &link.checkpoint), (header.hash(), header.checkpoint()));
            assert_eq!(link.time_ms, header.time_ms);
        }
        blocks[8].sealed.seal = Seal::from_bytes([7; 64]);
        let refused = Err(ChainError::BadSeal(BadSeal { height: 8 }));
        assert_eq!(verify_linked(&blocks, &validators()), refused);
    }

    #[test]
    fn a_header_that_is_changed_under_the_last_seal_breaks_the_chain_at_the_next_one() {
        for height in 0..8 {
            let (_, mut blocks) = chain_of(9);
            blocks[height].sealed.header.time_ms += 1;
            let refused = verify_linked(&blocks, &validators()).unwrap_err();
            let next = height as u64 + 1;
            let is_next = matches!(
                refused,
                ChainError::WrongPredecessor { height, .. }
                    if height == next
            );
            assert!(is_next, "{refused}");
        }
        let (_, mut blocks) = chain_of(4);
        blocks.swap(1, 2);
        let refused = verify_linked(&blocks, &validators()).unwrap_err();
        assert_eq!(refused, ChainError::Gap { expected: 1, got: 2 });
        let (_, blocks) = chain_of(4);
        let refused = verify_linked(&blocks[1..], &validators()).unwrap_err();
        assert_eq!(refused, ChainError::Gap { expected: 0, got: 1 });
    }
}
