//! Hashes as messages show them.

use consilium_crypto::Hash;

/// A hash in hexadecimal.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first bytes of a hash, for messages.
pub fn short(hash: &Hash) -> String {
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
