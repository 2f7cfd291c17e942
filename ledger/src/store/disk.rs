//! The way to the disk: every write of the store passes here as one step, so that a test can fail each in turn.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::LedgerError;

/// Names what was tried, and on what, in an error of the file system.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io { action, path, source }
}

/// Where writes pass.
#[derive(Debug, Default)]
pub(super) struct Disk {
    #[cfg(test)]
    pub(super) fault: std::sync::Mutex<Option<Fault>>,
}

/// A write that is to fail in a test.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    /// Writes that still succeed.
    pub(super) after: usize,
    /// Whether the write happens before its failure is reported.
    pub(super) persisted: bool,
}

impl Disk {
    /// One step of writing.
    pub(super) fn write<T>(
        &self,
        step: impl FnOnce() -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        #[cfg(test)]
        if let Some(fault) = self.fault.lock().unwrap().as_mut() {
            if fault.after == 0 {
                if fault.persisted {
                    step()?;
                }
                return Err(io_error("write", Path::new("injected"))(io::Error::other("injected")));
            }
            fault.after -= 1;
        }
        step()
    }

    /// Replaces the small file `name` in `folder` so that after a crash it holds the old bytes or the new ones.
    pub(super) fn replace(
        &self,
        folder: &Path,
        name: &str,
        contents: &[u8],
    ) -> Result<(), LedgerError> {
        let path = folder.join(name);
        let new = folder.join(format!("{name}.new"));
        // A crash here leaves a file that nobody reads and that the next replacement overwrites.
        self.write(|| fs::write(&new, contents).map_err(io_error("write", &new)))?;
        self.write(|| {
            File::open(&new).and_then(|file| file.sync_all()).map_err(io_error("flush", &new))
        })?;
        // A crash here leaves the old name on the old bytes, or on the new ones.
        self.write(|| fs::rename(&new, &path).map_err(io_error("replace", &path)))?;
        self.write(|| sync_folder(folder))
    }

    /// Removes the file `name` in `folder` for good.
    pub(super) fn remove(&self, folder: &Path, name: &str) -> Result<(), LedgerError> {
        let path = folder.join(name);
        self.write(|| fs::remove_file(&path).map_err(io_error("remove", &path)))?;
        self.write(|| sync_folder(folder))
    }
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
