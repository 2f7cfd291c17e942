//! What an institution's own files say: its standing, its model, its head.

use std::path::{Path, PathBuf};

use consilium_cli::{Failure, output::write_file};
use consilium_client::{head, status};
use consilium_identity::InstitutionFiles;
use consilium_ledger::{MAX_NOTE_BYTES, Note};

use super::failure;

pub(crate) fn show(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    Ok(format!("{}\n", status(&files, state).map_err(failure)?))
}

/// The institution whose state directory exists.
pub(super) fn files(ceremony: &Path, state: &Path) -> Result<InstitutionFiles, Failure> {
    let files = InstitutionFiles::load(ceremony).map_err(Failure::unusable)?;
    if !state.is_dir() {
        return Err(Failure::unusable(format!(
            "{}: no such directory; give the --state of `run`",
            state.display()
        )));
    }
    Ok(files)
}

pub(crate) fn export_head(
    ceremony: &Path,
    state: &Path,
    out: Option<&Path>,
) -> Result<String, Failure> {
    let note = head::export(&files(ceremony, state)?, state).map_err(failure)?.encode();
    let Some(out) = out else { return Ok(note) };
    let is_former = |found: &[u8]| Note::parse(found).is_ok();
    write_file(out, note.as_bytes(), MAX_NOTE_BYTES, is_former).map_err(Failure::unusable)?;
    Ok(format!("the head is in {}: show it to the others\n", out.display()))
}

pub(crate) fn compare_heads(
    ceremony: &Path,
    state: &Path,
    theirs: &[PathBuf],
) -> Result<String, Failure> {
    let compared = head::compare(&files(ceremony, state)?, state, theirs).map_err(failure)?;
    Ok(compared.iter().map(|head| format!("{head}\n")).collect())
}
