//! The `SNAPSHOT` file: what the ledger's writer has reached by some first part of the blocks, so that it need not apply them
//! again.
//!
//! It follows from the blocks: where it is missing or not what was written, nothing is lost but time. So it is in no manifest
//! and in no copy for auditors. What it says is for its writer to know, and to check against the chain.

use std::{fs, io, path::Path};

use crate::{
    error::LedgerError,
    sha256,
    store::{
        disk::{io_error, replace},
        layout::SNAPSHOT_FILE,
    },
};

const FIRST_LINE: &[u8] = b"consilium ledger snapshot 1\n";

pub(super) fn write(root: &Path, snapshot: &[u8]) -> Result<(), LedgerError> {
    let contents = [FIRST_LINE, &sha256(snapshot), snapshot].concat();
    replace(root, SNAPSHOT_FILE, &contents)
}

/// `None` where there is none, or it is not what was written.
pub(super) fn read(root: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    let path = root.join(SNAPSHOT_FILE);
    let mut bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io_error("read", &path))?,
    };
    let Some((sum, snapshot)) =
        bytes.strip_prefix(FIRST_LINE).and_then(|rest| rest.split_first_chunk())
    else {
        return Ok(None);
    };
    if *sum != sha256(snapshot) {
        return Ok(None);
    }
    Ok(Some(bytes.split_off(bytes.len() - snapshot.len())))
}
