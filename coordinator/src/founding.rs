//! Whose ledger a folder holds, and whether one may be founded there.
//!
//! | ledger | the key has sealed before | |
//! | --- | --- | --- |
//! | none | no | founded; unless `--new` says that this is the first start, others are heard first |
//! | none | yes | an error: the folder is mistyped, or the ledger is lost |
//! | holds the last sealed block | yes | goes on |
//! | lacks it, or has another one | yes | an error: an old copy |
//! | there | no | goes on, once others have been heard: the ceremony's folder is an old copy, or a new machine's |
//!
//! `--new` where there is a ledger is an error.

use std::path::{Path, PathBuf};

use consilium_ledger::{Head, Store};

use crate::{
    CoordinatorError,
    last_sealed::{Block, LastSealed},
};

/// How a node came by its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Founded now; whether the operator says that this is the first start.
    Founded { is_declared: bool },
    /// It was there; whether the file beside the key vouches for its being whole.
    Continued { is_vouched_for: bool },
}

/// An open ledger, not verified yet.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) memory: Option<LastSealed>,
    pub(crate) origin: Origin,
}

/// Opens the ledger in `ledger`, or an empty one where one may be founded. `memory` is the folder that remembers what
/// the key has sealed.
///
/// # Errors
/// [`CoordinatorError::Config`] where the folder cannot be used, or is not meant; those of [`LastSealed::open`] and
/// [`Store::open`]. No ledger has been created then.
pub(crate) fn open(
    ledger: &Path,
    memory: Option<&PathBuf>,
    is_declared: bool,
) -> Result<Opened, CoordinatorError> {
    let memory = memory.map(|folder| LastSealed::open(folder)).transpose()?;
    let sealed = memory.as_ref().and_then(LastSealed::last);
    let at = ledger.display();
    if let Some(Block { height, .. }) = sealed
        && !Store::exists(ledger)
    {
        return Err(CoordinatorError::Config(format!(
            "{at} holds no ledger, and the coordinator's key has sealed blocks up to height {height}: a second history \
             would convict its operator. Give the folder of that ledger, or bring it back with \
             `consilium-coordinator restore`"
        )));
    }
    std::fs::create_dir_all(ledger).map_err(|error| {
        CoordinatorError::Config(format!("{at}: {error}; give a folder that can be created"))
    })?;
    let store = Store::open(ledger)?;
    let origin = match (store.head(), sealed) {
        (Some(_), _) if is_declared => {
            // As it was: closed, and sealed.
            store.close()?;
            return Err(CoordinatorError::Config(format!(
                "{at} holds a ledger already; leave out --new to go on with it, or give an empty folder"
            )));
        }
        (Some(_), sealed) => Origin::Continued { is_vouched_for: sealed.is_some() },
        (None, None) => Origin::Founded { is_declared },
        (None, Some(sealed)) => return Err(lacks(sealed, None)),
    };
    Ok(Opened { store, memory, origin })
}

/// Compares a verified ledger with what the key has sealed, and remembers the first block of a founded one.
///
/// # Errors
/// [`CoordinatorError::LacksBlocks`], [`CoordinatorError::Memory`].
pub(crate) fn settle(
    store: &Store,
    memory: Option<&mut LastSealed>,
    origin: Origin,
) -> Result<(), CoordinatorError> {
    let Some(memory) = memory else { return Ok(()) };
    compare(store, memory)?;
    // Whether a ledger that was there is whole shows when others have been heard: it is remembered with the next block.
    match (origin, store.head()) {
        (Origin::Founded { .. }, Some(Head { height, hash })) => {
            memory.remember(Block { height, hash })
        }
        _ => Ok(()),
    }
}

/// Compares a ledger whose chain has been verified with what the key has sealed.
///
/// # Errors
/// [`CoordinatorError::LacksBlocks`].
pub(crate) fn compare(store: &Store, memory: &LastSealed) -> Result<(), CoordinatorError> {
    let Some(sealed) = memory.last() else { return Ok(()) };
    match store.get_header(sealed.height)? {
        Some(ours) if ours.hash() == sealed.hash => Ok(()),
        _ => Err(lacks(sealed, store.head().map(|head| head.height))),
    }
}

fn lacks(sealed: Block, ledger: Option<u64>) -> CoordinatorError {
    let Block { height, hash } = sealed;
    CoordinatorError::LacksBlocks { height, hash, ledger, told_by: "the file beside its key" }
}
