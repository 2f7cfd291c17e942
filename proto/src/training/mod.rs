//! What the institutions of a run agreed to train, checked.
//!
//! The authority writes it into the genesis, whoever trains reads it, and nobody between them does: to the contract it
//! is a string of bytes. So its rules stand here, once, where both sides link them.

mod head;
mod hyperparameters;
mod layers;
mod program;

use consilium_hash::{DictionaryHash, LengthError};
use thiserror::Error;

use crate::{TRAINING_BYTES, WireError, decode, v1};

pub use head::Head;
pub use hyperparameters::check_training;
pub use layers::{Convolution, Layer, Layers, LayersError};
pub use program::{MAX_OPTIONS_BYTES, Program, ProgramError, Tensor, Tensors};

/// Most values that the rows of one batch become on their way through the network: 64 MiB of them, and at most nine times as
/// much where the pixels under every kernel are copied out. A genesis asks for no more, however many rows an institution
/// has.
pub const MAX_BATCH_VALUES: u32 = 1 << 24;

/// A plan that nobody can train by.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PlanError {
    /// The bytes are no plan.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// The plan of another program.
    #[error("the institutions of this run train with programs of their own")]
    OtherProgram,
    /// The plan of another program that cannot be.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A hash that is none.
    #[error("the data dictionary: {0}")]
    Dictionary(#[from] LengthError),
    /// A model that cannot be.
    #[error("the layers of the model: {0}")]
    Layers(#[from] LayersError),
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

/// What every institution trains, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Shape of the model.
    pub layers: Layers,
    /// How it is trained on an institution's own rows.
    pub training: v1::Training,
    /// What every site's file has to fit, if they have agreed on that.
    pub dictionary: Option<DictionaryHash>,
}

impl Plan {
    /// Number of parameters of the model, if everything in the plan can be trained with.
    ///
    /// # Errors
    /// [`PlanError::OutOfRange`]: the first value that cannot.
    pub fn check(&self) -> Result<u32, PlanError> {
        let dimension = self.layers.dimension()?;
        let most_rows = MAX_BATCH_VALUES / self.layers.neurons()?.max(1);
        check_training(&self.training)?;
        let batch_size = self.training.batch_size;
        if batch_size > most_rows {
            return Err(PlanError::OutOfRange {
                field: "batch size",
                actual: batch_size.to_string(),
                expected: format!("1 to {most_rows} with these layers"),
            });
        }
        self.check_class_weights()?;
        Ok(dimension)
    }

    /// None at all, or one for each class.
    fn check_class_weights(&self) -> Result<(), PlanError> {
        let weights = self.training.class_weights.len();
        let expected = match self.layers.head.classes() {
            _ if weights == 0 => return Ok(()),
            Some(classes) if weights == classes as usize => return Ok(()),
            Some(classes) => format!("{classes}, one for each class, or none"),
            None => "none where a number is predicted".to_owned(),
        };
        let actual = format!("{weights} numbers");
        Err(PlanError::OutOfRange { field: "class weights", actual, expected })
    }

    /// The bytes that a genesis carries.
    pub fn encode(&self) -> Vec<u8> {
        let architecture = Some(self.layers.to_message());
        let dictionary = self.dictionary.map(|hash| hash.to_vec()).unwrap_or_default();
        let training = Some(self.training.clone());
        let plan = v1::TrainingPlan { architecture, training, program: None, dictionary };
        prost::Message::encode_to_vec(&plan)
    }

    /// Reads and checks what a genesis carries.
    ///
    /// # Errors
    /// [`PlanError`]: bytes that are no plan, or the first value that cannot be trained with.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanError> {
        let message: v1::TrainingPlan = decode("training plan", bytes, TRAINING_BYTES)?;
        if message.program.is_some() {
            return Err(PlanError::OtherProgram);
        }
        let layers = Layers::from_message(message.architecture.unwrap_or_default())?;
        let training = message.training.unwrap_or_default();
        let dictionary = match message.dictionary.as_slice() {
            [] => None,
            bytes => Some(DictionaryHash::try_from(bytes)?),
        };
        let plan = Self { layers, training, dictionary };
        plan.check()?;
        Ok(plan)
    }
}

/// What the institutions of a run agreed to train, whoever trains it.
#[derive(Debug, Clone, PartialEq)]
pub enum Agreed {
    /// This project's network.
    Network(Plan),
    /// Tensors that each institution trains with a program of its own.
    Program(Program),
}

impl Agreed {
    /// Reads and checks what a genesis carries.
    ///
    /// # Errors
    /// [`PlanError`]: bytes that are no plan of either kind.
    pub fn decode(bytes: &[u8]) -> Result<Self, PlanError> {
        match Plan::decode(bytes) {
            Err(PlanError::OtherProgram) => Ok(Self::Program(Program::decode(bytes)?)),
            plan => plan.map(Self::Network),
        }
    }

    /// What the model predicts.
    pub fn head(&self) -> Head {
        match self {
            Self::Network(plan) => plan.layers.head,
            Self::Program(program) => program.head(),
        }
    }

    /// What every site's file has to fit, if they have agreed on that.
    pub fn dictionary(&self) -> Option<DictionaryHash> {
        match self {
            Self::Network(plan) => plan.dictionary,
            Self::Program(program) => program.dictionary(),
        }
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
            ..v1::Training::default()
        };
        Plan { layers: Layers::dense(8, vec![16, 8]), training, dictionary: None }
    }

    fn convolutional() -> Plan {
        let convolution = Some(Convolution { image_channels: 1, channels: vec![4, 8] });
        Plan { layers: Layers { convolution, ..Layers::dense(64, vec![8]) }, ..plan() }
    }

    #[test]
    fn a_plan_comes_back_from_its_bytes_and_knows_its_dimension() {
        assert_eq!(Plan::decode(&plan().encode()).unwrap(), plan());
        assert_eq!(plan().check().unwrap(), 289);
        assert_eq!(Plan::decode(&convolutional().encode()).unwrap(), convolutional());
        assert_eq!(convolutional().check().unwrap(), 40 + 296 + 4104 + 9);
    }

    #[test]
    fn the_bytes_of_a_perceptrons_plan_are_what_they_were_before_there_were_convolutions() {
        let expected = [
            10, 6, 8, 8, 18, 2, 16, 8, 18, 15, 8, 2, 17, 123, 20, 174, 71, 225, 122, 132, 63, 24,
            16, 32, 1,
        ];
        assert_eq!(plan().encode(), expected);
    }

    #[test]
    fn a_plan_names_its_dictionary_by_32_bytes_or_has_none() {
        let agreed = Plan { dictionary: Some(DictionaryHash([7; 32])), ..plan() };
        let bytes = agreed.encode();
        assert_eq!(Plan::decode(&bytes).unwrap(), agreed);
        // Field 20 as bytes, after all that a plan without a dictionary has.
        let expected = [&plan().encode()[..], &[162, 1, 32], &[7; 32]].concat();
        assert_eq!(bytes, expected);
        let short = [&plan().encode()[..], &[162, 1, 31], &[7; 31]].concat();
        let error = Plan::decode(&short).unwrap_err().to_string();
        assert!(error.contains("a hash of a data dictionary has 31 bytes"), "{error}");
    }

    #[test]
    fn what_cannot_be_trained_is_refused_by_its_name() {
        type Tweak = fn(&mut Plan);
        let cases: Vec<(&str, Tweak)> = vec![
            ("a layer without a neuron", |plan| plan.layers.hidden[0] = 0),
            ("parameters in all", |plan| plan.layers.hidden[0] = u32::MAX),
            ("a layer without a neuron", |plan| plan.layers.inputs = 0),
            ("parameters in all", |plan| plan.layers.hidden = vec![1 << 20]),
            ("no square image", |plan| {
                plan.layers.convolution =
                    Some(Convolution { image_channels: 1, channels: vec![2] });
            }),
            ("neurons in all", |plan| {
                plan.layers.inputs = 1_000_000;
                let channels = vec![2000, 1];
                plan.layers.convolution = Some(Convolution { image_channels: 1, channels });
                plan.layers.hidden = vec![];
            }),
            ("batch size", |plan| plan.training.batch_size = u32::MAX),
            ("learning rate", |plan| plan.training.learning_rate = f64::INFINITY),
            ("learning rate", |plan| plan.training.learning_rate = 0.0),
            ("batch size", |plan| plan.training.batch_size = 0),
            ("local epochs", |plan| plan.training.local_epochs = 0),
            ("optimiser", |plan| plan.training.optimiser = 0),
            ("optimiser", |plan| plan.training.optimiser = 4),
            ("weight decay", |plan| plan.training.weight_decay = 0.1),
            ("class weights is 2 numbers; expected 3, one for each class", |plan| {
                plan.training.class_weights = vec![1.0, 2.0];
                plan.layers.head = Head::Classes(3);
            }),
            ("class weights is 1 numbers; expected 2", |plan| {
                plan.training.class_weights = vec![1.0];
            }),
            ("class weights is 1 numbers; expected none where a number", |plan| {
                plan.training.class_weights = vec![1.0];
                plan.layers.head = Head::Regression;
            }),
            ("a head of 1 classes", |plan| plan.layers.head = Head::Classes(1)),
            ("proximal term", |plan| plan.training.proximal = f64::NAN),
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
