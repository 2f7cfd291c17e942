//! The model that an institution may train on: one whose every step it has checked itself (docs/cryptography.md, section 6).
//!
//! A crafted model can make even a sum reveal a record. So a [`CheckedModel`] begins with the blob that the genesis
//! names and moves in one of two ways. [`CheckedModel::executed`]: the institution has run the contract over every block.
//! [`ModelCheck::finish`], for who has not: it needs the judged sum of the step, t verified shares that combine to the
//! announced k̄, all masked updates that the signed headers name, and sums that satisfy (Σu_j)·h = ΣE_j − k̄·W_j for every j
//! under weights of this institution's own. Only a checked model gives out an `Assignment`, and only an assignment can be
//! trained and encrypted for.

use consilium_contract::{Model, Parameters, Roster, model::decode_sums, round::Findings};
use consilium_crypto::{
    DiscreteLogTable, RoundContext, ShareError, SumError, UpdateError,
    mask::{MaskKeySum, MaskedSum, VerifiedHeader, combine},
    verify_share,
};
use consilium_hash::{BlobHash, BlockHash, ModelHash, Pseudonym};
use consilium_ledger::blob_hash;
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{execution::Execution, follow::Closed, judge::Judged, statements::SignedShare};

/// Why a model is not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ModelError {
    /// The round starts from, or ends, another model's step.
    #[error(
        "the round belongs to step {found} of model {}, this institution has checked step {expected} of model {}",
        found_model.short(),
        expected_model.short()
    )]
    OtherModel {
        /// Step of the checked model.
        expected: u64,
        /// Its hash.
        expected_model: ModelHash,
        /// Step of the round.
        found: u64,
        /// The model it names.
        found_model: ModelHash,
    },
    /// The judged sum is not the one that the round was closed with.
    #[error(
        "the round was closed over block {} and judged over block {}",
        closed.short(),
        judged.short()
    )]
    OtherBlock {
        /// Block of the closed round.
        closed: BlockHash,
        /// Block that was judged.
        judged: BlockHash,
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
        pseudonym.short()
    )]
    WrongMaskedUpdate {
        /// Whose.
        pseudonym: Pseudonym,
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
    #[error("the announced sums are not those of the round: {0}")]
    WrongSums(SumError),
    /// The run does not end where the evaluations end it.
    #[error("the round {} the run; the evaluations of this institution's chain say otherwise", if *ends { "ends" } else { "goes on with" })]
    WrongEnd {
        /// What the round says.
        ends: bool,
    },
    /// The model does not follow from the sums.
    #[error("the announced model {} does not follow from the sums", .0.short())]
    WrongModel(ModelHash),
}

/// A model that follows, step by step, from the genesis.
#[derive(Debug, Clone)]
pub struct CheckedModel {
    /// Closed rounds that it follows from.
    step: u64,
    model: Model,
    findings: Findings,
}

impl CheckedModel {
    /// The initial model; `None` where the blob is not the one that the genesis names.
    pub fn initial(parameters: &Parameters, blob: &[u8]) -> Option<Self> {
        let model = Model::initial(blob, parameters)?;
        Some(Self { step: 0, model, findings: Findings::default() })
    }

    /// The step that starts from it.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What the steps up to it have found out about rows and models, checked with it.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The model that the contract has come to over a chain of which this institution has executed every block.
    pub fn of(execution: &Execution) -> Self {
        let (step, model) = execution.model();
        Self { step, model: model.clone(), findings: execution.findings().clone() }
    }

    /// The model that follows this one, if the contract has come to it over a chain of which this institution has executed
    /// every block, with every proof.
    pub fn executed(&self, execution: &Execution) -> Option<Self> {
        Some(Self::of(execution)).filter(|next| next.step == self.step + 1)
    }

    /// A model that this institution has checked before and kept where nobody else writes.
    pub fn restored(step: u64, model: Model, findings: Findings) -> Self {
        Self { step, model, findings }
    }

    /// Whether a round starts from this model.
    ///
    /// # Errors
    /// [`ModelError::OtherModel`].
    pub fn starts(&self, round: &RoundContext) -> Result<(), ModelError> {
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
}

/// A model in the middle of its check.
pub struct ModelCheck {
    judged: Judged,
    mask_key_sum: MaskKeySum,
    sum: MaskedSum,
    added: usize,
    announced_sums: BlobHash,
    announced_model: ModelHash,
    ends_run: bool,
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
        let form = parameters.form(judged.round().step);
        let mask_key_sum =
            combine(&form.update, judged.evaluation(), &shares, &committee.dealing, table)?;
        if mask_key_sum.encode() != closed.mask_key_sum {
            return Err(ModelError::WrongMaskKeySum);
        }
        Ok(Self {
            judged: judged.clone(),
            mask_key_sum,
            sum: MaskedSum::new(&form.update, judged.round()),
            added: 0,
            announced_sums: closed.sums,
            announced_model: closed.model,
            ends_run: closed.ends_run,
        })
    }

    /// The headers whose masked updates are to be added, in this order.
    pub fn headers(&self) -> &[VerifiedHeader] {
        self.judged.headers()
    }

    /// Address of the blob of sums that [`ModelCheck::finish`] wants.
    pub fn sums(&self) -> &BlobHash {
        &self.announced_sums
    }

    /// Adds the masked parameters of the next header, as a body holds them.
    ///
    /// # Errors
    /// [`ModelError::WrongMaskedUpdate`] where the bytes are not those whose hash the signed header holds.
    pub fn add(&mut self, masked: &[u8]) -> Result<(), ModelError> {
        let Some(header) = self.judged.headers().get(self.added) else { return Ok(()) };
        let wrong = |reason| ModelError::WrongMaskedUpdate {
            pseudonym: header.context().pseudonym,
            reason,
        };
        self.sum.add_masked(masked, header).map_err(wrong)?;
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
        let (sums, model) = self.follow(&previous.model, sums, roster, parameters, rng)?;
        let agenda = parameters.agenda();
        let findings = previous.findings.after(agenda, previous.step, &model, &sums);
        if findings.end_run(agenda) != self.ends_run {
            return Err(ModelError::WrongEnd { ends: self.ends_run });
        }
        Ok(CheckedModel { step: previous.step + 1, model, findings })
    }

    /// The sums, and the model that follows from `previous`, if they are the announced ones.
    pub(crate) fn follow(
        &self,
        previous: &Model,
        sums: &[u8],
        roster: &Roster,
        parameters: &Parameters,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(Vec<i64>, Model), ModelError> {
        let headers = self.judged.headers();
        if self.added != headers.len() {
            return Err(ModelError::MissingMaskedUpdates {
                found: self.added,
                expected: headers.len(),
            });
        }
        let form = parameters.form(self.judged.round().step);
        let sums = (blob_hash(sums) == self.announced_sums)
            .then(|| decode_sums(sums, form.dimension()))
            .flatten()
            .ok_or(ModelError::WrongSumsBlob)?;
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        self.sum.check(&self.mask_key_sum, &sums, &seed).map_err(ModelError::WrongSums)?;
        let names = headers.iter().map(|header| &header.context().pseudonym);
        let weight = roster.weight_sum(names, parameters.max_rows);
        previous
            .after(form.purpose, parameters, &sums, weight)
            .filter(|model| model.hash() == self.announced_model)
            .map(|model| (sums, model))
            .ok_or(ModelError::WrongModel(self.announced_model))
    }
}

#[cfg(test)]
mod tests;
