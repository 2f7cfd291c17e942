//! A header and a checkpoint that no chain contains both of, signed by one coordinator.
//!
//! The checkpoint is of size h + 1, the header at height h. The header names the root of the tree before it; the right
//! edge of that tree, which is as many hashes as h has ones in binary, leads to that root, and with the header's own
//! hash to the root of size h + 1. Where the coordinator has signed another root for that size, it has two histories.
//!
//! The right edge is the inclusion path of the last leaf (RFC 9162, section 2.1.3.1), so that nothing new is to be
//! verified. Encoded: sealed header ‖ count of hashes u8 ‖ hashes, narrowest tree first ‖ the note.

use consilium_hash::{MerkleNode, MerkleRoot};

use crate::{
    chain::HeaderChain,
    checkpoint::SignedCheckpoint,
    header::take,
    malformed::Malformed,
    merkle::{self, InclusionProof, leaf_hash, node_hash},
    note::Note,
    note_error::NoteError,
    seal::{SealedHeader, Validators},
};

/// Evidence that the coordinator signed two histories: a header, and a checkpoint of the size that the header completes
/// with another tree than the header's. A candidate until [`Contradiction::verify`] has been asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// The header, on the chain of the one who noticed.
    pub ours: SealedHeader,
    /// The right edge of the tree before it, narrowest subtree first.
    pub edge: Vec<MerkleNode>,
    /// The checkpoint, as it was signed.
    pub theirs: Note,
}

impl Contradiction {
    /// Whether this convicts the coordinator.
    pub fn verify(&self, validators: &Validators) -> bool {
        let Ok(theirs) = SignedCheckpoint::verify(self.theirs.clone(), validators, &[]) else {
            return false;
        };
        let header = &self.ours.header;
        let size = theirs.checkpoint().size;
        let before = self.edge.iter().copied().reduce(|right, left| node_hash(&left, &right));
        let path = InclusionProof { index: header.height, size, path: self.edge.clone() };
        // A path of another length than the sizes demand leads nowhere, which is another error; so a header that is not the
        // last of that size convicts nobody, whatever edge is claimed for it.
        let contradicts = path.verify(&leaf_hash(&self.ours.hash().0), &theirs.checkpoint().root);
        self.ours.verify(validators).is_ok()
            && header.height.checked_add(1) == Some(size)
            && before.map_or_else(|| merkle::root(&[]), |node| MerkleRoot(node.0))
                == header.history_root
            && contradicts == Err(merkle::ProofError::WrongRoot)
    }

    /// The evidence's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let count = u8::try_from(self.edge.len()).unwrap_or(u8::MAX);
        let ours = self.ours.encode();
        let theirs = self.theirs.encode();
        let edge: Vec<u8> = self.edge.iter().flat_map(|node| node.0).collect();
        [ours.as_slice(), &[count], &edge, theirs.as_bytes()].concat()
    }

    /// Reads an encoding. Nothing in it has been verified.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |detail: String| Malformed { what: "contradiction of two heads", detail };
        let mut rest = bytes;
        let short = || malformed("it ends early".to_owned());
        let ours = SealedHeader::take(&mut rest).ok_or_else(short)?;
        let [count] = take(&mut rest).ok_or_else(short)?;
        let edge = (0..count)
            .map(|_| take(&mut rest).map(MerkleNode))
            .collect::<Option<_>>()
            .ok_or_else(short)?;
        let theirs = Note::parse(rest).map_err(|error: NoteError| malformed(error.to_string()))?;
        Ok(Self { ours, edge, theirs })
    }
}

impl HeaderChain {
    /// What convicts the coordinator, where the checkpoint is not of this chain; `None` where it is, and where it is of
    /// a longer one than is known.
    pub fn contradiction(&self, theirs: &SignedCheckpoint) -> Option<Contradiction> {
        let checkpoint = theirs.checkpoint();
        let last = self.get(checkpoint.size.checked_sub(1)?)?;
        if last.checkpoint() == checkpoint {
            return None;
        }
        let edge = self.inclusion_proof(last.height, checkpoint.size)?.path;
        Some(Contradiction { ours: *last.sealed(), edge, theirs: theirs.note().clone() })
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::ChainId;

    use super::*;
    use crate::{
        block::Block,
        chain::tests::{CHAIN_ID, chain_of, coordinator, state_before, validators},
        checkpoint::Checkpoint,
        error::ChainError,
        fork::Fork,
    };

    /// The checkpoint of this size of another history: as [`chain_of`], with other times from `from` on.
    fn another(size: u64, from: u64) -> Checkpoint {
        let mut chain = HeaderChain::new(validators());
        for height in 0..size {
            let entries = vec![height.to_be_bytes().to_vec(), vec![0xab; 100]];
            let time_ms = 1_000 + height + u64::from(height >= from);
            let header = chain.propose(&entries, state_before(height), time_ms).unwrap();
            chain
                .append_block(&Block { sealed: header.seal(&CHAIN_ID, &coordinator()), entries })
                .unwrap();
        }
        chain.head_checkpoint()
    }

    fn signed(checkpoint: &Checkpoint) -> SignedCheckpoint {
        let note = checkpoint.sign(&coordinator());
        SignedCheckpoint::verify(note, &validators(), &[]).unwrap()
    }

    fn convicts(evidence: &Contradiction) -> bool {
        evidence.verify(&validators())
    }

    #[test]
    fn two_runs_of_one_coordinators_key_contradict_nothing() {
        let (chain, blocks) = chain_of(4);
        let elsewhere = ChainId([8; 32]);
        let other_run = Validators::single(elsewhere, coordinator().verifying_key());
        let mut other = HeaderChain::new(other_run);
        for height in 0..4 {
            let entries = vec![height.to_string().into_bytes()];
            let header = other.propose(&entries, state_before(height), 2_000 + height).unwrap();
            let sealed = header.seal(&elsewhere, &coordinator());
            other.append_block(&Block { sealed, entries }).unwrap();
        }
        let theirs = other.head_checkpoint().sign(&coordinator());
        assert!(SignedCheckpoint::verify(theirs.clone(), &other_run, &[]).is_ok());
        assert!(SignedCheckpoint::verify(theirs.clone(), &validators(), &[]).is_err());
        for (ours, last) in blocks.iter().zip(other.headers()) {
            let fork = Fork { height: ours.height(), ours: ours.sealed, theirs: *last.sealed() };
            assert!(!fork.verify(&validators()) && !fork.verify(&other_run));
            let edge = chain.inclusion_proof(ours.height(), ours.height() + 1).unwrap().path;
            assert!(!convicts(&Contradiction { ours: ours.sealed, edge, theirs: theirs.clone() }));
        }
        // A header of the other run is none of this one, and stops nobody with evidence.
        let first = *other.headers().next().unwrap().sealed();
        let refused = HeaderChain::new(validators()).append(first).unwrap_err();
        assert!(matches!(refused, ChainError::BadSeal(_)), "{refused}");
    }

    #[test]
    fn checkpoints_of_the_own_chain_and_of_longer_ones_contradict_nothing() {
        let (chain, _) = chain_of(20);
        for size in 1..=20 {
            assert_eq!(another(size, size), chain.checkpoint(size).unwrap());
            assert_eq!(chain.contradiction(&signed(&another(size, size))), None);
        }
        assert_eq!(chain.contradiction(&signed(&another(21, 3))), None);
        assert_eq!(chain.contradiction(&signed(&chain.checkpoint(0).unwrap())), None);
    }

    #[test]
    fn a_checkpoint_of_another_history_convicts_the_coordinator_at_every_size() {
        let (chain, _) = chain_of(20);
        for size in 1..=20 {
            for from in [0, size - 1] {
                let evidence = chain.contradiction(&signed(&another(size, from))).unwrap();
                assert!(convicts(&evidence), "size {size} from {from}");
                assert_eq!(Contradiction::decode(&evidence.encode()).unwrap(), evidence);
                let other = Validators::single(ChainId([9; 32]), coordinator().verifying_key());
                assert!(!evidence.verify(&other));
            }
        }
    }

    #[test]
    fn honest_heads_cannot_be_made_into_evidence() {
        let (chain, _) = chain_of(20);
        let honest = |size: u64| chain.checkpoint(size).unwrap().sign(&coordinator());
        for size in 1..=20u64 {
            for of in 0..20 {
                let header = chain.get(of).unwrap();
                let edge = chain.inclusion_proof(of, of + 1).unwrap().path;
                for edge in [
                    edge.clone(),
                    Vec::new(),
                    [edge.clone(), edge.clone()].concat(),
                    edge[..edge.len() / 2].to_vec(),
                ] {
                    assert!(!convicts(&Contradiction {
                        ours: *header.sealed(),
                        edge,
                        theirs: honest(size)
                    }));
                }
            }
        }
    }

    #[test]
    fn a_change_of_any_byte_convicts_nobody() {
        let (chain, _) = chain_of(12);
        let whole = chain.contradiction(&signed(&another(12, 5))).unwrap().encode();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            let convicts = Contradiction::decode(&bytes).is_ok_and(|evidence| convicts(&evidence));
            assert!(!convicts, "byte {place}");
        }
        for length in 0..whole.len() {
            assert!(
                !Contradiction::decode(&whole[..length]).is_ok_and(|evidence| convicts(&evidence))
            );
        }
    }
}
