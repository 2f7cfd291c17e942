//! An institution's folder.

use std::path::Path;

use consilium_contract::{Certificate, Parameters};
use consilium_crypto::signature::SigningKey;
use consilium_proto::{decode, v1};
use prost::Message as _;

use crate::{
    FilesError, TlsKey, disk,
    layout::{CERTIFICATE, DICTIONARY, GENESIS, INITIAL_MODEL, SIGNING_KEY, TLS_KEY},
    public::{MAX_DICTIONARY_BYTES, MAX_FILE_BYTES, PublicFiles},
};

/// What an institution starts from.
#[derive(Debug)]
pub struct InstitutionFiles {
    /// Signs the institution's transactions.
    pub signing: SigningKey,
    /// The key of its transport.
    pub tls: TlsKey,
    /// The authority's word on it, as it enrols with.
    pub certificate: v1::Certificate,
    /// The same, verified.
    pub identity: Certificate,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The text of the data dictionary, if there is one. Nobody has verified it: the plan in the genesis has its hash.
    pub dictionary: Option<Vec<u8>>,
    /// The genesis, checked.
    pub parameters: Parameters,
}

impl InstitutionFiles {
    /// Reads an institution's folder: one that it has made and installed a certificate in, or one of a local ceremony.
    ///
    /// # Errors
    /// [`FilesError`] naming the file that is missing, readable by others, damaged, or of another ceremony or
    /// institution.
    pub fn load(dir: &Path) -> Result<Self, FilesError> {
        let PublicFiles { genesis_entry, initial_model, parameters } = PublicFiles::load(dir)?;

        let (certificate, identity) = read_certificate(dir, &parameters)?;

        let path = dir.join(SIGNING_KEY);
        let signing = SigningKey::from_bytes(&disk::read_key(&path)?);
        if signing.verifying_key() != identity.signing_key {
            let problem = format!("is not the key that {CERTIFICATE} certifies");
            return Err(FilesError::invalid(path, problem));
        }
        let path = dir.join(TLS_KEY);
        let tls = TlsKey::from_bytes(&disk::read_key(&path)?);
        if Some(tls.hash()) != identity.tls_key {
            let problem = format!("is not the key of the transport that {CERTIFICATE} certifies");
            return Err(FilesError::invalid(path, problem));
        }

        let dictionary = disk::read_if_there(&dir.join(DICTIONARY), MAX_DICTIONARY_BYTES)?;
        Ok(Self {
            signing,
            tls,
            certificate,
            identity,
            genesis_entry,
            initial_model,
            dictionary,
            parameters,
        })
    }

    /// Writes the folder of an institution that joins later, flushed to disk. It appears whole or not at all.
    ///
    /// # Errors
    /// [`FilesError::Exists`] where `dir` is there already, [`FilesError::Io`] naming what cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), FilesError> {
        disk::appear(dir, |partial| self.write_into(partial))
    }

    /// Writes the folder, which must not exist. What writes several folders has them appear together.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_into(&self, dir: &Path) -> Result<(), FilesError> {
        let key = self.signing.to_bytes();
        let tls = self.tls.to_bytes();
        let certificate = self.certificate.encode_to_vec();
        let mut files: Vec<(&str, &[u8])> = vec![
            (SIGNING_KEY, &*key),
            (TLS_KEY, &*tls),
            (CERTIFICATE, &certificate),
            (GENESIS, &self.genesis_entry),
            (INITIAL_MODEL, &self.initial_model),
        ];
        files.extend(self.dictionary.iter().map(|text| (DICTIONARY, text.as_slice())));
        disk::write_folder(dir, &files)
    }
}

/// The certificate in a folder: as it stands, and verified.
pub(crate) fn read_certificate(
    dir: &Path,
    parameters: &Parameters,
) -> Result<(v1::Certificate, Certificate), FilesError> {
    let path = dir.join(CERTIFICATE);
    let bytes = disk::read(&path, MAX_FILE_BYTES)?;
    let certificate: v1::Certificate = decode("certificate", &bytes, MAX_FILE_BYTES)
        .map_err(|error| FilesError::invalid(&path, error.to_string()))?;
    let identity = parameters
        .verify_certificate(&certificate)
        .map_err(|source| FilesError::Certificate { path, source })?;
    Ok((certificate, identity))
}
