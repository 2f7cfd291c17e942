//! What an institution brings to a step, by the step's purpose: an improvement of the model, or counts of its rows.

use std::time::Instant;

use consilium_contract::{Parameters, Purpose, agenda::Agenda, round::Findings};
use consilium_crypto::{QuantiseError, quantise::Tally};
use consilium_datasets::{
    scorecard::{Form, Scores},
    survey::Quantities,
};
use consilium_learning::TrainError;
use thiserror::Error;

use crate::prepare::{Alone, LocalUpdate, Participant, PrepareError};

/// Why an institution has nothing to bring to a step. It sits the step out.
#[derive(Debug, Error)]
pub enum ContributionError {
    /// No update can be made.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Rows cannot be counted, or not be scaled by what was counted.
    #[error(transparent)]
    Rows(#[from] TrainError),
    /// The counts are none that this run sums.
    #[error(transparent)]
    Counts(#[from] QuantiseError),
    /// The run counts nothing of the kind.
    #[error("the genesis does not say how rows are counted in this step")]
    NoTally,
    /// The sum that statistics should follow from.
    #[error(
        "somebody's statistics cannot be those of any rows (a count is below zero), and nobody can tell whose: rows cannot be \
         scaled by them. Found a run without that institution, or with statistics that are agreed otherwise"
    )]
    Impossible,
}

/// How good a model is on this institution's own held-out rows. Nobody else sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnScores {
    /// The model of all.
    pub global: Scores,
    /// A model that was trained as often on this institution's rows alone.
    pub alone: Option<Scores>,
}

impl Participant {
    /// Compares the model of all with one that begins at `initial` and is trained as often on the own rows alone.
    #[must_use]
    pub fn comparing(self, initial: Vec<f32>) -> Self {
        Self { alone: Some(Alone { model: initial, improvements: 0 }), ..self }
    }

    /// What this institution brings to `step`, which starts from the flat `global` model and what was found out before it.
    ///
    /// # Errors
    /// [`ContributionError`] if there is nothing; the institution then sits the step out.
    pub fn contribution(
        &mut self,
        parameters: &Parameters,
        step: u64,
        global: &[f32],
        findings: &Findings,
    ) -> Result<(LocalUpdate, Option<OwnScores>), ContributionError> {
        let agenda = parameters.agenda();
        let start = Instant::now();
        match agenda.purpose(step) {
            Purpose::Training => {
                self.agree(agenda, findings)?;
                Ok((self.update_of(step, agenda.improved(step), global)?, None))
            }
            Purpose::Statistics => {
                let tally = agenda.statistics().ok_or(ContributionError::NoTally)?;
                let counted = self.trainer.survey()?;
                Ok((encoded(tally, &counted, start)?, None))
            }
            Purpose::Evaluation => {
                let tally = agenda.evaluation().ok_or(ContributionError::NoTally)?.counted.tally;
                self.agree(agenda, findings)?;
                let counted = self.trainer.evaluate(global)?;
                let update = encoded(&tally, &counted, start)?;
                let form = Form::of_run(&parameters.training).ok_or(ContributionError::NoTally)?;
                let alone = self.alone(form, agenda.improved(step))?;
                let own = form.read(&counted).map(|global| OwnScores { global, alone });
                Ok((update, own))
            }
        }
    }

    /// Hands the statistics of all to the trainer, once.
    fn agree(&mut self, agenda: &Agenda, findings: &Findings) -> Result<(), ContributionError> {
        let Some(tally) = agenda.statistics().filter(|_| !self.has_agreed) else { return Ok(()) };
        let counted = findings.statistics().ok_or(ContributionError::NoTally)?;
        let statistics = quantities(tally, &counted.places).ok_or(ContributionError::Impossible)?;
        self.trainer.agree(&statistics)?;
        self.has_agreed = true;
        Ok(())
    }

    /// Trains the model of the own rows as often as the model of all has been, and measures it.
    fn alone(&mut self, form: Form, improvements: u64) -> Result<Option<Scores>, TrainError> {
        let Some(alone) = &mut self.alone else { return Ok(None) };
        while alone.improvements < improvements {
            alone.model = self.trainer.train(alone.improvements, &alone.model)?;
            alone.improvements += 1;
        }
        Ok(form.read(&self.trainer.evaluate(&alone.model)?))
    }
}

fn encoded(
    tally: &Tally,
    counted: &Quantities,
    start: Instant,
) -> Result<LocalUpdate, QuantiseError> {
    let quantised = tally.encode(&counted.counts, &counted.sums)?;
    let train = start.elapsed();
    Ok(LocalUpdate {
        quantised,
        clipped_share: 0.0,
        train,
        quantise: start.elapsed() - train,
        model: Vec::new(),
    })
}

/// What was counted in a step; `None` where nobody can have counted it.
fn quantities(tally: &Tally, places: &[i64]) -> Option<Quantities> {
    let (counts, sums) = tally.decode(places)?;
    Some(Quantities { counts, sums })
}

/// The scores of the last evaluation of a run, on the held-out rows of all.
#[must_use]
pub fn last_scores(parameters: &Parameters, findings: &Findings) -> Option<(u64, Scores)> {
    let counted = findings.last_evaluation()?;
    Some((counted.step, scores(parameters, &counted.places)?))
}

/// What an evaluation that was opened to these places says.
#[must_use]
pub fn scores(parameters: &Parameters, places: &[i64]) -> Option<Scores> {
    let tally = &parameters.agenda().evaluation()?.counted.tally;
    Form::of_run(&parameters.training)?.read(&quantities(tally, places)?)
}

/// The statistics of all rows, once the run has counted them; `None` where nobody can have counted them so.
#[must_use]
pub fn statistics(parameters: &Parameters, findings: &Findings) -> Option<Quantities> {
    quantities(parameters.agenda().statistics()?, &findings.statistics()?.places)
}
