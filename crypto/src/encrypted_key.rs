//! What can be summed and opened: the encrypted mask key of one institution in one round, proven.

use consilium_hash::HeaderHash;

use crate::{Ciphertext, Context};

/// A mask key whose encryption is proven, under either mask. Only this crate makes one.
pub trait EncryptedKey: sealed::Sealed {
    /// The round and the author.
    fn context(&self) -> &Context;
    /// SHA-256 of the signed header.
    fn header_hash(&self) -> HeaderHash;
    /// The encrypted limbs, as many as the mask has.
    fn limbs(&self) -> &[Ciphertext];
    /// The most keys of this kind whose sum can be opened.
    fn most_summands(&self) -> u32;
}

pub(crate) mod sealed {
    /// Keeps others from implementing [`EncryptedKey`](super::EncryptedKey): a key that is not proven is never summed.
    pub trait Sealed {}
}
