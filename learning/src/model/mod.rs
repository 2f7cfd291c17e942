//! A model that can be used: parameters, and all that turns a row into their inputs and their output into a word.
//!
//! | file | concept |
//! | --- | --- |
//! | `description` | columns, scales, categories, classes: what an institution keeps beside the parameters |
//! | `file` | all of it as one safetensors file, and back |
//! | `card` | what people should know before they use it, in Markdown |

mod card;
mod description;
mod file;
#[cfg(test)]
mod tests;

pub use card::{Card, Participant};
pub use description::{ClassNames, Description, MissingRules, StatisticsOf};
pub use file::{Head, Prediction, TrainedModel};
