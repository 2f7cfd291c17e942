//! Limits on what one message may carry.

/// Largest payload of a `Chunk`: 1 MiB.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Largest encoded transaction but a genesis, a dealing and a share. The largest regular ones are a `SubmitUpdate` with
/// the header of an update, and a `CloseCollection` with 32 bytes an accepted update.
pub const ENTRY_BYTES: usize = 32 << 10;

/// Largest encoded genesis, dealing and share: a dealing holds a sealed share for every member, a share up to 1,024
/// elements. With its signature around it, it still is an entry of at most 64 KiB.
pub const GENESIS_BYTES: usize = (64 << 10) - 256;

/// Largest number of parameters of a model, d.
pub const MAX_DIMENSION: u32 = 1 << 20;

/// Longest description of what institutions train, in a genesis: 16 KiB.
pub const TRAINING_BYTES: usize = 16 << 10;

/// Largest encoded evidence, 1 GiB: the masked updates of a round, or the blocks and bodies of a short run.
pub const EVIDENCE_BYTES: usize = 1 << 30;

const _: () = assert!(ENTRY_BYTES <= GENESIS_BYTES && GENESIS_BYTES < CHUNK_BYTES);
