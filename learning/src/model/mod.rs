//! A model that can be used: parameters, and all that turns a row into their inputs and their output into a word.
//!
//! | file | concept |
//! | --- | --- |
//! | `description` | columns, scales, categories: what an institution keeps beside the parameters |
//! | `target` | what is predicted: two classes, several, or a number |
//! | `prediction` | what a model says of a row |
//! | `file` | all of it as one safetensors file, and back |
//! | `card` | what people should know before they use it, in Markdown |
//! | `coefficients` | of a model without hidden layers, for its card |
//! | `markdown` | other people's texts in it |

mod card;
mod coefficients;
mod description;
mod file;
mod markdown;
mod prediction;
mod target;
#[cfg(test)]
mod tests;

pub use card::{Card, Participant};
pub use description::{Description, MissingRules, StatisticsOf};
pub use file::{Head, TrainedModel};
pub use prediction::Prediction;
pub use target::{ClassNames, LearnedTarget, NumberTarget, SeveralClasses};
