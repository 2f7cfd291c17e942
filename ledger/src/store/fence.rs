//! A fence around sled: a panic inside becomes an error.
//!
//! sled 0.34 asserts what it reads: on files that were changed it may panic, in the calling thread or in one of its
//! `sled-io-` threads. A damaged ledger is a thing to report, not to die of. The fence catches the panic, keeps its
//! message for the error, and keeps the process's panic hook from printing it. The hook in place is called for every
//! other panic; the one caught here left nothing behind, as the store is not used again after an error in writing, and
//! reading has no state of ours.

use std::{
    cell::{Cell, RefCell},
    io::ErrorKind,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Once,
};

use crate::LedgerError;

thread_local! {
    static FENCED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `step`, which uses sled for the ledger in `root`. No panic leaves it.
pub(super) fn fence<T>(
    root: &Path,
    step: impl FnOnce() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    install_hook();
    let outer = FENCED.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(step));
    FENCED.set(outer);
    outcome.unwrap_or_else(|_| {
        let message = MESSAGE.take().unwrap_or_else(|| "no message".into());
        Err(damaged(root, format!("the store broke off: {message}")))
    })
}

/// Runs one operation of sled for the ledger in `root`. No sled error and no panic leaves it.
pub(super) fn fenced<T>(
    root: &Path,
    step: impl FnOnce() -> sled::Result<T>,
) -> Result<T, LedgerError> {
    fence(root, || {
        step().map_err(|error| match error {
            sled::Error::Io(source) => match source.kind() {
                // Nothing else reads these files: an end or bytes where they should not be are damage.
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                    damaged(root, format!("the store cannot be read ({source})"))
                }
                _ => LedgerError::Io {
                    action: "read or write the store in",
                    path: root.to_owned(),
                    source,
                },
            },
            other => damaged(root, format!("the store says: {other}")),
        })
    })
}

fn damaged(root: &Path, detail: String) -> LedgerError {
    LedgerError::Damaged { path: root.to_owned(), detail }
}

fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let sleds_own_thread =
                std::thread::current().name().is_some_and(|name| name.starts_with("sled-io-"));
            if FENCED.get() {
                MESSAGE.set(Some(info.payload_as_str().unwrap_or("no message").replace('\n', " ")));
            } else if !sleds_own_thread {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_becomes_an_error_with_its_message_and_the_fence_can_be_used_again() {
        let root = Path::new("some/ledger");
        for _ in 0..2 {
            let outcome: Result<(), _> = fenced(root, || panic!("assertion of {}", 7));
            let Err(LedgerError::Damaged { path, detail }) = outcome else {
                panic!("expected damage")
            };
            assert_eq!(path, root);
            assert!(detail.contains("assertion of 7"), "{detail}");
        }
        assert_eq!(fenced(root, || Ok(7)).unwrap(), 7);
    }

    #[test]
    fn errors_of_the_system_are_kept_apart_from_damage() {
        let fails_with =
            |kind: ErrorKind| fenced::<()>(Path::new("x"), || Err(sled::Error::Io(kind.into())));
        assert!(matches!(fails_with(ErrorKind::StorageFull), Err(LedgerError::Io { .. })));
        assert!(matches!(fails_with(ErrorKind::UnexpectedEof), Err(LedgerError::Damaged { .. })));
    }
}
