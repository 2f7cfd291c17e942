//! Sealed: the sum of the encrypted keys stands, and trustees countersign the block that holds it.

use std::{collections::BTreeSet, sync::Arc};

use consilium_crypto::{
    VerifiedEvaluation,
    mask::{MaskedSum, VerifiedHeader},
};
use consilium_hash::{BlockHash, Pseudonym};

use super::{Opening, countersign::SealedBlock};
use crate::keygen::committee::Committee;

/// From CloseCollection until a quorum has countersigned.
#[derive(Debug)]
pub struct Sealed {
    evaluation: VerifiedEvaluation,
    committee: Arc<Committee>,
    accepted: Vec<VerifiedHeader>,
    sum: MaskedSum,
    /// Known once the block is sealed that holds the CloseCollection.
    sealed_block: Option<SealedBlock>,
    /// Trustees, by pseudonym.
    countersigners: BTreeSet<Pseudonym>,
}

impl Sealed {
    pub(super) fn new(
        evaluation: VerifiedEvaluation,
        committee: Arc<Committee>,
        accepted: Vec<VerifiedHeader>,
        sum: MaskedSum,
    ) -> Self {
        Self {
            evaluation,
            committee,
            accepted,
            sum,
            sealed_block: None,
            countersigners: BTreeSet::new(),
        }
    }

    /// The certified sum of the encrypted keys.
    pub fn evaluation(&self) -> &VerifiedEvaluation {
        &self.evaluation
    }

    /// Who answers for it and opens it.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// Headers of the updates in the sum, in its order.
    pub fn accepted(&self) -> &[VerifiedHeader] {
        &self.accepted
    }

    /// Hash of the header of the block that holds the CloseCollection, once that block is sealed.
    pub fn sealed_block(&self) -> Option<&BlockHash> {
        self.sealed_block.as_ref().map(|block| &block.hash)
    }

    /// The same block, as trustees countersign it.
    pub fn block(&self) -> Option<&SealedBlock> {
        self.sealed_block.as_ref()
    }

    /// Trustees that have countersigned, by pseudonym.
    pub fn countersigners(&self) -> &BTreeSet<Pseudonym> {
        &self.countersigners
    }

    pub(crate) fn learn_block(&mut self, block: SealedBlock) {
        self.sealed_block.get_or_insert(block);
    }

    /// Adds a countersignature of the sealed block.
    pub(crate) fn countersign(&mut self, trustee: Pseudonym) {
        self.countersigners.insert(trustee);
    }

    /// The block to open, once a quorum of the committee has countersigned it.
    pub(crate) fn countersigned_block(&self) -> Option<BlockHash> {
        self.sealed_block()
            .copied()
            .filter(|_| self.countersigners.len() >= self.committee.quorum() as usize)
    }

    /// Ends the phase with the block that [`Self::countersigned_block`] named.
    pub(crate) fn open(self, block: BlockHash) -> Opening {
        Opening::new(
            self.evaluation,
            self.committee,
            self.accepted,
            self.sum,
            block,
            self.countersigners,
        )
    }
}
