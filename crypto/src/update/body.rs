//! The layout of a body: E, then the proof of the bound. Its length follows from d and the bound.

use crate::Parameters;
use crate::group::encoding::ELEMENT_LEN;
use crate::proof::BoundProof;

/// Length of a body, in bytes.
pub fn body_length(parameters: &Parameters) -> usize {
    mask_length(parameters) + BoundProof::length(parameters)
}

/// Length of E, with which a body begins, in bytes.
pub fn mask_length(parameters: &Parameters) -> usize {
    ELEMENT_LEN * parameters.dimension() as usize
}
