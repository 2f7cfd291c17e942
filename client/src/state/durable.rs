//! A log that only grows and survives a crash at any instruction, and the lock of a state directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_audit::files::{FileError, failed, private, sync_folder_of};

use thiserror::Error;

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
    pub(crate) fn open(path: &Path, longest: u32) -> Result<Self, FileError> {
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
    pub(crate) fn view(path: &Path, longest: u32) -> Result<Self, FileError> {
        Self::scan(File::open(path).map_err(failed("open", path))?, path, longest)
    }

    fn scan(mut file: File, path: &Path, longest: u32) -> Result<Self, FileError> {
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
                return Err(FileError::Damaged { path: path.to_owned(), detail });
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

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    /// The record at `index`.
    pub(crate) fn get(&mut self, index: u64) -> Result<Option<Vec<u8>>, FileError> {
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
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<(), FileError> {
        let length = u32::try_from(record.len()).map_err(|_| FileError::Damaged {
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
    /// [`FileError::System`].
    pub fn wait(self) -> Result<(), FileError> {
        match self.0 {
            Some((file, path)) => file.sync_all().map_err(failed("flush", &path)),
            None => Ok(()),
        }
    }
}

/// Why a state directory cannot be had.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// Another process has it.
    #[error("{} is locked", .0.display())]
    Held(PathBuf),
    /// The lock cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Takes the lock that keeps every other process out of a state directory, for as long as the file is held.
pub(crate) fn lock(path: &Path) -> Result<File, LockError> {
    let mut options = OpenOptions::new();
    let file = private(options.write(true).create(true).truncate(false))
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", path)(source).into()),
    }
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
        assert!(matches!(Log::open(&path, 100), Err(FileError::Damaged { .. })));
    }
}
