//! What fixes the length of everything about an update.

use std::ops::Range;

use crate::{Bound, MaskKeySum as GroupKeySum, Parameters as GroupParameters};
use crate::{body_length, mask_length};

/// The public numbers of a run that fix every length, and its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameters {
    /// Every parameter is hidden by an element of the group.
    Group(GroupParameters),
}

impl Parameters {
    /// d, the number of parameters.
    pub fn dimension(&self) -> u32 {
        match self {
            Self::Group(parameters) => parameters.dimension(),
        }
    }

    /// What is proven about an update, of the largest institution.
    pub fn bound(&self) -> Bound {
        match self {
            Self::Group(parameters) => parameters.bound(),
        }
    }

    /// Δ: what a sum counts in a quantisation step.
    pub fn scale(&self) -> u32 {
        match self {
            Self::Group(_) => 1,
        }
    }

    /// Length of a body, in bytes.
    pub fn body_length(&self) -> usize {
        match self {
            Self::Group(parameters) => body_length(parameters),
        }
    }

    /// Where in a body that part lies which a trustee needs besides the header: in no bytes where it needs none.
    pub fn key_part(&self) -> Range<usize> {
        match self {
            Self::Group(_) => 0..0,
        }
    }

    /// Where in a body the masked parameters lie.
    pub fn masked(&self) -> Range<usize> {
        match self {
            Self::Group(parameters) => 0..mask_length(parameters),
        }
    }

    /// Length of what shares open, in bytes.
    pub fn key_sum_length(&self) -> usize {
        match self {
            Self::Group(_) => GroupKeySum::LEN,
        }
    }
}
