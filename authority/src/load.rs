//! One party's folder, checked against the genesis before anything of it is used.

use std::{fs, io::Read, path::Path};

use consilium_contract::{certificate::Certificate, model::Model, parameters::Parameters};
use consilium_crypto::{EvaluationKey, signature::SigningKey};
use consilium_proto::{GENESIS_BYTES, decode, v1};
use zeroize::Zeroizing;

use crate::{
    AuthorityError,
    layout::{CERTIFICATE, COORDINATOR_KEY, EVALUATION_KEY, GENESIS, INITIAL_MODEL, SIGNING_KEY},
};

/// No file of a ceremony but a model is longer than this, in bytes.
pub(crate) const MAX_FILE_BYTES: usize = GENESIS_BYTES + 128;

/// What the coordinator starts from.
#[derive(Debug)]
pub struct CoordinatorFiles {
    /// Signs blocks and the coordinator's own transactions.
    pub signing: SigningKey,
    /// sk_h: certifies sums.
    pub evaluation: EvaluationKey,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Parameters,
}

impl CoordinatorFiles {
    /// Reads the `coordinator` folder of a ceremony.
    ///
    /// # Errors
    /// [`AuthorityError`] naming the file that is missing, readable by others, damaged, or of another ceremony.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        let (genesis_entry, initial_model, parameters) = load_public(dir)?;
        let signing = SigningKey::from_bytes(&read_key(&dir.join(COORDINATOR_KEY))?);
        ensure(
            signing.verifying_key() == parameters.coordinator,
            &dir.join(COORDINATOR_KEY),
            || "is not the key that the genesis names as the coordinator's".to_owned(),
        )?;
        let evaluation = EvaluationKey::from_bytes(&read_key(&dir.join(EVALUATION_KEY))?);
        let expected = parameters.evaluation_key;
        ensure(evaluation.verifying_key() == expected, &dir.join(EVALUATION_KEY), || {
            "is not the key that the genesis names as the one that certifies sums".to_owned()
        })?;
        Ok(Self { signing, evaluation, genesis_entry, initial_model, parameters })
    }
}

/// What an institution starts from.
#[derive(Debug)]
pub struct InstitutionFiles {
    /// Signs the institution's transactions.
    pub signing: SigningKey,
    /// The authority's word on it, as it enrols with.
    pub certificate: v1::Certificate,
    /// The same, verified.
    pub identity: Certificate,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Parameters,
}

impl InstitutionFiles {
    /// Reads one `institution-NN` folder of a ceremony.
    ///
    /// # Errors
    /// [`AuthorityError`] naming the file that is missing, readable by others, damaged, or of another ceremony or
    /// institution.
    pub fn load(dir: &Path) -> Result<Self, AuthorityError> {
        let (genesis_entry, initial_model, parameters) = load_public(dir)?;

        let path = dir.join(CERTIFICATE);
        let certificate: v1::Certificate =
            decode("certificate", &read(&path, MAX_FILE_BYTES)?, MAX_FILE_BYTES)
                .map_err(|error| invalid(&path, error.to_string()))?;
        let identity = parameters
            .verify_certificate(&certificate)
            .map_err(|source| AuthorityError::Certificate { path, source })?;

        let path = dir.join(SIGNING_KEY);
        let signing = SigningKey::from_bytes(&read_key(&path)?);
        ensure(signing.verifying_key() == identity.signing_key, &path, || {
            format!("is not the key that {CERTIFICATE} certifies")
        })?;

        Ok(Self { signing, certificate, identity, genesis_entry, initial_model, parameters })
    }
}

pub(crate) fn load_public(dir: &Path) -> Result<(Vec<u8>, Vec<u8>, Parameters), AuthorityError> {
    let path = dir.join(GENESIS);
    let genesis_entry = read(&path, MAX_FILE_BYTES)?;
    let parameters = Parameters::from_genesis_entry(&genesis_entry)
        .map_err(|error| invalid(&path, error.to_string()))?;
    let path = dir.join(INITIAL_MODEL);
    let initial_model = read(&path, parameters.dimension as usize * 4)?;
    let hash = Model::from_bytes(&initial_model, parameters.dimension).map(|model| model.hash());
    ensure(hash == Some(parameters.initial_model), &path, || {
        format!(
            "is not the model of {} parameters that {GENESIS} names by its hash",
            parameters.dimension
        )
    })?;
    Ok((genesis_entry, initial_model, parameters))
}

pub(crate) fn ensure(
    holds: bool,
    path: &Path,
    problem: impl FnOnce() -> String,
) -> Result<(), AuthorityError> {
    if holds { Ok(()) } else { Err(invalid(path, problem())) }
}

pub(crate) fn invalid(path: &Path, problem: String) -> AuthorityError {
    AuthorityError::Invalid { path: path.to_owned(), problem }
}

pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, AuthorityError> {
    let bytes = read_private(path, MAX_FILE_BYTES)?;
    let key: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| invalid(path, format!("has {} bytes, a key has 32", bytes.len())))?;
    Ok(Zeroizing::new(key))
}

pub(crate) fn read_private(
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, AuthorityError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            fs::metadata(path).map_err(|source| unreadable(path, source))?.permissions().mode()
                & 0o777;
        if mode & 0o077 != 0 {
            return Err(AuthorityError::Exposed { path: path.to_owned(), mode });
        }
    }
    read(path, limit).map(Zeroizing::new)
}

/// Reads a file of at most `limit` bytes. The buffer never grows, so that no copy of a key is left behind.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>, AuthorityError> {
    let file = fs::File::open(path).map_err(|source| unreadable(path, source))?;
    let mut bytes = Vec::with_capacity(limit + 1);
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(path, source))?;
    ensure(bytes.len() <= limit, path, || format!("is longer than {limit} bytes"))?;
    Ok(bytes)
}

fn unreadable(path: &Path, source: std::io::Error) -> AuthorityError {
    let advice = "give the folder of one party of a ceremony (made by `consilium-authority init`)";
    AuthorityError::Io { path: path.to_owned(), source, advice }
}
