//! A log that only grows and survives a crash at any instruction, and the lock of a state directory.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_disk::{Step, step};
use thiserror::Error;

use crate::files::{FileError, failed, private, sync_folder_of};

/// So many zeros at the end of a record are bytes that were never written. What is kept here ends with signatures.
const UNWRITTEN: u64 = 8;

/// An append-only file of records, each its length (u32, big-endian) and its bytes, which do not end with eight zeros.
#[derive(Debug)]
pub struct Log {
    file: Arc<File>,
    path: PathBuf,
    /// Where each record's bytes begin, and how many there are.
    records: Vec<(u64, u32)>,
    end: u64,
    unsynced: bool,
}

impl Log {
    /// Opens the log, or creates it, for records of at most `longest` bytes. What a crash has left of last records, zeros in the place of their bytes included, is
    /// cut off: they were never synced, so nothing was said on the strength of them.
    ///
    /// # Errors
    /// [`FileError::System`]; [`FileError::Damaged`] where a record claims more bytes than one can have.
    pub fn open(path: &Path, longest: u32) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        let file = private(options.read(true).write(true).create(true))
            .open(path)
            .map_err(failed("open", path))?;
        let mut log = Self::scan(file, path, longest)?;
        if log.end < log.file.metadata().map_err(failed("read", path))?.len() {
            step(Step::Write(path), || log.file.set_len(log.end))
                .map_err(failed("shorten", path))?;
            log.unsynced = true;
        }
        sync_folder_of(path)?;
        Ok(log)
    }

    /// Opens an existing log that another process may be writing, to read what is whole in it.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn view(path: &Path, longest: u32) -> Result<Self, FileError> {
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
            // What a crash has left of records that were never synced may be zeros.
            if record == 0 && is_zero(&mut file, end).map_err(failed("read", path))? {
                break;
            }
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
        // Or end with them.
        if let Some(&(start, length)) = records.last()
            && u64::from(length) > UNWRITTEN
            && is_zero_between(&mut file, end - UNWRITTEN, end).map_err(failed("read", path))?
        {
            records.pop();
            end = start - 4;
        }
        Ok(Self { file: Arc::new(file), path: path.to_owned(), records, end, unsynced: false })
    }

    /// Number of records.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// The record at `index`.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn get(&mut self, index: u64) -> Result<Option<Vec<u8>>, FileError> {
        self.beginning(index, u32::MAX)
    }

    /// The first bytes of the record at `index`, `most` at most.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn beginning(&mut self, index: u64, most: u32) -> Result<Option<Vec<u8>>, FileError> {
        let Some(&(start, length)) =
            usize::try_from(index).ok().and_then(|index| self.records.get(index))
        else {
            return Ok(None);
        };
        let mut bytes = vec![0; length.min(most) as usize];
        let mut file = self.file.as_ref();
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(failed("read", &self.path))?;
        Ok(Some(bytes))
    }

    /// Appends a record; durable after [`Log::flush`].
    ///
    /// # Errors
    /// [`FileError::System`]; [`FileError::Damaged`] for a record of 4 GiB or more.
    pub fn append(&mut self, record: &[u8]) -> Result<(), FileError> {
        let length = u32::try_from(record.len()).map_err(|_| FileError::Damaged {
            path: self.path.clone(),
            detail: format!("a record of {} bytes is too long", record.len()),
        })?;
        let bytes = [&length.to_be_bytes(), record].concat();
        // Always at the known end: what a failed write has left behind it is overwritten.
        let mut file = self.file.as_ref();
        let written = step(Step::Write(&self.path), || {
            file.seek(SeekFrom::Start(self.end))?;
            file.write_all(&bytes)
        });
        written.map_err(failed("write", &self.path))?;
        self.records.push((self.end + 4, length));
        self.end += bytes.len() as u64;
        self.unsynced = true;
        Ok(())
    }

    /// What makes all records so far durable, on whatever thread may wait for a disk.
    pub fn flush(&mut self) -> Flush {
        let unsynced = std::mem::take(&mut self.unsynced);
        Flush(unsynced.then(|| (Arc::clone(&self.file), self.path.clone())))
    }
}

/// Whether all bytes from this one on are zero.
fn is_zero(file: &mut File, from: u64) -> std::io::Result<bool> {
    let end = file.metadata()?.len();
    is_zero_between(file, from, end)
}

fn is_zero_between(file: &mut File, from: u64, end: u64) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut rest = file.take(end.saturating_sub(from));
    let mut bytes = [0; 4096];
    loop {
        let read = rest.read(&mut bytes)?;
        let Some(bytes) = bytes.get(..read).filter(|_| read > 0) else { return Ok(true) };
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
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
            Some((file, path)) => {
                step(Step::Flush(&path), || file.sync_all()).map_err(failed("flush", &path))
            }
            None => Ok(()),
        }
    }
}

/// Why a state directory cannot be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is locked", .0.display())]
    Held(PathBuf),
    /// The lock cannot be opened.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Takes the lock that keeps every other process out of a state directory, for as long as the file is held.
///
/// # Errors
/// [`LockError`].
pub fn lock(path: &Path) -> Result<File, LockError> {
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
    fn zeros_in_the_place_of_what_was_not_written_are_cut_wherever_they_begin() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::open(&path, 100).unwrap();
        log.append(b"the first of them").unwrap();
        let kept = fs::read(&path).unwrap().len();
        log.append(b"the second of them").unwrap();
        log.append(b"the third of them").unwrap();
        let whole = fs::read(&path).unwrap();
        // At the last bytes of a record zeros cannot be told from what was written: it is found where it is decoded.
        let ends = [whole.len() - 17 - 4, whole.len()];
        for cut in kept..whole.len() {
            for more in [0, 5_000] {
                let zeros = vec![0; whole.len() - cut + more];
                fs::write(&path, [&whole[..cut], &zeros].concat()).unwrap();
                let mut log = Log::open(&path, 100).unwrap();
                let is_told = ends.iter().all(|end| cut <= end - 8 || cut >= *end);
                let written = ends.iter().filter(|end| **end <= cut).count() as u64;
                assert!(!is_told || log.len() == 1 + written, "cut at {cut}");
                assert_eq!(log.get(0).unwrap().unwrap(), b"the first of them");
                log.append(b"another").unwrap();
                let mut again = Log::open(&path, 100).unwrap();
                assert_eq!(again.get(again.len() - 1).unwrap().unwrap(), b"another");
            }
        }
        // Zeros before other bytes are damage.
        let damaged = [&whole[..kept], &[0; 4], &whole[kept + 4..]].concat();
        fs::write(&path, damaged).unwrap();
        assert!(matches!(Log::open(&path, 100), Err(FileError::Damaged { .. })));
    }

    #[test]
    fn a_length_that_cannot_have_been_written_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, [0, 0, 0, 101, 1, 2, 3]).unwrap();
        assert!(matches!(Log::open(&path, 100), Err(FileError::Damaged { .. })));
    }
}
