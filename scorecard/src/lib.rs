//! An evaluation as counts, so that those of many sites can be summed and nobody sees anybody's own.
//!
//! What is counted depends on what a model predicts ([`Form`]): one of two classes ([`BinaryScores`]), one of several
//! ([`ClassScores`]) or a number ([`NumberScores`]). Of each, the first count is the number of rows and the first sum that of
//! their losses, each in \[0, 1\]: a contract compares models by these two and reads nothing else.
//!
//! Whoever reads an evaluation needs this and the genesis: no rows, no model and nothing that trains. It must not be used on the
//! counts of one institution by anybody but that institution: they say as much as its rows.

mod binary;
mod number;
mod quantities;
mod several;
#[cfg(test)]
mod tests;

use consilium_proto::training::{Agreed, Head};
use serde::Serialize;

pub use binary::{BinaryScores, OperatingPoint};
pub use number::NumberScores;
pub use quantities::Quantities;
pub use several::{ClassScores, most_likely, softmax};

/// Parts of the probabilities, each as wide as the others.
pub const BINS: usize = 32;
/// Most classes that are told apart in an evaluation: beyond them a step would count more than most models have parameters.
pub const MAX_CLASSES: usize = 32;
/// Cross-entropy of a row that counts as 1; what is worse counts no more.
const LARGEST_LOSS: f64 = 16.0;

/// What a model predicts, and so what is counted of its predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One of two classes: a logit, above 0 for the positive class.
    Binary,
    /// One of so many classes: a logit for each of them.
    Classes(usize),
    /// A number, as a fraction of its plausible range.
    Number,
}

/// How good a model is on the rows of all sites that nobody trains on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scores {
    /// Of two classes.
    Binary(BinaryScores),
    /// Of several.
    Classes(ClassScores),
    /// Of a number.
    Number(NumberScores),
}

impl From<Head> for Form {
    fn from(head: Head) -> Self {
        match head {
            Head::Binary => Self::Binary,
            Head::Classes(classes) => Self::Classes(classes as usize),
            Head::Regression => Self::Number,
        }
    }
}

impl Form {
    /// What is counted of the models of a run, by the training plan in its genesis; `None` where nothing is known of them.
    pub fn of_run(training: &[u8]) -> Option<Self> {
        Agreed::decode(training).ok().map(|agreed| agreed.head().into())
    }

    /// Outputs of a model of a row.
    pub fn outputs(self) -> usize {
        match self {
            Self::Binary | Self::Number => 1,
            Self::Classes(classes) => classes.max(1),
        }
    }

    /// Numbers of rows that are counted.
    pub fn counts(self) -> usize {
        match self {
            Self::Binary => binary::COUNTS,
            Self::Classes(classes) => several::counts(classes),
            Self::Number => 1,
        }
    }

    /// Sums of fractions that are taken.
    pub fn sums(self) -> usize {
        match self {
            Self::Binary => binary::SUMS,
            Self::Classes(_) => several::SUMS,
            Self::Number => number::SUMS,
        }
    }

    /// Counts the rows of one site: what the model says of them, `[rows, outputs]`, and their labels as in a
    /// table of the run's rows, `[rows]`.
    pub fn count(self, outputs: &[f32], labels: &[f32]) -> Quantities {
        let rows = outputs.chunks(self.outputs()).zip(labels.iter().copied());
        match self {
            Self::Binary => {
                let logit = |row: &[f32]| row.first().copied().unwrap_or(f32::NAN);
                binary::count(rows.map(|(row, label)| (logit(row), label > 0.5)))
            }
            Self::Classes(classes) => several::count(rows, classes),
            Self::Number => number::count(outputs.iter().copied().zip(labels.iter().copied())),
        }
    }

    /// Reads the counts of all sites together; `None` where they cannot be those of any rows.
    pub fn read(self, total: &Quantities) -> Option<Scores> {
        match self {
            Self::Binary => BinaryScores::read(total).map(Scores::Binary),
            Self::Classes(classes) => ClassScores::read(total, classes).map(Scores::Classes),
            Self::Number => NumberScores::read(total).map(Scores::Number),
        }
    }
}

impl Scores {
    /// Rows that were measured on.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Binary(scores) => scores.rows,
            Self::Classes(scores) => scores.rows,
            Self::Number(scores) => scores.rows,
        }
    }

    /// Mean loss of a row: cross-entropy in nats, or of a number the squared error in squared plausible ranges.
    pub fn loss(&self) -> f64 {
        match self {
            Self::Binary(scores) => scores.loss,
            Self::Classes(scores) => scores.loss,
            Self::Number(scores) => scores.loss,
        }
    }

    /// Everything by name, without what the rows do not say. Errors of a number are fractions of its plausible range.
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        let all = match self {
            Self::Binary(scores) => scores.named(),
            Self::Classes(scores) => scores.named(),
            Self::Number(scores) => scores.named(),
        };
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// In a few words: the loss, and the one number that people ask for first.
    pub fn in_short(&self) -> String {
        let known = |value: Option<f64>| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
        };
        match self {
            Self::Binary(scores) => {
                format!("loss {:.4}, AUC {}", scores.loss, known(scores.auc))
            }
            Self::Classes(scores) => {
                format!("loss {:.4}, accuracy {:.3}", scores.loss, scores.accuracy)
            }
            Self::Number(scores) => {
                format!("loss {:.6}, R² {}", scores.loss, known(scores.r_squared))
            }
        }
    }
}

/// −log σ(z) for a positive row and −log σ(−z) for a negative one, without overflow.
pub fn cross_entropy(logit: f64, positive: bool) -> f64 {
    let margin = if positive { logit } else { -logit };
    (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
}

/// The part of \[0, 1\] in which a probability lies.
fn part(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}

/// The area under a ROC curve, from positive and negative rows part by part: the Mann–Whitney statistic where rows of one part
/// are ties, which is the area under straight lines. `None` where only one class occurs.
fn area(positives: &[u64], negatives: &[u64]) -> Option<f64> {
    let mut below = 0u64;
    let mut twice = 0u128;
    for (positive, negative) in positives.iter().zip(negatives) {
        twice += u128::from(*positive) * u128::from(2 * below + negative);
        below += negative;
    }
    let pairs = u128::from(positives.iter().sum::<u64>()) * u128::from(below);
    (pairs > 0).then(|| twice as f64 / (2 * pairs) as f64)
}
