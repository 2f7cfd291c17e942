//! The model of a program that is not this project's: named tensors, and options that only the program understands.

use std::collections::BTreeSet;

use consilium_hash::{DictionaryHash, LengthError};
use thiserror::Error;

use super::{Head, LayersError};
use crate::{MAX_DIMENSION, TRAINING_BYTES, WireError, decode, v1};

/// Longest options of a program, in bytes.
pub const MAX_OPTIONS_BYTES: usize = 4 << 10;

/// Most tensors of a model.
const MAX_TENSORS: usize = 1024;

/// Longest name of a tensor, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;

/// What safetensors files keep for themselves.
const RESERVED: &str = "__metadata__";

/// Tensors that no model can have, or a plan that is not one of a program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProgramError {
    /// The bytes are no plan.
    #[error(transparent)]
    Malformed(#[from] WireError),
    /// The plan is one for this project's own network.
    #[error(
        "the institutions of this run train the network that the genesis describes, not a program's: leave out --trainer"
    )]
    NoProgram,
    /// No tensor at all, or too many.
    #[error("{0} tensors; a model has 1 to {MAX_TENSORS}")]
    Count(usize),
    /// A name that cannot stand in a file or in a log.
    #[error(
        "the name of tensor {number} has {bytes} bytes; expected 1 to {MAX_NAME_BYTES} without control characters, and \
         not {RESERVED}"
    )]
    Name {
        /// Its number, from 1.
        number: usize,
        /// Bytes of the name.
        bytes: usize,
    },
    /// Two tensors of one name.
    #[error("two tensors have the name {0:?}")]
    Twice(String),
    /// A tensor without a value, or with more dimensions than there are.
    #[error(
        "tensor {name:?} has the shape {shape:?}; expected at most {MAX_RANK} dimensions of 1 or more each"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<u32>,
    },
    /// Too many values.
    #[error(
        "tensor {name:?} brings the model to more than {MAX_DIMENSION} parameters: choose smaller tensors"
    )]
    Parameters {
        /// The tensor with which there are too many.
        name: String,
    },
    /// Options that are too long.
    #[error("the options have {0} bytes; at most {MAX_OPTIONS_BYTES} are allowed")]
    Options(usize),
    /// A model that predicts nothing there is.
    #[error("what the model predicts: {0}")]
    Head(#[from] LayersError),
    /// A hash that is none.
    #[error("the data dictionary: {0}")]
    Dictionary(#[from] LengthError),
    /// A plan that is too long for a genesis.
    #[error(
        "the plan has {0} bytes; at most {TRAINING_BYTES} are allowed: choose shorter names, or fewer tensors"
    )]
    Length(usize),
}

/// A tensor of 32-bit floats, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// The name by which files and the program call it.
    pub name: String,
    /// Its dimensions; none at all is a single number.
    pub shape: Vec<u32>,
}

impl Tensor {
    /// Number of values, if it is at most [`MAX_DIMENSION`] and no dimension is 0.
    fn values(&self) -> Option<u32> {
        let product = self.shape.iter().try_fold(1u32, |product, &size| product.checked_mul(size));
        product.filter(|values| (1..=MAX_DIMENSION).contains(values))
    }
}

/// The tensors of a model, checked: names that differ, and at most [`MAX_DIMENSION`] values in all.
///
/// The parameters of the model are their values, tensor by tensor in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensors {
    tensors: Vec<Tensor>,
    dimension: u32,
}

impl Tensors {
    /// Checks the names and shapes of a model.
    ///
    /// # Errors
    /// [`ProgramError`] naming the first tensor that cannot be.
    pub fn new(tensors: Vec<Tensor>) -> Result<Self, ProgramError> {
        if !(1..=MAX_TENSORS).contains(&tensors.len()) {
            return Err(ProgramError::Count(tensors.len()));
        }
        let mut names = BTreeSet::new();
        let mut dimension = 0u32;
        for (number, Tensor { name, shape }) in (1..).zip(&tensors) {
            let bytes = name.len();
            let is_name = (1..=MAX_NAME_BYTES).contains(&bytes)
                && !name.chars().any(char::is_control)
                && name != RESERVED;
            if !is_name {
                return Err(ProgramError::Name { number, bytes });
            }
            if !names.insert(name) {
                return Err(ProgramError::Twice(name.clone()));
            }
            if shape.len() > MAX_RANK || shape.contains(&0) {
                return Err(ProgramError::Shape { name: name.clone(), shape: shape.clone() });
            }
        }
        for tensor in &tensors {
            let sum = tensor.values().and_then(|values| dimension.checked_add(values));
            dimension = sum
                .filter(|&sum| sum <= MAX_DIMENSION)
                .ok_or_else(|| ProgramError::Parameters { name: tensor.name.clone() })?;
        }
        Ok(Self { tensors, dimension })
    }

    /// Number of parameters, d.
    pub fn dimension(&self) -> u32 {
        self.dimension
    }

    /// Names and shapes in order.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |tensor: &Tensor| tensor.shape.iter().map(|&size| size as usize).collect();
        self.tensors.iter().map(|tensor| (tensor.name.clone(), shape(tensor))).collect()
    }
}

/// What the institutions of a run agreed to have their own programs train, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    tensors: Tensors,
    options: String,
    head: Head,
    dictionary: Option<DictionaryHash>,
}

impl Program {
    /// `options` are handed to the program as they are. `head` is what the model predicts, if the run measures it; the
    /// dictionary is what every site's file has to fit, if they have agreed on that.
    ///
    /// # Errors
    /// [`ProgramError::Options`], [`ProgramError::Length`], [`ProgramError::Head`].
    pub fn new(
        tensors: Tensors,
        options: String,
        head: Head,
        dictionary: Option<DictionaryHash>,
    ) -> Result<Self, ProgramError> {
        if options.len() > MAX_OPTIONS_BYTES {
            return Err(ProgramError::Options(options.len()));
        }
        head.check()?;
        let program = Self { tensors, options, head, dictionary };
        let length = program.encode().len();
        if length > TRAINING_BYTES {
            return Err(ProgramError::Length(length));
        }
        Ok(program)
    }

    /// The tensors of the model.
    pub fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// What the program is told besides.
    pub fn options(&self) -> &str {
        &self.options
    }

    /// What the model predicts, where the run measures it.
    pub fn head(&self) -> Head {
        self.head
    }

    /// What every site's file has to fit, if they have agreed on that.
    pub fn dictionary(&self) -> Option<DictionaryHash> {
        self.dictionary
    }

    /// The bytes that a genesis carries.
    pub fn encode(&self) -> Vec<u8> {
        let tensors = self.tensors.tensors.iter();
        let tensors = tensors
            .map(|Tensor { name, shape }| v1::Tensor { name: name.clone(), shape: shape.clone() });
        let (head, classes) = self.head.to_message();
        let program = v1::ProgramPlan {
            tensors: tensors.collect(),
            options: self.options.clone(),
            head: head.into(),
            classes,
        };
        let dictionary = self.dictionary.map(|hash| hash.0.to_vec()).unwrap_or_default();
        let plan =
            v1::TrainingPlan { program: Some(program), dictionary, ..v1::TrainingPlan::default() };
        prost::Message::encode_to_vec(&plan)
    }

    /// Reads and checks what a genesis carries.
    ///
    /// # Errors
    /// [`ProgramError`]: bytes that are no plan, the plan of a network, or the first value that cannot be.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProgramError> {
        let plan: v1::TrainingPlan = decode("training plan", bytes, TRAINING_BYTES)?;
        // A plan that describes a network as well would be read in two ways.
        let v1::TrainingPlan {
            architecture: None,
            training: None,
            program: Some(program),
            dictionary,
        } = plan
        else {
            return Err(ProgramError::NoProgram);
        };
        let dictionary = match dictionary.as_slice() {
            [] => None,
            bytes => Some(DictionaryHash::try_from(bytes)?),
        };
        let v1::ProgramPlan { tensors, options, head, classes } = program;
        let tensors = tensors.into_iter().map(|v1::Tensor { name, shape }| Tensor { name, shape });
        let head = Head::from_message(head, classes)?;
        Self::new(Tensors::new(tensors.collect())?, options, head, dictionary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::{Agreed, Plan, PlanError};

    fn tensor(name: &str, shape: &[u32]) -> Tensor {
        Tensor { name: name.to_owned(), shape: shape.to_vec() }
    }

    fn program(tensors: Vec<Tensor>, options: &str) -> Result<Program, ProgramError> {
        Program::new(Tensors::new(tensors)?, options.to_owned(), Head::Binary, None)
    }

    fn logistic() -> Program {
        program(vec![tensor("coef", &[1, 8]), tensor("intercept", &[])], "alpha=1").unwrap()
    }

    #[test]
    fn a_programs_plan_comes_back_from_its_bytes_which_stay_as_they_are() {
        let expected = [
            82, 34, 10, 10, 10, 4, 99, 111, 101, 102, 18, 2, 1, 8, 10, 11, 10, 9, 105, 110, 116,
            101, 114, 99, 101, 112, 116, 18, 7, 97, 108, 112, 104, 97, 61, 49,
        ];
        assert_eq!(logistic().encode(), expected);
        assert_eq!(Program::decode(&expected).unwrap(), logistic());
        assert_eq!(logistic().tensors().dimension(), 9);
        assert_eq!(
            logistic().tensors().shapes(),
            [("coef".to_owned(), vec![1, 8]), ("intercept".to_owned(), vec![])]
        );
    }

    #[test]
    fn what_is_predicted_and_the_dictionary_come_back_and_cannot_be_what_there_is_not() {
        let Program { tensors, options, .. } = logistic();
        let dictionary = Some(DictionaryHash([7; 32]));
        for head in [Head::Classes(3), Head::Regression] {
            let program = Program::new(tensors.clone(), options.clone(), head, dictionary).unwrap();
            let read = Program::decode(&program.encode()).unwrap();
            assert_eq!((read.head(), read.dictionary()), (head, dictionary));
            assert_eq!(Agreed::decode(&program.encode()).unwrap(), Agreed::Program(program));
        }
        let one = Program::new(tensors, options, Head::Classes(1), None).unwrap_err();
        assert_eq!(one, ProgramError::Head(LayersError::Classes { classes: 1 }));
        let short = [&logistic().encode()[..], &[162, 1, 1, 7]].concat();
        assert!(matches!(Program::decode(&short), Err(ProgramError::Dictionary(_))));
    }

    #[test]
    fn neither_kind_of_plan_is_taken_for_the_other_nor_one_that_is_both() {
        assert_eq!(Plan::decode(&logistic().encode()), Err(PlanError::OtherProgram));
        let network = v1::TrainingPlan {
            architecture: Some(v1::Architecture { inputs: 8, ..Default::default() }),
            training: None,
            program: None,
            dictionary: Vec::new(),
        };
        let mut bytes = prost::Message::encode_to_vec(&network);
        assert_eq!(Program::decode(&bytes), Err(ProgramError::NoProgram));
        bytes.extend(logistic().encode());
        assert_eq!(Program::decode(&bytes), Err(ProgramError::NoProgram));
        assert_eq!(Plan::decode(&bytes), Err(PlanError::OtherProgram));
        assert_eq!(Program::decode(&[]), Err(ProgramError::NoProgram));
    }

    #[test]
    fn tensors_that_cannot_be_are_refused_by_name_and_no_product_overflows() {
        let long = "x".repeat(129);
        for (tensors, says) in [
            (vec![], "0 tensors"),
            (vec![tensor("a", &[]); 1025], "1025 tensors"),
            (vec![tensor("a", &[]), tensor("", &[])], "tensor 2 has 0 bytes"),
            (vec![tensor(&long, &[])], "has 129 bytes"),
            (vec![tensor("a\nb", &[])], "control characters"),
            (vec![tensor("__metadata__", &[])], "not __metadata__"),
            (vec![tensor("a", &[1]), tensor("a", &[2])], "two tensors have the name \"a\""),
            (vec![tensor("a", &[3, 0])], "[3, 0]"),
            (vec![tensor("a", &[1; 9])], "at most 8 dimensions"),
            (vec![tensor("a", &[u32::MAX, 2])], "\"a\" brings the model to more than"),
            (vec![tensor("a", &[1 << 16; 8])], "\"a\" brings the model to more than"),
            (
                vec![tensor("a", &[1 << 20]), tensor("b", &[])],
                "\"b\" brings the model to more than",
            ),
        ] {
            let error = program(tensors, "").unwrap_err().to_string();
            assert!(error.contains(says), "{error} should say {says}");
        }
        assert_eq!(Tensors::new(vec![tensor("a", &[1 << 20])]).unwrap().dimension(), 1 << 20);
    }

    #[test]
    fn options_and_names_that_no_genesis_has_room_for_are_refused() {
        let one = || vec![tensor("a", &[])];
        assert!(program(one(), &"o".repeat(MAX_OPTIONS_BYTES)).is_ok());
        let error = program(one(), &"o".repeat(MAX_OPTIONS_BYTES + 1)).unwrap_err();
        assert_eq!(error, ProgramError::Options(MAX_OPTIONS_BYTES + 1));
        let named = |number: usize| tensor(&format!("{number:0128}"), &[1]);
        assert!(program((0..100).map(named).collect(), "").is_ok());
        let error = program((0..1024).map(named).collect(), "").unwrap_err();
        assert!(matches!(error, ProgramError::Length(length) if length > TRAINING_BYTES));
    }
}
