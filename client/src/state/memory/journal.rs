//! A log of short records that notices what it has lost.
//!
//! Each record carries the hash of all before it, and a small file beside the log, replaced as a whole after every
//! flush, says how many there are and what they hash to. Nothing is done on the strength of a record before both are on
//! disk. So what a crash leaves of a record that was never acknowledged (half of it, zeros in its place) is cut off, and
//! where records are missing that had been acknowledged, whoever opens the log is told.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use consilium_audit::files::{self, FileError, failed, private, sync_folder_of};
use consilium_disk::{Step, step};
use consilium_hash::Checksum;
use consilium_ledger::sha256;

/// Bytes of a record that are the caller's.
pub(super) const PAYLOAD: usize = 32 + 9 + 32;
/// Bytes of the hash chain in each record.
const LINK: usize = 8;
const RECORD: usize = PAYLOAD + LINK;
/// Number of records (8) ‖ hash of all of them (32) ‖ first bytes of the SHA-256 of both.
const MARK: usize = 8 + 32 + LINK;

/// What a record is.
pub(super) type Payload = [u8; PAYLOAD];

/// Where a log and its mark are kept.
pub(super) trait Medium: fmt::Debug + Send {
    /// All bytes of the log.
    fn log(&mut self) -> Result<Vec<u8>, FileError>;
    /// The mark, if one was ever put.
    fn mark(&mut self) -> Result<Option<Vec<u8>>, FileError>;
    /// Shortens the log.
    fn cut(&mut self, length: u64) -> Result<(), FileError>;
    /// Writes into the log.
    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), FileError>;
    /// Makes what was cut and written durable.
    fn sync(&mut self) -> Result<(), FileError>;
    /// Replaces the mark as a whole; durable when it returns.
    fn replace_mark(&mut self, bytes: &[u8]) -> Result<(), FileError>;
    /// The log, for messages.
    fn path(&self) -> &Path;
}

/// Puts a mark beside a log that speaks of no record: as many as are there, more may have been.
pub(super) fn unmark(log: &Path) -> Result<(), FileError> {
    files::replace(&mark_of(log), &[b"unknown"])
}

fn mark_of(log: &Path) -> PathBuf {
    log.with_extension("mark")
}

/// A log and its mark in a state directory.
#[derive(Debug)]
pub(super) struct Files {
    log: File,
    path: PathBuf,
    mark: PathBuf,
}

impl Files {
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let mut options = OpenOptions::new();
        let log = private(options.read(true).write(true).create(true).truncate(false))
            .open(path)
            .map_err(failed("open", path))?;
        sync_folder_of(path)?;
        Ok(Self { log, path: path.to_owned(), mark: mark_of(path) })
    }
}

impl Medium for Files {
    fn log(&mut self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = self.log.rewind().and_then(|()| self.log.read_to_end(&mut bytes));
        read.map_err(failed("read", &self.path))?;
        Ok(bytes)
    }

    fn mark(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        files::read(&self.mark, MARK as u64)
    }

    fn cut(&mut self, length: u64) -> Result<(), FileError> {
        step(Step::Write(&self.path), || self.log.set_len(length))
            .map_err(failed("shorten", &self.path))
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), FileError> {
        let log = &mut self.log;
        let written = step(Step::Write(&self.path), || {
            log.seek(SeekFrom::Start(at))?;
            log.write_all(bytes)
        });
        written.map_err(failed("write", &self.path))
    }

    fn sync(&mut self) -> Result<(), FileError> {
        step(Step::Flush(&self.path), || self.log.sync_all()).map_err(failed("flush", &self.path))
    }

    fn replace_mark(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        files::replace(&self.mark, &[bytes])
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// The log.
#[derive(Debug)]
pub(super) struct Journal {
    medium: Box<dyn Medium>,
    count: u64,
    /// Hash of all records.
    link: Checksum,
    /// A write has failed: what is on disk is not known until the log is opened again.
    has_failed: bool,
}

/// A log as it was found.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) records: Vec<Payload>,
    /// Records are missing, or others than the mark speaks of are there.
    pub(super) has_lost: bool,
}

impl Journal {
    /// Reads the log, and cuts off what a crash has left of a record that was never acknowledged.
    pub(super) fn open(mut medium: Box<dyn Medium>) -> Result<Opened, FileError> {
        let bytes = medium.log()?;
        let mark = medium.mark()?;
        let mut link = Checksum::default();
        // Hash of all records before each.
        let mut links = vec![link];
        let mut records = Vec::new();
        let (whole, _) = bytes.as_chunks::<RECORD>();
        for record in whole {
            let Some((payload, next)) = read(&link, record) else { break };
            records.push(payload);
            links.push(next);
            link = next;
        }
        let count = records.len() as u64;
        let end = count * RECORD as u64;
        let damaged = |detail: String| FileError::Damaged { path: medium.path().into(), detail };
        let (acknowledged, marked) = match mark {
            None => (0, Some(Checksum::default())),
            // A mark that does not read says nothing: whatever it spoke of may be lost.
            Some(mark) => {
                read_mark(&mark).map_or((u64::MAX, None), |(count, link)| (count, Some(link)))
            }
        };
        let rest = bytes.get(end as usize..).unwrap_or_default();
        // Without zeros at its end, which a crash may have left in the place of bytes that were not written.
        let left = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if count < acknowledged && left >= RECORD {
            return Err(damaged(format!(
                "record {count} is not what was written; this trustee does not know what it has countersigned"
            )));
        }
        // One record may be on disk that its mark does not count yet.
        let is_known = usize::try_from(acknowledged).ok().and_then(|at| links.get(at)).copied()
            == marked
            && marked.is_some();
        let has_lost = !is_known || count > acknowledged.saturating_add(1);
        if !rest.is_empty() {
            medium.cut(end)?;
            medium.sync()?;
        }
        let mut journal = Self { medium, count, link, has_failed: false };
        if !has_lost && count > acknowledged {
            journal.acknowledge()?;
        }
        Ok(Opened { journal, records, has_lost })
    }

    fn acknowledge(&mut self) -> Result<(), FileError> {
        let mut mark = [self.count.to_be_bytes().as_slice(), self.link.as_slice()].concat();
        let checksum = sha256(&mark);
        mark.extend(checksum.iter().take(LINK));
        self.medium.replace_mark(&mark)
    }

    /// How many records there are, and the hash over all of them.
    pub(super) fn reach(&self) -> (u64, Checksum) {
        (self.count, self.link)
    }

    /// Whether the first so many records are there and hash to this.
    pub(super) fn reaches(&mut self, count: u64, hash: &Checksum) -> Result<bool, FileError> {
        let bytes = self.medium.log()?;
        let (records, _) = bytes.as_chunks::<RECORD>();
        let first = usize::try_from(count).ok().and_then(|count| records.get(..count));
        let all = first.and_then(|records| {
            records.iter().try_fold(Checksum::default(), |link, record| {
                read(&link, record).map(|(_, next)| next)
            })
        });
        Ok(all.as_ref() == Some(hash))
    }

    /// Appends a record; on disk, and acknowledged, when it returns.
    pub(super) fn append(&mut self, payload: &Payload) -> Result<(), FileError> {
        if self.has_failed {
            return Err(FileError::Damaged {
                path: self.medium.path().into(),
                detail: "a write has failed before, and what is on disk is not known; start this program again"
                    .to_owned(),
            });
        }
        self.has_failed = true;
        let link = next_link(&self.link, payload);
        let record: Vec<u8> = payload.iter().chain(link.0.iter().take(LINK)).copied().collect();
        self.medium.write(self.count * RECORD as u64, &record)?;
        self.medium.sync()?;
        self.count += 1;
        self.link = link;
        self.acknowledge()?;
        self.has_failed = false;
        Ok(())
    }
}

fn next_link(link: &Checksum, payload: &Payload) -> Checksum {
    Checksum(sha256(&[link.as_slice(), payload].concat()))
}

/// The payload and the hash of all records up to it; nothing where it is not what was written after the others.
fn read(link: &Checksum, record: &[u8; RECORD]) -> Option<(Payload, Checksum)> {
    let (payload, check) = record.split_first_chunk::<PAYLOAD>()?;
    let next = next_link(link, payload);
    (next.0.get(..LINK)? == check).then_some((*payload, next))
}

fn read_mark(bytes: &[u8]) -> Option<(u64, Checksum)> {
    let (fields, check) = bytes.split_at_checked(MARK - LINK)?;
    if sha256(fields).get(..LINK)? != check {
        return None;
    }
    let (count, link) = fields.split_first_chunk()?;
    Some((u64::from_be_bytes(*count), Checksum(link.try_into().ok()?)))
}

#[cfg(test)]
mod tests;
