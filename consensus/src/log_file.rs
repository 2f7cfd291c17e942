//! A log's bytes in a file, which one process has at a time.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use crate::log::Storage;

/// A log's file. The folder must exist; a file with `.lock` added to its name is locked as long as this lives.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    _lock: File,
}

impl LogFile {
    /// Opens the file, or makes an empty one.
    ///
    /// # Errors
    /// Where it cannot be opened, or another process has it ([`io::ErrorKind::WouldBlock`]).
    pub fn open(path: &Path) -> io::Result<Self> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(with_suffix(path, ".lock"))?;
        lock.try_lock()?;
        let file = append_to(path)?;
        sync_folder(path)?;
        Ok(Self { path: path.to_owned(), file, _lock: lock })
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).open(path)
}

/// Makes a name in the folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Storage for LogFile {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let next = with_suffix(&self.path, ".next");
        let mut file = File::create(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, &self.path)?;
        sync_folder(&self.path)?;
        self.file = append_to(&self.path)?;
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Log, tests::binding};

    #[test]
    fn a_log_on_disk_is_found_again_torn_at_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes");
        let mut log = Log::found(LogFile::open(&path).unwrap(), binding(0), 3).unwrap();
        log.append(b"one").unwrap();
        log.flush().unwrap();
        log.append(b"two").unwrap();
        log.flush().unwrap();
        drop(log);
        let bytes = fs::read(&path).unwrap();
        for length in 0..=bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let opened = Log::open(LogFile::open(&path).unwrap(), binding(0)).unwrap();
            let records = opened.map_or(0, |mut log| {
                log.append(b"three").unwrap();
                log.flush().unwrap();
                log.take_records().len() + 1
            });
            let again = Log::open(LogFile::open(&path).unwrap(), binding(0)).unwrap();
            assert_eq!(again.map_or(0, |mut log| log.take_records().len()), records, "{length}");
        }
    }

    #[test]
    fn a_new_height_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes");
        let mut log = Log::found(LogFile::open(&path).unwrap(), binding(0), 3).unwrap();
        log.append(b"one").unwrap();
        log.begin(4).unwrap();
        log.append(b"two").unwrap();
        log.flush().unwrap();
        drop(log);
        let mut log = Log::open(LogFile::open(&path).unwrap(), binding(0)).unwrap().unwrap();
        assert_eq!((log.height(), log.take_records()), (4, vec![b"two".to_vec()]));
        log.forget().unwrap();
        assert!(Log::open(LogFile::open(&path).unwrap(), binding(0)).unwrap().is_none());
    }

    #[test]
    fn one_process_has_a_log_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("votes");
        let first = LogFile::open(&path).unwrap();
        assert_eq!(LogFile::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(first);
        assert!(LogFile::open(&path).is_ok());
    }
}
