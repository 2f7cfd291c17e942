//! Files that survive a crash at any instruction: a log that only grows, and a file that is replaced whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::ClientError;

/// Names the file in what the system says about it.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClientError {
    let path = path.to_owned();
    move |source| ClientError::State { action, path, source }
}

/// An append-only file of records, each its length (u32, big-endian) and its bytes.
#[derive(Debug)]
pub(crate) struct Log {
    file: Arc<File>,
    path: PathBuf,
    /// Where each record's bytes begin, and how many there are.
    records: Vec<(u64, u32)>,
    end: u64,
    unsynced: bool,
}

impl Log {
    /// Opens the log, or creates it. What a crash has left of a last record is cut off: it was never synced, so nothing
    /// was said on the strength of it.
    pub(crate) fn open(path: &Path, longest: u32) -> Result<Self, ClientError> {
        let mut options = OpenOptions::new();
        let file = private(options.read(true).write(true).create(true))
            .open(path)
            .map_err(failed("open", path))?;
        let mut log = Self::scan(file, path, longest)?;
        if log.end < log.file.metadata().map_err(failed("read", path))?.len() {
            log.file.set_len(log.end).map_err(failed("shorten", path))?;
            log.unsynced = true;
        }
        sync_folder_of(path)?;
        Ok(log)
    }

    /// Opens an existing log that another process may be writing, to read what is whole in it.
    pub(crate) fn view(path: &Path, longest: u32) -> Result<Self, ClientError> {
        Self::scan(File::open(path).map_err(failed("open", path))?, path, longest)
    }

    fn scan(mut file: File, path: &Path, longest: u32) -> Result<Self, ClientError> {
        let length = file.metadata().map_err(failed("read", path))?.len();
        let mut records = Vec::new();
        let mut end = 0;
        let mut prefix = [0; 4];
        while end + 4 <= length {
            file.seek(SeekFrom::Start(end))
                .and_then(|_| file.read_exact(&mut prefix))
                .map_err(failed("read", path))?;
            let record = u32::from_be_bytes(prefix);
            if record == 0 || record > longest {
                let detail = format!(
                    "a record at byte {end} claims {record} bytes; 1 to {longest} are possible"
                );
                return Err(ClientError::DamagedState { path: path.to_owned(), detail });
            }
            if end + 4 + u64::from(record) > length {
                break;
            }
            records.push((end + 4, record));
            end += 4 + u64::from(record);
        }
        Ok(Self { file: Arc::new(file), path: path.to_owned(), records, end, unsynced: false })
    }

    /// Number of records.
    pub(crate) fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// The record at `index`.
    pub(crate) fn get(&mut self, index: u64) -> Result<Option<Vec<u8>>, ClientError> {
        let Some(&(start, length)) =
            usize::try_from(index).ok().and_then(|index| self.records.get(index))
        else {
            return Ok(None);
        };
        let mut bytes = vec![0; length as usize];
        let mut file = self.file.as_ref();
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(failed("read", &self.path))?;
        Ok(Some(bytes))
    }

    /// Appends a record; durable after [`Log::flush`].
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<(), ClientError> {
        let length = u32::try_from(record.len()).map_err(|_| ClientError::DamagedState {
            path: self.path.clone(),
            detail: format!("a record of {} bytes is too long", record.len()),
        })?;
        let bytes = [&length.to_be_bytes(), record].concat();
        // Always at the known end: what a failed write has left behind it is overwritten.
        let mut file = self.file.as_ref();
        let written = file.seek(SeekFrom::Start(self.end)).and_then(|_| file.write_all(&bytes));
        written.map_err(failed("write", &self.path))?;
        self.records.push((self.end + 4, length));
        self.end += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// What makes all records so far durable, on whatever thread may wait for a disk.
    pub(crate) fn flush(&mut self) -> Flush {
        let unsynced = std::mem::take(&mut self.unsynced);
        Flush(unsynced.then(|| (Arc::clone(&self.file), self.path.clone())))
    }
}

/// A flush to be waited for. Where it fails, nothing more may be said on the strength of the file.
#[must_use = "nothing is durable before the flush has been waited for"]
#[derive(Debug)]
pub struct Flush(Option<(Arc<File>, PathBuf)>);

impl Flush {
    /// Returns once everything is on disk.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn wait(self) -> Result<(), ClientError> {
        match self.0 {
            Some((file, path)) => file.sync_all().map_err(failed("flush", &path)),
            None => Ok(()),
        }
    }
}

/// Replaces the file as a whole: after a crash it holds the old bytes or the new ones. On disk when it returns.
pub(crate) fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), ClientError> {
    let partial = path.with_extension("incomplete");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = private(options.write(true).create(true).truncate(true)).open(&partial)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(failed("write", path))?;
    sync_folder_of(path)
}

/// The file's bytes; `None` where there is none.
///
/// # Errors
/// Where it is longer than `limit`, or cannot be read.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ClientError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        let detail = format!("is longer than the {limit} bytes that were written at most");
        return Err(ClientError::DamagedState { path: path.to_owned(), detail });
    }
    Ok(Some(bytes))
}

/// Takes the lock that keeps every other process out of a state directory, for as long as the file is held.
pub(crate) fn lock(path: &Path) -> Result<File, ClientError> {
    let mut options = OpenOptions::new();
    let file = private(options.write(true).create(true).truncate(false))
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ClientError::Locked { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source)),
    }
}

/// Creates the folder, for its owner only.
pub(crate) fn create_folder(path: &Path) -> Result<(), ClientError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(failed("create", path))
}

/// For the owner of the file only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes the names in the file's folder durable.
fn sync_folder_of(path: &Path) -> Result<(), ClientError> {
    let folder =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_again_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path, 100).unwrap();
        for record in [b"a".as_slice(), b"bcd", &[7; 100]] {
            log.append(record).unwrap();
        }
        log.flush().wait().unwrap();
        let mut again = Log::open(&path, 100).unwrap();
        assert_eq!(again.len(), 3);
        assert_eq!(again.get(1).unwrap().unwrap(), b"bcd");
        assert_eq!(again.get(2).unwrap().unwrap(), [7; 100]);
        assert_eq!(again.get(3).unwrap(), None);
    }

    #[test]
    fn every_prefix_of_a_log_opens_with_the_records_that_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path, 100).unwrap();
        log.append(b"first").unwrap();
        log.append(b"second").unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut log = Log::open(&path, 100).unwrap();
            assert_eq!(log.len(), u64::from(cut >= 9), "cut at {cut}");
            log.append(b"other").unwrap();
            let mut again = Log::open(&path, 100).unwrap();
            assert_eq!(again.get(again.len() - 1).unwrap().unwrap(), b"other");
        }
    }

    #[test]
    fn a_length_that_cannot_have_been_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, [0, 0, 0, 101, 1, 2, 3]).unwrap();
        assert!(matches!(Log::open(&path, 100), Err(ClientError::DamagedState { .. })));
    }

    #[test]
    fn a_replaced_file_holds_the_new_bytes_and_a_missing_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert_eq!(read(&path, 10).unwrap(), None);
        replace(&path, &[b"old"]).unwrap();
        replace(&path, &[b"n", b"ew"]).unwrap();
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"new");
        assert!(matches!(read(&path, 2), Err(ClientError::DamagedState { .. })));
    }
}
