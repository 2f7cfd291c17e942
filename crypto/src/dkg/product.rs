//! Products: R_i = ϱ_i·g and w_i = a_i·ϱ_i + z_i for both halves, with their proof.

use super::{DkgError, Qualified};
use crate::DecodeError;

/// A product that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {}

impl Product {
    /// Length of the encoding, in bytes: two halves of R and w, then eight points and eight scalars.
    pub const LEN: usize = 20 * 32;

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        todo!()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(_bytes: &[u8]) -> Result<Self, DecodeError> {
        todo!()
    }

    /// Verifies the product of the member at this place.
    pub fn verify(&self, _qualified: &Qualified, _place: u32) -> Result<VerifiedProduct, DkgError> {
        todo!()
    }
}

/// A product whose proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedProduct {
    place: u32,
}

impl VerifiedProduct {
    /// Its author's place.
    pub fn place(&self) -> u32 {
        self.place
    }
}
