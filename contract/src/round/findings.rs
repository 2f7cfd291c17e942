//! What the steps that count have found out: statistics of all rows, and which model was the best on rows that nobody trains on.
//!
//! The contract knows no more of a count than it needs for its rules: of an evaluation, that the first count is the number of
//! rows and the first sum that of their losses. Whoever counts and whoever reads agree on the rest.

use std::sync::Arc;

use consilium_proto::{WireError, decode, v1};
use prost::Message as _;
use sha2::{Digest, Sha256};

use super::model::Model;
use crate::agenda::{Agenda, Purpose};
use crate::parameters::Parameters;

/// The model with the smallest loss so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The step that measured it.
    pub step: u64,
    /// The model.
    pub model: Model,
    /// Mean loss of a held-out row, in the unit of its fractions.
    pub loss: f64,
    /// What that step opened to, `[d]`.
    pub places: Arc<[i64]>,
}

/// The places of a sum that was opened, `[d]`, and the step that opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedStep {
    /// The step.
    pub step: u64,
    /// Places of the tally, summed.
    pub places: Arc<[i64]>,
}

/// What is known after some steps. Before the first that counts, nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    statistics: Option<CountedStep>,
    evaluated: Option<CountedStep>,
    best: Option<Best>,
    /// Evaluations since the best one.
    since_best: u32,
}

impl Findings {
    /// What is known once `step`, which starts from `model`, has opened to these places.
    #[must_use]
    pub fn after(&self, agenda: &Agenda, step: u64, model: &Model, places: &[i64]) -> Self {
        let counted = || CountedStep { step, places: places.into() };
        match agenda.purpose(step) {
            Purpose::Training => self.clone(),
            Purpose::Statistics => Self { statistics: Some(counted()), ..self.clone() },
            Purpose::Evaluation => self.with_evaluation(agenda, model, counted()),
        }
    }

    fn with_evaluation(&self, agenda: &Agenda, model: &Model, counted: CountedStep) -> Self {
        let loss = mean_loss(agenda, &counted.places);
        let is_better = |loss: &f64| self.best.as_ref().is_none_or(|best| *loss < best.loss);
        let improved = loss.filter(is_better).map(|loss| Best {
            step: counted.step,
            model: model.clone(),
            loss,
            places: Arc::clone(&counted.places),
        });
        Self {
            statistics: self.statistics.clone(),
            evaluated: Some(counted),
            since_best: if improved.is_some() { 0 } else { self.since_best.saturating_add(1) },
            best: improved.or_else(|| self.best.clone()),
        }
    }

    /// Statistics of all rows, once they are counted.
    pub fn statistics(&self) -> Option<&CountedStep> {
        self.statistics.as_ref()
    }

    /// The last evaluation.
    pub fn last_evaluation(&self) -> Option<&CountedStep> {
        self.evaluated.as_ref()
    }

    /// The best model of those that were evaluated.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Whether evaluations have shown no smaller loss for as long as the genesis gives them.
    pub fn end_run(&self, agenda: &Agenda) -> bool {
        let patience = agenda.evaluation().map_or(0, |evaluation| evaluation.patience);
        patience > 0 && self.since_best >= patience
    }

    /// As an institution keeps them.
    pub fn encode(&self) -> Vec<u8> {
        self.message().encode_to_vec()
    }

    pub(crate) fn message(&self) -> v1::Findings {
        let counted = |counted: &CountedStep| v1::CountedStep {
            step: counted.step,
            places: counted.places.to_vec(),
        };
        let best = |best: &Best| v1::BestModel {
            step: best.step,
            model: best.model.to_bytes(),
            loss: best.loss,
            places: best.places.to_vec(),
        };
        v1::Findings {
            statistics: self.statistics.as_ref().map(counted),
            evaluated: self.evaluated.as_ref().map(counted),
            best: self.best.as_ref().map(best),
            since_best: self.since_best,
        }
    }

    /// Reads what [`Self::encode`] wrote in this run; `None` where a model is another one's.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn read(bytes: &[u8], parameters: &Parameters) -> Result<Option<Self>, WireError> {
        let message = decode("findings", bytes, bytes.len())?;
        Ok(Self::from_message(message, parameters))
    }

    /// `None` where a model is another run's.
    pub(crate) fn from_message(message: v1::Findings, parameters: &Parameters) -> Option<Self> {
        let counted = |counted: v1::CountedStep| CountedStep {
            step: counted.step,
            places: counted.places.into(),
        };
        let best = match message.best {
            None => None,
            Some(v1::BestModel { step, model, loss, places }) => {
                let model = Model::from_bytes(&model, parameters)?;
                Some(Best { step, model, loss, places: places.into() })
            }
        };
        Some(Self {
            statistics: message.statistics.map(counted),
            evaluated: message.evaluated.map(counted),
            best,
            since_best: message.since_best,
        })
    }

    /// Adds what later decisions depend on to a state root; nothing where nothing was counted.
    pub(crate) fn hash_into(&self, hasher: &mut Sha256) {
        for counted in self.statistics.iter().chain(&self.evaluated) {
            hasher.update(b"counted");
            hasher.update(counted.step.to_be_bytes());
            hasher.update((counted.places.len() as u64).to_be_bytes());
            counted.places.iter().for_each(|place| hasher.update(place.to_be_bytes()));
        }
        if self.evaluated.is_some() {
            hasher.update(self.since_best.to_be_bytes());
        }
        if let Some(best) = &self.best {
            hasher.update(best.step.to_be_bytes());
            hasher.update(best.model.hash());
            hasher.update(best.loss.to_bits().to_be_bytes());
        }
    }
}

/// Mean loss of the rows of an evaluation; `None` where it counts no row, or what nobody can have counted.
fn mean_loss(agenda: &Agenda, places: &[i64]) -> Option<f64> {
    let (counts, sums) = agenda.evaluation()?.counted.tally.decode(places)?;
    let rows = counts.first().copied().filter(|rows| *rows > 0)?;
    Some(sums.first()? / rows as f64)
}
