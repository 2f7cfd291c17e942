//! Whole rounds, honest and not, with seeded randomness where a test needs the same bytes twice.

mod adversary;
mod arithmetic;
mod features;
mod forge;
mod game;
mod hiding;
mod limbs;
mod norm;
mod order;
mod parts;
pub(crate) mod round;
mod sums;
mod tails;
pub(crate) mod tampering;
mod threshold;
pub(crate) mod vectors;
mod weights;

use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::update::encrypt_with_rng;
use crate::{
    Bound, CandidateHeader, CandidateUpdate, Context, Dealing, EncryptedUpdate, EvaluationKey,
    Hash, Parameters, QuantisedUpdate, RoundContext, UnprovenUpdate, UpdateError, VerifiedHeader,
    VerifiedUpdate, deal, verify_key_proofs, verify_updates,
};

/// A seed of weights that nobody has known before.
pub(super) fn fresh_seed() -> [u8; 32] {
    crate::update::header::fresh(&mut rand_core::OsRng)
}

/// A dealt key and a round.
pub(crate) struct Federation {
    pub(crate) evaluation_key: EvaluationKey,
    pub(crate) dealing: Dealing,
    pub(crate) round: RoundContext,
    pub(crate) rng: ChaCha20Rng,
}

/// A bound on the norm.
pub(crate) const NORM: Bound = Bound::Norm { norm: 5600, projections: 256 };

/// Both kinds of bound, for what holds under either.
pub(crate) const BOUNDS: [Bound; 2] = [Bound::parameter(8), NORM];

impl Federation {
    pub(crate) fn new(seed: u64, trustees: u32, threshold: u32, dimension: u32, bits: u8) -> Self {
        Self::bounded(seed, trustees, threshold, dimension, Bound::parameter(bits))
    }

    pub(crate) fn bounded(
        seed: u64,
        trustees: u32,
        threshold: u32,
        dimension: u32,
        bound: Bound,
    ) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let evaluation_key = EvaluationKey::generate(&mut rng);
        let dealing = deal(trustees, threshold, &evaluation_key.verifying_key(), &mut rng).unwrap();
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([1; 32]),
            step: 2,
            attempt: 3,
            model_hash: ModelHash([4; 32]),
            bound,
            dimension,
            key_hash: dealing.public_key.hash(),
        };
        Self { evaluation_key, dealing, round, rng }
    }

    pub(crate) fn parameters(&self) -> Parameters {
        self.round.parameters().unwrap()
    }

    pub(crate) fn context(&self, institution: u8) -> Context {
        Context {
            round: self.round.clone(),
            pseudonym: Pseudonym([institution; 32]),
            bound: self.round.bound,
        }
    }

    /// Values of an update as a function of the institution, spread over all that the bound lets any one of them be.
    pub(crate) fn values(&self, institution: u8) -> Vec<i64> {
        let most = match self.round.bound {
            Bound::Parameter { most, .. } => most.into(),
            Bound::Norm { norm, .. } => i64::from(norm / self.round.dimension.isqrt().max(1)) / 2,
        };
        let value = |j: i64| (j * 7919 + i64::from(institution) * 104_729) % (2 * most + 1) - most;
        (0..i64::from(self.round.dimension)).map(value).collect()
    }

    pub(crate) fn unproven(&mut self, institution: u8, values: Vec<i64>) -> UnprovenUpdate {
        let update = QuantisedUpdate::unchecked(values, self.round.bound);
        let context = self.context(institution);
        encrypt_with_rng(&self.dealing.public_key, &context, &update, &mut self.rng).unwrap()
    }

    pub(crate) fn update(&mut self, institution: u8) -> EncryptedUpdate {
        let values = self.values(institution);
        self.unproven(institution, values).prove().unwrap()
    }

    pub(crate) fn parse(&self, update: &EncryptedUpdate) -> Result<CandidateUpdate, UpdateError> {
        CandidateUpdate::parse(
            CandidateHeader::decode(&update.header)?,
            &update.body,
            &self.parameters(),
        )
    }

    /// The verdict on one update alone.
    pub(crate) fn verify(&self, update: &EncryptedUpdate) -> Result<VerifiedUpdate, UpdateError> {
        verify_updates(&self.dealing.public_key, vec![self.parse(update)?]).remove(0)
    }

    /// The verdict on a header alone.
    pub(crate) fn verify_header(&self, header: &[u8]) -> Result<VerifiedHeader, UpdateError> {
        verify_key_proofs(&self.dealing.public_key, vec![CandidateHeader::decode(header)?])
            .remove(0)
    }
}

pub(crate) const BLOCK: BlockHash = BlockHash([9; 32]);
