//! Storing a record: encrypted as it is read, whole on the disk or not at all.
//!
//! 1. The body is encrypted into `bodies/….incomplete`, a chunk at a time, and flushed. A crash leaves a file that the
//!    next start sweeps away; so does a full disk, and says so.
//! 2. The header is signed; the body gets the record's hash as its name, durably. A crash leaves a body of no record,
//!    which is swept away.
//! 3. The offered record is written to `intake/`, flushed and renamed. Only now is the record there, and acknowledged.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use consilium_audit::files::{FileError, failed, private, replace, sync_folder_of};
use consilium_crypto::VerifyingKey;
use consilium_exchange::records::{
    CHUNK_LEN, Keyword, KeywordKey, Named, RecordEncryptor, Scope, UnsignedRecord,
};
use consilium_hash::RecordHash;
use rand_core::{OsRng, RngCore};

use super::store::{INCOMPLETE, Places};
use crate::{RecordsError, card::Card, error::Result, party::Party};

/// What is to be stored.
#[derive(Debug)]
pub struct Deposit<'a> {
    /// Whose record it is.
    pub owner: &'a Card,
    /// The key that the ledger has of its owner.
    pub owner_key: &'a VerifyingKey,
    /// What it is of.
    pub scope: &'a Scope,
    /// At most eight words under which it is to be found.
    pub keywords: &'a [Keyword],
    /// The record, of any length.
    pub file: &'a Path,
}

/// Encrypts, signs and stores a record for its owner to review; its hash.
///
/// # Errors
/// [`RecordsError::Unusable`] where the owner has published no delegator key for the scope, or the file cannot be read;
/// [`RecordsError::File`] where the disk is full: nothing of the record is kept then.
pub fn store(party: &Party, deposit: &Deposit<'_>) -> Result<RecordHash> {
    let places = Places::of(&party.dir)?;
    let path = places.lock();
    let lock =
        File::options().create(true).append(true).open(&path).map_err(failed("open", &path))?;
    // Nobody sweeps meanwhile; others may store.
    lock.lock_shared().map_err(failed("lock", &path))?;

    let Deposit { owner, owner_key, scope, keywords, file } = deposit;
    let published = places.published_key(scope)?.ok_or_else(|| {
        RecordsError::Unusable(format!(
            "the owner has published no key for {} in {}; it has to run `consilium-records owner publish`",
            scope.category.as_str(),
            scope.period
        ))
    })?;
    let delegator = published.verify(party.chain_id(), owner_key)?;
    let named = Named { name: &owner.name, key: owner.exchange_key()? };
    let keyword_key = KeywordKey::of_custodian(&scope.custodian, party.exchange()?, named);
    let encryptor = RecordEncryptor::new(&delegator, &keyword_key, keywords, &mut OsRng)?;
    let source = File::open(file).map_err(|error| {
        RecordsError::Unusable(format!("cannot read {}: {error}", file.display()))
    })?;

    let partial = Partial::new(&places.bodies());
    let unsigned = partial.encrypt(encryptor, source, file)?;
    let offered = unsigned.sign(&party.signing);
    let hash = offered.header().hash();
    let body = places.body(&hash);
    partial.give_name(&body)?;
    let offer = places.offer(&hash);
    replace(&offer, &[&offered.encode()]).inspect_err(|_| {
        // What cannot be removed now is swept away at the next start.
        let _ = fs::remove_file(offer.with_extension(INCOMPLETE));
        let _ = fs::remove_file(&body);
    })?;
    Ok(hash)
}

/// A body that is being written. It is removed unless it gets its name.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn new(folder: &Path) -> Self {
        let name = format!("{:016x}.{INCOMPLETE}", OsRng.next_u64());
        Self { path: folder.join(name) }
    }

    fn encrypt(
        &self,
        mut encryptor: RecordEncryptor,
        mut source: File,
        named: &Path,
    ) -> Result<UnsignedRecord> {
        let mut options = File::options();
        let mut file = private(options.write(true).create_new(true))
            .open(&self.path)
            .map_err(|error| self.not_kept(error))?;
        // Plaintext: wiped, and never grown.
        let mut buffer = zeroize::Zeroizing::new(vec![0; CHUNK_LEN]);
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let problem = format!("cannot read {}: {error}", named.display());
                    return Err(RecordsError::Unusable(problem));
                }
            };
            let mut data = buffer.get(..read).unwrap_or_default();
            while !data.is_empty() {
                if let Some(chunk) = encryptor.absorb(&mut data)? {
                    file.write_all(chunk).map_err(|error| self.not_kept(error))?;
                }
            }
        }
        let (last, unsigned) = encryptor.finish()?;
        file.write_all(&last)
            .and_then(|()| file.sync_all())
            .map_err(|error| self.not_kept(error))?;
        Ok(unsigned)
    }

    fn give_name(mut self, body: &Path) -> Result<()> {
        fs::rename(&self.path, body).map_err(|error| self.not_kept(error))?;
        // It is the body's now, and not removed any more.
        self.path = PathBuf::new();
        Ok(sync_folder_of(body)?)
    }

    fn not_kept(&self, error: io::Error) -> FileError {
        failed("write (nothing of the record is kept)", &self.path)(error)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
