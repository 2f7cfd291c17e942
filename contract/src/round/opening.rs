//! Opening: shares of the sum of the keys come in; any t of them open the sum of the updates.

use std::{collections::BTreeSet, sync::Arc};

use consilium_crypto::{
    DiscreteLogTable, VerifiedEvaluation, VerifiedShare,
    mask::{MaskKeySum, MaskedSum, VerifiedHeader, combine},
};
use consilium_hash::{BlockHash, Pseudonym};
use rand_core::CryptoRngCore;
use thiserror::Error;

use super::findings::Findings;
use super::model::{Model, decode_sums};
use crate::{keygen::committee::Committee, parameters::Parameters};

/// What a sum is said to open to, by an order that stands further on in the chain. Reading sums off costs a multiplication a
/// parameter; checking those that somebody has read off costs a tenth of it. Nobody is believed: sums that do not hold are
/// read off all the same.
#[derive(Debug, Clone)]
pub struct ExpectedSums {
    step: u64,
    sums: Vec<i64>,
    seed: [u8; 32],
}

impl ExpectedSums {
    /// The blob of sums of a step; `None` where it is none. `rng` gives the weights that the sums are checked under, which
    /// nobody could know who announced them.
    pub fn read(
        step: u64,
        blob: &[u8],
        dimension: u32,
        rng: &mut impl CryptoRngCore,
    ) -> Option<Self> {
        let sums = decode_sums(blob, dimension)?;
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Some(Self { step, sums, seed })
    }
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// k̄: the sum of the mask keys.
    pub mask_key_sum: MaskKeySum,
    /// Σq for every parameter, `[d]`.
    pub sums: Vec<i64>,
    /// The model that follows; the same one where the step improves none.
    pub model: Model,
}

impl Opened {
    /// What is known of rows and models once `step` has come to this.
    pub fn findings(&self, step: u64, before: &Findings, parameters: &Parameters) -> Findings {
        before.after(parameters.agenda(), step, &self.model, &self.sums)
    }
}

/// Why a countersigned sum did not open. Every input was verified, so this means that a proof system was broken or
/// that there is a defect; it is an error, never a wrong number.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the sum of step {step} does not open although every update and share in it was verified: {reason}"
)]
pub struct OpeningError {
    /// The step.
    pub step: u64,
    /// What failed.
    pub reason: String,
}

/// From the quorum of countersignatures until CloseRound.
#[derive(Debug)]
pub struct Opening {
    evaluation: VerifiedEvaluation,
    committee: Arc<Committee>,
    accepted: Vec<VerifiedHeader>,
    sum: MaskedSum,
    sealed_block: BlockHash,
    countersigners: BTreeSet<Pseudonym>,
    shares: Vec<VerifiedShare>,
    /// Trustees whose share was faulty: the first one counts.
    refused: BTreeSet<Pseudonym>,
    outcome: Option<Result<Opened, OpeningError>>,
}

impl Opening {
    pub(super) fn new(
        evaluation: VerifiedEvaluation,
        committee: Arc<Committee>,
        accepted: Vec<VerifiedHeader>,
        sum: MaskedSum,
        sealed_block: BlockHash,
        countersigners: BTreeSet<Pseudonym>,
    ) -> Self {
        let shares = Vec::new();
        let refused = BTreeSet::new();
        Self {
            evaluation,
            committee,
            accepted,
            sum,
            sealed_block,
            countersigners,
            shares,
            refused,
            outcome: None,
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

    /// Hash of the countersigned block.
    pub fn sealed_block(&self) -> &BlockHash {
        &self.sealed_block
    }

    /// Trustees that countersigned, by pseudonym.
    pub fn countersigners(&self) -> &BTreeSet<Pseudonym> {
        &self.countersigners
    }

    /// The verified shares so far.
    pub fn shares(&self) -> &[VerifiedShare] {
        &self.shares
    }

    /// Whether this trustee has given a faulty share for this sum. It gives no other one: who follows the chain then
    /// needs to keep one share of a trustee only.
    pub fn has_refused(&self, trustee: &Pseudonym) -> bool {
        self.refused.contains(trustee)
    }

    pub(crate) fn refuse(&mut self, trustee: Pseudonym) {
        self.refused.insert(trustee);
    }

    /// What the step came to, once t shares are in.
    pub fn outcome(&self) -> Option<&Result<Opened, OpeningError>> {
        self.outcome.as_ref()
    }

    pub(crate) fn into_model(self) -> Option<Model> {
        self.outcome?.ok().map(|opened| opened.model)
    }

    /// Adds a verified share; the t-th one opens the sum. What is `expected` of it spares reading it off, where it holds.
    pub(crate) fn add(
        &mut self,
        share: VerifiedShare,
        parameters: &Parameters,
        model: &Model,
        weight_sum: f64,
        table: &DiscreteLogTable,
        expected: Option<&ExpectedSums>,
    ) {
        self.shares.push(share);
        if self.outcome.is_none() && self.shares.len() >= self.committee.threshold() as usize {
            let step = self.evaluation.round().step;
            self.outcome = Some(
                self.read_off(parameters, model, weight_sum, table, expected)
                    .map_err(|reason| OpeningError { step, reason }),
            );
        }
    }

    fn read_off(
        &self,
        parameters: &Parameters,
        model: &Model,
        weight_sum: f64,
        table: &DiscreteLogTable,
        expected: Option<&ExpectedSums>,
    ) -> Result<Opened, String> {
        let step = self.evaluation.round().step;
        let form = parameters.form(step);
        let dealing = &self.committee.dealing;
        let mask_key_sum = combine(&form.update, &self.evaluation, &self.shares, dealing, table)
            .map_err(|error| error.to_string())?;
        let holds = |expected: &&ExpectedSums| {
            let ExpectedSums { step: of, sums, seed } = *expected;
            *of == step && self.sum.check(&mask_key_sum, sums, seed).is_ok()
        };
        let sums = match expected.filter(holds) {
            Some(expected) => expected.sums.clone(),
            None => self.sum.open(&mask_key_sum, table).map_err(|error| error.to_string())?,
        };
        let model = model
            .after(form.purpose, parameters, &sums, weight_sum)
            .ok_or_else(|| "the next model is not finite".to_owned())?;
        Ok(Opened { mask_key_sum, sums, model })
    }
}
