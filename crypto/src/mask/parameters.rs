//! Which mask a run has, and what fixes the length of everything about an update.

use std::ops::Range;

use thiserror::Error;

use crate::lattice::{
    LatticeKeySum, LatticeParameterError, LatticeParameters, key_part_length, lattice_body_length,
    lattice_mask_length,
};
use crate::{
    Bound, DecodeError, MaskKeySum as GroupKeySum, Parameters as GroupParameters, QuantiseError,
    Quantiser, body_length, mask_length,
};

/// How the updates of a run are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every parameter by an element of the group.
    #[default]
    Group,
    /// By a product in a ring of polynomials and noise. Experimental.
    Lattice {
        /// Δ: a sum counts so many units in a quantisation step.
        scale: u32,
    },
}

impl Kind {
    /// A quantiser for updates that are hidden so, where sums have at most `max_summands` of them.
    ///
    /// # Errors
    /// [`QuantiseError`] where the numbers fit no quantiser, or sums could not be read off again.
    pub fn quantiser(
        self,
        bound: Bound,
        clip: f32,
        weight: f64,
        max_summands: u32,
    ) -> Result<Quantiser, QuantiseError> {
        match self {
            Self::Group => Quantiser::new(bound, clip, weight, max_summands),
            Self::Lattice { .. } => Quantiser::of_sums_that_are_computed(bound, clip, weight),
        }
    }
}

/// Numbers that no run under this mask can have.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParametersError {
    /// Under elements of the group.
    #[error(transparent)]
    Group(#[from] DecodeError),
    /// Under a lattice mask.
    #[error(transparent)]
    Lattice(#[from] LatticeParameterError),
}

/// The public numbers of a run that fix every length, and its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameters {
    /// Every parameter is hidden by an element of the group.
    Group(GroupParameters),
    /// All parameters are hidden by a lattice mask.
    Lattice(LatticeParameters),
}

impl Parameters {
    /// d parameters under a bound, hidden by a mask, at most `summands` updates in a sum.
    ///
    /// # Errors
    /// [`ParametersError`] where a number is out of its range or does not fit the mask.
    pub fn new(
        kind: Kind,
        dimension: u32,
        bound: Bound,
        summands: u32,
    ) -> Result<Self, ParametersError> {
        Ok(match kind {
            Kind::Group => Self::Group(GroupParameters::new(dimension, bound)?),
            Kind::Lattice { scale } => {
                Self::Lattice(LatticeParameters::new(dimension, bound, scale, summands)?)
            }
        })
    }

    /// Those of an institution whose own bound may be smaller.
    ///
    /// # Errors
    /// [`ParametersError`] where the bound is none that an institution of this run has.
    pub fn for_bound(&self, bound: Bound) -> Result<Self, ParametersError> {
        Ok(match self {
            Self::Group(parameters) => {
                Self::Group(GroupParameters::new(parameters.dimension(), bound)?)
            }
            Self::Lattice(parameters) => Self::Lattice(parameters.for_bound(bound)?),
        })
    }

    /// Which mask it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Group(_) => Kind::Group,
            Self::Lattice(parameters) => Kind::Lattice { scale: parameters.scale() },
        }
    }

    /// d, the number of parameters.
    pub fn dimension(&self) -> u32 {
        match self {
            Self::Group(parameters) => parameters.dimension(),
            Self::Lattice(parameters) => parameters.dimension(),
        }
    }

    /// Δ: what a sum counts in a quantisation step.
    pub fn scale(&self) -> u32 {
        match self {
            Self::Group(_) => 1,
            Self::Lattice(parameters) => parameters.scale(),
        }
    }

    /// What no update whose proofs hold is longer than, in quantisation steps: under a lattice mask its noise counts too,
    /// because nobody can tell it from the rest.
    pub fn reach(&self) -> f64 {
        match self {
            Self::Group(parameters) => parameters.bound().reach() as f64,
            Self::Lattice(parameters) => parameters.reach() as f64 / f64::from(parameters.scale()),
        }
    }

    /// Length of a body, in bytes.
    pub fn body_length(&self) -> usize {
        match self {
            Self::Group(parameters) => body_length(parameters),
            Self::Lattice(parameters) => lattice_body_length(parameters),
        }
    }

    /// Where in a body that part lies which a trustee needs besides the header: in no bytes where it needs none.
    pub fn key_part(&self) -> Range<usize> {
        match self {
            Self::Group(_) => 0..0,
            Self::Lattice(parameters) => 0..key_part_length(parameters),
        }
    }

    /// Where in a body the masked parameters lie.
    pub fn masked(&self) -> Range<usize> {
        match self {
            Self::Group(parameters) => 0..mask_length(parameters),
            Self::Lattice(parameters) => {
                let start = key_part_length(parameters);
                start..start + lattice_mask_length(parameters)
            }
        }
    }

    /// About what an update takes in memory while it is verified: decoded, and with its coefficients. In bytes.
    pub fn verifying_bytes(&self) -> usize {
        let parameters = self.dimension() as usize;
        match self {
            Self::Group(_) => 300 * parameters,
            Self::Lattice(_) => 12 * parameters + (2 << 20),
        }
    }

    /// Length of what shares open, in bytes.
    pub fn key_sum_length(&self) -> usize {
        match self {
            Self::Group(_) => GroupKeySum::LEN,
            Self::Lattice(_) => LatticeKeySum::LEN,
        }
    }
}
