//! The private folder of a child, and those that killed clients have left behind.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rand_core::{OsRng, RngCore as _};
use rustix::{
    fs::{Mode, OFlags},
    process::geteuid,
};

use crate::ProgramFailure;

const PREFIX: &str = "consilium-trainer-";

/// Locked while the client that made the folder lives.
const LOCK: &str = "lock";

/// A folder that only this user can enter. It is removed with everything in it when this is dropped.
pub(crate) struct PrivateFolder {
    path: PathBuf,
    _lock: File,
}

impl PrivateFolder {
    /// Makes a folder in `scratch`.
    pub(crate) fn create(scratch: &Path) -> Result<Self, ProgramFailure> {
        let path = scratch.join(format!("{PREFIX}{:016x}", OsRng.next_u64()));
        let failed = |source| ProgramFailure::Folder { path: path.clone(), source };
        DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        // Locked before it has its name: a folder that has a lock and none who holds it is nobody's.
        let unnamed = path.join(".lock");
        let lock = create_file(&unnamed).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        fs::rename(&unnamed, path.join(LOCK)).map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes what clients that were killed have left in `scratch`: it has an institution's rows.
pub(crate) fn sweep(scratch: &Path) {
    let Ok(entries) = fs::read_dir(scratch) else { return };
    for entry in entries.flatten() {
        let is_named = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let is_own = || {
            let metadata = fs::symlink_metadata(entry.path());
            metadata.is_ok_and(|data| data.is_dir() && data.uid() == geteuid().as_raw())
        };
        if !is_named || !is_own() {
            continue;
        }
        // Without a lock it is just being made.
        let Ok(lock) = open_file(&entry.path().join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(%error, folder = %path.display(), "the trainer's private folder stays behind");
    }
}

/// A new file that only this user can read.
fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes a new file that only this user can read.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), ProgramFailure> {
    let written = create_file(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| ProgramFailure::Folder { path: path.to_owned(), source })
}

/// Opens a file that another program may have made: a link, a pipe or a device is none, and nothing waits.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "is no file"))
}

/// Reads a file of another program of at most `limit` bytes; its size is looked at before a byte is read.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, ProgramFailure> {
    let failed = |problem: String| ProgramFailure::Model(problem);
    let file = open_file(path).map_err(|error| failed(error.to_string()))?;
    let length = file.metadata().map_err(|error| failed(error.to_string()))?.len();
    if length > limit as u64 {
        return Err(failed(format!("{length} bytes; expected at most {limit}")));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(limit));
    // It may be growing.
    let read = file.take(limit as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(error.to_string()))?;
    if bytes.len() > limit {
        return Err(failed(format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_folder_is_private_and_goes_with_whoever_made_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::create(scratch.path()).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        write(&path.join("rows"), b"x").unwrap();
        assert_eq!(fs::metadata(path.join("rows")).unwrap().permissions().mode() & 0o777, 0o600);
        // Another client starts meanwhile.
        sweep(scratch.path());
        assert!(path.join("rows").exists());
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_client_has_left_is_removed_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let left = scratch.path().join(format!("{PREFIX}0"));
        let begun = scratch.path().join(format!("{PREFIX}1"));
        let other = scratch.path().join("other");
        for folder in [&left, &begun, &other] {
            fs::create_dir(folder).unwrap();
        }
        for folder in [&left, &other] {
            fs::write(folder.join(LOCK), "").unwrap();
        }
        symlink(&other, scratch.path().join(format!("{PREFIX}2"))).unwrap();
        sweep(scratch.path());
        assert!(!left.exists() && begun.exists() && other.join(LOCK).exists());
    }

    #[test]
    fn only_a_file_within_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let says = |limit| read(&path, limit).unwrap_err().to_string();
        fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read(&path, 10).unwrap(), [7; 10]);
        assert!(says(9).contains("10 bytes; expected at most 9"));
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(!says(10).is_empty());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(says(10).contains("is no file"));
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(says(10).contains("is no file"));
    }
}
