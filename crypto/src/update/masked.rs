//! The masks of an update that somebody else has verified.

use curve25519_dalek::ristretto::RistrettoPoint;
use sha2::{Digest, Sha512};

use super::mask_length;
use crate::group::encoding::{Reader, decompress_all};
use crate::{Bound, Parameters, UpdateError};

/// E alone, of an update that the chain says was accepted, checked against h_E of its header.
#[derive(Clone)]
pub struct MaskedUpdate {
    masked: Vec<RistrettoPoint>,
    bound: Bound,
}

impl MaskedUpdate {
    /// Reads the first [`mask_length`] bytes of a body. `parameters` are those of its header's
    /// [`Context`](crate::Context::parameters).
    pub fn parse(
        bytes: &[u8],
        mask_hash: &[u8; 64],
        parameters: &Parameters,
    ) -> Result<Self, UpdateError> {
        let bytes =
            Reader::new("masked update", bytes, mask_length(parameters))?.take(bytes.len())?;
        if *mask_hash != *Sha512::digest(bytes) {
            let length = bytes.len() as u64;
            return Err(UpdateError::IncompleteBody { expected: length, found: length });
        }
        Ok(Self { masked: decompress_all("masked update", bytes)?, bound: parameters.bound() })
    }

    pub(crate) fn masked(&self) -> &[RistrettoPoint] {
        &self.masked
    }

    /// What its author says that it proves.
    pub(crate) fn bound(&self) -> Bound {
        self.bound
    }
}

impl std::fmt::Debug for MaskedUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MaskedUpdate({} parameters)", self.masked.len())
    }
}
