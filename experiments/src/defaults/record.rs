//! What came of a comparison.

use consilium_learning::Metrics;

use super::Variant;

/// How a variant does on a dataset: the metrics of the last global model on each seed's test rows, in the order of the seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was changed.
    pub variant: Variant,
    /// One a seed.
    pub metrics: Vec<Metrics>,
}

/// All variants on one dataset, the default first.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The dataset.
    pub dataset: String,
    /// One a variant.
    pub outcomes: Vec<Outcome>,
}
