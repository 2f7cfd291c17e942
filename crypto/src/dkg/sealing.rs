//! Shares sealed to their recipients: HPKE (RFC 9180) on X25519.

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::DecodeError;

/// The public key to which shares are sealed, new in every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 32;

    /// Reads 32 bytes; refuses what is not canonical or of low order.
    pub fn decode(_bytes: &[u8]) -> Result<Self, DecodeError> {
        todo!()
    }

    /// The 32 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0
    }
}

/// The secret half of a [`SealingKey`]. Wiped when dropped, never shown, not clonable.
pub struct OpeningKey(#[expect(dead_code, reason = "skeleton")] Zeroizing<[u8; 32]>);

impl OpeningKey {
    /// A new key.
    pub fn generate(_rng: &mut impl CryptoRngCore) -> Self {
        todo!()
    }

    /// The key of 32 secret bytes.
    pub fn from_bytes(_bytes: &Zeroizing<[u8; 32]>) -> Self {
        todo!()
    }

    /// The 32 secret bytes, to be stored where only the member reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        todo!()
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        todo!()
    }
}
