//! The coordinator's folder.

use std::path::Path;

use consilium_contract::Parameters;
use consilium_crypto::{EvaluationKey, signature::SigningKey};

use crate::{
    FilesError, TlsKey, disk,
    layout::{COORDINATOR_KEY, EVALUATION_KEY, GENESIS, INITIAL_MODEL, TLS_KEY},
    public::PublicFiles,
};

/// What the coordinator starts from.
#[derive(Debug)]
pub struct CoordinatorFiles {
    /// Signs blocks and the coordinator's own transactions.
    pub signing: SigningKey,
    /// sk_h: certifies sums.
    pub evaluation: EvaluationKey,
    /// The key of its transport.
    pub tls: TlsKey,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Parameters,
}

impl CoordinatorFiles {
    /// Reads the coordinator's folder.
    ///
    /// # Errors
    /// [`FilesError`] naming the file that is missing, readable by others, damaged, or of another ceremony.
    pub fn load(dir: &Path) -> Result<Self, FilesError> {
        let PublicFiles { genesis_entry, initial_model, parameters } = PublicFiles::load(dir)?;
        let path = dir.join(COORDINATOR_KEY);
        let signing = SigningKey::from_bytes(&disk::read_key(&path)?);
        if signing.verifying_key() != parameters.coordinator {
            let problem = "is not the key that the genesis names as the coordinator's";
            return Err(FilesError::invalid(path, problem));
        }
        let path = dir.join(EVALUATION_KEY);
        let evaluation = EvaluationKey::from_bytes(&disk::read_key(&path)?);
        if evaluation.verifying_key() != parameters.evaluation_key {
            let problem = "is not the key that the genesis names as the one that certifies sums";
            return Err(FilesError::invalid(path, problem));
        }
        let tls = TlsKey::from_bytes(&disk::read_key(&dir.join(TLS_KEY))?);
        Ok(Self { signing, evaluation, tls, genesis_entry, initial_model, parameters })
    }

    /// Writes the folder, which must not exist. What writes several folders has them appear together.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_into(&self, dir: &Path) -> Result<(), FilesError> {
        let key = self.signing.to_bytes();
        let evaluation = self.evaluation.to_bytes();
        let tls = self.tls.to_bytes();
        disk::write_folder(
            dir,
            &[
                (COORDINATOR_KEY, &*key),
                (EVALUATION_KEY, &*evaluation),
                (TLS_KEY, &*tls),
                (GENESIS, &self.genesis_entry),
                (INITIAL_MODEL, &self.initial_model),
            ],
        )
    }
}
