//! How large a block may be.

/// The most entries a block may have; the fewest is one.
pub const MAX_ENTRIES: usize = 64;
/// The longest an entry may be, in bytes. What is longer belongs into a blob.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;
