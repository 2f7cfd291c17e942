//! What every party has: the genesis and the model that it names.

use std::path::Path;

use consilium_contract::{Model, Parameters};
use consilium_proto::GENESIS_BYTES;

use crate::{
    FilesError, disk,
    layout::{GENESIS, INITIAL_MODEL},
};

/// No file of a ceremony but a model is longer than this, in bytes: the entry of a genesis has a few bytes around it.
pub const MAX_FILE_BYTES: usize = GENESIS_BYTES + 128;

/// No data dictionary is longer than this, in bytes.
pub const MAX_DICTIONARY_BYTES: usize = 4 << 20;

/// The genesis and the initial model, checked against each other.
#[derive(Debug, Clone)]
pub struct PublicFiles {
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Parameters,
}

impl PublicFiles {
    /// Reads the two public files of a folder.
    ///
    /// # Errors
    /// [`FilesError`] naming the file that is missing, damaged or of another ceremony.
    pub fn load(dir: &Path) -> Result<Self, FilesError> {
        let path = dir.join(GENESIS);
        let genesis_entry = disk::read(&path, MAX_FILE_BYTES)?;
        let parameters = Parameters::from_genesis_entry(&genesis_entry)
            .map_err(|error| FilesError::invalid(&path, error.to_string()))?;
        let path = dir.join(INITIAL_MODEL);
        let initial_model = disk::read(&path, parameters.model_length())?;
        if Model::initial(&initial_model, &parameters).is_none() {
            let problem = format!(
                "is not the model of {} parameters that {GENESIS} names by its hash",
                parameters.dimension
            );
            return Err(FilesError::invalid(path, problem));
        }
        Ok(Self { genesis_entry, initial_model, parameters })
    }
}
