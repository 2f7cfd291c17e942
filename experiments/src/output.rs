//! Directories that an experiment writes its files into.

use std::fs;
use std::io;
use std::path::Path;

use crate::ExperimentError;

/// Makes `directory` where there is none. One that holds anything else than a run, which `mark` is a file of, is refused, so
/// that nobody's files are overwritten.
pub(crate) fn claim(directory: &Path, mark: &str) -> Result<(), ExperimentError> {
    fs::create_dir_all(directory).map_err(ExperimentError::file(directory))?;
    let empty = fs::read_dir(directory).map_err(ExperimentError::file(directory))?.next().is_none();
    if !empty && !directory.join(mark).is_file() {
        let shown = directory.display();
        return Err(ExperimentError::Invalid(format!(
            "{shown} holds something else than a run: choose another --out"
        )));
    }
    Ok(())
}

/// Writes one file of a run.
pub(crate) fn write(directory: &Path, name: &str, bytes: &[u8]) -> Result<(), ExperimentError> {
    let path = directory.join(name);
    fs::write(&path, bytes).map_err(ExperimentError::file(&path))
}

/// What is not there need not be removed.
pub(crate) fn gone(path: &Path, removed: io::Result<()>) -> Result<(), ExperimentError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ExperimentError::file(path)(error))
        }
        _ => Ok(()),
    }
}

/// The text of a file that need not be there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, ExperimentError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ExperimentError::file(path)(error)),
    }
}
