//! One institution of one round, for benches: with a key from a dealer, it encrypts made-up updates.

use consilium_crypto::{
    Bound, CandidateHeader, CandidateUpdate, Context, Dealing, EncryptedUpdate, EvaluationKey,
    QuantisedUpdate, RoundContext, deal, update, verify_updates,
};
use consilium_hash::{ChainId, ModelHash, Pseudonym};
use rand_core::OsRng;

/// Who works, and in which round.
pub struct Party {
    pub dealing: Dealing,
    pub round: RoundContext,
}

impl Party {
    /// In a round of updates of so many parameters.
    pub fn new(bound: Bound, dimension: u32) -> Self {
        let key = EvaluationKey::generate(&mut OsRng).verifying_key();
        let dealing = deal(1, 1, &key, &mut OsRng).unwrap();
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([1; 32]),
            step: 1,
            attempt: 0,
            model_hash: ModelHash([2; 32]),
            bound,
            dimension,
            key_hash: dealing.public_key.hash(),
        };
        Self { dealing, round }
    }

    /// An update in the name of `who`, with its proofs still to be made.
    pub fn encrypt(&self, who: u8) -> update::UnprovenUpdate {
        // As far as the bound goes: 100,000 parameters of 16 have a norm of about 3,000.
        let most = match self.round.bound {
            Bound::Parameter { .. } => 127,
            Bound::Norm { .. } => 16,
        };
        let values = (0..i64::from(self.round.dimension))
            .map(|j| (j * 31 + i64::from(who)) % (2 * most + 1) - most)
            .collect();
        let context = Context {
            round: self.round.clone(),
            pseudonym: Pseudonym([who; 32]),
            bound: self.round.bound,
        };
        let update = QuantisedUpdate::new(values, context.round.bound).unwrap();
        update::encrypt(&self.dealing.public_key, &context, &update).unwrap()
    }

    /// Decoded, as whoever verifies it has it.
    pub fn parse(&self, update: &EncryptedUpdate) -> CandidateUpdate {
        let header = CandidateHeader::decode(&update.header).unwrap();
        CandidateUpdate::parse(header, &update.body, &self.round.parameters().unwrap()).unwrap()
    }

    /// Verifies them in one sum.
    pub fn verify(&self, candidates: Vec<CandidateUpdate>) {
        assert!(verify_updates(&self.dealing.public_key, candidates).iter().all(Result::is_ok));
    }
}
