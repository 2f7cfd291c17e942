//! Everything of an account on its institution's disk. Each file is replaced as a whole and flushed.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use consilium_audit::{
    durable::lock,
    files::{self, FileError, create_folder, failed, sync_folder_of},
};
use consilium_exchange::quantity::AccountSecret;
use zeroize::Zeroizing;

use super::order::Stated;
use crate::ClientError;

/// The folder in a state directory.
const FOLDER: &str = "account";
const KEY: &str = "account.key";
const BALANCE: &str = "balance.bin";
const STATEMENT: &str = "statement.bin";

/// Units, as of a height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Blocks that were counted.
    pub(super) height: u64,
    pub(super) balance: u64,
    pub(super) pending: u64,
}

/// The folder of an account, held by this process.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and holds it.
    pub(super) fn open(state: &Path) -> Result<Self, ClientError> {
        let path = state.join(FOLDER);
        create_folder(state)?;
        create_folder(&path)?;
        let lock = lock(&path.join("lock"))?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn secret(&self) -> Result<Option<AccountSecret>, FileError> {
        let path = self.path.join(KEY);
        let Some(bytes) = files::read(&path, 64)?.map(Zeroizing::new) else { return Ok(None) };
        let damaged = |detail: String| FileError::Damaged { path, detail };
        let Some(key) = bytes.first_chunk::<64>() else {
            return Err(damaged(format!("it has {} bytes of 64", bytes.len())));
        };
        let secret = AccountSecret::from_bytes(&Zeroizing::new(*key));
        secret.map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// On disk before a registration follows from it.
    pub(super) fn keep_secret(&self, secret: &AccountSecret) -> Result<(), FileError> {
        files::replace(&self.path.join(KEY), &[secret.to_bytes().as_slice()])
    }

    /// What was counted last; nothing where that is not to be read: it is counted again then.
    pub(super) fn counted(&self) -> Result<Option<Counted>, FileError> {
        let bytes = files::read(&self.path.join(BALANCE), 64)?.map(Zeroizing::new);
        Ok(bytes.and_then(|bytes| {
            let (chunks, []) = bytes.as_chunks::<8>() else { return None };
            let [height, balance, pending] = chunks else { return None };
            let [height, balance, pending] =
                [height, balance, pending].map(|bytes| u64::from_be_bytes(*bytes));
            Some(Counted { height, balance, pending })
        }))
    }

    pub(super) fn keep_counted(&self, counted: &Counted) -> Result<(), FileError> {
        let Counted { height, balance, pending } = counted;
        let parts = [height, balance, pending].map(|number| number.to_be_bytes());
        let bytes = Zeroizing::new(parts.concat());
        files::replace(&self.path.join(BALANCE), &[&bytes])
    }

    /// The statement of an order in progress.
    pub(super) fn stated(&self) -> Result<Option<Stated>, FileError> {
        let path = self.path.join(STATEMENT);
        let Some(bytes) = files::read(&path, Stated::MOST as u64)? else { return Ok(None) };
        let stated = Stated::decode(&bytes);
        let detail = "it holds no order and its statement".to_owned();
        stated.map(Some).ok_or(FileError::Damaged { path, detail })
    }

    /// On disk, flushed, before the first byte of it is sent.
    pub(super) fn keep_stated(&self, stated: &Stated) -> Result<(), FileError> {
        files::replace(&self.path.join(STATEMENT), &[&stated.encode()])
    }

    /// Once the chain shows what became of it.
    pub(super) fn forget_stated(&self) -> Result<(), FileError> {
        let path = self.path.join(STATEMENT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => sync_folder_of(&path),
        }
    }
}

#[cfg(test)]
mod tests {
    use consilium_proto::v1::SignedTransaction;
    use rand_core::OsRng;

    use super::super::Order;
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_a_folder_is_held_by_one_process() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::open(state.path()).unwrap();
        assert!(matches!(Folder::open(state.path()), Err(ClientError::Locked { .. })));
        assert!(folder.secret().unwrap().is_none());
        assert_eq!((folder.counted().unwrap(), folder.stated().unwrap()), (None, None));
        let secret = AccountSecret::generate(&mut OsRng).unwrap();
        folder.keep_secret(&secret).unwrap();
        let counted = Counted { height: 9, balance: 1 << 40, pending: 3 };
        folder.keep_counted(&counted).unwrap();
        let signed = SignedTransaction { transaction: vec![1], signature: vec![2; 64] };
        let stated = Stated { order: Order::Roll, signed };
        folder.keep_stated(&stated).unwrap();
        drop(folder);
        let folder = Folder::open(state.path()).unwrap();
        assert_eq!(folder.secret().unwrap().unwrap().keys(), secret.keys());
        assert_eq!(folder.counted().unwrap(), Some(counted));
        assert_eq!(folder.stated().unwrap(), Some(stated));
        folder.forget_stated().unwrap();
        folder.forget_stated().unwrap();
        assert_eq!(folder.stated().unwrap(), None);
    }

    #[test]
    fn a_damaged_key_or_statement_is_named_and_a_damaged_count_is_counted_again() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::open(state.path()).unwrap();
        for (name, bytes) in [(KEY, &[0; 64][..]), (KEY, b"short"), (STATEMENT, b"no order")] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        assert!(matches!(folder.secret(), Err(FileError::Damaged { .. })));
        assert!(matches!(folder.stated(), Err(FileError::Damaged { .. })));
        fs::write(folder.path().join(BALANCE), b"12345").unwrap();
        assert_eq!(folder.counted().unwrap(), None);
    }
}
