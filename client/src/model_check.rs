//! The model that an institution may train on: one whose every step it has checked itself (design, section 6).
//!
//! A crafted model can make even a sum reveal a record. So a [`CheckedModel`] begins with the blob that the genesis
//! names and moves only by [`ModelCheck::finish`], which needs the judged sum of the step, t verified shares that
//! combine to the announced k̄, all masked updates that the signed headers name, and sums that satisfy
//! (Σu_j)·h = ΣE_j − k̄·W_j for every j under weights of this institution's own. Only a checked model gives out an
//! [`Assignment`], and only an assignment can be trained and encrypted for.

use std::path::{Path, PathBuf};

use consilium_contract::{Model, Parameters, Roster, model::decode_sums};
use consilium_crypto::{
    Context, DiscreteLogTable, Hash, MaskKeySum, MaskedSum, MaskedUpdate, RoundContext, ShareError, UpdateError,
    VerifiedHeader, combine, mask_length, verify_share,
};
use consilium_ledger::sha256;
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{
    ClientError, durable,
    error::short,
    follow::{Closed, Collection},
    trustee::Judged,
};

/// The file of the last checked model in a state directory: its step (8 bytes) and its blob.
const FILE: &str = "model.bin";

/// Why a model is not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// The round starts from, or ends, another model's step.
    #[error("the round belongs to step {found} of model {}, this institution has checked step {expected} of model {}",
            short(found_model), short(expected_model))]
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
    #[error("the round was closed over block {} and judged over block {}", short(closed), short(judged))]
    OtherBlock {
        /// Block of the closed round.
        closed: Hash,
        /// Block that was judged.
        judged: Hash,
    },
    /// Too few trustees have countersigned.
    #[error("{found} trustees countersigned the sealed block, {expected} are needed before it is opened")]
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
    #[error("the masked update served for institution {} is not the one that its signed header names: {reason}",
            short(pseudonym))]
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
    pub fn assignment(&self, collection: &Collection, pseudonym: &Hash) -> Result<Assignment, ModelError> {
        let round = collection.round();
        self.starts(round)?;
        let context = Context { round: round.clone(), pseudonym: *pseudonym };
        Ok(Assignment { global: self.model.clone(), context })
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
        let sum = &closed.sealed.sum;
        self.starts(sum.round())?;
        if judged.block() != sum.block() || judged.round() != sum.round() {
            return Err(ModelError::OtherBlock { closed: *sum.block(), judged: *judged.block() });
        }
        let countersigned = closed.sealed.countersignatures().count();
        if countersigned < parameters.quorum as usize {
            return Err(ModelError::NoQuorum { found: countersigned, expected: parameters.quorum });
        }
        // Faulty shares are on the chain too; t valid ones of different trustees are needed, and no more are verified.
        let mut shares = Vec::new();
        let mut trustees = Vec::new();
        for candidate in closed.sealed.shares() {
            let share = candidate.share();
            if shares.len() < parameters.threshold as usize
                && !trustees.contains(&share.index())
                && let Ok(share) =
                    verify_share(share, &parameters.public_key, &parameters.dealing, judged.evaluation(), sum.block())
            {
                trustees.push(candidate.share().index());
                shares.push(share);
            }
        }
        let mask_key_sum = combine(judged.evaluation(), &shares, &parameters.dealing, table)?;
        if mask_key_sum.encode() != closed.mask_key_sum {
            return Err(ModelError::WrongMaskKeySum);
        }
        Ok(ModelCheck {
            judged: judged.clone(),
            mask_key_sum,
            sum: MaskedSum::new(&parameters.update_parameters()),
            added: 0,
            announced_sums: closed.sums,
            announced_model: closed.model,
        })
    }

    /// Reads the model that was stored last; `None` where there is none.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`].
    pub fn load(directory: &Path, parameters: &Parameters) -> Result<Option<Self>, ClientError> {
        let path = Self::path(directory);
        let Some(bytes) = durable::read(&path, 8 + 4 * u64::from(parameters.dimension))? else { return Ok(None) };
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
        durable::replace(&Self::path(directory), &[&self.step.to_be_bytes(), &self.model.to_bytes()])
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join(FILE)
    }
}

/// What an institution is asked for in an open round: made only from a checked model.
#[derive(Debug)]
pub struct Assignment {
    global: Model,
    context: Context,
}

impl Assignment {
    /// The global model to train from, flat.
    pub fn global(&self) -> &[f32] {
        self.global.parameters()
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
        let wrong = |reason| ModelError::WrongMaskedUpdate { pseudonym: header.context().pseudonym, reason };
        let masked =
            MaskedUpdate::parse(masked, header.mask_hash(), &parameters.update_parameters()).map_err(wrong)?;
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
        let headers = self.judged.headers();
        if self.added != headers.len() {
            return Err(ModelError::MissingMaskedUpdates { found: self.added, expected: headers.len() });
        }
        previous.starts(self.judged.round())?;
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
            .model
            .step(parameters, &sums, self.judged.evaluation().summands(), weight)
            .filter(|model| model.hash() == self.announced_model)
            .map(|model| CheckedModel { step: previous.step + 1, model })
            .ok_or(ModelError::WrongModel(self.announced_model))
    }
}

/// Bytes of a masked update of this run.
pub fn masked_update_bytes(parameters: &Parameters) -> usize {
    mask_length(&parameters.update_parameters())
}
