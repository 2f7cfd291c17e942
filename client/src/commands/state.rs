//! What an institution's own files say: its standing, its model, its head.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use consilium_cli::{Failure, output::write_file};
use consilium_client::{head, status};
use consilium_identity::InstitutionFiles;
use consilium_ledger::{MAX_NOTE_BYTES, Note};

use super::failure;

pub(crate) fn show(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    Ok(format!("{}\n", status(&files, state).map_err(failure)?))
}

/// How often a status is said again.
const EVERY: Duration = Duration::from_secs(2);

/// Says it again and again, in the same place of a terminal, until the run is finished or nobody reads it any more.
pub(crate) fn watch(ceremony: &Path, state: &Path) -> Result<String, Failure> {
    let files = files(ceremony, state)?;
    let mut stdout = io::stdout();
    // Home, and nothing below.
    let before = if stdout.is_terminal() { "\x1b[H\x1b[2J" } else { "" };
    let mut last = None;
    loop {
        let status = status(&files, state).map_err(failure)?;
        let is_over = status.is_over();
        if last.as_ref() != Some(&status) {
            let written = writeln!(stdout, "{before}{status}").and_then(|()| stdout.flush());
            if written.is_err() {
                return Ok(String::new());
            }
            last = Some(status);
        }
        if is_over {
            return Ok(String::new());
        }
        sleep(EVERY);
    }
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
