//! What the authority has sent, put beside the keys that it is for.
//!
//! Everything is checked before anything is written: the genesis and its model, the certificate against the genesis, and
//! the keys in the folder against both. A folder is of one run: another genesis is refused, another certificate of the
//! same institution takes the place of the one before. The next run of a party that has taken part in one gets a folder of its
//! own with the same keys, if the same authority has signed it.

use std::{fs, path::Path};

use consilium_contract::Parameters;
use consilium_crypto::{EvaluationKey, signature::SigningKey};

use crate::{
    CoordinatorFiles, FilesError, InstitutionFiles, PublicFiles, TlsKey, disk,
    institution::read_certificate,
    layout::{
        CERTIFICATE, COORDINATOR_KEY, DICTIONARY, EVALUATION_KEY, GENESIS, INITIAL_MODEL,
        NEXT_TLS_KEY, REQUEST, SIGNING_KEY, TLS_KEY,
    },
    public::{MAX_DICTIONARY_BYTES, MAX_FILE_BYTES},
};

/// Puts an institution's certificate, its genesis and what belongs to it, out of the folder `from`, beside the keys in `dir`.
///
/// # Errors
/// [`FilesError`] naming the file that is missing, damaged, of another run or for other keys. Nothing has been written then.
pub fn install_institution(dir: &Path, from: &Path) -> Result<InstitutionFiles, FilesError> {
    let public = PublicFiles::load(from)?;
    let (_, identity) = read_certificate(from, &public.parameters)?;
    let dictionary = disk::read_if_there(&from.join(DICTIONARY), MAX_DICTIONARY_BYTES)?;

    let path = dir.join(SIGNING_KEY);
    let signing = SigningKey::from_bytes(&disk::read_key(&path)?);
    if signing.verifying_key() != identity.signing_key {
        return Err(other_keys(from));
    }
    let holds = |name: &str| -> Result<bool, FilesError> {
        let path = dir.join(name);
        if path.symlink_metadata().is_err() {
            return Ok(false);
        }
        let key = TlsKey::from_bytes(&disk::read_key(&path)?);
        Ok(Some(key.hash()) == identity.tls_key)
    };
    let is_renewal = !holds(TLS_KEY)? && holds(NEXT_TLS_KEY)?;
    if !is_renewal && !holds(TLS_KEY)? {
        return Err(other_keys(from));
    }
    check_run(dir, &public)?;
    if dir.join(CERTIFICATE).symlink_metadata().is_ok() {
        let (_, former) = read_certificate(dir, &public.parameters)?;
        if former.pseudonym != identity.pseudonym {
            let problem =
                "is of another institution than the one installed here; keep one folder for each";
            return Err(FilesError::install(from.join(CERTIFICATE), problem));
        }
    }

    write_public(dir, &public)?;
    if let Some(dictionary) = dictionary {
        disk::replace_file(dir, DICTIONARY, &dictionary)?;
    }
    let certificate = disk::read(&from.join(CERTIFICATE), MAX_FILE_BYTES)?;
    disk::replace_file(dir, CERTIFICATE, &certificate)?;
    if is_renewal {
        // After the certificate: whoever is stopped in between installs again, and finds the next key still there.
        disk::rename(&dir.join(NEXT_TLS_KEY), &dir.join(TLS_KEY))?;
        disk::sync_folder(dir)?;
    }
    InstitutionFiles::load(dir)
}

/// Puts the genesis and its model, out of the folder `from`, beside the coordinator's keys in `dir`.
///
/// # Errors
/// As [`install_institution`].
pub fn install_coordinator(dir: &Path, from: &Path) -> Result<CoordinatorFiles, FilesError> {
    let public = PublicFiles::load(from)?;
    let signing = SigningKey::from_bytes(&disk::read_key(&dir.join(COORDINATOR_KEY))?);
    let evaluation = EvaluationKey::from_bytes(&disk::read_key(&dir.join(EVALUATION_KEY))?);
    let parameters = &public.parameters;
    if signing.verifying_key() != parameters.coordinator
        || evaluation.verifying_key() != parameters.evaluation_key
    {
        let problem = format!(
            "names other keys as the coordinator's than those in {}; ask the authority to found the run with this folder's request",
            dir.display()
        );
        return Err(FilesError::install(from.join(GENESIS), problem));
    }
    check_run(dir, &public)?;
    write_public(dir, &public)?;
    CoordinatorFiles::load(dir)
}

/// Makes the folder `dir` of another run for an institution that has one of an earlier run in `known`: the keys of that folder,
/// and beside them what the authority has sent in `from`.
///
/// # Errors
/// As [`install_institution`]; [`FilesError::Exists`] where `dir` is there already; [`FilesError::Install`] where another authority
/// has signed the genesis.
pub fn install_institution_again(
    dir: &Path,
    from: &Path,
    known: &Path,
) -> Result<InstitutionFiles, FilesError> {
    let earlier = InstitutionFiles::load(known)?;
    check_authority(from, &earlier.parameters)?;
    appear_with(dir, known, &[SIGNING_KEY, TLS_KEY, NEXT_TLS_KEY], |partial| {
        install_institution(partial, from).map(drop)
    })?;
    InstitutionFiles::load(dir)
}

/// As [`install_institution_again`], for a coordinator.
///
/// # Errors
/// As [`install_institution_again`].
pub fn install_coordinator_again(
    dir: &Path,
    from: &Path,
    known: &Path,
) -> Result<CoordinatorFiles, FilesError> {
    let earlier = CoordinatorFiles::load(known)?;
    check_authority(from, &earlier.parameters)?;
    appear_with(dir, known, &[COORDINATOR_KEY, EVALUATION_KEY, TLS_KEY], |partial| {
        install_coordinator(partial, from).map(drop)
    })?;
    CoordinatorFiles::load(dir)
}

/// Whoever has compared the chain of the earlier run has compared the key of its authority with it.
fn check_authority(from: &Path, earlier: &Parameters) -> Result<(), FilesError> {
    if PublicFiles::load(from)?.parameters.authority == earlier.authority {
        return Ok(());
    }
    let problem = "is signed by another authority than that of the earlier run; if you mean to take part in it, make keys for it with \
                   `request`, and compare its chain with the others";
    Err(FilesError::install(from.join(GENESIS), problem))
}

/// Has a folder appear with these keys of another one, those that are there, and what `install` puts beside them.
fn appear_with(
    dir: &Path,
    known: &Path,
    keys: &[&'static str],
    install: impl FnOnce(&Path) -> Result<(), FilesError>,
) -> Result<(), FilesError> {
    let there = keys.iter().filter(|name| known.join(name).symlink_metadata().is_ok());
    let keys = there.map(|name| Ok((*name, disk::read_key(&known.join(name))?)));
    let keys = keys.collect::<Result<Vec<_>, FilesError>>()?;
    // A run of a local ceremony has none, and so is told from others.
    let request = disk::read_if_there(&known.join(REQUEST), MAX_FILE_BYTES)?;
    let mut files: Vec<(&str, &[u8])> = keys.iter().map(|(name, key)| (*name, &key[..])).collect();
    files.extend(request.iter().map(|request| (REQUEST, request.as_slice())));
    disk::appear(dir, |partial| {
        let made = disk::write_folder(partial, &files).and_then(|()| install(partial));
        if made.is_err() {
            // Keys, and nothing that they are for.
            let _ = fs::remove_dir_all(partial);
        }
        made
    })
}

fn other_keys(from: &Path) -> FilesError {
    let problem = "is for other keys than those in this folder; ask the authority to approve this folder's request";
    FilesError::install(from.join(CERTIFICATE), problem)
}

fn check_run(dir: &Path, public: &PublicFiles) -> Result<(), FilesError> {
    let path = dir.join(GENESIS);
    match disk::read_if_there(&path, MAX_FILE_BYTES)? {
        Some(found) if found != public.genesis_entry => {
            let problem = "is of another run; keep one folder for each run: give --ceremony a new one, and --keys-of this one";
            Err(FilesError::install(path, problem))
        }
        _ => Ok(()),
    }
}

fn write_public(dir: &Path, public: &PublicFiles) -> Result<(), FilesError> {
    disk::replace_file(dir, INITIAL_MODEL, &public.initial_model)?;
    disk::replace_file(dir, GENESIS, &public.genesis_entry)
}
