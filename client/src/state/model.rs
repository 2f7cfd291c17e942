//! The last checked model, kept in the state directory.

use std::path::{Path, PathBuf};

use consilium_audit::{
    CheckedModel,
    files::{self, FileError},
};
use consilium_contract::{Model, Parameters, round::Findings};

/// The file in a state directory: the step (8 bytes), the blob of the model, and what was found out up to it.
const FILE: &str = "model.bin";

/// Reads the model that was stored last; `None` where there is none.
///
/// # Errors
/// [`FileError`].
pub fn load(directory: &Path, parameters: &Parameters) -> Result<Option<CheckedModel>, FileError> {
    let path = path(directory);
    // The model, the best one, and places of ten bytes at most.
    let places = parameters.agenda().forms().map(|form| u64::from(form.dimension())).sum::<u64>();
    let most = 1024 + 2 * parameters.model_length() as u64 + 20 * places;
    let Some(bytes) = files::read(&path, most)? else {
        return Ok(None);
    };
    let parse = || {
        let (step, rest) = bytes.split_first_chunk::<8>()?;
        let (blob, findings) = rest.split_at_checked(parameters.model_length())?;
        let model = Model::from_bytes(blob, parameters)?;
        let findings = Findings::read(findings, parameters).ok()??;
        Some(CheckedModel::restored(u64::from_be_bytes(*step), model, findings))
    };
    let detail = || "expected a step and a model of this run".to_owned();
    parse().map(Some).ok_or_else(|| FileError::Damaged { path, detail: detail() })
}

/// Stores the model, so that a restart need not fetch and check what led to it again.
///
/// # Errors
/// [`FileError::System`].
pub fn store(model: &CheckedModel, directory: &Path) -> Result<(), FileError> {
    let step = model.step().to_be_bytes();
    let findings = model.findings().encode();
    files::replace(&path(directory), &[&step, &model.model().to_bytes(), &findings])
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use consilium_testkit::World;

    #[test]
    fn a_stored_model_is_read_again_and_a_damaged_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let world = World::new();
        let parameters = &world.ceremony.parameters;
        assert!(load(dir.path(), parameters).unwrap().is_none());
        let blob = Model::from_bytes(&world.ceremony.initial_model, parameters).unwrap();
        let model = CheckedModel::restored(1, blob, Findings::default());
        store(&model, dir.path()).unwrap();
        let again = load(dir.path(), parameters).unwrap().unwrap();
        assert_eq!((again.step(), again.model()), (1, model.model()));
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(load(dir.path(), parameters), Err(FileError::Damaged { .. })));
    }
}
