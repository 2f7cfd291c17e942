//! How large a block, and what it names, may be.

/// The most entries a block may have; the fewest is one.
pub const MAX_ENTRIES: usize = 64;
/// The longest an entry may be, in bytes. What is longer belongs into a blob.
pub const MAX_ENTRY_BYTES: usize = 64 * 1024;
/// The longest a blob may be, in bytes.
pub const MAX_BLOB_BYTES: usize = 64 << 20;
/// The longest a note may be, in bytes.
pub const MAX_NOTE_BYTES: usize = 1024;
