//! One process has a ledger open at a time.

use std::{
    fs::{File, TryLockError},
    path::Path,
    thread,
    time::Duration,
};

use crate::{
    error::LedgerError,
    store::{
        disk::io_error,
        layout::{LOCK_FILE, log_path},
    },
};

/// A process that is just being started elsewhere in this one holds copies of its open files for a moment.
const START_OF_A_PROCESS: Duration = Duration::from_millis(250);

/// Takes the lock that keeps every other process, and every other store of this one, out.
pub(super) fn lock(root: &Path) -> Result<File, LedgerError> {
    let path = root.join(LOCK_FILE);
    let options = File::options().create(true).truncate(false).write(true).open(&path);
    let file = options.map_err(io_error("open", &path))?;
    wait_for_lock(root, START_OF_A_PROCESS, || file.try_lock())?;
    Ok(file)
}

/// Takes the lock that keeps writers out, and no other readers. A ledger that came without its lock file (from a backup) has
/// no process that could hold it.
pub(super) fn lock_for_reading(root: &Path) -> Result<Option<File>, LedgerError> {
    let Ok(file) = File::open(root.join(LOCK_FILE)) else { return Ok(None) };
    wait_for_lock(root, START_OF_A_PROCESS, || file.try_lock_shared())?;
    Ok(Some(file))
}

/// Waits until no thread of sled has the log any more: it locks the file, and some outlive the database.
pub(super) fn wait_for_log(root: &Path) -> Result<(), LedgerError> {
    match File::open(log_path(root)) {
        Ok(log) => wait_for_lock(root, Duration::from_secs(5), || log.try_lock()),
        Err(_) => Ok(()),
    }
}

fn wait_for_lock(
    root: &Path,
    at_most: Duration,
    attempt: impl Fn() -> Result<(), TryLockError>,
) -> Result<(), LedgerError> {
    const PAUSE: Duration = Duration::from_millis(5);
    let mut waited = Duration::ZERO;
    loop {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if waited < at_most => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::Locked { path: root.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(io_error("lock", root)(error)),
        }
        waited += PAUSE;
    }
}
