//! Private files on disk: read within a limit and only where nobody else can, written whole or not at all.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use consilium_disk::{Step, step};
use zeroize::Zeroizing;

use crate::FilesError;

/// Length of a key file, in bytes.
const KEY_BYTES: usize = 32;

/// Reads a file of at most `limit` bytes. The buffer never grows, so that no copy of a key is left behind.
///
/// # Errors
/// [`FilesError::Io`] and [`FilesError::Invalid`], naming the file.
pub fn read(path: &Path, limit: usize) -> Result<Vec<u8>, FilesError> {
    let file = fs::File::open(path).map_err(|source| unreadable(path, source))?;
    let mut bytes = Vec::with_capacity(limit + 1);
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(path, source))?;
    if bytes.len() > limit {
        return Err(FilesError::invalid(path, format!("is longer than {limit} bytes")));
    }
    Ok(bytes)
}

/// As [`read`], of a file that a folder may lack.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FilesError> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => read(path, limit).map(Some),
    }
}

/// Reads a file that nobody but its owner may be able to read.
///
/// # Errors
/// As [`read`]; [`FilesError::Exposed`] where others can read it.
pub fn read_private(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, FilesError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(FilesError::Exposed { path: path.to_owned(), mode });
        }
    }
    read(path, limit).map(Zeroizing::new)
}

/// Reads a private file of 32 bytes.
///
/// # Errors
/// As [`read_private`].
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; KEY_BYTES]>, FilesError> {
    let bytes = read_private(path, KEY_BYTES)?;
    let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| {
        let found = bytes.len();
        FilesError::invalid(path, format!("has {found} bytes, a key has {KEY_BYTES}"))
    })?;
    Ok(Zeroizing::new(key))
}

/// Writes a new private file, flushed to disk.
///
/// # Errors
/// [`FilesError::Io`], also where the file is there already.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), FilesError> {
    let write = || {
        let file = step(Step::Write(path), || {
            let mut file = create_private_file(path)?;
            file.write_all(bytes)?;
            Ok(file)
        })?;
        step(Step::Flush(path), || file.sync_all())
    };
    write().map_err(|source| unwritable(path, source))
}

/// Writes a private file anew, durably: the old one or the new one is there, whatever happens.
///
/// # Errors
/// [`FilesError::Io`] naming what cannot be written.
pub fn replace_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), FilesError> {
    let path = dir.join(name);
    let partial = dir.join(format!(".{name}.incomplete-{}", std::process::id()));
    // What another process has left that was stopped in the middle: in a container all of them have one number.
    let _ = fs::remove_file(&partial);
    let replaced = write_file(&partial, bytes).and_then(|()| rename(&partial, &path));
    if replaced.is_err() {
        let _ = fs::remove_file(&partial);
    }
    replaced?;
    sync_folder(dir)
}

/// Creates `dir` and the files in it. All are private: the public ones among them need no other reader than the party
/// whose folder it is.
///
/// # Errors
/// [`FilesError::Io`] naming what cannot be written.
pub fn write_folder(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), FilesError> {
    create_private_folder(dir).map_err(|source| unwritable(dir, source))?;
    for (name, bytes) in files {
        write_file(&dir.join(name), bytes)?;
    }
    sync_folder(dir)
}

/// Has `write` make a folder under another name beside `dir`, and gives it its name once it is whole.
///
/// # Errors
/// [`FilesError::Exists`] where `dir` is there already, and what `write` answers.
pub fn appear(
    dir: &Path,
    write: impl FnOnce(&Path) -> Result<(), FilesError>,
) -> Result<(), FilesError> {
    if dir.symlink_metadata().is_ok() {
        return Err(FilesError::Exists(dir.to_owned()));
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let partial = dir.with_file_name(format!(".{name}.incomplete-{}", std::process::id()));
    // As in `replace_file`.
    let _ = fs::remove_dir_all(&partial);
    let appeared = write(&partial).and_then(|()| rename(&partial, dir));
    if appeared.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    appeared?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Gives a file or a folder another name. Not durable before [`sync_folder`].
///
/// # Errors
/// [`FilesError::Io`].
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FilesError> {
    step(Step::Rename { from, to }, || fs::rename(from, to))
        .map_err(|source| unwritable(to, source))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// [`FilesError::Io`].
pub fn sync_folder(dir: &Path) -> Result<(), FilesError> {
    step(Step::FlushNames(dir), || fs::File::open(dir)?.sync_all())
        .map_err(|source| unwritable(dir, source))
}

#[cfg(unix)]
fn create_private_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir(dir)
}

fn create_private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

pub(crate) fn unwritable(path: &Path, source: io::Error) -> FilesError {
    let advice = "choose a directory whose parent exists and can be written";
    FilesError::Io { path: path.to_owned(), source, advice }
}

fn unreadable(path: &Path, source: io::Error) -> FilesError {
    let advice = "give the folder of one party of a run";
    FilesError::Io { path: path.to_owned(), source, advice }
}
