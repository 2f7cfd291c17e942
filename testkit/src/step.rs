//! What the parties say in one step of training.

use consilium_contract::{CandidateTransaction, Phase, Receipt, model::encode_sums, round::Opened};
use consilium_crypto::{
    Bound, Context, EncryptedUpdate, QuantisedUpdate, RoundContext, VerifiedEvaluation,
    mask::{VerifiedHeader, encrypt},
};
use consilium_hash::{BlobHash, BlockHash};
use consilium_ledger::blob_hash;
use consilium_proto::v1::{self, BlobRef, transaction::Action};

use crate::Run;

impl Run {
    /// Everyone enrolled, the first round open.
    pub fn collecting() -> Self {
        Self::enrolled(2).with_round()
    }

    /// The same in a run with this bound.
    pub fn collecting_under(bound: Bound) -> Self {
        Self::bounded(2, bound).with_round()
    }

    fn with_round(mut self) -> Self {
        let receipt = self.open();
        assert!(receipt.is_accepted(), "{receipt:?}");
        self
    }

    /// The coordinator's order to open the next round.
    pub fn open_action(&self) -> Action {
        Action::OpenRound(v1::OpenRound {
            step: self.contract.step(),
            attempt: self.contract.attempt(),
            model_sha256: self.contract.model().hash().to_vec(),
            time_ms: self.time_ms,
            standings: self.contract.roster().standings(),
        })
    }

    /// Opens the next round.
    pub fn open(&mut self) -> Receipt {
        self.apply(&self.by_coordinator(self.open_action()))
    }

    /// The context of the round that is open, was, or would be.
    pub fn round(&self) -> RoundContext {
        let contract = &self.contract;
        self.parameters().round(
            self.committee(),
            contract.step(),
            contract.attempt(),
            contract.model().hash(),
        )
    }

    /// An institution's honest update for a round: this value in every coordinate.
    pub fn update(&self, place: usize, round: &RoundContext, value: i64) -> EncryptedUpdate {
        let values = vec![value; self.parameters().dimension as usize];
        let update = QuantisedUpdate::new(values, self.own_bound(place)).unwrap();
        self.encrypted(place, round.clone(), &update)
    }

    pub(crate) fn encrypted(
        &self,
        place: usize,
        round: RoundContext,
        update: &QuantisedUpdate,
    ) -> EncryptedUpdate {
        let context = Context { round, pseudonym: self.name(place), bound: update.bound() };
        let parameters = self.parameters().form(context.round.step).update;
        let key = &self.committee().public_key;
        encrypt(&parameters, key, &context, update).unwrap().prove().unwrap()
    }

    /// What an institution's updates prove.
    pub fn own_bound(&self, place: usize) -> Bound {
        let rows = self.ceremony.institutions[place].identity.rows;
        self.parameters().own_bound_in(self.contract.step(), rows)
    }

    /// An institution's submission of a header.
    pub fn submission(&self, place: usize, header: Vec<u8>) -> CandidateTransaction {
        self.by_member(place, Action::SubmitUpdate(v1::SubmitUpdate { header }))
    }

    /// The certified sum of what has been accepted.
    pub fn close_action(&self) -> v1::CloseCollection {
        let Phase::Collecting(collecting) = self.contract.phase() else { panic!("not collecting") };
        let headers: Vec<&VerifiedHeader> = collecting.accepted().iter().collect();
        let certifier = &self.ceremony.coordinator.evaluation;
        v1::CloseCollection {
            step: self.contract.step(),
            attempt: self.contract.attempt(),
            evaluation: certifier.evaluate(collecting.round(), &headers).unwrap().encode(),
            time_ms: self.time_ms,
        }
    }

    /// Closes the collection with the certified sum of what has been accepted.
    pub fn close_collection(&mut self) -> Receipt {
        self.apply(&self.by_coordinator(Action::CloseCollection(self.close_action())))
    }

    /// The hash of the block that the sum is sealed in.
    pub fn sealed_hash(&self) -> BlockHash {
        match self.contract.phase() {
            Phase::Sealed(sealed) => *sealed.sealed_block().unwrap(),
            Phase::Opening(opening) => *opening.sealed_block(),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }

    /// The certified sum that is sealed.
    pub fn sealed_evaluation(&self) -> &VerifiedEvaluation {
        match self.contract.phase() {
            Phase::Sealed(sealed) => sealed.evaluation(),
            Phase::Opening(opening) => opening.evaluation(),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }

    /// An institution's countersignature of the block of this hash, see [`Run::block_of`].
    pub fn countersignature(&self, place: usize, step: u64, hash: BlockHash) -> v1::Countersign {
        self.block_of(hash).countersign(step, self.key(place))
    }

    /// Has an institution countersign the block of this hash.
    pub fn countersign(&mut self, place: usize, block: BlockHash) -> Receipt {
        let said = self.countersignature(place, self.contract.step(), block);
        self.apply(&self.by_member(place, Action::Countersign(said)))
    }

    /// An institution's encoded share for the sum that is sealed.
    pub fn share(&self, place: usize) -> Vec<u8> {
        let share = self.shares[place].as_ref().unwrap();
        let key = &self.committee().public_key;
        share.decryption_share(key, self.sealed_evaluation(), &self.sealed_hash()).encode()
    }

    /// Has an institution give this share.
    pub fn submit_share(&mut self, place: usize, share: Vec<u8>) -> Receipt {
        let step = self.contract.step();
        let sealed_block = self.sealed_hash().to_vec();
        let said = v1::SubmitShare { step, sealed_block, share };
        self.apply(&self.by_member(place, Action::SubmitShare(said)))
    }

    /// The round that has been opened: sum of the mask keys, sums and model.
    fn opened(&self) -> &Opened {
        let Phase::Opening(opening) = self.contract.phase() else { panic!("not opening") };
        opening.outcome().unwrap().as_ref().unwrap()
    }

    /// The model that follows from the round that has been opened, encoded.
    pub(crate) fn opened_model(&self) -> Vec<u8> {
        self.opened().model.to_bytes()
    }

    /// The coordinator's order to close the round that has been opened, and the sums that it names.
    pub fn result(&self) -> (v1::CloseRound, Vec<u8>) {
        let opened = self.opened();
        let sums = encode_sums(&opened.sums).unwrap();
        let blob = |hash: BlobHash, length: usize| {
            Some(BlobRef { sha256: hash.to_vec(), length: length as u64 })
        };
        let contract = &self.contract;
        let parameters = self.parameters();
        let findings = opened.findings(contract.step(), contract.findings(), parameters);
        let close = v1::CloseRound {
            step: contract.step(),
            ends_run: findings.end_run(parameters.agenda()),
            mask_key_sum: opened.mask_key_sum.encode(),
            sums: blob(blob_hash(&sums), sums.len()),
            model: blob(BlobHash(opened.model.hash().0), opened.model.to_bytes().len()),
            time_ms: self.time_ms,
        };
        (close, sums)
    }

    /// The coordinator's order to close the round that has been opened.
    pub fn close_round_action(&self) -> v1::CloseRound {
        self.result().0
    }

    /// Closes the round.
    pub fn close_round(&mut self) -> Receipt {
        self.apply(&self.by_coordinator(Action::CloseRound(self.close_round_action())))
    }

    /// From a sealed step to the next model.
    pub fn open_and_close(&mut self) {
        let block = self.sealed_hash();
        for place in 0..self.committee().quorum() as usize {
            assert!(self.countersign(place, block).is_accepted());
        }
        self.open_and_close_from_opening();
    }

    /// From a quorum of countersignatures to the next model.
    pub fn open_and_close_from_opening(&mut self) {
        for place in 0..self.committee().threshold() as usize {
            let share = self.share(place);
            assert!(self.submit_share(place, share).is_accepted());
        }
        assert!(self.close_round().is_accepted());
        self.end_block();
    }
}
