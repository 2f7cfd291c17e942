//! What a restart goes on from: the state of the run before some block, as this institution has executed it.
//!
//! It is trusted no further than the chain on this disk goes: the header of that block names the state, and was sealed and
//! verified. What the state root does not list (which faults are paid for) this disk alone answers for, so nobody is accused on
//! the strength of it: what does not hold after it is worked out again from the genesis. Nor is it used with a memory that
//! reaches less far than when it was written, because the blocks before it are not compared with the memory again.

use std::path::{Path, PathBuf};

use consilium_audit::{
    execution::Execution,
    files::{self, FileError},
};
use consilium_contract::SnapshotError;
use consilium_hash::{Checksum, LengthError};
use consilium_ledger::snapshot_file;
use consilium_proto::{EVIDENCE_BYTES, WireError, decode, v1::FollowerSnapshot};
use prost::Message as _;
use thiserror::Error;

use super::history::History;

/// The file in a state directory.
const FILE: &str = "snapshot.bin";

/// Why a kept state is not used.
#[derive(Debug, Error)]
pub enum Unusable {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Bytes that are not what was written.
    #[error("it is not what was written")]
    Damaged,
    /// A message that is none.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A hash of another length.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// A state that is not the one before that block.
    #[error(transparent)]
    State(#[from] SnapshotError),
    /// The chain on this disk is shorter.
    #[error("the chain here does not come to block {0}, before which it is")]
    TooLate(u64),
    /// The memory of what was said is shorter, or another one.
    #[error("the memory of what this institution has said does not reach as far as it")]
    Memory,
    /// The model that was checked last is another one.
    #[error("the stored model of its step is another one")]
    Model,
}

/// A state that the chain vouches for.
#[derive(Debug)]
pub struct Kept {
    /// The contract in that state.
    pub execution: Execution,
    /// How many records the memory held.
    pub records: u64,
    /// And the hash over all of them.
    pub records_hash: Checksum,
}

/// Keeps a state in the place of the one before. On disk when it returns.
///
/// # Errors
/// [`FileError::System`]: then the one before stands.
pub fn store(snapshot: &FollowerSnapshot, directory: &Path) -> Result<(), FileError> {
    files::replace(&path(directory), &[&snapshot_file::encode(&snapshot.encode_to_vec())])
}

/// Reads the state that was kept; `None` where there is none.
///
/// # Errors
/// [`Unusable`].
pub fn load(
    directory: &Path,
    genesis_entry: &[u8],
    history: &History,
) -> Result<Option<Kept>, Unusable> {
    let Some(file) = files::read(&path(directory), EVIDENCE_BYTES as u64)? else {
        return Ok(None);
    };
    let bytes = snapshot_file::decode(&file).ok_or(Unusable::Damaged)?;
    let FollowerSnapshot { height, state, records, records_hash } =
        decode("snapshot", bytes, bytes.len())?;
    let next = history.chain().get(height).ok_or(Unusable::TooLate(height))?;
    Ok(Some(Kept {
        execution: Execution::resume(genesis_entry, state.unwrap_or_default(), next)?,
        records,
        records_hash: records_hash.as_slice().try_into()?,
    }))
}

/// Removes the state that was kept.
///
/// # Errors
/// [`FileError::System`].
pub fn remove(directory: &Path) -> Result<(), FileError> {
    files::remove(&path(directory))
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests;
