//! The coordinator's folder.

use std::path::Path;

use consilium_contract::Parameters;
use consilium_crypto::{EvaluationKey, signature::SigningKey};

use crate::{
    FilesError, disk,
    layout::{COORDINATOR_KEY, EVALUATION_KEY, GENESIS, INITIAL_MODEL},
    public::PublicFiles,
};

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
        Ok(Self { signing, evaluation, genesis_entry, initial_model, parameters })
    }

    /// Writes the folder, which must not exist. What writes several folders has them appear together.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_into(&self, dir: &Path) -> Result<(), FilesError> {
        let key = self.signing.to_bytes();
        let evaluation = self.evaluation.to_bytes();
        disk::write_folder(
            dir,
            &[
                (COORDINATOR_KEY, &*key),
                (EVALUATION_KEY, &*evaluation),
                (GENESIS, &self.genesis_entry),
                (INITIAL_MODEL, &self.initial_model),
            ],
        )
    }
}
