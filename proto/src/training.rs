//! What the institutions of a run agreed to train, checked.
//!
//! The authority writes it into the genesis, whoever trains reads it, and nobody between them does: to the contract it
//! is a string of bytes. So its rules stand here, once, where both sides link them.

use thiserror::Error;

use crate::{MAX_DIMENSION, TRAINING_BYTES, WireError, decode, v1};

/// A plan that nobody can train by.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlanError {
    /// The bytes are no plan.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// A value that cannot be trained with.
    #[error("{field} is {actual}; expected {expected}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What the plan says.
        actual: String,
        /// What it may say.
        expected: String,
    },
}

/// Sizes of a multilayer perceptron with one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers {
    /// Features of a row.
    pub inputs: u32,
    /// Sizes of the hidden layers, in order.
    pub hidden: Vec<u32>,
}

impl Layers {
    /// Number of parameters: a weight for every pair of neighbouring neurons and a bias for every neuron but the
    /// inputs. `None` where it exceeds [`MAX_DIMENSION`] or a layer is empty.
    pub fn dimension(&self) -> Option<u32> {
        let mut total = 0_u32;
        let mut width = self.inputs;
        for &next in self.hidden.iter().chain([&1]) {
            if width == 0 || next == 0 {
                return None;
            }
            total = total.checked_add(width.checked_add(1)?.checked_mul(next)?)?;
            width = next;
        }
        (total <= MAX_DIMENSION).then_some(total)
    }
}

/// What every institution trains, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Shape of the model.
    pub layers: Layers,
    /// How it is trained on an institution's own rows.
    pub training: v1::Training,
}

impl Plan {
    /// Number of parameters of the model, if everything in the plan can be trained with.
    ///
    /// # Errors
    /// [`PlanError::OutOfRange`]: the first value that cannot.
    pub fn check(&self) -> Result<u32, PlanError> {
        let require = |holds: bool, field, actual: String, expected: &str| {
            let expected = expected.to_owned();
            holds.then_some(()).ok_or(PlanError::OutOfRange { field, actual, expected })
        };
        let dimension = self.layers.dimension().ok_or_else(|| PlanError::OutOfRange {
            field: "number of parameters",
            actual: format!("{:?}", self.layers),
            expected: format!("layers of 1 to {MAX_DIMENSION} in all"),
        })?;
        let v1::Training { learning_rate, batch_size, local_epochs, .. } = self.training;
        let is_rate = learning_rate.is_finite() && learning_rate > 0.0;
        require(is_rate, "learning rate", learning_rate.to_string(), "a finite number above 0")?;
        require(batch_size > 0, "batch size", batch_size.to_string(), "at least 1")?;
        require(local_epochs > 0, "local epochs", local_epochs.to_string(), "at least 1")?;
        let is_known =
            matches!(self.training.optimiser(), v1::Optimiser::Sgd | v1::Optimiser::Adam);
        let optimiser = self.training.optimiser.to_string();
        require(is_known, "optimiser", optimiser, "SGD (1) or Adam (2)")?;
        Ok(dimension)
    }

    /// The bytes that a genesis carries.
    pub fn encode(&self) -> Vec<u8> {
        let Layers { inputs, hidden } = &self.layers;
        let architecture = v1::Architecture { inputs: *inputs, hidden: hidden.clone() };
        let plan =
            v1::TrainingPlan { architecture: Some(architecture), training: Some(self.training) };
        prost::Message::encode_to_vec(&plan)
    }

    /// Reads and checks what a genesis carries.
    ///
    /// # Errors
    /// [`PlanError`]: bytes that are no plan, or the first value that cannot be trained with.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanError> {
        let message: v1::TrainingPlan = decode("training plan", bytes, TRAINING_BYTES)?;
        let v1::Architecture { inputs, hidden } = message.architecture.unwrap_or_default();
        let layers = Layers { inputs, hidden };
        let plan = Self { layers, training: message.training.unwrap_or_default() };
        plan.check()?;
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let training = v1::Training {
            optimiser: v1::Optimiser::Adam.into(),
            learning_rate: 0.01,
            batch_size: 16,
            local_epochs: 1,
        };
        Plan { layers: Layers { inputs: 8, hidden: vec![16, 8] }, training }
    }

    #[test]
    fn a_plan_comes_back_from_its_bytes_and_knows_its_dimension() {
        assert_eq!(Plan::decode(&plan().encode()).unwrap(), plan());
        assert_eq!(plan().check().unwrap(), 289);
    }

    #[test]
    fn what_cannot_be_trained_is_refused_by_its_name() {
        type Tweak = fn(&mut Plan);
        let cases: Vec<(&str, Tweak)> = vec![
            ("number of parameters", |plan| plan.layers.hidden[0] = 0),
            ("number of parameters", |plan| plan.layers.hidden[0] = u32::MAX),
            ("number of parameters", |plan| plan.layers.inputs = 0),
            ("number of parameters", |plan| plan.layers.hidden = vec![1 << 20]),
            ("learning rate", |plan| plan.training.learning_rate = f64::INFINITY),
            ("learning rate", |plan| plan.training.learning_rate = 0.0),
            ("batch size", |plan| plan.training.batch_size = 0),
            ("local epochs", |plan| plan.training.local_epochs = 0),
            ("optimiser", |plan| plan.training.optimiser = 0),
            ("optimiser", |plan| plan.training.optimiser = 3),
        ];
        for (expected, tweak) in cases {
            let mut wrong = plan();
            tweak(&mut wrong);
            let error = Plan::decode(&wrong.encode()).unwrap_err().to_string();
            assert!(error.contains(expected), "expected {expected:?} in {error:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_plan_or_another_encoding_of_one_are_refused() {
        let mut bytes = plan().encode();
        bytes.push(0);
        assert!(matches!(Plan::decode(&bytes), Err(PlanError::Malformed(_))));
        assert!(Plan::decode(&[]).is_err());
        assert!(matches!(Plan::decode(&vec![0; TRAINING_BYTES + 1]), Err(PlanError::Malformed(_))));
    }
}
