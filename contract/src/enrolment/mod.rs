//! Who takes part: the authority's word on an institution, and the standing of everyone who is enrolled.

pub mod certificate;
pub mod roster;
