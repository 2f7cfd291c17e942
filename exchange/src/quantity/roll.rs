//! Making what waits part of one's balance: a rule of the state that needs no proof.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;

/// A roll, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roll {
    pub(super) sequence: u64,
}

impl Roll {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8;

    /// Sequence.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.sequence.to_be_bytes()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let sequence = Reader::new("roll", bytes, Self::LEN)?.u64()?;
        Ok(Self { sequence })
    }
}
