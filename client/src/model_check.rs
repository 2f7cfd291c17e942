//! The model that an institution may train on: one whose every step it has checked itself (design, section 6).
//!
//! A crafted model can make even a sum reveal a record. So a [`CheckedModel`] begins with the blob that the genesis
//! names and moves only by [`ModelCheck::finish`], which needs the judged sum of the step, t verified shares that
//! combine to the announced k̄, all masked updates that the signed headers name, and sums that satisfy
//! (Σu_j)·h = ΣE_j − k̄·W_j for every j under weights of this institution's own. Only a checked model gives out an
//! [`Assignment`], and only an assignment can be trained and encrypted for.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_contract::{Committee, Model, Parameters, Roster, model::decode_sums};
use consilium_crypto::{
    Context, DiscreteLogTable, Hash, MaskKeySum, MaskedSum, MaskedUpdate, RoundContext, ShareError,
    UpdateError, VerifiedHeader, combine, mask_length, verify_share,
};
use consilium_ledger::sha256;
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{
    ClientError, durable,
    error::short,
    follow::{Closed, Collection},
    statements::SignedShare,
    trustee::Judged,
};

/// The file of the last checked model in a state directory: its step (8 bytes) and its blob.
const FILE: &str = "model.bin";

/// Why a model is not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// The round starts from, or ends, another model's step.
    #[error(
        "the round belongs to step {found} of model {}, this institution has checked step {expected} of model {}",
        short(found_model),
        short(expected_model)
    )]
    OtherModel {
        /// Step of the checked model.
        expected: u64,
        /// Its hash.
        expected_model: Hash,
        /// Step of the round.
        found: u64,
        /// The model it names.
        found_model: Hash,
    },
    /// The judged sum is not the one that the round was closed with.
    #[error(
        "the round was closed over block {} and judged over block {}",
        short(closed),
        short(judged)
    )]
    OtherBlock {
        /// Block of the closed round.
        closed: Hash,
        /// Block that was judged.
        judged: Hash,
    },
    /// Too few trustees have countersigned.
    #[error(
        "{found} trustees countersigned the sealed block, {expected} are needed before it is opened"
    )]
    NoQuorum {
        /// How many have.
        found: usize,
        /// q.
        expected: u32,
    },
    /// The shares do not open the sum.
    #[error("the shares on the chain do not open the sum: {0}")]
    Shares(#[from] ShareError),
    /// k̄ is not what the shares combine to.
    #[error("the announced sum of the mask keys is not what the shares on the chain combine to")]
    WrongMaskKeySum,
    /// A masked update is not the one that its header names.
    #[error(
        "the masked update served for institution {} is not the one that its signed header names: {reason}",
        short(pseudonym)
    )]
    WrongMaskedUpdate {
        /// Whose.
        pseudonym: Hash,
        /// What differs.
        reason: UpdateError,
    },
    /// Not all masked updates of the sum were brought.
    #[error("{found} masked updates of {expected} were brought")]
    MissingMaskedUpdates {
        /// How many.
        found: usize,
        /// How many are in the sum.
        expected: usize,
    },
    /// The sums are not the announced blob.
    #[error("the sums served are not the blob that the round announces")]
    WrongSumsBlob,
    /// The sums do not follow from the masked updates and k̄.
    #[error("the announced sums do not follow from the masked updates and the sum of their keys")]
    WrongSums,
    /// The model does not follow from the sums.
    #[error("the announced model {} does not follow from the sums", short(.0))]
    WrongModel(Hash),
}

/// A model that follows, step by step, from the genesis.
#[derive(Debug, Clone)]
pub struct CheckedModel {
    /// Closed rounds that it follows from.
    step: u64,
    model: Model,
}

impl CheckedModel {
    /// The initial model; `None` where the blob is not the one that the genesis names.
    pub fn initial(parameters: &Parameters, blob: &[u8]) -> Option<Self> {
        let model = Model::from_bytes(blob, parameters.dimension)?;
        (model.hash() == parameters.initial_model).then_some(Self { step: 0, model })
    }

    /// The step that starts from it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The task of an open round, if the round starts from this model.
    ///
    /// # Errors
    /// [`ModelError::OtherModel`].
    pub fn assignment(
        &self,
        collection: &Collection,
        pseudonym: &Hash,
    ) -> Result<Assignment, ModelError> {
        let round = collection.round();
        self.starts(round)?;
        let context = Context { round: round.clone(), pseudonym: *pseudonym };
        Ok(Assignment {
            global: self.model.clone(),
            committee: Arc::clone(collection.committee()),
            context,
        })
    }

    fn starts(&self, round: &RoundContext) -> Result<(), ModelError> {
        if (round.step, round.model_hash) == (self.step, self.model.hash()) {
            return Ok(());
        }
        Err(ModelError::OtherModel {
            expected: self.step,
            expected_model: self.model.hash(),
            found: round.step,
            found_model: round.model_hash,
        })
    }

    /// Begins to check the model that a closed round announces. Masked updates are then added one by one, in the order
    /// of [`ModelCheck::headers`].
    ///
    /// # Errors
    /// [`ModelError`]: the first that does not hold of round, quorum, shares and k̄.
    pub fn check(
        &self,
        closed: &Closed,
        judged: &Judged,
        parameters: &Parameters,
        table: &DiscreteLogTable,
    ) -> Result<ModelCheck, ModelError> {
        self.starts(closed.sealed.sum.round())?;
        ModelCheck::open(closed, judged, parameters, table)
    }

    /// Reads the model that was stored last; `None` where there is none.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`].
    pub fn load(directory: &Path, parameters: &Parameters) -> Result<Option<Self>, ClientError> {
        let path = Self::path(directory);
        let Some(bytes) = durable::read(&path, 8 + 4 * u64::from(parameters.dimension))? else {
            return Ok(None);
        };
        let parse = || {
            let (step, blob) = bytes.split_first_chunk::<8>()?;
            Some(Self {
                step: u64::from_be_bytes(*step),
                model: Model::from_bytes(blob, parameters.dimension)?,
            })
        };
        let detail = || "expected a step and a model of this run".to_owned();
        parse().map(Some).ok_or_else(|| ClientError::DamagedState { path, detail: detail() })
    }

    /// Stores the model, so that a restart need not fetch and check what led to it again.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn store(&self, directory: &Path) -> Result<(), ClientError> {
        durable::replace(
            &Self::path(directory),
            &[&self.step.to_be_bytes(), &self.model.to_bytes()],
        )
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }
}

/// What an institution is asked for in an open round: made only from a checked model.
#[derive(Debug)]
pub struct Assignment {
    global: Model,
    committee: Arc<Committee>,
    context: Context,
}

impl Assignment {
    /// The global model to train from, flat.
    pub fn global(&self) -> &[f32] {
        self.global.parameters()
    }

    /// Whom the update is encrypted for.
    pub fn committee(&self) -> &Committee {
        &self.committee
    }

    /// What the update is bound to.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// A model in the middle of its check.
pub struct ModelCheck {
    judged: Judged,
    mask_key_sum: MaskKeySum,
    sum: MaskedSum,
    added: usize,
    announced_sums: Hash,
    announced_model: Hash,
}

impl ModelCheck {
    /// What the chain alone shows of a closed round: quorum, shares and k̄.
    ///
    /// # Errors
    /// [`ModelError`]: the first that does not hold.
    pub(crate) fn open(
        closed: &Closed,
        judged: &Judged,
        parameters: &Parameters,
        table: &DiscreteLogTable,
    ) -> Result<Self, ModelError> {
        let sum = &closed.sealed.sum;
        if judged.block() != sum.block() || judged.round() != sum.round() {
            return Err(ModelError::OtherBlock { closed: *sum.block(), judged: *judged.block() });
        }
        let countersigned = closed.sealed.countersignatures().count();
        let committee = judged.committee();
        if countersigned < committee.quorum() as usize {
            return Err(ModelError::NoQuorum {
                found: countersigned,
                expected: committee.quorum(),
            });
        }
        // Faulty shares are on the chain too; t valid ones are needed, and no more are verified.
        let verify = |candidate: &SignedShare| {
            let share = candidate.share();
            verify_share(
                share,
                &committee.public_key,
                &committee.dealing,
                judged.evaluation(),
                sum.block(),
            )
            .ok()
        };
        let shares: Vec<_> = closed
            .sealed
            .shares()
            .filter_map(verify)
            .take(committee.threshold() as usize)
            .collect();
        let mask_key_sum = combine(judged.evaluation(), &shares, &committee.dealing, table)?;
        if mask_key_sum.encode() != closed.mask_key_sum {
            return Err(ModelError::WrongMaskKeySum);
        }
        Ok(Self {
            judged: judged.clone(),
            mask_key_sum,
            sum: MaskedSum::new(&parameters.update_parameters()),
            added: 0,
            announced_sums: closed.sums,
            announced_model: closed.model,
        })
    }

    /// The headers whose masked updates are to be added, in this order.
    pub fn headers(&self) -> &[VerifiedHeader] {
        self.judged.headers()
    }

    /// SHA-256 of the blob of sums that [`ModelCheck::finish`] wants.
    pub fn sums(&self) -> &Hash {
        &self.announced_sums
    }

    /// Adds the masked update of the next header: 32 bytes a parameter.
    ///
    /// # Errors
    /// [`ModelError::WrongMaskedUpdate`] where the bytes are not those whose hash the signed header holds.
    pub fn add(&mut self, masked: &[u8], parameters: &Parameters) -> Result<(), ModelError> {
        let Some(header) = self.judged.headers().get(self.added) else { return Ok(()) };
        let wrong = |reason| ModelError::WrongMaskedUpdate {
            pseudonym: header.context().pseudonym,
            reason,
        };
        let masked =
            MaskedUpdate::parse(masked, header.mask_hash(), &parameters.update_parameters())
                .map_err(wrong)?;
        self.sum.add_masked(&masked).map_err(wrong)?;
        self.added += 1;
        Ok(())
    }

    /// Checks the sums and computes the model that follows.
    ///
    /// # Errors
    /// [`ModelError`]: the first that does not hold.
    pub fn finish(
        self,
        previous: &CheckedModel,
        sums: &[u8],
        roster: &Roster,
        parameters: &Parameters,
        rng: &mut impl CryptoRngCore,
    ) -> Result<CheckedModel, ModelError> {
        previous.starts(self.judged.round())?;
        let model = self.follow(&previous.model, sums, roster, parameters, rng)?;
        Ok(CheckedModel { step: previous.step + 1, model })
    }

    /// The model that follows from `previous`, if it is the announced one.
    pub(crate) fn follow(
        &self,
        previous: &Model,
        sums: &[u8],
        roster: &Roster,
        parameters: &Parameters,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Model, ModelError> {
        let headers = self.judged.headers();
        if self.added != headers.len() {
            return Err(ModelError::MissingMaskedUpdates {
                found: self.added,
                expected: headers.len(),
            });
        }
        let sums = (sha256(sums) == self.announced_sums)
            .then(|| decode_sums(sums, parameters.dimension))
            .flatten()
            .ok_or(ModelError::WrongSumsBlob)?;
        if !self.sum.check(&self.mask_key_sum, &sums, rng) {
            return Err(ModelError::WrongSums);
        }
        let names = headers.iter().map(|header| &header.context().pseudonym);
        let weight = roster.weight_sum(names, parameters.max_rows);
        previous
            .step(parameters, &sums, self.judged.evaluation().summands(), weight)
            .filter(|model| model.hash() == self.announced_model)
            .ok_or(ModelError::WrongModel(self.announced_model))
    }
}

/// Bytes of a masked update of this run.
pub fn masked_update_bytes(parameters: &Parameters) -> usize {
    mask_length(&parameters.update_parameters())
}

#[cfg(test)]
mod tests {
    use consilium_proto::v1::{CloseRound, transaction::Action};
    use rand_core::OsRng;

    use super::*;
    use crate::{
        fixture::{DIMENSION, World},
        follow::Phase,
        trustee::judge,
    };

    /// A world whose first round is closed by what `change` makes of the right CloseRound; the masked updates; the sums.
    fn closed(change: impl FnOnce(&mut CloseRound)) -> (World, Closed, Vec<Vec<u8>>, Vec<u8>) {
        let mut world = World::new();
        let headers = world.seal();
        world.unseal();
        let (mut close, sums) = world.result();
        change(&mut close);
        let close = world.orders(Action::CloseRound(close));
        world.forge(vec![close]);
        let closed = world.follow().1.unwrap();
        let length = masked_update_bytes(&world.ceremony.parameters);
        let masked = |header: &Vec<u8>| {
            let header = consilium_crypto::CandidateHeader::decode(header).unwrap();
            world.bodies[header.body_hash()][..length].to_vec()
        };
        let masked = headers.iter().map(masked).collect();
        (world, closed, masked, sums)
    }

    fn initial(world: &World) -> CheckedModel {
        CheckedModel::initial(&world.ceremony.parameters, &world.ceremony.initial_model).unwrap()
    }

    fn check(
        world: &World,
        closed: &Closed,
        masked: &[Vec<u8>],
        sums: &[u8],
    ) -> Result<CheckedModel, ModelError> {
        let parameters = &world.ceremony.parameters;
        let start = initial(world);
        let judged = judge(&closed.sealed.sum, None, parameters, &mut OsRng).unwrap();
        let mut check = start.check(closed, &judged, parameters, &DiscreteLogTable::shared())?;
        for bytes in masked {
            check.add(bytes, parameters)?;
        }
        check.finish(&start, sums, world.follow().0.roster(), parameters, &mut OsRng)
    }

    #[test]
    fn a_model_that_follows_is_checked_and_equals_the_weighted_mean() {
        let (world, closed, masked, sums) = closed(|_| {});
        let model = check(&world, &closed, &masked, &sums).unwrap();
        assert_eq!(model.step(), 1);
        assert_eq!(model.model().hash(), closed.model);
        // Updates of 1, 2, 3, 4; weights 10, 20, 30, 40 rows over 40; clip 0.5 over 127.
        let parameters = &world.ceremony.parameters;
        let expected = 0.25 + f64::from(parameters.clip) / 127.0 * 10.0 / 2.5;
        assert!(model.model().parameters().iter().all(|value| *value == expected as f32));
        assert_eq!(model.model().parameters().len(), DIMENSION);
    }

    #[test]
    fn a_masked_update_that_is_not_the_signed_headers_is_refused() {
        let (world, closed, mut masked, sums) = closed(|_| {});
        masked.swap(0, 1);
        let refused = check(&world, &closed, &masked, &sums).unwrap_err();
        assert!(
            matches!(refused, ModelError::WrongMaskedUpdate { pseudonym, .. } if pseudonym == world.name(0))
        );
        masked.swap(0, 1);
        masked[2][5] ^= 1;
        let refused = check(&world, &closed, &masked, &sums).unwrap_err();
        assert!(
            matches!(refused, ModelError::WrongMaskedUpdate { pseudonym, .. } if pseudonym == world.name(2))
        );
        masked[2].pop();
        assert!(matches!(
            check(&world, &closed, &masked, &sums),
            Err(ModelError::WrongMaskedUpdate { .. })
        ));
    }

    #[test]
    fn a_check_without_all_masked_updates_does_not_end() {
        let (world, closed, masked, sums) = closed(|_| {});
        let refused = check(&world, &closed, &masked[..3], &sums).unwrap_err();
        assert_eq!(refused, ModelError::MissingMaskedUpdates { found: 3, expected: 4 });
    }

    #[test]
    fn an_announced_key_sum_that_the_shares_do_not_combine_to_is_refused() {
        let (world, closed, masked, sums) = closed(|close| close.mask_key_sum[0] ^= 1);
        assert_eq!(
            check(&world, &closed, &masked, &sums).unwrap_err(),
            ModelError::WrongMaskKeySum
        );
    }

    #[test]
    fn sums_that_do_not_follow_are_refused_also_where_the_round_announces_them() {
        let (world, closed_rightly, masked, sums) = closed(|_| {});
        let mut wrong = sums.clone();
        wrong[4] ^= 1;
        assert_eq!(
            check(&world, &closed_rightly, &masked, &wrong).unwrap_err(),
            ModelError::WrongSumsBlob
        );
        let announced = wrong.clone();
        let (world, closed, masked, sums) = closed(|close| {
            // Every coordinate has the same sum here, so the changed blob is the same in every world.
            close.sums.as_mut().unwrap().sha256 = sha256(&announced).to_vec();
        });
        assert_eq!(check(&world, &closed, &masked, &sums).unwrap_err(), ModelError::WrongSumsBlob);
        assert_eq!(check(&world, &closed, &masked, &wrong).unwrap_err(), ModelError::WrongSums);
    }

    #[test]
    fn a_model_that_does_not_follow_from_the_sums_is_refused() {
        let (world, closed, masked, sums) =
            closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
        assert_eq!(
            check(&world, &closed, &masked, &sums).unwrap_err(),
            ModelError::WrongModel([7; 32])
        );
    }

    #[test]
    fn a_round_without_a_quorum_or_without_t_valid_shares_is_refused() {
        let open = |transactions: fn(&World) -> Vec<consilium_proto::v1::SignedTransaction>| {
            let mut world = World::new();
            world.seal();
            let step = 0;
            let block = world.sealed_hash();
            let all: Vec<_> = (0..3).map(|i| world.countersignature(i, step, &block)).collect();
            world.commit(all);
            let spoken = transactions(&world);
            world.forge(spoken);
            let close = CloseRound {
                step,
                mask_key_sum: vec![0; 32],
                sums: Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 }),
                model: Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 }),
                time_ms: 9_000,
            };
            let close = world.orders(Action::CloseRound(close));
            world.forge(vec![close]);
            let closed = world.follow().1.unwrap();
            check(&world, &closed, &[], &[]).unwrap_err()
        };
        let one = open(|world| vec![world.share(1)]);
        assert!(
            matches!(one, ModelError::Shares(ShareError::TooFew { expected: 2, found: 1 })),
            "{one}"
        );
        let twice = open(|world| vec![world.share(1), world.share(1)]);
        assert!(
            matches!(twice, ModelError::Shares(ShareError::TooFew { expected: 2, found: 1 })),
            "{twice}"
        );

        let mut world = World::new();
        world.seal();
        let block = world.sealed_hash();
        let two: Vec<_> = (0..2).map(|i| world.countersignature(i, 0, &block)).collect();
        world.forge(two);
        let blob = || Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 });
        let close = CloseRound {
            step: 0,
            mask_key_sum: vec![0; 32],
            sums: blob(),
            model: blob(),
            time_ms: 9_000,
        };
        let close = world.orders(Action::CloseRound(close));
        world.forge(vec![close]);
        let closed = world.follow().1.unwrap();
        let refused = check(&world, &closed, &[], &[]).unwrap_err();
        assert_eq!(refused, ModelError::NoQuorum { found: 2, expected: 3 });
    }

    #[test]
    fn faulty_shares_before_the_valid_ones_do_not_stop_the_check() {
        let mut world = World::new();
        let headers = world.seal();
        let block = world.sealed_hash();
        let all: Vec<_> = (0..3).map(|i| world.countersignature(i, 0, &block)).collect();
        world.commit(all);
        let faulty = world.wrong_share(0, 0);
        world.record(faulty);
        let good = vec![world.share(1), world.share(3)];
        world.commit(good);
        let (close, sums) = world.result();
        let close = world.orders(Action::CloseRound(close));
        world.commit(vec![close]);
        let closed = world.follow().1.unwrap();
        assert_eq!(closed.sealed.shares().count(), 3);
        let length = masked_update_bytes(&world.ceremony.parameters);
        let masked: Vec<Vec<u8>> = headers
            .iter()
            .map(|header| consilium_crypto::CandidateHeader::decode(header).unwrap())
            .map(|header| world.bodies[header.body_hash()][..length].to_vec())
            .collect();
        assert!(check(&world, &closed, &masked, &sums).is_ok());
    }

    #[test]
    fn another_judged_block_than_the_closed_one_is_refused() {
        let (world, closed_one, ..) = closed(|_| {});
        let (_, closed_other, ..) = closed(|_| {});
        let parameters = &world.ceremony.parameters;
        let judged = judge(&closed_other.sealed.sum, None, parameters, &mut OsRng).unwrap();
        let refused =
            initial(&world).check(&closed_one, &judged, parameters, &DiscreteLogTable::shared());
        assert!(matches!(refused.err(), Some(ModelError::OtherBlock { .. })));
    }

    #[test]
    fn a_round_that_starts_from_an_unchecked_model_gives_no_assignment() {
        let (world, closed, masked, sums) = closed(|_| {});
        let next = check(&world, &closed, &masked, &sums).unwrap();
        let mut world = World::new();
        world.open();
        let (follower, _) = world.follow();
        let Phase::Collecting(collection) = follower.phase() else { panic!() };
        let assignment = initial(&world).assignment(collection, &world.name(0)).unwrap();
        assert_eq!(assignment.global(), vec![0.25; DIMENSION]);
        assert_eq!(assignment.context().round, world.round());
        assert!(matches!(
            next.assignment(collection, &world.name(0)),
            Err(ModelError::OtherModel { .. })
        ));
    }

    #[test]
    fn a_blob_that_the_genesis_does_not_name_is_no_initial_model() {
        let world = World::new();
        let parameters = &world.ceremony.parameters;
        let mut blob = world.ceremony.initial_model.clone();
        blob[0] ^= 1;
        assert!(CheckedModel::initial(parameters, &blob).is_none());
        assert!(CheckedModel::initial(parameters, &blob[4..]).is_none());
    }

    #[test]
    fn a_stored_model_is_read_again_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (world, closed, masked, sums) = closed(|_| {});
        let parameters = &world.ceremony.parameters;
        assert!(CheckedModel::load(dir.path(), parameters).unwrap().is_none());
        let model = check(&world, &closed, &masked, &sums).unwrap();
        model.store(dir.path()).unwrap();
        let again = CheckedModel::load(dir.path(), parameters).unwrap().unwrap();
        assert_eq!((again.step(), again.model()), (1, model.model()));
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(
            CheckedModel::load(dir.path(), parameters),
            Err(ClientError::DamagedState { .. })
        ));
    }
}
