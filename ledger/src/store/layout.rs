//! The names of what lies in a ledger's folder.

use std::path::{Path, PathBuf};

/// sled's files.
pub(super) const STORE_FOLDER: &str = "store";
/// Locked while a process has the ledger open.
pub(super) const LOCK_FILE: &str = "LOCK";
/// The last durable block.
pub(super) const HEAD_FILE: &str = "HEAD";
/// What its writer has reached by the blocks so far.
pub(super) const SNAPSHOT_FILE: &str = "SNAPSHOT";
/// Hashes of all files, while the ledger is closed.
pub(super) const MANIFEST_FILE: &str = "MANIFEST";

/// sled's log.
pub(super) fn log_path(root: &Path) -> PathBuf {
    root.join(STORE_FOLDER).join("db")
}
