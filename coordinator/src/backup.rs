//! A second ledger with the blocks of the first and all that they name.
//!
//! It is made of durable blocks alone, one after another, so that it is whole whenever it is taken, also while the node seals
//! further ones; another backup into the same folder adds what is new. It is a ledger as any other: `restore` takes it, audits
//! read it.

use std::path::Path;

use consilium_contract::{CandidateTransaction, execute::body_hash, transaction::parse_entry};
use consilium_hash::BlobHash;
use consilium_ledger::{Head, Store};
use consilium_proto::v1::transaction::Action;

use crate::CoordinatorError;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// Its blocks.
    pub blocks: u64,
    /// Those among them that it did not hold before.
    pub new: u64,
}

/// Adds to the ledger in `to` what it lacks of this one.
///
/// # Errors
/// [`CoordinatorError::Config`] where `to` holds something else, [`CoordinatorError::Ledger`].
pub(crate) fn copy(store: &Store, to: &Path) -> Result<BackedUp, CoordinatorError> {
    // Before the blocks, so that these come as far as it does.
    let snapshot = store.get_snapshot()?;
    let target = Store::open(to)?;
    let copied = add(store, &target, to, snapshot.as_deref());
    target.close()?;
    copied
}

fn add(
    store: &Store,
    target: &Store,
    to: &Path,
    snapshot: Option<&[u8]>,
) -> Result<BackedUp, CoordinatorError> {
    let held = match target.head() {
        None => 0,
        Some(Head { height, hash }) => {
            if store.get_header(height)?.map(|ours| ours.hash()) != Some(hash) {
                return Err(CoordinatorError::Config(format!(
                    "{} holds another ledger, or more blocks than this one; give another folder",
                    to.display()
                )));
            }
            height.saturating_add(1)
        }
    };
    let mut blocks = held;
    for block in store.blocks(held) {
        let block = block?;
        let mut blobs = Vec::new();
        for entry in &block.entries {
            let Ok((transaction, _)) = parse_entry(entry) else { continue };
            for address in named(&transaction) {
                // Not of an update that was refused before its body was looked at.
                blobs.extend(store.get_blob(&address)?);
            }
        }
        target.append_block(&block, &blobs.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        blocks = blocks.saturating_add(1);
    }
    if let Some(snapshot) = snapshot {
        target.put_snapshot(snapshot)?;
    }
    Ok(BackedUp { blocks, new: blocks - held })
}

/// The blobs that a transaction names.
fn named(transaction: &CandidateTransaction) -> Vec<BlobHash> {
    let references = match transaction.action() {
        Action::Genesis(genesis) => [genesis.initial_model.as_ref(), None],
        Action::CloseRound(close) => [close.sums.as_ref(), close.model.as_ref()],
        _ => [None, None],
    };
    let address = |blob: &consilium_proto::v1::BlobRef| blob.sha256.as_slice().try_into().ok();
    references.into_iter().flatten().filter_map(address).chain(body_hash(transaction)).collect()
}
