//! The store's way to the disk: every write is one step, so that a test can fail each in turn.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use consilium_disk::{Step, step_or};

use crate::LedgerError;

/// Names what was tried, and on what, in an error of the file system.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io { action, path, source }
}

/// One step of writing.
pub(super) fn write<T>(
    step: Step<'_>,
    act: impl FnOnce() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    step_or(step, io_error("write", step.path()), act)
}

/// Replaces the small file `name` in `folder` so that after a crash it holds the old bytes or the new ones.
pub(super) fn replace(folder: &Path, name: &str, contents: &[u8]) -> Result<(), LedgerError> {
    let path = folder.join(name);
    let new = folder.join(format!("{name}.new"));
    // A crash here leaves a file that nobody reads and that the next replacement overwrites.
    write(Step::Write(&new), || fs::write(&new, contents).map_err(io_error("write", &new)))?;
    write(Step::Flush(&new), || {
        File::open(&new).and_then(|file| file.sync_all()).map_err(io_error("flush", &new))
    })?;
    // A crash here leaves the old name on the old bytes, or on the new ones.
    write(Step::Rename { from: &new, to: &path }, || {
        fs::rename(&new, &path).map_err(io_error("replace", &path))
    })?;
    write(Step::FlushNames(folder), || sync_folder(folder))
}

/// Removes the file `name` in `folder` for good.
pub(super) fn remove(folder: &Path, name: &str) -> Result<(), LedgerError> {
    let path = folder.join(name);
    write(Step::Remove(&path), || fs::remove_file(&path).map_err(io_error("remove", &path)))?;
    write(Step::FlushNames(folder), || sync_folder(folder))
}

/// Makes names created, replaced or removed in `folder` durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), LedgerError> {
    // Only Unix opens a folder as a file; elsewhere the system keeps the order of such changes itself.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_error("flush", folder))?;
    }
    Ok(())
}
