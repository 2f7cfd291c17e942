//! What the rows mean that an institution trains on: kept in its state directory, so that its model can be used.

use std::{collections::BTreeMap, path::Path};

use consilium_audit::files::{self, FileError};
use consilium_learning::{Description, LearningError};

/// The file in a state directory: texts by name, as JSON.
const FILE: &str = "description.json";
/// More than a dictionary and statistics of as many columns as there can be.
const MAX_BYTES: u64 = 8 << 20;

/// Keeps what the rows mean.
///
/// # Errors
/// [`FileError::System`]; [`FileError::Damaged`] for what cannot be written.
pub fn store(description: &Description, directory: &Path) -> Result<(), FileError> {
    let path = directory.join(FILE);
    let damaged = |error: &dyn std::fmt::Display| FileError::Damaged {
        path: path.clone(),
        detail: error.to_string(),
    };
    let texts = description.to_texts().map_err(|error| damaged(&error))?;
    let bytes = serde_json::to_vec(&texts).map_err(|error| damaged(&error))?;
    files::replace(&path, &[&bytes])
}

/// Reads what was kept last; `None` where nothing was.
///
/// # Errors
/// [`FileError`].
pub fn load(directory: &Path) -> Result<Option<Description>, FileError> {
    let path = directory.join(FILE);
    let Some(bytes) = files::read(&path, MAX_BYTES)? else { return Ok(None) };
    let read = || -> Result<Description, LearningError> {
        let texts: BTreeMap<String, String> = serde_json::from_slice(&bytes)
            .map_err(|error| LearningError::Description(error.to_string()))?;
        Description::from_texts(&texts)
    };
    read().map(Some).map_err(|error| FileError::Damaged { path, detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_datasets::{Dataset, Preprocessor};
    use consilium_learning::StatisticsOf;

    #[test]
    fn what_rows_mean_is_read_again_and_a_damaged_file_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(load(directory.path()).unwrap(), None);
        let dataset = Dataset::bundled("pima").unwrap();
        let rows: Vec<usize> = (0..dataset.rows()).collect();
        let preprocessor = Preprocessor::fit(&dataset, &rows).unwrap();
        let description = Description::of(&dataset, preprocessor, StatisticsOf::OwnRows, None);
        store(&description, directory.path()).unwrap();
        assert_eq!(load(directory.path()).unwrap(), Some(description));
        std::fs::write(directory.path().join(FILE), "{}").unwrap();
        assert!(matches!(load(directory.path()), Err(FileError::Damaged { .. })));
    }
}
