//! Where the files of a ceremony lie, and writing all of them or none.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use prost::Message as _;

use crate::{AuthorityError, AuthorityFiles, Ceremony, InstitutionFiles};

pub(crate) const GENESIS: &str = "genesis.bin";
pub(crate) const INITIAL_MODEL: &str = "initial-model.bin";
pub(crate) const COORDINATOR_KEY: &str = "coordinator.key";
pub(crate) const EVALUATION_KEY: &str = "evaluation.key";
pub(crate) const SIGNING_KEY: &str = "signing.key";
pub(crate) const CERTIFICATE: &str = "certificate.bin";
pub(crate) const AUTHORITY_KEY: &str = "authority.key";
pub(crate) const NONCE: &str = "nonce";
pub(crate) const PSEUDONYMS: &str = "pseudonyms.toml";

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
        appear(dir, |partial| self.write_into(partial))
    }

    fn write_into(&self, dir: &Path) -> Result<(), AuthorityError> {
        let public = [
            (GENESIS, self.genesis_entry.as_slice()),
            (INITIAL_MODEL, self.initial_model.as_slice()),
        ];
        write_folder(dir, &public)?;

        let AuthorityFiles { signing, pseudonym_nonce, register, .. } = &self.authority;
        let key = signing.to_bytes();
        let names = register.to_toml();
        let [genesis, model] = public;
        write_folder(
            &dir.join("authority"),
            &[
                (AUTHORITY_KEY, &*key),
                (NONCE, &**pseudonym_nonce),
                (PSEUDONYMS, names.as_bytes()),
                genesis,
                model,
            ],
        )?;

        let key = self.coordinator.signing.to_bytes();
        let evaluation = self.coordinator.evaluation.to_bytes();
        write_folder(
            &dir.join("coordinator"),
            &[(COORDINATOR_KEY, &*key), (EVALUATION_KEY, &*evaluation), genesis, model],
        )?;

        for files in &self.institutions {
            files.write_into(&dir.join(institution_folder(files.identity.trustee_index)))?;
        }
        sync_folder(dir)
    }
}

impl InstitutionFiles {
    /// Writes the folder of an institution that joins later, flushed to disk. It appears whole or not at all.
    ///
    /// # Errors
    /// As [`Ceremony::write`].
    pub fn write(&self, dir: &Path) -> Result<(), AuthorityError> {
        appear(dir, |partial| self.write_into(partial))
    }

    fn write_into(&self, dir: &Path) -> Result<(), AuthorityError> {
        let key = self.signing.to_bytes();
        let certificate = self.certificate.encode_to_vec();
        let genesis = (GENESIS, self.genesis_entry.as_slice());
        let model = (INITIAL_MODEL, self.initial_model.as_slice());
        write_folder(dir, &[(SIGNING_KEY, &*key), (CERTIFICATE, &certificate), genesis, model])
    }
}

impl AuthorityFiles {
    /// Writes the register anew into the authority's folder, durably: the old one or the new one is there.
    ///
    /// # Errors
    /// [`AuthorityError::Io`] naming what cannot be written.
    pub fn record(&self, dir: &Path) -> Result<(), AuthorityError> {
        let path = dir.join(PSEUDONYMS);
        let partial = dir.join(format!(".{PSEUDONYMS}.incomplete-{}", std::process::id()));
        write_file(&partial, self.register.to_toml().as_bytes())?;
        fs::rename(&partial, &path).map_err(|source| unwritable(&path, source))?;
        sync_folder(dir)
    }
}

/// Has `write` make a folder under another name beside `dir`, and gives it its name once it is whole.
fn appear(
    dir: &Path,
    write: impl FnOnce(&Path) -> Result<(), AuthorityError>,
) -> Result<(), AuthorityError> {
    if dir.symlink_metadata().is_ok() {
        return Err(AuthorityError::Exists(dir.to_owned()));
    }
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let partial = dir.with_file_name(format!(".{name}.incomplete-{}", std::process::id()));
    write(&partial)?;
    fs::rename(&partial, dir).map_err(|source| unwritable(dir, source))?;
    sync_folder(
        dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    )
}

/// Writes a new private file, flushed to disk.
///
/// # Errors
/// [`AuthorityError::Io`], also where the file is there already.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), AuthorityError> {
    create_private_file(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|source| unwritable(path, source))
}

/// Creates `dir` and the files in it. All are private: the public ones among them need no other reader than the party
/// whose folder it is.
fn write_folder(dir: &Path, files: &[(&str, &[u8])]) -> Result<(), AuthorityError> {
    create_private_folder(dir).map_err(|source| unwritable(dir, source))?;
    for (name, bytes) in files {
        write_file(&dir.join(name), bytes)?;
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
    fs::File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| unwritable(dir, source))
}

fn unwritable(path: &Path, source: io::Error) -> AuthorityError {
    let advice = "choose a directory whose parent exists and can be written";
    AuthorityError::Io { path: PathBuf::from(path), source, advice }
}
