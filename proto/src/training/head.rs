//! What the last layer of a model says.

use super::LayersError;
use crate::v1;

/// What is predicted, which decides how many outputs the last layer has and what makes the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Head {
    /// One of two classes: one logit, above 0 for the positive class; cross-entropy.
    #[default]
    Binary,
    /// One of so many classes, at least two: a logit each, softmax over them; cross-entropy.
    Classes(u32),
    /// A number: one output, which is it; mean squared error.
    Regression,
}

impl Head {
    /// Outputs of the last layer.
    pub fn outputs(self) -> u32 {
        match self {
            Self::Binary | Self::Regression => 1,
            Self::Classes(classes) => classes,
        }
    }

    /// Classes that are told apart; `None` where a number is predicted.
    pub fn classes(self) -> Option<u32> {
        match self {
            Self::Binary => Some(2),
            Self::Classes(classes) => Some(classes),
            Self::Regression => None,
        }
    }

    /// # Errors
    /// [`LayersError::Classes`] for fewer than two classes.
    pub(super) fn check(self) -> Result<(), LayersError> {
        match self {
            Self::Classes(classes @ (0 | 1)) => Err(LayersError::Classes { classes }),
            Self::Classes(_) | Self::Binary | Self::Regression => Ok(()),
        }
    }

    /// Head and number of classes, as a plan carries them.
    pub(super) fn to_message(self) -> (v1::ModelHead, u32) {
        match self {
            Self::Binary => (v1::ModelHead::Binary, 0),
            Self::Classes(classes) => (v1::ModelHead::Classes, classes),
            Self::Regression => (v1::ModelHead::Regression, 0),
        }
    }

    /// # Errors
    /// [`LayersError::UnknownHead`], [`LayersError::Classes`] for classes that no such head has.
    pub(super) fn from_message(head: i32, classes: u32) -> Result<Self, LayersError> {
        match (v1::ModelHead::try_from(head), classes) {
            (Ok(v1::ModelHead::Binary), 0) => Ok(Self::Binary),
            (Ok(v1::ModelHead::Regression), 0) => Ok(Self::Regression),
            (Ok(v1::ModelHead::Classes), classes) => Ok(Self::Classes(classes)),
            (Ok(_), classes) => Err(LayersError::Classes { classes }),
            (Err(_), _) => Err(LayersError::UnknownHead { head }),
        }
    }
}
