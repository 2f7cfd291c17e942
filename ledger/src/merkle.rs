//! Merkle trees of RFC 6962, section 2.1 (unchanged in RFC 9162, section 2.1).
//!
//! `MTH({}) = SHA-256("")`; `MTH({d}) = SHA-256(0x00 ‖ d)`; `MTH(D[n]) = SHA-256(0x01 ‖ MTH(D[0:k]) ‖ MTH(D[k:n]))` with
//! k the largest power of two smaller than n. The two prefixes keep a leaf from being taken for a node.
//! Functions here speak of leaf hashes, so that a tree can grow without its data.

use consilium_hash::{MerkleNode, MerkleRoot};
use sha2::{Digest, Sha256};

use crate::sha256;

mod proof;

pub use proof::{
    ConsistencyProof, InclusionProof, ProofError, consistency_proof, consistency_ranges,
    inclusion_proof,
};

/// SHA-256(0x00 ‖ `data`).
pub fn leaf_hash(data: &[u8]) -> MerkleNode {
    MerkleNode(Sha256::new().chain_update([0x00]).chain_update(data).finalize().into())
}

/// SHA-256(0x01 ‖ `left` ‖ `right`).
pub fn node_hash(left: &MerkleNode, right: &MerkleNode) -> MerkleNode {
    let hasher = Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right);
    MerkleNode(hasher.finalize().into())
}

/// Root over leaf hashes; SHA-256("") for none. Linear time, logarithmic memory.
pub fn root(leaves: &[MerkleNode]) -> MerkleRoot {
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.append(*leaf);
    }
    frontier.root()
}

/// The right edge of a growing tree: the roots of its perfect subtrees, widest first (a compact range from 0).
///
/// Appending and taking the root cost O(log n) and no stored leaf.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<MerkleNode>,
}

impl Frontier {
    /// The frontier of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree of so many leaves with these roots of its perfect subtrees, widest first; `None` where a tree of that size has
    /// more or fewer of them. Whether they are its roots shows in [`Self::root`].
    pub fn of_peaks(size: u64, peaks: Vec<MerkleNode>) -> Option<Self> {
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }

    /// The roots of its perfect subtrees, widest first.
    pub fn peaks(&self) -> &[MerkleNode] {
        &self.peaks
    }

    /// Appends one leaf hash.
    pub fn append(&mut self, leaf: MerkleNode) {
        // Each trailing one in the binary size is a perfect subtree that the new one completes to the next width.
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Root of the tree.
    pub fn root(&self) -> MerkleRoot {
        match self.peaks.split_last() {
            None => MerkleRoot(sha256(b"")),
            Some((last, wider)) => MerkleRoot(under(wider, *last).0),
        }
    }

    /// The root of the tree in which a narrower one, of this root, follows these leaves.
    pub fn root_with(&self, right: MerkleNode) -> MerkleRoot {
        MerkleRoot(under(&self.peaks, right).0)
    }
}

/// The node over these perfect subtrees, widest first, and what follows them.
fn under(peaks: &[MerkleNode], right: MerkleNode) -> MerkleNode {
    peaks.iter().rev().fold(right, |right, left| node_hash(left, &right))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The eight leaves of the Certificate Transparency reference implementation's tests.
    pub(crate) fn reference_leaves() -> Vec<MerkleNode> {
        [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|data| leaf_hash(&hex::decode(data).unwrap()))
        .collect()
    }

    /// Roots of the first 1 to 8 of them.
    pub(crate) const REFERENCE_ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// MTH by the recursive definition of the RFC, word by word.
    pub(crate) fn root_by_definition(leaves: &[MerkleNode]) -> MerkleRoot {
        MerkleRoot(node_by_definition(leaves).0)
    }

    fn node_by_definition(leaves: &[MerkleNode]) -> MerkleNode {
        match leaves {
            [] => MerkleNode(sha256(b"")),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&node_by_definition(left), &node_by_definition(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_reference_implementation() {
        let leaves = reference_leaves();
        assert_eq!(
            root(&[]).to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (size, expected) in (1..).zip(REFERENCE_ROOTS) {
            assert_eq!(root(&leaves[..size]).to_string(), expected, "size {size}");
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_recursive_definition_at_every_size() {
        let leaves: Vec<MerkleNode> = (0u32..200).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let mut frontier = Frontier::new();
        for size in 0..leaves.len() {
            assert_eq!(frontier.root(), root_by_definition(&leaves[..size]), "size {size}");
            assert_eq!(frontier.size(), size as u64);
            frontier.append(leaves[size]);
        }
    }

    #[test]
    fn a_leaf_is_never_taken_for_a_node() {
        let a = leaf_hash(b"a");
        let b = leaf_hash(b"b");
        assert_ne!(leaf_hash(&[a.0, b.0].concat()), node_hash(&a, &b));
    }
}
