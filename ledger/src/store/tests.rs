//! The store in ordinary use; [`faults`] has what can happen to it.

use std::{thread, time::Duration};

use consilium_disk::fate::{Nth, rule};
use consilium_hash::{BlobHash, BlockHash, StateRoot};

use super::*;
use crate::{
    ChainError, HeaderChain,
    chain::tests::{CHAIN_ID, coordinator, empty_chain, next_block, validators},
    store::layout::{LOCK_FILE, MANIFEST_FILE, SNAPSHOT_FILE},
    verify_chain,
};

mod faults;

/// Blobs of the block at `height`: one in a single chunk, one in three, one empty.
fn blobs_of(height: u64) -> [Vec<u8>; 3] {
    let mut state = height.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = |length: usize| -> Vec<u8> {
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .take(length)
        .collect()
    };
    [noise(3_000), noise(40_000), Vec::new()]
}

fn append_next(store: &Store, chain: &mut HeaderChain) -> Result<(), LedgerError> {
    let block = next_block(chain);
    let blobs = blobs_of(block.height());
    store.append_block(&block, &blobs.each_ref().map(Vec::as_slice))?;
    chain.append_block(&block)?;
    Ok(())
}

/// Reads all that the store holds and verifies it.
fn read_all(store: &Store) -> Result<HeaderChain, LedgerError> {
    let chain = verify_chain(store.blocks(0), validators())?;
    for header in chain.headers() {
        assert_eq!(store.get_header(header.height)?.as_ref(), Some(header.sealed()));
        for blob in blobs_of(header.height) {
            assert_eq!(
                store.get_blob(&blob_hash(&blob))?,
                Some(blob),
                "a blob of block {}",
                header.height
            );
        }
    }
    assert_eq!(
        store.head(),
        chain.head().map(|head| Head { height: head.height, hash: *head.hash() })
    );
    Ok(chain)
}

fn ledger_of(path: &Path, blocks: u64) -> (Store, HeaderChain) {
    let store = Store::open(path).unwrap();
    let mut chain = read_all(&store).unwrap();
    for _ in 0..blocks {
        append_next(&store, &mut chain).unwrap();
    }
    (store, chain)
}

fn copy_files(from: &Path, to: &Path) {
    for file in manifest::files(from).unwrap().into_iter().chain([PathBuf::from(MANIFEST_FILE)]) {
        if from.join(&file).exists() {
            fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
            fs::copy(from.join(&file), to.join(&file)).unwrap();
        }
    }
}

#[test]
fn blocks_and_blobs_come_back_after_closing_and_after_dropping() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 40);
    drop(store);
    let (store, chain) = ledger_of(folder.path(), 3);
    store.close().unwrap();
    let again = Store::open(folder.path()).unwrap();
    assert_eq!(read_all(&again).unwrap().head(), chain.head());
    assert_eq!(again.get_block(43).unwrap(), None);
    assert_eq!(again.get_header(43).unwrap(), None);
    assert_eq!(again.blocks(41).count(), 2);
    assert_eq!(again.get_blob(&BlobHash([0; 32])).unwrap(), None);
    assert!(!again.contains_blob(&BlobHash([0; 32])).unwrap());
}

#[test]
fn blobs_can_be_stored_ahead_of_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.stage_blobs(&[b"one", b"two", b"one"]).unwrap();
    assert_eq!(store.head(), None);
    append_next(&store, &mut empty_chain()).unwrap();
    // What a kill at this moment would leave: the block has made durable what was staged before it.
    let killed = tempfile::tempdir().unwrap();
    copy_files(folder.path(), killed.path());
    let store = Store::open(killed.path()).unwrap();
    assert_eq!(store.head().unwrap().height, 0);
    for blob in [b"one".as_slice(), b"two"] {
        assert!(store.contains_blob(&blob_hash(blob)).unwrap());
        assert_eq!(store.get_blob(&blob_hash(blob)).unwrap().as_deref(), Some(blob));
    }
}

#[test]
fn a_snapshot_comes_back_whole_or_not_at_all_and_is_in_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 2);
    assert_eq!(store.get_snapshot().unwrap(), None);
    for snapshot in [&[7; 100][..], &[], &[8; 20_000]] {
        store.put_snapshot(snapshot).unwrap();
        assert_eq!(store.get_snapshot().unwrap().as_deref(), Some(snapshot));
    }
    store.close().unwrap();
    assert!(matches!(store.put_snapshot(&[9]), Err(LedgerError::Closed { .. })));
    let copy = Store::open_copy(folder.path(), folder.path()).unwrap();
    assert_eq!(copy.get_snapshot().unwrap(), None);

    let path = folder.path().join(SNAPSHOT_FILE);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap().get_snapshot().unwrap(), None, "{length}");
        let mut bytes = whole.clone();
        bytes[length] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(Store::open(folder.path()).unwrap().get_snapshot().unwrap(), None, "{length}");
    }
}

#[test]
fn a_snapshot_that_cannot_be_written_leaves_the_one_before_and_a_ledger_that_goes_on() {
    for done in [false, true] {
        for after in 0..4 {
            let folder = tempfile::tempdir().unwrap();
            let (store, mut chain) = ledger_of(folder.path(), 1);
            store.put_snapshot(&[1]).unwrap();
            let ruled = rule(Nth { after, done });
            assert!(store.put_snapshot(&[2]).is_err(), "write {after}");
            drop(ruled);
            let kept = store.get_snapshot().unwrap().unwrap();
            assert!(kept == [1] || kept == [2], "write {after}");
            append_next(&store, &mut chain).unwrap();
            assert_eq!(read_all(&store).unwrap().len(), 2);
        }
    }
}

#[test]
fn the_largest_block_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let entries = vec![vec![7; crate::MAX_ENTRY_BYTES]; crate::MAX_ENTRIES];
    let header = empty_chain().propose(&entries, StateRoot([0; 32]), 0).unwrap();
    let block = Block { sealed: header.seal(&CHAIN_ID, &coordinator()), entries };
    store.append_block(&block, &[]).unwrap();
    assert_eq!(store.get_block(0).unwrap(), Some(block));
}

#[test]
fn all_that_is_stored_lies_in_the_log_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    drop(ledger_of(folder.path(), 100));
    assert_eq!(fs::read_dir(folder.path().join("store/blobs")).unwrap().count(), 0);
}

#[test]
fn only_the_next_block_with_its_own_entries_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (store, chain) = ledger_of(folder.path(), 2);
    let good = next_block(&chain);
    assert!(matches!(
        store.append_block(&store.get_block(1).unwrap().unwrap(), &[]),
        Err(LedgerError::NotNext { .. })
    ));
    let mut after_another = good.clone();
    after_another.sealed.header.previous = BlockHash([9; 32]);
    assert!(matches!(
        store.append_block(&after_another, &[]),
        Err(LedgerError::NotNext { expected: 2, .. })
    ));
    let mut changed = good.clone();
    changed.entries[0].push(0);
    assert!(matches!(
        store.append_block(&changed, &[]),
        Err(LedgerError::Chain(ChainError::WrongEntries { height: 2, .. }))
    ));
    let too_long = vec![0; MAX_BLOB_BYTES + 1];
    assert!(matches!(
        store.append_block(&good, &[&too_long]),
        Err(LedgerError::BlobTooLong { .. })
    ));
    // None of these was a failed write.
    store.append_block(&good, &[]).unwrap();
}

#[test]
fn a_ledger_is_open_once_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 1);
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Locked { .. })));
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(
        Store::open_copy(folder.path(), scratch.path()),
        Err(LedgerError::Locked { .. })
    ));
    drop(store);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_lock_that_is_held_for_a_moment_alone_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 1);
    store.close().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    // As a process that is being started holds what is open here, until it is.
    let held_for_a_moment = || {
        let lock = fs::File::open(folder.path().join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(lock);
        })
    };
    let holder = held_for_a_moment();
    Store::open_copy(folder.path(), scratch.path()).unwrap();
    holder.join().unwrap();
    let holder = held_for_a_moment();
    Store::open(folder.path()).unwrap();
    holder.join().unwrap();
}

#[test]
fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut chain) = ledger_of(folder.path(), 1);
    store.close().unwrap();
    assert!(matches!(store.get_block(0), Err(LedgerError::Closed { .. })));
    assert!(matches!(append_next(&store, &mut chain), Err(LedgerError::Closed { .. })));
    assert!(matches!(store.close(), Err(LedgerError::Closed { .. })));
    Store::open(folder.path()).unwrap();
}

#[test]
fn an_auditors_copy_leaves_the_ledger_as_it_is_and_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (store, chain) = ledger_of(folder.path(), 3);
    store.close().unwrap();
    let copy = Store::open_copy(folder.path(), scratch.path()).unwrap();
    assert_eq!(read_all(&copy).unwrap().head(), chain.head());
    drop(copy);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    assert_eq!(verify_manifest(folder.path()).unwrap(), ManifestState::Intact);
    let nothing = scratch.path().join("nothing");
    assert!(matches!(
        Store::open_copy(&nothing, scratch.path()),
        Err(LedgerError::NotALedger { .. })
    ));
    assert!(matches!(verify_manifest(&nothing), Err(LedgerError::NotALedger { .. })));
    assert!(!nothing.exists());
}

#[test]
fn every_changed_added_or_removed_file_of_a_closed_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 2);
    assert_eq!(verify_manifest(folder.path()).unwrap(), ManifestState::Missing);
    store.close().unwrap();
    let names = |path: &Path| match (verify_manifest(path), Store::open(path)) {
        (
            Err(LedgerError::FilesChanged { file, .. }),
            Err(LedgerError::FilesChanged { file: same, .. }),
        ) => {
            assert_eq!(file, same);
            file
        }
        other => panic!("expected a changed file, got {other:?}"),
    };
    for file in manifest::files(folder.path()).unwrap() {
        let path = folder.path().join(&file);
        let bytes = fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(1 + bytes.len() / 7) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            assert_eq!(names(folder.path()), file.to_str().unwrap());
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(names(folder.path()), file.to_str().unwrap());
        fs::write(&path, &bytes).unwrap();
        assert_eq!(verify_manifest(folder.path()).unwrap(), ManifestState::Intact);
    }
    fs::write(folder.path().join("store/more"), b"").unwrap();
    assert_eq!(names(folder.path()), "store/more");
    fs::remove_file(folder.path().join("store/more")).unwrap();
    let manifest = fs::read(folder.path().join("MANIFEST")).unwrap();
    for place in 0..manifest.len() {
        let mut changed = manifest.clone();
        changed[place] ^= 1;
        fs::write(folder.path().join("MANIFEST"), &changed).unwrap();
        assert!(
            matches!(verify_manifest(folder.path()), Err(LedgerError::FilesChanged { .. })),
            "byte {place}"
        );
    }
    fs::write(folder.path().join("MANIFEST"), &manifest).unwrap();
    drop(Store::open(folder.path()).unwrap());
    assert_eq!(verify_manifest(folder.path()).unwrap(), ManifestState::Missing);
}

#[test]
fn a_store_behind_its_head_file_is_refused_and_one_ahead_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let older = tempfile::tempdir().unwrap();
    let (store, chain) = ledger_of(folder.path(), 2);
    drop(store);
    copy_files(folder.path(), older.path());
    let (store, longer) = ledger_of(folder.path(), 2);
    drop(store);

    let old_head = fs::read(older.path().join("HEAD")).unwrap();
    fs::copy(folder.path().join("HEAD"), older.path().join("HEAD")).unwrap();
    match Store::open(older.path()) {
        Err(LedgerError::BlocksLost { recorded, found, .. }) => {
            assert_eq!((recorded.height, found), (3, Some(1)))
        }
        other => panic!("expected lost blocks, got {other:?}"),
    }
    fs::write(folder.path().join("HEAD"), &old_head).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(read_all(&store).unwrap().head(), longer.head());
    drop(store);

    let another = Head { height: 1, hash: BlockHash([9; 32]) };
    head_file::write(folder.path(), Some(another)).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));
    fs::remove_file(folder.path().join("HEAD")).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));
    fs::write(folder.path().join("HEAD"), b"noise").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));

    fs::write(older.path().join("HEAD"), &old_head).unwrap();
    assert_eq!(read_all(&Store::open(older.path()).unwrap()).unwrap().head(), chain.head());
    fs::remove_dir_all(older.path().join("store")).unwrap();
    assert!(matches!(Store::open(older.path()), Err(LedgerError::BlocksLost { found: None, .. })));
}

#[test]
fn readers_see_whole_durable_blocks_while_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut chain) = ledger_of(folder.path(), 1);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while seen < 40 {
                let head = store.head().unwrap();
                assert!(head.height >= seen);
                seen = head.height;
                assert_eq!(store.get_block(seen).unwrap().unwrap().hash(), head.hash);
                for blob in blobs_of(seen) {
                    assert_eq!(store.get_blob(&blob_hash(&blob)).unwrap(), Some(blob));
                }
            }
        });
        for _ in 0..40 {
            append_next(&store, &mut chain).unwrap();
        }
        reader.join().unwrap();
    });
}

#[test]
fn every_flipped_byte_of_a_stored_block_or_blob_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (store, chain) = ledger_of(folder.path(), 3);
    let values = |tamper: &dyn Fn(&Open)| tamper(store.opened().as_ref().unwrap());

    for height in 0..chain.len() {
        let key = height.to_be_bytes();
        let bytes = store.get_block(height).unwrap().unwrap().encode().unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            values(&|open| open.blocks.put(&key, &changed).unwrap());
            match read_all(&store) {
                Err(LedgerError::Chain(_)) => {}
                Err(LedgerError::Damaged { detail, .. }) => {
                    assert!(detail.starts_with(&format!("block {height}:")), "{detail}")
                }
                other => panic!("byte {place} of block {height}: {other:?}"),
            }
        }
        values(&|open| open.blocks.put(&key, &bytes).unwrap());
    }
    read_all(&store).unwrap();

    let blob = &blobs_of(1)[0];
    for place in 0..blob.len() {
        let mut changed = blob.clone();
        changed[place] ^= 1 << (place % 8);
        values(&|open| open.blobs.put(&blob_hash(blob).0, &changed).unwrap());
        let got = blob_hash(&changed);
        assert!(matches!(
            store.get_blob(&blob_hash(blob)),
            Err(LedgerError::WrongBlob { expected, got: found }) if expected == blob_hash(blob) && found == got
        ));
    }
}

/// Prints where the time of an append of ten blobs of 23 kB goes; run with `--nocapture` to see it.
#[test]
fn an_append_of_ten_blobs_takes_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut chain) = ledger_of(folder.path(), 0);
    let mut times = Vec::new();
    for round in 0..40u8 {
        let blobs = (0..10u8)
            .map(|i| [vec![round, i], blobs_of(u64::from(i))[1][..22_998].to_vec()].concat());
        let blobs: Vec<Vec<u8>> = blobs.collect();
        let block = next_block(&chain);
        let start = std::time::Instant::now();
        store.append_block(&block, &blobs.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        times.push(start.elapsed());
        chain.append_block(&block).unwrap();
    }
    times.sort();
    println!("append of 10 blobs of 23 kB: median {:?}, worst {:?}", times[20], times[39]);

    let opened = store.opened();
    let open = opened.as_ref().unwrap();
    let timed = |what: &str, step: &dyn Fn()| {
        let start = std::time::Instant::now();
        step();
        println!("  {what}: {:?}", start.elapsed());
    };
    let blobs: Vec<Vec<u8>> = (0..10u8).map(|i| [vec![99, i], vec![i; 22_998]].concat()).collect();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    timed("blobs", &|| open.put_blobs(&addressed(&blobs).unwrap()).unwrap());
    timed("sled's flush", &|| assert!(open.db.flush().is_ok()));
    timed("flush of the file", &|| open.log.sync_data().unwrap());
    timed("HEAD", &|| head_file::write(folder.path(), store.head()).unwrap());
    assert!(times[20] < Duration::from_secs(1));
}
