//! What came of a comparison.

use super::Variant;
use crate::replay::quality::Quality;

/// How a variant does on a dataset: the metrics of the last global model on each seed's test rows, in the order of the seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was changed.
    pub variant: Variant,
    /// One a seed.
    pub metrics: Vec<Quality>,
}

/// All variants on one dataset, the default first.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The dataset.
    pub dataset: String,
    /// One a variant.
    pub outcomes: Vec<Outcome>,
}
