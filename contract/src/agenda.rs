//! What the steps of a run are for. The genesis decides it for every step, so nobody has to say it in one.
//!
//! ```text
//!   statistics   train × every   evaluate   train × every   evaluate   …   the rest   evaluate
//! ```
//!
//! Every step is a round like any other: updates that prove their bound, one sum, countersigned and opened. Only what stands in
//! an update, how long it is, and what its sum changes depend on the purpose.

use consilium_crypto::{
    Bound,
    mask::{Kind, Parameters as UpdateParameters},
    quantise::Tally,
};
use consilium_proto::v1;
use thiserror::Error;

/// Why there is no such run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct AgendaError {
    field: &'static str,
    reason: String,
}

/// Improvements between two evaluations: the most that there may be.
const MOST_EVERY: u64 = 1 << 32;

/// What the updates of a step are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Rows are counted, so that everyone scales them alike.
    Statistics,
    /// The model is improved.
    #[default]
    Training,
    /// The model is measured on rows that nobody trains on.
    Evaluation,
}

impl Purpose {
    /// Its name, in lower case.
    pub fn label(self) -> &'static str {
        match self {
            Self::Statistics => "statistics",
            Self::Training => "training",
            Self::Evaluation => "evaluation",
        }
    }
}

/// What fixes the updates of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Form {
    /// What they are for.
    pub purpose: Purpose,
    /// What an update of the largest institution proves about itself.
    pub bound: Bound,
    /// What the encoding follows from.
    pub update: UpdateParameters,
}

impl Form {
    /// d: places of an update.
    pub fn dimension(&self) -> u32 {
        self.update.dimension()
    }
}

/// Rows that are counted in a step, and how such a step looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// What is counted.
    pub tally: Tally,
    update: UpdateParameters,
}

impl Counted {
    fn read(
        field: &'static str,
        message: Option<v1::Tally>,
        genesis: &v1::Genesis,
    ) -> Result<Self, AgendaError> {
        let refused = |reason: String| AgendaError { field, reason };
        let v1::Tally { counts, sums } =
            message.ok_or_else(|| refused("it says of nothing how it is counted".to_owned()))?;
        if counts == 0 || sums == 0 {
            return Err(refused(format!("{counts} counts and {sums} sums; expected some of both")));
        }
        let tally = Tally::new(counts, sums, genesis.max_rows, genesis.institutions)
            .map_err(|error| refused(error.to_string()))?;
        // Sums have to come out exactly, so a lattice mask and its noise are for models alone.
        let update = UpdateParameters::new(
            Kind::Group,
            tally.dimension(),
            tally.bound(),
            genesis.institutions,
        )
        .map_err(|error| refused(error.to_string()))?;
        Ok(Self { tally, update })
    }

    fn form(&self, purpose: Purpose) -> Form {
        Form { purpose, bound: self.tally.bound(), update: self.update }
    }
}

/// How the model is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluationPlan {
    /// What is counted.
    pub counted: Counted,
    /// Improvements of the model between two evaluations.
    pub every: u64,
    /// Evaluations without a smaller loss that end the run; 0 where none do.
    pub patience: u32,
    /// Rows in a thousand that an institution holds out.
    pub held_out_permille: u32,
}

/// The purposes of all steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Agenda {
    training: Form,
    improvements: u64,
    statistics: Option<Counted>,
    evaluation: Option<EvaluationPlan>,
}

impl Agenda {
    /// Reads a genesis whose other numbers are checked.
    pub(crate) fn read(genesis: &v1::Genesis, training: Form) -> Result<Self, AgendaError> {
        let statistics = match &genesis.statistics {
            None => None,
            Some(tally) => Some(Counted::read("statistics", Some(*tally), genesis)?),
        };
        let evaluation = match &genesis.evaluation {
            None => None,
            Some(evaluation) => Some(EvaluationPlan::read(evaluation, genesis)?),
        };
        if genesis.privacy.is_some() && (statistics.is_some() || evaluation.is_some()) {
            // Counts would be opened as they are, beside updates that are covered.
            return Err(AgendaError {
                field: "statistics or evaluation",
                reason: "there can be none where updates carry noise".to_owned(),
            });
        }
        Ok(Self { training, improvements: genesis.steps, statistics, evaluation })
    }

    /// Steps in all.
    pub fn steps(&self) -> u64 {
        let evaluations =
            self.evaluation.map_or(0, |evaluation| self.improvements.div_ceil(evaluation.every));
        self.improvements.saturating_add(evaluations).saturating_add(self.before())
    }

    /// Improvements of the model that the run is meant to make.
    pub fn improvements(&self) -> u64 {
        self.improvements
    }

    /// What a step is for.
    pub fn purpose(&self, step: u64) -> Purpose {
        let Some(step) = step.checked_sub(self.before()) else { return Purpose::Statistics };
        match &self.evaluation {
            Some(EvaluationPlan { every, .. })
                if step % (every + 1) == *every
                    || step.saturating_add(1) >= self.steps() - self.before() =>
            {
                Purpose::Evaluation
            }
            _ => Purpose::Training,
        }
    }

    /// How the updates of a step look.
    pub fn form(&self, step: u64) -> Form {
        let purpose = self.purpose(step);
        let counted = match purpose {
            Purpose::Training => None,
            Purpose::Statistics => self.statistics,
            Purpose::Evaluation => self.evaluation.map(|evaluation| evaluation.counted),
        };
        counted.map_or(self.training, |counted| counted.form(purpose))
    }

    /// Improvements of the model among the first so many steps: the number of the improvement that such a step makes, from 0.
    pub fn improved(&self, step: u64) -> u64 {
        let step = step.saturating_sub(self.before());
        let evaluated = self.evaluation.map_or(0, |evaluation| step / (evaluation.every + 1));
        (step - evaluated).min(self.improvements)
    }

    /// How the updates of steps look, of every purpose that the run has.
    pub fn forms(&self) -> impl Iterator<Item = Form> {
        let statistics = self.statistics.map(|counted| counted.form(Purpose::Statistics));
        let evaluation = self.evaluation.map(|plan| plan.counted.form(Purpose::Evaluation));
        [Some(self.training), statistics, evaluation].into_iter().flatten()
    }

    /// What is counted before the first model.
    pub fn statistics(&self) -> Option<&Tally> {
        self.statistics.as_ref().map(|counted| &counted.tally)
    }

    /// How the model is measured.
    pub fn evaluation(&self) -> Option<&EvaluationPlan> {
        self.evaluation.as_ref()
    }

    /// Steps before the first improvement.
    fn before(&self) -> u64 {
        u64::from(self.statistics.is_some())
    }
}

impl EvaluationPlan {
    fn read(message: &v1::Evaluation, genesis: &v1::Genesis) -> Result<Self, AgendaError> {
        let out_of_range = |field, actual: u64, expected: &str| AgendaError {
            field,
            reason: format!("is {actual}; expected {expected}"),
        };
        let v1::Evaluation { tally, every, patience, held_out_permille } = *message;
        if !(1..=genesis.steps.min(MOST_EVERY)).contains(&every) {
            return Err(out_of_range(
                "steps between evaluations",
                every,
                "1 to the steps of the run",
            ));
        }
        if !(1..=900).contains(&held_out_permille) {
            let actual = held_out_permille.into();
            return Err(out_of_range("rows in a thousand that are held out", actual, "1 to 900"));
        }
        let counted = Counted::read("evaluation", tally, genesis)?;
        Ok(Self { counted, every, patience, held_out_permille })
    }
}

#[cfg(test)]
mod tests {
    use Purpose::{Evaluation as E, Statistics as S, Training as T};

    use super::*;

    fn agenda(steps: u64, statistics: bool, every: Option<u64>) -> Agenda {
        let tally = Some(v1::Tally { counts: 3, sums: 2 });
        let bound = Bound::parameter(8);
        let update = UpdateParameters::new(Kind::Group, 5, bound, 4).unwrap();
        let genesis = v1::Genesis {
            steps,
            institutions: 4,
            max_rows: 100,
            statistics: tally.filter(|_| statistics),
            evaluation: every.map(|every| v1::Evaluation {
                tally,
                every,
                patience: 0,
                held_out_permille: 200,
            }),
            ..v1::Genesis::default()
        };
        Agenda::read(&genesis, Form { purpose: T, bound, update }).unwrap()
    }

    fn purposes(agenda: &Agenda) -> Vec<Purpose> {
        (0..agenda.steps()).map(|step| agenda.purpose(step)).collect()
    }

    #[test]
    fn evaluations_stand_between_improvements_and_after_the_last_one() {
        assert_eq!(purposes(&agenda(3, false, None)), [T, T, T]);
        assert_eq!(purposes(&agenda(3, true, None)), [S, T, T, T]);
        assert_eq!(purposes(&agenda(4, false, Some(2))), [T, T, E, T, T, E]);
        assert_eq!(purposes(&agenda(5, true, Some(2))), [S, T, T, E, T, T, E, T, E]);
        assert_eq!(purposes(&agenda(2, false, Some(1))), [T, E, T, E]);
        assert_eq!(purposes(&agenda(2, true, Some(2))), [S, T, T, E]);
    }

    #[test]
    fn improvements_are_counted_past_steps_of_another_purpose() {
        let agenda = agenda(5, true, Some(2));
        let improved: Vec<u64> = (0..=agenda.steps()).map(|step| agenda.improved(step)).collect();
        assert_eq!(improved, [0, 0, 1, 2, 2, 3, 4, 4, 5, 5]);
        assert_eq!(agenda.improvements(), 5);
    }

    #[test]
    fn a_step_that_counts_has_another_form_than_one_that_trains() {
        let agenda = agenda(2, true, Some(2));
        let of_tally = agenda.statistics().unwrap();
        assert_eq!(agenda.form(0).dimension(), of_tally.dimension());
        assert_eq!(agenda.form(0).bound, of_tally.bound());
        assert_eq!((agenda.form(1).dimension(), agenda.form(1).bound), (5, Bound::parameter(8)));
        assert_eq!(agenda.form(3).purpose, E);
    }
}
