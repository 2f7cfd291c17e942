//! Bodies of updates, for as long as they can convict anybody.
//!
//! An institution that executes the chain needs every body once, and again after a restart or to show others where the
//! coordinator's ledger does not follow from them. So they are kept until there are more than a file of evidence holds; the
//! file then begins anew, and bodies of earlier rounds are fetched again where they are needed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use consilium_audit::{
    durable::Log,
    files::{self, FileError},
};
use consilium_contract::Parameters;
use consilium_hash::BlobHash;
use consilium_ledger::blob_hash;
use consilium_proto::EVIDENCE_BYTES;

/// The file in a state directory.
const FILE: &str = "bodies.bin";

/// Bodies by their hash. Nothing depends on this file: what it has lost, or what was changed in it, is fetched again.
#[derive(Debug)]
pub struct Bodies {
    log: Log,
    records: HashMap<BlobHash, u64>,
    path: PathBuf,
    longest: u32,
    most: u64,
}

impl Bodies {
    /// Opens the file in `directory`, or begins one; a damaged one is begun anew.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn open(directory: &Path, parameters: &Parameters) -> Result<Self, FileError> {
        let longest = u32::try_from(parameters.longest_body());
        let longest = longest.unwrap_or(u32::MAX);
        Self::with_room_for(directory, longest, EVIDENCE_BYTES as u64)
    }

    fn with_room_for(directory: &Path, longest: u32, most: u64) -> Result<Self, FileError> {
        let path = directory.join(FILE);
        let log = match Log::open(&path, longest) {
            Err(FileError::Damaged { .. }) => begin_anew(&path, longest)?,
            opened => opened?,
        };
        let mut bodies = Self { log, records: HashMap::new(), path, longest, most };
        for record in 0..bodies.log.len() {
            let body = bodies.log.get(record)?.unwrap_or_default();
            bodies.records.insert(blob_hash(&body), record);
        }
        Ok(bodies)
    }

    /// The body of this hash, if it is kept.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn get(&mut self, hash: &BlobHash) -> Result<Option<Vec<u8>>, FileError> {
        let Some(record) = self.records.get(hash) else { return Ok(None) };
        Ok(self.log.get(*record)?.filter(|body| blob_hash(body) == *hash))
    }

    /// Keeps a body of this hash.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn keep(&mut self, hash: BlobHash, body: &[u8]) -> Result<(), FileError> {
        if self.records.contains_key(&hash) {
            return Ok(());
        }
        self.log.append(body)?;
        self.records.insert(hash, self.log.len().saturating_sub(1));
        Ok(())
    }

    /// Begins anew if there is more than a file of evidence holds. Called where a round is over.
    ///
    /// # Errors
    /// [`FileError::System`].
    pub fn trim(&mut self) -> Result<(), FileError> {
        if self.log.bytes() > self.most {
            self.log = begin_anew(&self.path, self.longest)?;
            self.records.clear();
        }
        Ok(())
    }
}

fn begin_anew(path: &Path, longest: u32) -> Result<Log, FileError> {
    files::remove(path)?;
    Log::open(path, longest)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(directory: &Path) -> Bodies {
        Bodies::with_room_for(directory, 100, 300).unwrap()
    }

    #[test]
    fn a_body_is_found_by_its_hash_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let one = [1; 100];
        let other = [2; 100];
        let mut bodies = open(dir.path());
        bodies.keep(blob_hash(&one), &one).unwrap();
        bodies.keep(blob_hash(&one), &one).unwrap();
        bodies.keep(blob_hash(&other), &other).unwrap();
        assert_eq!(bodies.log.len(), 2);
        let mut again = open(dir.path());
        assert_eq!(again.get(&blob_hash(&one)).unwrap().unwrap(), one);
        assert_eq!(again.get(&blob_hash(&other)).unwrap().unwrap(), other);
        assert_eq!(again.get(&BlobHash([3; 32])).unwrap(), None);
    }

    #[test]
    fn more_than_evidence_may_hold_is_forgotten_where_a_round_is_over_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut bodies = open(dir.path());
        for number in 0..3 {
            bodies.trim().unwrap();
            bodies.keep(BlobHash([number; 32]), &[number; 100]).unwrap();
        }
        assert_eq!(bodies.log.len(), 3);
        bodies.trim().unwrap();
        assert_eq!((bodies.log.len(), open(dir.path()).log.len()), (0, 0));
        bodies.keep(blob_hash(&[9; 50]), &[9; 50]).unwrap();
        assert!(open(dir.path()).get(&blob_hash(&[9; 50])).unwrap().is_some());
    }

    #[test]
    fn a_changed_or_damaged_file_is_as_good_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let body = [1; 100];
        open(dir.path()).keep(blob_hash(&body), &body).unwrap();
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).unwrap();
            assert_eq!(open(dir.path()).get(&blob_hash(&body)).unwrap(), None, "byte {place}");
        }
    }
}
