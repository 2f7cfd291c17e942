//! Machine learning of one institution: the network, its training and its evaluation, and the seam at which another
//! trainer can stand.
//!
//! Given the same seed, institution, step, global model and rows, everything here returns the same bytes on every
//! run, whatever the number of threads: all randomness is ChaCha20 keyed by a named derivation (`seed`), and the
//! tensors are computed on one thread. Between machines the last bits may differ with the processor's vector
//! instructions.
//!
//! Nothing here encrypts: a local model is as private as the rows it came from and never leaves the institution.
//!
//! | file | concept |
//! | --- | --- |
//! | `architecture` | shape of the network, its parameter count, its initial parameters |
//! | `network` | the same network as a burn module; the only file that names a backend |
//! | `patches` | what the kernels of a convolution see, so that a convolution is a dense layer |
//! | `config` | hyper-parameters: optimiser, learning rate, batches, epochs, proximal term, class weights |
//! | `schedule` | how the learning rate changes over the steps of a run |
//! | `loss` | what training makes small |
//! | `training` | epochs of gradient steps |
//! | `evaluation` | accuracy, exact AUC, loss |
//! | `tabular` | a trainer whose rows are scaled by statistics that come later |
//! | `model` | a model that can be used: its file with all that turns a row into its inputs, its predictions, its card |
//! | `evaluation` | of a classifier: accuracy, exact AUC, loss |
//! | `linear` | coefficients by name of a model without hidden layers |
//! | `personalisation` | a last layer of one's own |
//! | `trainer` | [`Trainer`], what an institution asks of whatever trains for it |
//! | `weights` | safetensors, and the blob that the ledger hashes |
//! | `plan` | what a genesis asks for, as this crate trains it |
//! | `seed` | derivation of every generator from the run's seed |
//!
//! Parameters travel flat: layer by layer, weight `[inputs, outputs]` row-major, then bias `[outputs]`. The inputs of a
//! convolution are the 3 by 3 pixels under its kernel, row by row, each pixel all of its values: its weight is
//! `[3, 3, values before, values after]`. An image lies row by row, each pixel its values, and so the first dense layer sees it.

mod architecture;
mod config;
mod error;
mod evaluation;
mod linear;
mod loss;
mod model;
mod network;
mod patches;
mod personalisation;
mod plan;
mod schedule;
mod seed;
mod tabular;
mod trainer;
mod training;
mod weights;

pub use architecture::Architecture;
pub use config::{Optimiser, TrainingConfig};
pub use error::LearningError;
pub use evaluation::{Metrics, evaluate, logits};
pub use linear::{LinearModel, linear_models};
pub use model::{
    Card, ClassNames, Description, Head, LearnedTarget, MissingRules, NumberTarget, Participant,
    Prediction, SeveralClasses, StatisticsOf, TrainedModel,
};
pub use personalisation::personalise_head;
pub use plan::TrainingPlan;
pub use schedule::{Fall, Schedule};
pub use seed::{generator, permutation};
pub use tabular::TabularTrainer;
pub use trainer::{LocalTrainer, TrainError, Trainer};
pub use training::{Learner, train};
pub use weights::{
    from_safetensors, model_blob, parameters_from_blob, tensors_file, to_safetensors,
};
