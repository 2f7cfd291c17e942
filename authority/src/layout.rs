//! Where the files of a ceremony lie, and writing all of them or none.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use consilium_proto::v1;
use prost::Message as _;
use zeroize::Zeroizing;

use crate::{AuthorityError, Ceremony};

pub(crate) const GENESIS: &str = "genesis.bin";
pub(crate) const INITIAL_MODEL: &str = "initial-model.bin";
pub(crate) const COORDINATOR_KEY: &str = "coordinator.key";
pub(crate) const EVALUATION_KEY: &str = "evaluation.key";
pub(crate) const SIGNING_KEY: &str = "signing.key";
pub(crate) const SHARE_KEY: &str = "share.key";
pub(crate) const CERTIFICATE: &str = "certificate.bin";
const AUTHORITY_KEY: &str = "authority.key";
const NONCE: &str = "nonce";
const PSEUDONYMS: &str = "pseudonyms.toml";

/// The folder, and the name in the authority's file, of the institution with this index (from 1): `institution-01`.
pub fn institution_folder(index: u32) -> String {
    format!("institution-{index:02}")
}

impl Ceremony {
    /// Writes the ceremony's directory, flushed to disk. It appears whole under its name or not at all.
    ///
    /// # Errors
    /// [`AuthorityError::Exists`] where `dir` is there already, [`AuthorityError::Io`] naming what cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), AuthorityError> {
        if dir.symlink_metadata().is_ok() {
            return Err(AuthorityError::Exists(dir.to_owned()));
        }
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let partial = dir.with_file_name(format!(".{name}.incomplete-{}", std::process::id()));
        self.write_into(&partial)?;
        fs::rename(&partial, dir).map_err(|source| unwritable(dir, source))?;
        sync_folder(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    fn write_into(&self, dir: &Path) -> Result<(), AuthorityError> {
        let public = [(GENESIS, self.genesis_entry.as_slice()), (INITIAL_MODEL, self.initial_model.as_slice())];
        write_folder(dir, &public)?;

        let key = self.authority.to_bytes();
        let names = self.pseudonyms();
        write_folder(
            &dir.join("authority"),
            &[(AUTHORITY_KEY, &*key), (NONCE, &*self.pseudonym_nonce), (PSEUDONYMS, names.as_bytes())],
        )?;

        let (key, evaluation) = (self.coordinator.signing.to_bytes(), self.coordinator.evaluation.to_bytes());
        let [genesis, model] = public;
        write_folder(
            &dir.join("coordinator"),
            &[(COORDINATOR_KEY, &*key), (EVALUATION_KEY, &*evaluation), genesis, model],
        )?;

        for files in &self.institutions {
            let (key, share) = (files.signing.to_bytes(), files.share.to_bytes());
            let certificate = files.certificate.encode_to_vec();
            write_folder(
                &dir.join(institution_folder(files.identity.trustee_index)),
                &[(SIGNING_KEY, &*key), (SHARE_KEY, share.as_slice()), (CERTIFICATE, &certificate), genesis, model],
            )?;
        }
        sync_folder(dir)
    }

    /// Which institution stands behind which pseudonym: TOML, one table an institution.
    fn pseudonyms(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for files in &self.institutions {
            let v1::Certificate { pseudonym, trustee_index, rows, .. } = &files.certificate;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[{}]\npseudonym = \"{}\"\ntrustee_index = {trustee_index}\nrows = {rows}\n",
                institution_folder(*trustee_index),
                hex::encode(pseudonym),
            );
        }
        text
    }
}

/// Creates `dir` and the files in it. All are private: the public ones among them need no other reader than the party
/// whose folder it is.
fn write_folder(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), AuthorityError> {
    create_private_folder(dir).map_err(|source| unwritable(dir, source))?;
    for (name, bytes) in files {
        let path = dir.join(name);
        create_private_file(&path)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(|source| unwritable(&path, source))?;
    }
    sync_folder(dir)
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

/// Makes the names in a folder durable.
fn sync_folder(dir: &Path) -> Result<(), AuthorityError> {
    fs::File::open(dir).and_then(|folder| folder.sync_all()).map_err(|source| unwritable(dir, source))
}

fn unwritable(path: &Path, source: io::Error) -> AuthorityError {
    let advice = "choose a directory whose parent exists and can be written";
    AuthorityError::Io { path: PathBuf::from(path), source, advice }
}
