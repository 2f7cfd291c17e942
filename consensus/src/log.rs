//! The write-ahead log: what a validator has heard and said at the height under way, on disk before anyone hears it.
//!
//! A node that forgets what it has said may say something else, and two statements at one place convict it. So its log is
//! flushed before a message goes out, a round begins or a decision takes effect, and a node without its log does not vote.
//!
//! # Layout
//!
//! Records, each: length u32 ‖ bytes of the log that were durable when it was written u64 ‖ checksum, 8 bytes ‖ content. The
//! checksum is over the place of the record, both numbers and the content. The first record binds the log: label ‖
//! chain id ‖ key of the validator ‖ height u64. At each height a new log takes the place of the old one at once.
//!
//! # A torn tail and a damaged log
//!
//! A crash may tear what was written and not flushed, in any order of pages. Nobody has seen what rests on it: it is cut off.
//! A record that cannot be read although a later one says that it was durable has been damaged since, and with it may have
//! gone what this node has said: [`LogError::Damaged`]. Damage to the records of the last flush alone looks like a torn
//! tail, and only a checksum of the disk's own would tell them apart.

use std::io;

use consilium_hash::ChainId;
use consilium_ledger::sha256;
use ed25519_dalek::VerifyingKey;

use crate::bytes::{take, take_u32, take_u64};

/// Prefix of the first record.
const LABEL: &[u8; 27] = b"consilium/consensus/log/v1\0";

/// Prefix of what a record's checksum is over.
const CHECKSUM_LABEL: &[u8] = b"consilium/consensus/log/record/v1";

/// Bytes before a record's content.
const FRAME: usize = 4 + 8 + 8;

/// The longest content of a record, in bytes.
pub(crate) const MAX_RECORD_BYTES: usize = 16 * 1024;

/// Why a log cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk.
    #[error("cannot read or write the validator's log: {0}")]
    Io(#[from] io::Error),
    /// One is there.
    #[error(
        "there is a log already. A new one would forget what this validator has said: start without founding one"
    )]
    Exists,
    /// It is another validator's, or of another run.
    #[error("the log belongs to another validator or another run: give this one its own")]
    Foreign,
    /// What was durable cannot be read.
    #[error(
        "the log is damaged at byte {at}, and what this validator has said may be lost: it must not vote with this key again until it is re-admitted"
    )]
    Damaged {
        /// Where.
        at: u64,
    },
    /// A record does not mean anything.
    #[error(
        "record {0} of the log means nothing to this program: was it written by another version?"
    )]
    Record(usize),
    /// The ledger has lost blocks.
    #[error(
        "the log is at height {log}, the ledger lacks blocks from height {ledger} on: restore them from another node, then start again"
    )]
    LedgerBehind {
        /// Height of the log.
        log: u64,
        /// Height of the next block.
        ledger: u64,
    },
    /// Longer than any record can be.
    #[error("a record of {0} bytes is longer than {MAX_RECORD_BYTES}")]
    TooLong(usize),
}

/// Where a log's bytes lie: [`LogFile`](crate::LogFile), or memory in simulations.
pub trait Storage {
    /// All bytes; none where there never were any.
    ///
    /// # Errors
    /// As the disk has it, here and below.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Writes at the end. Durable only after [`Storage::flush`].
    ///
    /// # Errors
    /// After which the log is not used any more.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// After which the log is not used any more.
    fn flush(&mut self) -> io::Result<()>;

    /// Puts these bytes in the place of all, at once and durably: a crash leaves all of the old ones or all of the new ones.
    ///
    /// # Errors
    /// After which the log is not used any more.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Durably drops what comes after the first `length` bytes.
    ///
    /// # Errors
    /// After which the log is not used any more.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The chain.
    pub chain_id: ChainId,
    /// The validator.
    pub validator: VerifyingKey,
}

impl Binding {
    fn record(&self, height: u64) -> Vec<u8> {
        let key = self.validator.to_bytes();
        [LABEL.as_slice(), self.chain_id.as_slice(), &key, &height.to_be_bytes()].concat()
    }

    /// The height of the log that begins so.
    fn read(&self, record: &[u8]) -> Result<u64, LogError> {
        let mut rest = record;
        let label: Option<[u8; LABEL.len()]> = take(&mut rest);
        let chain_id = take(&mut rest).map(ChainId);
        let key: Option<[u8; 32]> = take(&mut rest);
        let height = take_u64(&mut rest).filter(|_| rest.is_empty());
        let height = height.filter(|_| label.as_ref() == Some(LABEL)).ok_or(LogError::Record(0))?;
        let is_ours = chain_id == Some(self.chain_id) && key == Some(self.validator.to_bytes());
        if is_ours { Ok(height) } else { Err(LogError::Foreign) }
    }
}

/// A log that is open.
pub struct Log<S> {
    storage: S,
    binding: Binding,
    height: u64,
    /// Of the current height, as they were found; taken once.
    records: Vec<Vec<u8>>,
    length: u64,
    durable: u64,
}

impl<S: Storage> Log<S> {
    /// The first log of a key: before it has signed anything. `height` is the first at which its validator set has it: 0 in the
    /// set of the genesis.
    ///
    /// # Errors
    /// [`LogError::Exists`] where there is one; as the disk has it.
    pub fn found(mut storage: S, binding: Binding, height: u64) -> Result<Self, LogError> {
        if !storage.read()?.is_empty() {
            return Err(LogError::Exists);
        }
        let mut log = Self { storage, binding, height, records: Vec::new(), length: 0, durable: 0 };
        log.begin(height)?;
        Ok(log)
    }

    /// Opens the log of this validator and cuts a torn tail off. `None` where there is none: the validator must not vote.
    ///
    /// # Errors
    /// [`LogError::Foreign`], [`LogError::Damaged`]; as the disk has it.
    pub fn open(mut storage: S, binding: Binding) -> Result<Option<Self>, LogError> {
        let bytes = storage.read()?;
        let (mut records, end) = frames(&bytes)?;
        if records.is_empty() {
            return Ok(None);
        }
        let height = binding.read(&records.remove(0))?;
        if end < bytes.len() as u64 {
            storage.cut(end)?;
        }
        Ok(Some(Self { storage, binding, height, records, length: end, durable: end }))
    }

    /// The height that it is of.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// What it held when it was opened.
    pub(crate) fn take_records(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.records)
    }

    /// A new log, of this height, in the place of the old one.
    pub(crate) fn begin(&mut self, height: u64) -> Result<(), LogError> {
        let first = frame(0, 0, &self.binding.record(height))?;
        self.storage.replace(&first)?;
        self.height = height;
        self.records.clear();
        self.length = first.len() as u64;
        self.durable = self.length;
        Ok(())
    }

    /// Writes a record, which is durable after [`Log::flush`].
    pub(crate) fn append(&mut self, record: &[u8]) -> Result<(), LogError> {
        let framed = frame(self.length, self.durable, record)?;
        self.storage.append(&framed)?;
        self.length = self.length.saturating_add(framed.len() as u64);
        Ok(())
    }

    /// Makes all records durable.
    pub(crate) fn flush(&mut self) -> Result<(), LogError> {
        if self.durable < self.length {
            self.storage.flush()?;
            self.durable = self.length;
        }
        Ok(())
    }

    /// Leaves nothing, so that no later start votes with what this log does not know.
    pub(crate) fn forget(mut self) -> Result<(), LogError> {
        Ok(self.storage.replace(&[])?)
    }
}

fn checksum(at: u64, durable: u64, content: &[u8]) -> [u8; 8] {
    let length = (content.len() as u64).to_be_bytes();
    let covered =
        [CHECKSUM_LABEL, &at.to_be_bytes(), &length, &durable.to_be_bytes(), content].concat();
    let [a, b, c, d, e, f, g, h, ..] = sha256(&covered);
    [a, b, c, d, e, f, g, h]
}

fn frame(at: u64, durable: u64, content: &[u8]) -> Result<Vec<u8>, LogError> {
    if content.len() > MAX_RECORD_BYTES {
        return Err(LogError::TooLong(content.len()));
    }
    let length = (content.len() as u32).to_be_bytes();
    let check = checksum(at, durable, content);
    Ok([length.as_slice(), &durable.to_be_bytes(), &check, content].concat())
}

/// The record at this place: its content, and how much of the log was durable before it.
fn record_at(bytes: &[u8], at: usize) -> Option<(&[u8], u64)> {
    let mut rest = bytes.get(at..)?;
    let length = usize::try_from(take_u32(&mut rest)?).ok()?;
    let durable = take_u64(&mut rest)?;
    let check: [u8; 8] = take(&mut rest)?;
    let content = rest.get(..length).filter(|_| length <= MAX_RECORD_BYTES)?;
    (checksum(at as u64, durable, content) == check).then_some((content, durable))
}

/// All records up to the first that cannot be read, and where they end.
fn frames(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, u64), LogError> {
    let mut records = Vec::new();
    let mut at = 0usize;
    while let Some((content, _)) = record_at(bytes, at) {
        records.push(content.to_vec());
        at = at.saturating_add(FRAME).saturating_add(content.len());
    }
    let end = at as u64;
    let was_durable = |place| record_at(bytes, place).is_some_and(|(_, durable)| durable > end);
    if (at..bytes.len()).any(was_durable) {
        return Err(LogError::Damaged { at: end });
    }
    Ok((records, end))
}

#[cfg(test)]
pub(crate) mod tests;
