//! What a model says of a row.

use consilium_datasets::{
    Inputs,
    scorecard::{most_likely, softmax},
};

use super::file::TrainedModel;
use super::target::LearnedTarget;
use crate::{LearningError, logits};

/// What a model says of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Prediction {
    /// One of two classes.
    Binary {
        /// The network's output.
        logit: f32,
        /// σ(logit), of the positive class.
        probability: f64,
        /// Whether the logit is above zero, which is the class that training's accuracy counts.
        positive: bool,
    },
    /// One of several classes.
    Class {
        /// Softmax of the network's outputs: a probability for each class, in their order.
        probabilities: Vec<f64>,
        /// The place of the likeliest, the first of equal ones.
        class: usize,
    },
    /// A number, in the target's unit and within its plausible range.
    Number(f64),
}

impl TrainedModel {
    /// What the model says of each row. The pass through the network is the one that training makes, bit for bit.
    ///
    /// # Errors
    /// [`LearningError::TableShape`] for rows of another width.
    pub fn predict(&self, rows: &Inputs) -> Result<Vec<Prediction>, LearningError> {
        let outputs = logits(&self.architecture, &self.parameters, &rows.features)?;
        let each = outputs.chunks(self.architecture.head().outputs().max(1) as usize);
        Ok(each.map(|outputs| self.prediction(outputs)).collect())
    }

    fn prediction(&self, outputs: &[f32]) -> Prediction {
        let first = outputs.first().copied().unwrap_or(f32::NAN);
        match &self.description.target {
            LearnedTarget::Binary(_) => {
                let probability = 1.0 / (1.0 + (-f64::from(first)).exp());
                Prediction::Binary { logit: first, probability, positive: first > 0.0 }
            }
            LearnedTarget::Several(_) => {
                let probabilities = softmax(outputs);
                let class = most_likely(&probabilities);
                Prediction::Class { probabilities, class }
            }
            LearnedTarget::Number(target) => {
                Prediction::Number(target.range.value(f64::from(first)))
            }
        }
    }
}
