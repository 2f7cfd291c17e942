//! Small files that survive a crash at any instruction: each is replaced as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use consilium_disk::{Step, step};
use thiserror::Error;

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system refuses.
    #[error("cannot {action} {}: {source}; give a directory that this user can write, with room left", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not what was written there.
    #[error("{}: {detail}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was expected and what is there.
        detail: String,
    },
}

/// Names the file in what the system says about it.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::System { action, path, source }
}

/// Replaces the file as a whole: after a crash it holds the old bytes or the new ones. On disk when it returns.
///
/// # Errors
/// [`FileError::System`].
pub fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), FileError> {
    let partial = path.with_extension("incomplete");
    let write = || {
        let file = step(Step::Write(&partial), || {
            let mut options = OpenOptions::new();
            let mut file =
                private(options.write(true).create(true).truncate(true)).open(&partial)?;
            parts.iter().try_for_each(|part| file.write_all(part))?;
            Ok(file)
        })?;
        step(Step::Flush(&partial), || file.sync_all())?;
        step(Step::Rename { from: &partial, to: path }, || fs::rename(&partial, path))
    };
    write().map_err(failed("write", path))?;
    sync_folder_of(path)
}

/// The file's bytes; `None` where there is none.
///
/// # Errors
/// [`FileError`] where it is longer than `limit`, or cannot be read.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        let detail = format!("is longer than the {limit} bytes that were written at most");
        return Err(FileError::Damaged { path: path.to_owned(), detail });
    }
    Ok(Some(bytes))
}

/// Removes the file, if it is there. Gone for good when it returns.
///
/// # Errors
/// [`FileError::System`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    match step(Step::Remove(path), || fs::remove_file(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(failed("remove", path)).and_then(|()| sync_folder_of(path)),
    }
}

/// Creates the folder, for its owner only.
///
/// # Errors
/// [`FileError::System`].
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed("create", path))
}

/// For the owner of the file only.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the names in the file's folder durable.
///
/// # Errors
/// [`FileError::System`].
pub fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    let folder =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    step(Step::FlushNames(folder), || File::open(folder)?.sync_all())
        .map_err(failed("flush", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_holds_the_new_bytes_and_a_missing_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(read(&path, 10).unwrap(), None);
        replace(&path, &[b"old"]).unwrap();
        replace(&path, &[b"n", b"ew"]).unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"new");
        assert!(matches!(read(&path, 2), Err(FileError::Damaged { .. })));
    }
}
