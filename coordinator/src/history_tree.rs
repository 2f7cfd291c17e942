//! The tree over all headers, out of the ledger.
//!
//! A proof that one history is the beginning of another is made of roots of subtrees, some of them over nearly all headers.
//! Those over whole pages of [`PAGE`] headers are kept, 32 bytes each, once somebody has asked for one: so a proof reads the
//! headers of a few pages, however long the chain is.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use consilium_hash::MerkleNode;
use consilium_ledger::{
    LedgerError, Store,
    merkle::{Frontier, leaf_hash},
};

/// Headers of a page.
const PAGE: u64 = 256;

/// Roots of the first pages.
#[derive(Debug, Default)]
pub(crate) struct HistoryTree(Mutex<Vec<MerkleNode>>);

impl HistoryTree {
    /// The root over the headers at these heights, of which there is one at least: a subtree of RFC 9162, so that it begins
    /// with a page or lies within one.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn node(
        &self,
        store: &Store,
        heights: Range<u64>,
    ) -> Result<MerkleNode, LedgerError> {
        let whole = heights.start.div_ceil(PAGE)..heights.end / PAGE;
        if whole.is_empty() {
            return Ok(root(&leaves(store, heights)?));
        }
        let mut pages = Frontier::new();
        for page in self.pages(store, whole.clone())? {
            pages.append(page);
        }
        let rest = leaves(store, whole.end * PAGE..heights.end)?;
        let over_all = if rest.size() == 0 { pages.root() } else { pages.root_with(root(&rest)) };
        Ok(MerkleNode(over_all.0))
    }

    /// The roots of these pages, all of them whole.
    fn pages(&self, store: &Store, wanted: Range<u64>) -> Result<Vec<MerkleNode>, LedgerError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while (known.len() as u64) < wanted.end {
            let first = known.len() as u64 * PAGE;
            known.push(root(&leaves(store, first..first + PAGE)?));
        }
        let skipped = usize::try_from(wanted.start).unwrap_or(usize::MAX);
        let count = usize::try_from(wanted.end - wanted.start).unwrap_or(usize::MAX);
        Ok(known.iter().skip(skipped).take(count).copied().collect())
    }
}

fn leaves(store: &Store, heights: Range<u64>) -> Result<Frontier, LedgerError> {
    let mut tree = Frontier::new();
    for height in heights {
        if let Some(header) = store.get_header(height)? {
            tree.append(leaf_hash(&header.hash().0));
        }
    }
    Ok(tree)
}

fn root(tree: &Frontier) -> MerkleNode {
    MerkleNode(tree.root().0)
}

#[cfg(test)]
mod tests {
    use consilium_hash::ChainId;
    use consilium_ledger::{
        Block, HeaderChain, NO_STATE, Validators,
        merkle::{ConsistencyProof, consistency_ranges},
    };
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn proofs_out_of_the_ledger_are_those_of_a_chain_that_has_all_headers() {
        let key = SigningKey::from_bytes(&[2; 32]);
        let chain_id = ChainId([1; 32]);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut chain = HeaderChain::new(Validators::single(chain_id, key.verifying_key()));
        for _ in 0..600 {
            let entries = vec![vec![7]];
            let header = chain.propose(&entries, NO_STATE, 0).unwrap();
            let block = Block { sealed: header.seal(&chain_id, &key), entries };
            store.append_block(&block, &[]).unwrap();
            chain.append_block(&block).unwrap();
        }
        let tree = HistoryTree::default();
        let sizes = [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 599, 600];
        for to in sizes {
            for from in sizes {
                let path = consistency_ranges(from, to).map(|ranges| {
                    ranges.into_iter().map(|range| tree.node(&store, range).unwrap()).collect()
                });
                let proof =
                    path.map(|path| ConsistencyProof { old_size: from, new_size: to, path });
                assert_eq!(proof, chain.consistency_proof(from, to), "{from} to {to}");
            }
        }
    }
}
