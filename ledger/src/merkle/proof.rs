//! Inclusion and consistency proofs: RFC 9162, sections 2.1.3 and 2.1.4.
//!
//! Making a proof hashes all leaves once; checking one is logarithmic. Checks are bounded by the path they are given
//! and refuse every path that is longer or shorter than the sizes demand.

use std::ops::Range;

use consilium_hash::{MerkleNode, MerkleRoot};

use crate::merkle::{node_hash, root};

/// Why a Merkle proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index lies outside the tree, or the old tree is larger than the new one.
    #[error(
        "the proof speaks of place {place} in a tree of {size} leaves: ask for one that exists"
    )]
    OutOfRange {
        /// Leaf index or old size.
        place: u64,
        /// Size of the tree.
        size: u64,
    },
    /// The path has too many or too few hashes for the sizes.
    #[error("the proof's path of {got} hashes does not fit its sizes: discard it")]
    PathLength {
        /// Number of hashes.
        got: usize,
    },
    /// The path leads to another root.
    #[error("the proof leads to another root: what it speaks of is not in this tree")]
    WrongRoot,
}

/// That one leaf is in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Place of the leaf, from 0.
    pub index: u64,
    /// Number of leaves of the tree.
    pub size: u64,
    /// Siblings from the leaf to the root.
    pub path: Vec<MerkleNode>,
}

/// That one tree is the beginning of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// Number of leaves of the earlier tree.
    pub old_size: u64,
    /// Number of leaves of the later tree.
    pub new_size: u64,
    /// Subtree roots, in the order of RFC 9162.
    pub path: Vec<MerkleNode>,
}

/// PATH(m, D\[n\]) of RFC 9162, section 2.1.3.1; `None` where there is no such leaf.
pub fn inclusion_proof(leaves: &[MerkleNode], index: u64) -> Option<InclusionProof> {
    let size = leaves.len() as u64;
    let mut place = usize::try_from(index).ok().filter(|place| *place < leaves.len())?;
    let mut rest = leaves;
    let mut path = Vec::new();
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len() as u64) as usize);
        if place < left.len() {
            path.push(node(right));
            rest = left;
        } else {
            path.push(node(left));
            place -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(InclusionProof { index, size, path })
}

/// PROOF(m, D\[n\]) of RFC 9162, section 2.1.4.1; `None` where the old size exceeds the new one.
///
/// The empty tree is the beginning of every tree, and needs no path.
pub fn consistency_proof(leaves: &[MerkleNode], old_size: u64) -> Option<ConsistencyProof> {
    let new_size = leaves.len() as u64;
    let of_range = |range: Range<u64>| {
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        leaves.get(start..end).map(node)
    };
    let path = consistency_ranges(old_size, new_size)?.into_iter().map(of_range);
    Some(ConsistencyProof { old_size, new_size, path: path.collect::<Option<_>>()? })
}

/// The leaves under each node of the path that [`consistency_proof`] gives, for whoever has no leaves at hand; `None` where
/// the old size exceeds the new one.
pub fn consistency_ranges(old_size: u64, new_size: u64) -> Option<Vec<Range<u64>>> {
    if old_size > new_size {
        return None;
    }
    // D[0:m] is sought in the subtree over `rest`.
    let mut rest = 0..new_size;
    let mut path = Vec::new();
    while old_size > rest.start {
        if old_size == rest.end {
            // The whole old tree is known to whoever asks.
            if rest.start > 0 {
                path.push(rest);
            }
            break;
        }
        let middle = rest.start + split(rest.end - rest.start);
        if old_size <= middle {
            path.push(middle..rest.end);
            rest.end = middle;
        } else {
            path.push(rest.start..middle);
            rest.start = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The root of a subtree, as a node of the whole.
fn node(leaves: &[MerkleNode]) -> MerkleNode {
    MerkleNode(root(leaves).0)
}

/// The largest power of two smaller than `n`, for n > 1.
fn split(n: u64) -> u64 {
    n.next_power_of_two() / 2
}

/// The walk from a leaf (or the old tree's last whole subtree) to the root that both checks share.
struct Walk {
    /// fn of the RFC: place on this level.
    place: u64,
    /// sn of the RFC: last place on this level.
    last: u64,
}

impl Walk {
    /// Whether the sibling lies left of the place, which is where the levels without a sibling are skipped.
    fn sibling_is_left(&mut self) -> bool {
        let left = self.place & 1 == 1 || self.place == self.last;
        if left {
            while self.place & 1 == 0 && self.place != 0 {
                self.up();
            }
        }
        left
    }

    fn up(&mut self) {
        self.place >>= 1;
        self.last >>= 1;
    }
}

impl InclusionProof {
    /// Checks that the leaf with hash `leaf` is at `index` in the tree of `size` leaves with `root`
    /// (RFC 9162, section 2.1.3.2).
    pub fn verify(&self, leaf: &MerkleNode, root: &MerkleRoot) -> Result<(), ProofError> {
        if self.index >= self.size {
            return Err(ProofError::OutOfRange { place: self.index, size: self.size });
        }
        let mut walk = Walk { place: self.index, last: self.size - 1 };
        let mut node = *leaf;
        for sibling in &self.path {
            if walk.last == 0 {
                return Err(ProofError::PathLength { got: self.path.len() });
            }
            node = if walk.sibling_is_left() {
                node_hash(sibling, &node)
            } else {
                node_hash(&node, sibling)
            };
            walk.up();
        }
        if walk.last != 0 {
            return Err(ProofError::PathLength { got: self.path.len() });
        }
        if node.0 == root.0 { Ok(()) } else { Err(ProofError::WrongRoot) }
    }
}

impl ConsistencyProof {
    /// Checks that the tree of `old_size` leaves with `old_root` is the beginning of the one of `new_size` with
    /// `new_root` (RFC 9162, section 2.1.4.2).
    pub fn verify(&self, old_root: &MerkleRoot, new_root: &MerkleRoot) -> Result<(), ProofError> {
        if self.old_size > self.new_size {
            return Err(ProofError::OutOfRange { place: self.old_size, size: self.new_size });
        }
        let wrong_length = ProofError::PathLength { got: self.path.len() };
        if self.old_size == 0 || self.old_size == self.new_size {
            if !self.path.is_empty() {
                return Err(wrong_length);
            }
            let holds =
                if self.old_size == 0 { *old_root == root(&[]) } else { old_root == new_root };
            return if holds { Ok(()) } else { Err(ProofError::WrongRoot) };
        }

        // An old tree of 2^i leaves is itself the first subtree of the path.
        let implied = self.old_size.is_power_of_two().then_some(MerkleNode(old_root.0));
        let mut path = implied.iter().chain(&self.path);
        let Some(first) = path.next() else {
            return Err(wrong_length);
        };
        let mut walk = Walk { place: self.old_size - 1, last: self.new_size - 1 };
        while walk.place & 1 == 1 {
            walk.up();
        }
        let mut old = *first;
        let mut new = *first;
        for sibling in path {
            if walk.last == 0 {
                return Err(wrong_length);
            }
            if walk.sibling_is_left() {
                old = node_hash(sibling, &old);
                new = node_hash(sibling, &new);
            } else {
                new = node_hash(&new, sibling);
            }
            walk.up();
        }
        if walk.last != 0 {
            return Err(wrong_length);
        }
        if old.0 == old_root.0 && new.0 == new_root.0 { Ok(()) } else { Err(ProofError::WrongRoot) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{
        leaf_hash,
        tests::{REFERENCE_ROOTS, reference_leaves, root_by_definition},
    };

    fn hashes(hex_hashes: &[&str]) -> Vec<MerkleNode> {
        let bytes = hex_hashes.iter().map(|h| hex::decode(h).unwrap());
        bytes.map(|bytes| bytes.as_slice().try_into().unwrap()).collect()
    }

    fn some_leaves(size: usize) -> Vec<MerkleNode> {
        (0..size as u64).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn inclusion_proofs_are_those_of_the_reference_implementation() {
        let leaves = reference_leaves();
        let vectors: [(u64, usize, &[&str]); 5] = [
            (0, 1, &[]),
            (
                0,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                5,
                8,
                &[
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
            (
                1,
                5,
                &[
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        for (index, size, path) in vectors {
            let proof = inclusion_proof(&leaves[..size], index).unwrap();
            assert_eq!(proof, InclusionProof { index, size: size as u64, path: hashes(path) });
            let root = MerkleRoot(hashes(&REFERENCE_ROOTS)[size - 1].0);
            assert_eq!(proof.verify(&leaves[index as usize], &root), Ok(()));
        }
    }

    #[test]
    fn consistency_proofs_are_those_of_the_reference_implementation() {
        let leaves = reference_leaves();
        let vectors: [(u64, usize, &[&str]); 4] = [
            (1, 1, &[]),
            (
                1,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                6,
                8,
                &[
                    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                ],
            ),
            (
                2,
                5,
                &[
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        for (old_size, new_size, path) in vectors {
            let proof = consistency_proof(&leaves[..new_size], old_size).unwrap();
            assert_eq!(
                proof,
                ConsistencyProof { old_size, new_size: new_size as u64, path: hashes(path) }
            );
            let roots = hashes(&REFERENCE_ROOTS);
            let root = |size: usize| MerkleRoot(roots[size - 1].0);
            assert_eq!(proof.verify(&root(old_size as usize), &root(new_size)), Ok(()));
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_has_a_proof_that_holds_nowhere_else() {
        let leaves = some_leaves(33);
        for size in 1..=leaves.len() {
            let tree = &leaves[..size];
            let root = root_by_definition(tree);
            assert_eq!(inclusion_proof(tree, size as u64), None);
            for index in 0..size {
                let proof = inclusion_proof(tree, index as u64).unwrap();
                assert_eq!(proof.verify(&tree[index], &root), Ok(()));
                for (other, leaf) in tree.iter().enumerate() {
                    let moved = InclusionProof { index: other as u64, ..proof.clone() };
                    assert_eq!(
                        moved.verify(&tree[index], &root).is_ok(),
                        other == index,
                        "{index} at {other} of {size}"
                    );
                    assert_eq!(proof.verify(leaf, &root).is_ok(), other == index);
                }
                let longer = InclusionProof {
                    path: [proof.path.as_slice(), &[MerkleNode(root.0)]].concat(),
                    ..proof.clone()
                };
                assert!(longer.verify(&tree[index], &root).is_err());
                if let Some((_, shorter)) = proof.path.split_last() {
                    let shorter = InclusionProof { path: shorter.to_vec(), ..proof.clone() };
                    assert!(shorter.verify(&tree[index], &root).is_err());
                }
            }
        }
    }

    #[test]
    fn every_beginning_of_every_small_tree_is_consistent_with_it_and_with_no_other() {
        let leaves = some_leaves(33);
        for new_size in 0..=leaves.len() {
            let new_root = root_by_definition(&leaves[..new_size]);
            assert_eq!(consistency_proof(&leaves[..new_size], new_size as u64 + 1), None);
            for old_size in 0..=new_size {
                let old_root = root_by_definition(&leaves[..old_size]);
                let proof = consistency_proof(&leaves[..new_size], old_size as u64).unwrap();
                assert_eq!(proof.verify(&old_root, &new_root), Ok(()), "{old_size} of {new_size}");
                let wrong_node = leaf_hash(b"wrong");
                let wrong = MerkleRoot(wrong_node.0);
                assert!(proof.verify(&wrong, &new_root).is_err());
                assert!(old_size == 0 || proof.verify(&old_root, &wrong).is_err());
                let longer = ConsistencyProof {
                    path: [proof.path.as_slice(), &[wrong_node]].concat(),
                    ..proof.clone()
                };
                assert!(longer.verify(&old_root, &new_root).is_err());
                for bent in 0..proof.path.len() {
                    let mut path = proof.path.clone();
                    path[bent].0[31] ^= 1;
                    let bent = ConsistencyProof { path, ..proof.clone() };
                    assert!(bent.verify(&old_root, &new_root).is_err());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_proofs_neither_panic_nor_pass(
            index in any::<u64>(), size in any::<u64>(), path in prop::collection::vec(any::<[u8; 32]>(), 0..70),
        ) {
            let one = leaf_hash(b"one");
            let other = MerkleRoot(leaf_hash(b"other").0);
            let path: Vec<MerkleNode> = path.into_iter().map(MerkleNode).collect();
            let inclusion = InclusionProof { index, size, path: path.clone() };
            prop_assert!(inclusion.verify(&one, &other).is_err());
            let consistency = ConsistencyProof { old_size: index, new_size: size, path };
            prop_assert!(consistency.verify(&MerkleRoot(one.0), &other).is_err());
        }

        #[test]
        fn proofs_hold_in_larger_trees(size in 1usize..600, a in any::<prop::sample::Index>()) {
            let leaves = some_leaves(size);
            let place = a.index(size);
            let root = root_by_definition(&leaves);
            prop_assert_eq!(inclusion_proof(&leaves, place as u64).unwrap().verify(&leaves[place], &root), Ok(()));
            let old_root = root_by_definition(&leaves[..place]);
            prop_assert_eq!(consistency_proof(&leaves, place as u64).unwrap().verify(&old_root, &root), Ok(()));
        }
    }
}
