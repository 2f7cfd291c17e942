//! For unit tests: a contract whose institutions make the key in this process.

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::{
    Body, CandidateTransaction, Contract, keygen::Rehearsal, transaction::sign,
};
use consilium_crypto::DiscreteLogTable;
use consilium_proto::training::Layers;
use consilium_proto::v1::{Enrol, SignedTransaction, transaction::Action};
use rand_core::OsRng;

pub(crate) const TIMEOUT_MS: u64 = 1_000;

/// A founded run.
pub(crate) struct Founded {
    pub(crate) ceremony: Ceremony,
    pub(crate) contract: Contract,
    rehearsal: Rehearsal,
}

impl Founded {
    /// Of so many institutions, of which the first few are enrolled.
    pub(crate) fn new(institutions: usize, enrolled: usize) -> Self {
        let layers = Layers { inputs: 1, hidden: vec![] };
        let mut spec = CeremonySpec::new(layers, vec![0.0; 2], vec![1; institutions]);
        spec.protection.allow_threshold_one = institutions < 4;
        spec.collection_timeout_ms = TIMEOUT_MS;
        let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
        let table = DiscreteLogTable::shared();
        let contract =
            Contract::found(&ceremony.genesis_entry, &ceremony.initial_model, table).unwrap();
        let rehearsal =
            Rehearsal::new(ceremony.institutions.iter().map(|files| files.identity.pseudonym));
        let mut founded = Self { ceremony, contract, rehearsal };
        for place in 0..enrolled {
            let files = &founded.ceremony.institutions[place];
            let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
            let chain_id = &founded.contract.parameters().chain_id;
            founded.apply(sign(&files.signing, chain_id, Some(&files.identity.pseudonym), action));
        }
        founded
    }

    fn apply(&mut self, signed: SignedTransaction) {
        let transaction = CandidateTransaction::parse(signed).unwrap();
        let receipt = self.contract.apply(&transaction, Body::None).unwrap();
        assert!(receipt.is_accepted(), "{receipt:?}");
    }

    /// Plays the ceremony that is due until the contract is where it should be, all at one time.
    pub(crate) fn play(&mut self, time_ms: u64, reached: impl Fn(&Contract) -> bool) {
        while !reached(&self.contract) {
            let Ceremony { institutions, coordinator, .. } = &self.ceremony;
            let keys: Vec<_> = institutions.iter().map(|files| &files.signing).collect();
            let next = self.rehearsal.next(
                &self.contract,
                &coordinator.signing,
                &keys,
                time_ms,
                &mut OsRng,
            );
            self.apply(next.unwrap().expect("the ceremony comes to an end"));
        }
    }
}
