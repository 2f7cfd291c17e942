//! A copy of an institution's state directory, taken whether its program runs or not, and put back where there is none.
//!
//! Small files are replaced as a whole, and what a crash may leave of those that grow is cut off when they are opened; so a copy
//! of each is good whenever it is made. Files that others speak of come after those: the memory after the state that a restart
//! goes on from, and the chain last.
//!
//! A state that is put back is of an earlier time: the chain may hold what was said since, or be shown without it. So whoever is
//! restored has lost its memory as a trustee, and is silent until it has helped to make another committee. A share of the key
//! would be of no use to it, and would outlive its committee in a copy: no backup has one.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use consilium_audit::files::{self, FileError, create_folder, failed, sync_folder_of};
use consilium_identity::InstitutionFiles;
use thiserror::Error;

use crate::{
    ClientError,
    institution::member::is_secret,
    state::{history::History, memory},
};

/// The file that says of what a folder is a backup.
const MARK: &str = "BACKUP";

/// What is copied last, in this order.
const LAST: [&str; 2] = [memory::FILE, "blocks.bin"];

/// What is of no use to another process: locks, bodies that are fetched again, how far a memory was relied on, what was being
/// written.
const LEFT_OUT: [&str; 5] = ["lock", "bodies.bin", "masked.bin", "countersigned.mark", MARK];
const INCOMPLETE: &str = "incomplete";

/// The folder of an account, in a state directory.
const ACCOUNT: &str = "account";

/// Why there is no backup, or nothing is restored from one.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The state or the copy does not hold.
    #[error(transparent)]
    State(#[from] ClientError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder with something else in it.
    #[error(
        "{} holds something else than a backup of this institution in this run; give another folder", .0.display()
    )]
    Foreign(PathBuf),
    /// There is a state already.
    #[error(
        "{} is not empty, and a state is never written over: move it away first, and keep it, because it may be the newer one",
        .0.display()
    )]
    Occupied(PathBuf),
}

/// Copies the state in `state` to the folder `to`, in the place of an earlier backup of it. Returns the number of its blocks.
///
/// # Errors
/// [`BackupError`]; an earlier backup is as it was.
pub fn backup(files: &InstitutionFiles, state: &Path, to: &Path) -> Result<u64, BackupError> {
    let (new, old) = (beside(to, ".new"), beside(to, ".old"));
    // A crash came between the two names.
    if old.exists() && !to.exists() {
        rename(&old, to)?;
    }
    if !is_empty(to)? && !is_backup_of(files, to)? {
        return Err(BackupError::Foreign(to.to_owned()));
    }
    let blocks = copy_state(files, state, &new)?;
    files::replace(&new.join(MARK), &[mark(files).as_bytes()])?;
    if to.exists() {
        remove(&old)?;
        rename(to, &old)?;
    }
    rename(&new, to)?;
    remove(&old)?;
    Ok(blocks)
}

/// Puts a backup where `state` is to be, which holds nothing. Returns the number of its blocks.
///
/// # Errors
/// [`BackupError`]; `state` is as it was.
pub fn restore(files: &InstitutionFiles, from: &Path, state: &Path) -> Result<u64, BackupError> {
    if !is_backup_of(files, from)? {
        return Err(BackupError::Foreign(from.to_owned()));
    }
    if !is_empty(state)? {
        return Err(BackupError::Occupied(state.to_owned()));
    }
    let new = beside(state, ".restoring");
    let blocks = copy_state(files, from, &new)?;
    memory::distrust(&new)?;
    if state.exists() {
        fs::remove_dir(state).map_err(failed("replace", state))?;
    }
    rename(&new, state)?;
    Ok(blocks)
}

/// Copies a state to a new folder, and counts the blocks of the copy.
fn copy_state(files: &InstitutionFiles, from: &Path, to: &Path) -> Result<u64, BackupError> {
    remove(to)?;
    copy_folder(from, to)?;
    let account = from.join(ACCOUNT);
    if account.exists() {
        copy_folder(&account, &to.join(ACCOUNT))?;
    }
    Ok(History::view(to, &files.parameters).map_err(ClientError::from)?.len())
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), FileError> {
    create_folder(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(failed("list", from))? {
        let entry = entry.map_err(failed("list", from))?;
        let name = entry.file_name();
        if entry.path().is_file() && is_copied(&name) {
            names.push(name);
        }
    }
    names.sort_by_key(|name| LAST.iter().position(|last| name == last));
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        // Permissions come along.
        match fs::copy(&from, &to) {
            // Removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            copied => copied.map_err(failed("copy", &from))?,
        };
        File::open(&to).and_then(|file| file.sync_all()).map_err(failed("flush", &to))?;
    }
    sync_folder_of(&to.join(MARK))?;
    sync_folder_of(to)
}

fn is_copied(name: &OsStr) -> bool {
    let is_incomplete = Path::new(name).extension().is_some_and(|it| it == INCOMPLETE);
    !is_incomplete && !is_secret(name) && !LEFT_OUT.iter().any(|file| name == *file)
}

fn mark(files: &InstitutionFiles) -> String {
    let (chain, name) = (files.parameters.chain_id, files.identity.pseudonym);
    format!("consilium institution backup 1\nchain {chain}\ninstitution {name}\n")
}

fn is_backup_of(files: &InstitutionFiles, folder: &Path) -> Result<bool, FileError> {
    let mark = mark(files);
    match files::read(&folder.join(MARK), mark.len() as u64) {
        Err(FileError::Damaged { .. }) => Ok(false),
        found => Ok(found?.as_deref() == Some(mark.as_bytes())),
    }
}

fn is_empty(folder: &Path) -> Result<bool, FileError> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        listed => Ok(listed.map_err(failed("list", folder))?.next().is_none()),
    }
}

fn remove(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(failed("remove", folder)),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(failed("rename", from)).and_then(|()| sync_folder_of(to))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(suffix);
    path.with_file_name(name)
}
