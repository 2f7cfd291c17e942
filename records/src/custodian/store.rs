//! A custodian's records: headers and indices in sled, bodies as files.
//!
//! ```text
//! records/index/          sled: offered, accepted, by scope
//! records/bodies/HASH     an encrypted body
//! records/intake/HASH     an offered record that `store` has written and the index has not taken yet
//! records/keys/HASH       an owner's delegator key for a scope
//! ```
//! A record is there once its file in `intake/` is: its body lies whole in `bodies/` by then, both flushed. Everything
//! before that is swept away at the next start.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use consilium_audit::files::{self, FileError, create_folder, failed, sync_folder_of};
use consilium_exchange::records::{
    CandidateHeader, OfferedRecord, PublishedDelegatorKey, Record, Scope, encrypted_length,
};
use consilium_hash::{Pseudonym, RecordHash};
use consilium_proto::v1::StoredHeader;
use sha2::{Digest, Sha256};

use crate::{RecordsError, error::Result};

/// The end of the name of a file that is being written.
pub(super) const INCOMPLETE: &str = "incomplete";

/// Where a custodian's files are.
#[derive(Debug, Clone)]
pub struct Places(PathBuf);

impl Places {
    /// In a party's folder, whose subfolders are made.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn of(party: &Path) -> Result<Self> {
        let places = Self(party.join("records"));
        for folder in [places.bodies(), places.intake(), places.keys()] {
            create_folder(&folder)?;
        }
        Ok(places)
    }

    pub(super) fn bodies(&self) -> PathBuf {
        self.0.join("bodies")
    }

    pub(super) fn intake(&self) -> PathBuf {
        self.0.join("intake")
    }

    fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// Held by everyone who writes bodies, and alone by whoever sweeps.
    pub(super) fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// The body of a record.
    pub fn body(&self, record: &RecordHash) -> PathBuf {
        self.bodies().join(record.to_string())
    }

    pub(super) fn offer(&self, record: &RecordHash) -> PathBuf {
        self.intake().join(record.to_string())
    }

    fn key(&self, scope: &Scope) -> PathBuf {
        self.keys().join(hex::encode(Sha256::digest(scope.encode())))
    }

    /// Keeps an owner's delegator key, which the caller has verified.
    pub(super) fn keep_key(&self, scope: &Scope, key: &PublishedDelegatorKey) -> Result<()> {
        Ok(files::replace(&self.key(scope), &[&key.encode()])?)
    }

    /// The delegator key that an owner has published for a scope.
    pub(super) fn published_key(&self, scope: &Scope) -> Result<Option<PublishedDelegatorKey>> {
        let path = self.key(scope);
        let bytes = files::read(&path, PublishedDelegatorKey::MAX_LEN as u64)?;
        bytes.map(|bytes| Ok(PublishedDelegatorKey::decode(&bytes)?)).transpose()
    }
}

/// The index of one custodian's records. One process has it open.
#[derive(Debug)]
pub struct Store {
    places: Places,
    /// Record hash → offered record.
    offered: sled::Tree,
    /// Record hash → statement for the ledger, with the owner's signature.
    accepted: sled::Tree,
    /// Scope ‖ record hash.
    scopes: sled::Tree,
    database: sled::Db,
    /// Held by whoever takes records in: two would remove the same file.
    intake: Mutex<()>,
}

impl Store {
    /// Opens the index, takes in what `store` has left for it, and sweeps away what was never whole.
    ///
    /// # Errors
    /// [`RecordsError::Busy`] where another process has it open; [`RecordsError::File`].
    pub fn open(party: &Path) -> Result<Self> {
        let places = Places::of(party)?;
        let path = places.0.join("index");
        let database = sled::Config::new().path(&path).open().map_err(|error| match error {
            sled::Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock => {
                RecordsError::Busy(format!(
                    "{} is open in another process: this custodian serves already",
                    path.display()
                ))
            }
            other => other.into(),
        })?;
        let store = Self {
            offered: database.open_tree("offered")?,
            accepted: database.open_tree("accepted")?,
            scopes: database.open_tree("scopes")?,
            places,
            database,
            intake: Mutex::new(()),
        };
        store.take_in()?;
        store.sweep()?;
        Ok(store)
    }

    /// Where its files are.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Takes records out of `intake/` into the index. A crash in between takes them again.
    pub(super) fn take_in(&self) -> Result<()> {
        let _held = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        for path in listed(&self.places.intake())? {
            if path.extension().is_some_and(|extension| extension == INCOMPLETE) {
                continue;
            }
            let Some(bytes) = files::read(&path, OfferedRecord::MAX_LEN as u64)? else { continue };
            let offered = OfferedRecord::decode(&bytes).map_err(|error| FileError::Damaged {
                path: path.clone(),
                detail: error.to_string(),
            })?;
            let hash = offered.header().hash();
            let key = [offered.header().scope().encode().as_slice(), hash.as_slice()].concat();
            self.offered.insert(hash, bytes)?;
            self.scopes.insert(key, &[])?;
            self.database.flush()?;
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Removes bodies that no record is of and files that were never finished, unless a `store` is running.
    fn sweep(&self) -> Result<()> {
        let path = self.places.lock();
        let lock =
            File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
        if lock.try_lock().is_err() {
            return Ok(());
        }
        let known: BTreeSet<String> = self
            .offered
            .iter()
            .keys()
            .map(|key| key.map(hex::encode))
            .collect::<std::result::Result<_, _>>()?;
        let bodies =
            listed(&self.places.bodies())?.into_iter().chain(listed(&self.places.intake())?);
        for path in bodies {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            if !name.is_some_and(|name| known.contains(&name)) {
                tracing::info!(file = %path.display(), "a record that was never whole is swept away");
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        sync_folder_of(&self.places.bodies().join("x"))?;
        Ok(())
    }

    /// A record by its hash.
    ///
    /// # Errors
    /// [`RecordsError`] where the index cannot be read; so for the others.
    pub fn offered(&self, record: &RecordHash) -> Result<Option<OfferedRecord>> {
        let bytes = self.offered.get(record)?;
        bytes.map(|bytes| Ok(OfferedRecord::decode(&bytes)?)).transpose()
    }

    /// The statement of a record that its owner has accepted.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn accepted(&self, record: &RecordHash) -> Result<Option<Record>> {
        let bytes = self.accepted.get(record)?;
        bytes.map(|bytes| Ok(Record::decode(&bytes)?)).transpose()
    }

    /// Keeps an owner's acceptance, which the caller has verified; on disk when it returns.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn accept(&self, record: &Record) -> Result<()> {
        self.accepted.insert(record.hash(), record.encode())?;
        self.database.flush()?;
        Ok(())
    }

    /// Records of an owner that wait for its signature.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn waiting(&self, owner: &Pseudonym) -> Result<Vec<OfferedRecord>> {
        let mut waiting = Vec::new();
        for hash in self.hashes(owner.as_slice())? {
            if self.accepted.contains_key(hash)? {
                continue;
            }
            waiting.extend(self.offered(&hash)?);
        }
        Ok(waiting)
    }

    /// Headers of a scope with their statements, as far as owners have accepted them.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn of_scope(&self, scope: &Scope) -> Result<Vec<StoredHeader>> {
        let mut found = Vec::new();
        for hash in self.hashes(&scope.encode())? {
            let accepted = self.accepted(&hash)?;
            if let Some((record, offered)) = accepted.zip(self.offered(&hash)?) {
                let header = offered.header().encode();
                found.push(StoredHeader { header, record: record.encode() });
            }
        }
        Ok(found)
    }

    /// All accepted records.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn all_accepted(&self) -> Result<Vec<Record>> {
        let records = self.accepted.iter().values();
        records.map(|bytes| Ok(Record::decode(&bytes?)?)).collect()
    }

    fn hashes(&self, prefix: &[u8]) -> Result<Vec<RecordHash>> {
        let mut hashes = Vec::new();
        for key in self.scopes.scan_prefix(prefix).keys() {
            let hash = key?.last_chunk::<32>().copied();
            hashes.extend(hash.map(RecordHash));
        }
        Ok(hashes)
    }
}

/// Whether a body has the length that its header says.
pub(super) fn is_whole(body: &Path, header: &CandidateHeader) -> bool {
    let length = fs::metadata(body).map(|metadata| metadata.len());
    length.is_ok_and(|length| encrypted_length(header.length()) == Some(length))
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(failed("list", folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    Ok(paths.collect::<io::Result<_>>().map_err(failed("list", folder))?)
}
