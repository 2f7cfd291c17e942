//! The `MANIFEST` of a closed ledger: length and SHA-256 of every file, so that a changed byte is named before sled reads
//! it.
//!
//! It protects against accidents, not against an author who writes a new one: against that stand the seals over the
//! headers.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    error::LedgerError,
    store::{
        disk::{io_error, replace},
        layout::{HEAD_FILE, MANIFEST_FILE, STORE_FOLDER},
    },
};

const FIRST_LINE: &str = "consilium ledger manifest 1\n";

/// What the manifest says of a ledger that nobody has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestState {
    /// Every file is as it was when the ledger was closed.
    Intact,
    /// There is none: the ledger is open, or its process ended without closing it.
    Missing,
}

/// Checks a ledger's files against its manifest, without changing anything.
///
/// # Errors
/// [`LedgerError::FilesChanged`] names the first file that was changed, added or removed.
pub fn verify_manifest(path: &Path) -> Result<ManifestState, LedgerError> {
    if !path.join(STORE_FOLDER).is_dir() {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    let manifest_path = path.join(MANIFEST_FILE);
    let written = match fs::read(&manifest_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ManifestState::Missing),
        other => other.map_err(io_error("read", &manifest_path))?,
    };
    let found = manifest(path)?;
    if written == found.as_bytes() {
        return Ok(ManifestState::Intact);
    }

    let broken = |file: &str, detail| LedgerError::FilesChanged {
        path: path.to_owned(),
        file: file.to_owned(),
        detail,
    };
    let written = String::from_utf8_lossy(&written);
    let listed: Vec<&str> = written.lines().map(file_of).collect();
    if let Some(line) = found.lines().find(|line| !written.lines().any(|other| other == *line)) {
        let file = file_of(line);
        let known = listed.contains(&file);
        return Err(broken(
            file,
            if known { "does not have its length or hash" } else { "was added" },
        ));
    }
    let removed = listed.into_iter().find(|file| !found.lines().any(|line| file_of(line) == *file));
    Err(match removed {
        Some(file) => broken(file, "is missing"),
        None => broken(MANIFEST_FILE, "is not what was written"),
    })
}

/// The last field of a line of the manifest.
fn file_of(line: &str) -> &str {
    line.splitn(3, ' ').last().unwrap_or(line)
}

pub(super) fn write(root: &Path) -> Result<(), LedgerError> {
    replace(root, MANIFEST_FILE, manifest(root)?.as_bytes())
}

/// One line a file, sorted by name: SHA-256, length, path relative to `root`.
fn manifest(root: &Path) -> Result<String, LedgerError> {
    let mut lines = Vec::new();
    for file in files(root)? {
        let path = root.join(&file);
        let mut hasher = Sha256::new();
        let length = File::open(&path)
            .and_then(|mut contents| io::copy(&mut contents, &mut hasher))
            .map_err(io_error("read", &path))?;
        let name = file.to_string_lossy().replace('\n', "?");
        lines.push((name.clone(), format!("{} {length} {name}\n", hex::encode(hasher.finalize()))));
    }
    lines.sort();
    Ok(lines.into_iter().fold(FIRST_LINE.to_owned(), |text, (_, line)| text + &line))
}

/// The files that make up the ledger in `root`, relative to it: `HEAD` and all of the store.
pub(super) fn files(root: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    let mut found = Vec::new();
    if root.join(HEAD_FILE).is_file() {
        found.push(PathBuf::from(HEAD_FILE));
    }
    let mut folders = vec![PathBuf::from(STORE_FOLDER)];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for item in fs::read_dir(&path).map_err(io_error("list", &path))? {
            let item = item.map_err(io_error("list", &path))?;
            let name = folder.join(item.file_name());
            // The type of a symbolic link is that of the link: a ledger has none, and none is followed.
            let kind = item.file_type().map_err(io_error("list", &path))?;
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                found.push(name);
            } else {
                return Err(LedgerError::Damaged {
                    path: root.to_owned(),
                    detail: format!("{} is neither a file nor a folder", name.display()),
                });
            }
        }
    }
    Ok(found)
}
