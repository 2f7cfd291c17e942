//! What can go wrong between rows and an update.

use consilium_proto::training::{LayersError, PlanError};

/// Why an institution's training, evaluation or model file was refused.
#[derive(Debug, thiserror::Error)]
pub enum LearningError {
    /// The genesis asks for something that this crate does not train.
    #[error(
        "{0}; this program trains what its own `init` writes: use the trainer that the run agreed on"
    )]
    Plan(#[from] PlanError),
    /// The genesis' model is not the one that its plan describes.
    #[error(
        "the plan in the genesis describes a model of {plan} parameters, the genesis one of {genesis}"
    )]
    OtherDimension {
        /// Parameters of the plan's model.
        plan: u32,
        /// Parameters of the genesis.
        genesis: u32,
    },
    /// A shape that no network has.
    #[error("the layers of the network: {0}")]
    Architecture(#[from] LayersError),
    /// A flat parameter vector of the wrong length.
    #[error("expected {expected} parameters, got {got}: the model belongs to another architecture")]
    ParameterCount {
        /// Parameters of the architecture.
        expected: usize,
        /// Parameters given.
        got: usize,
    },
    /// A table whose width is not the network's input width, or whose columns do not fit its row count.
    #[error(
        "expected a table of {expected} features a row, got {rows} rows, {features} feature values and {labels} labels: use the schema the model was made for"
    )]
    TableShape {
        /// Inputs of the architecture.
        expected: usize,
        /// Rows the table claims.
        rows: usize,
        /// Feature values it holds.
        features: usize,
        /// Labels it holds.
        labels: usize,
    },
    /// A table without rows.
    #[error("the table has no rows: an institution needs at least one to train or evaluate")]
    NoRows,
    /// A hyper-parameter outside its range.
    #[error("{name} must be {expected}, got {got}")]
    TrainingConfig {
        /// Name of the hyper-parameter.
        name: &'static str,
        /// What is allowed.
        expected: String,
        /// What came.
        got: String,
    },
    /// Training left the finite numbers.
    #[error(
        "parameter {index} became {value} in training: lower the learning rate, or check the rows for extreme values"
    )]
    NonFinite {
        /// Position in the flat parameter vector.
        index: usize,
        /// The value found.
        value: f32,
    },
    /// A safetensors file that is damaged or holds another model.
    #[error("not a model of this architecture: {0}")]
    ModelFile(String),
    /// A model's file lacks what makes it usable, or contradicts itself.
    #[error("the description in the model's file: {0}")]
    Description(String),
    /// A label that the model cannot predict. The value is a patient's, and not shown.
    #[error(
        "row {row} of the table has a label that is not {expected}: use the schema the model was made for"
    )]
    Label {
        /// Position of the row in the table.
        row: usize,
        /// What the head of the model predicts.
        expected: String,
    },
    /// A question that is for another kind of model.
    #[error("this model does not predict {expected}: evaluate it by what it predicts")]
    OtherHead {
        /// What it would have to predict.
        expected: &'static str,
    },
    /// A model whose output is no weighted sum of its features.
    #[error("coefficients are for models without hidden layers, this one has {hidden}")]
    NotLinear {
        /// Its hidden layers, convolutions among them.
        hidden: usize,
    },
    /// Names that are not those of the model's features.
    #[error(
        "expected the names of {expected} features, got {got}: use the schema the model was made for"
    )]
    FeatureNames {
        /// Inputs of the architecture.
        expected: usize,
        /// Names given.
        got: usize,
    },
}
