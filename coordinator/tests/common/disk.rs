//! Ledgers on disk, while no node has them open.

use std::{fs, path::Path};

use consilium_ledger::{Block, Store};

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A ledger's blocks.
pub fn blocks(ledger: &Path) -> Vec<Block> {
    let store = Store::open(ledger).unwrap();
    let blocks = store.blocks(0).collect::<Result<_, _>>().unwrap();
    store.close().unwrap();
    blocks
}
