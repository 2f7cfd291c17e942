//! Whole rounds under a lattice mask, honest and not.

mod cheats;
mod fold;
mod forgery;
mod hiding;
mod order;
mod parts;
mod prover;
mod round;
mod shares;
mod sums;

use consilium_hash::BlockHash;

use super::encrypt::encrypt_lattice_with_rng;
use super::{
    CandidateKeyPart, CandidateLatticeUpdate, EncryptedLatticeUpdate, LatticeHeader, LatticeKeySum,
    LatticeParameters, LatticeSum, VerifiedKeyPart, VerifiedLatticeUpdate, combine_lattice,
    verify_key_parts, verify_lattice_updates,
};
use crate::tests::Federation;
use crate::{
    Bound, Context, DiscreteLogTable, QuantisedUpdate, UpdateError, VerifiedEvaluation,
    verify_share,
};

pub(super) const BLOCK: BlockHash = BlockHash([9; 32]);

/// A federation with a lattice mask.
pub(super) struct Lattice {
    pub(super) federation: Federation,
    pub(super) parameters: LatticeParameters,
}

impl Lattice {
    /// Δ and m are those of the parameters; four trustees of whom two open.
    pub(super) fn new(seed: u64, dimension: u32, norm: u32, scale: u32, summands: u32) -> Self {
        let bound = Bound::Norm { norm, projections: 256 };
        let federation = Federation::bounded(seed, 4, 2, dimension, bound);
        let parameters = LatticeParameters::new(dimension, bound, scale, summands).unwrap();
        Self { federation, parameters }
    }

    pub(super) fn context(&self, institution: u8) -> Context {
        self.federation.context(institution)
    }

    pub(super) fn encrypt(&mut self, institution: u8, x: Vec<i64>) -> EncryptedLatticeUpdate {
        let context = self.context(institution);
        self.encrypt_in(&context, x)
    }

    pub(super) fn encrypt_in(&mut self, context: &Context, x: Vec<i64>) -> EncryptedLatticeUpdate {
        let update = QuantisedUpdate::unchecked(x, context.bound);
        let Federation { dealing, rng, .. } = &mut self.federation;
        encrypt_lattice_with_rng(&dealing.public_key, context, &self.parameters, &update, rng)
            .unwrap()
    }

    pub(super) fn update(&mut self, institution: u8) -> EncryptedLatticeUpdate {
        let values = self.federation.values(institution);
        self.encrypt(institution, values)
    }

    /// The verdict on a key part alone, from the header's bytes and its own.
    pub(super) fn verify_key_part(
        &self,
        update: &EncryptedLatticeUpdate,
    ) -> Result<VerifiedKeyPart, UpdateError> {
        let header = LatticeHeader::decode(update.header.as_bytes())?;
        let candidate = CandidateKeyPart::parse(header, &update.key_part, &self.parameters)?;
        verify_key_parts(&self.federation.dealing.public_key, vec![candidate]).remove(0)
    }

    /// The verdict on all of an update.
    pub(super) fn verify(
        &self,
        update: &EncryptedLatticeUpdate,
    ) -> Result<VerifiedLatticeUpdate, UpdateError> {
        let key_part = self.verify_key_part(update)?;
        let candidate = CandidateLatticeUpdate::parse(key_part, &update.body())?;
        verify_lattice_updates(&self.federation.dealing.public_key, vec![candidate]).remove(0)
    }

    pub(super) fn evaluation(&self, keys: &[&VerifiedKeyPart]) -> VerifiedEvaluation {
        let Federation { evaluation_key, dealing, round, .. } = &self.federation;
        let evaluation = evaluation_key.evaluate(round, keys).unwrap();
        evaluation.verify(&dealing.public_key, round, keys).unwrap()
    }

    /// s̄, by the shares of the last trustees.
    pub(super) fn open_keys(&self, evaluation: &VerifiedEvaluation) -> LatticeKeySum {
        let crate::Dealing { public_key, commitments, shares } = &self.federation.dealing;
        let verified: Vec<_> = shares[2..]
            .iter()
            .map(|share| {
                let share = share.decryption_share(public_key, evaluation, &BLOCK);
                verify_share(&share, public_key, commitments, evaluation, &BLOCK).unwrap()
            })
            .collect();
        let table = DiscreteLogTable::shared();
        combine_lattice(&self.parameters, evaluation, &verified, commitments, &table).unwrap()
    }

    /// Σv of updates that are verified on the way.
    pub(super) fn open(&self, updates: &[EncryptedLatticeUpdate]) -> Vec<i64> {
        let verified: Vec<_> = updates.iter().map(|update| self.verify(update).unwrap()).collect();
        let keys: Vec<_> = verified.iter().map(VerifiedLatticeUpdate::key_part).collect();
        let mut sum = LatticeSum::new(self.parameters.dimension());
        verified.iter().for_each(|update| sum.add(update).unwrap());
        let mask_key = self.open_keys(&self.evaluation(&keys));
        sum.open(&self.federation.round, &mask_key).unwrap()
    }
}
