//! The store under ordinary use, failing writes, kills, full disks and damaged files.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::{disk::Fault, *};
use crate::{
    ChainError, HeaderChain,
    chain::tests::{CHAIN_ID, coordinator, empty_chain, next_block},
    verify_chain,
};

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
    let chain = verify_chain(store.blocks(0), CHAIN_ID, coordinator().verifying_key())?;
    for header in chain.headers() {
        assert_eq!(store.get_header(header.height)?.as_ref(), Some(header.sealed()));
        for blob in blobs_of(header.height) {
            assert_eq!(
                store.get_blob(&sha256(&blob))?,
                Some(blob),
                "a blob of block {}",
                header.height
            );
        }
    }
    assert_eq!(
        store.head(),
        chain.head().map(|head| Head {
            height: head.height,
            hash: *head.hash()
        })
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
    for file in seal::files(from)
        .unwrap()
        .into_iter()
        .chain([PathBuf::from(seal::NAME)])
    {
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
    assert_eq!(again.get_blob(&[0; 32]).unwrap(), None);
    assert!(!again.contains_blob(&[0; 32]).unwrap());
}

#[test]
fn blobs_can_be_stored_ahead_of_their_block() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let addresses = store.put_blobs(&[b"one", b"two", b"one"]).unwrap();
    assert_eq!(addresses, [sha256(b"one"), sha256(b"two"), sha256(b"one")]);
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.head(), None);
    assert!(store.contains_blob(&addresses[1]).unwrap());
    assert_eq!(store.get_blob(&addresses[1]).unwrap().as_deref(), Some(&b"two"[..]));
}

#[test]
fn the_largest_block_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let entries = vec![vec![7; crate::MAX_ENTRY_BYTES]; crate::MAX_ENTRIES];
    let header = empty_chain().propose(&entries, [0; 32], 0).unwrap();
    let block = Block {
        sealed: header.seal(&CHAIN_ID, &coordinator()),
        entries,
    };
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
    after_another.sealed.header.previous = [9; 32];
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
fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (store, mut chain) = ledger_of(folder.path(), 1);
    store.close().unwrap();
    assert!(matches!(store.get_block(0), Err(LedgerError::Closed { .. })));
    assert!(matches!(
        append_next(&store, &mut chain),
        Err(LedgerError::Closed { .. })
    ));
    assert!(matches!(store.close(), Err(LedgerError::Closed { .. })));
    Store::open(folder.path()).unwrap();
}

#[test]
fn an_auditors_copy_leaves_the_ledger_as_it_is_and_goes_away() {
    let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, chain) = ledger_of(folder.path(), 3);
    store.close().unwrap();
    let copy = Store::open_copy(folder.path(), scratch.path()).unwrap();
    assert_eq!(read_all(&copy).unwrap().head(), chain.head());
    drop(copy);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    assert_eq!(verify_seal(folder.path()).unwrap(), SealState::Intact);
    let nothing = scratch.path().join("nothing");
    assert!(matches!(
        Store::open_copy(&nothing, scratch.path()),
        Err(LedgerError::NotALedger { .. })
    ));
    assert!(matches!(verify_seal(&nothing), Err(LedgerError::NotALedger { .. })));
    assert!(!nothing.exists());
}

#[test]
fn every_changed_added_or_removed_file_of_a_closed_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = ledger_of(folder.path(), 2);
    assert_eq!(verify_seal(folder.path()).unwrap(), SealState::Unsealed);
    store.close().unwrap();
    let names = |path: &Path| match (verify_seal(path), Store::open(path)) {
        (Err(LedgerError::SealBroken { file, .. }), Err(LedgerError::SealBroken { file: same, .. })) => {
            assert_eq!(file, same);
            file
        }
        other => panic!("expected a broken seal, got {other:?}"),
    };
    for file in seal::files(folder.path()).unwrap() {
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
        assert_eq!(verify_seal(folder.path()).unwrap(), SealState::Intact);
    }
    fs::write(folder.path().join("store/more"), b"").unwrap();
    assert_eq!(names(folder.path()), "store/more");
    fs::remove_file(folder.path().join("store/more")).unwrap();
    let seal = fs::read(folder.path().join("SEAL")).unwrap();
    for place in 0..seal.len() {
        let mut changed = seal.clone();
        changed[place] ^= 1;
        fs::write(folder.path().join("SEAL"), &changed).unwrap();
        assert!(
            matches!(verify_seal(folder.path()), Err(LedgerError::SealBroken { .. })),
            "byte {place}"
        );
    }
    fs::write(folder.path().join("SEAL"), &seal).unwrap();
    drop(Store::open(folder.path()).unwrap());
    assert_eq!(verify_seal(folder.path()).unwrap(), SealState::Unsealed);
}

#[test]
fn a_store_behind_its_head_file_is_refused_and_one_ahead_is_not() {
    let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, chain) = ledger_of(folder.path(), 2);
    drop(store);
    copy_files(folder.path(), older.path());
    let (store, longer) = ledger_of(folder.path(), 2);
    drop(store);

    let old_head = fs::read(older.path().join("HEAD")).unwrap();
    fs::copy(folder.path().join("HEAD"), older.path().join("HEAD")).unwrap();
    match Store::open(older.path()) {
        Err(LedgerError::BlocksLost { recorded, found, .. }) => assert_eq!((recorded.height, found), (3, Some(1))),
        other => panic!("expected lost blocks, got {other:?}"),
    }
    fs::write(folder.path().join("HEAD"), &old_head).unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(read_all(&store).unwrap().head(), longer.head());
    drop(store);

    let another = Head {
        height: 1,
        hash: [9; 32],
    };
    head::write(&Disk::default(), folder.path(), Some(another)).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));
    fs::remove_file(folder.path().join("HEAD")).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));
    fs::write(folder.path().join("HEAD"), b"noise").unwrap();
    assert!(matches!(Store::open(folder.path()), Err(LedgerError::Damaged { .. })));

    fs::write(older.path().join("HEAD"), &old_head).unwrap();
    assert_eq!(
        read_all(&Store::open(older.path()).unwrap()).unwrap().head(),
        chain.head()
    );
    fs::remove_dir_all(older.path().join("store")).unwrap();
    assert!(matches!(
        Store::open(older.path()),
        Err(LedgerError::BlocksLost { found: None, .. })
    ));
}

/// Opens what a failed write has left, verifies it, and goes on with it. The number of blocks found.
fn goes_on(path: &Path, at_least: u64) -> u64 {
    let store = Store::open(path).unwrap();
    let mut chain = read_all(&store).unwrap();
    let found = chain.len();
    assert!(found >= at_least, "{found} blocks where {at_least} were acknowledged");
    append_next(&store, &mut chain).unwrap();
    drop(store);
    assert_eq!(read_all(&Store::open(path).unwrap()).unwrap().len(), found + 1);
    found
}

/// Fails the write number 0, 1, 2, .. of what `act` does, each lost and each persisted, until `act` needs no more.
fn fail_every_write(act: impl Fn(&Path, Fault) -> Result<(), LedgerError>, may_be_there: bool) {
    let (mut after, mut lost, mut kept) = (0, 0, 0);
    loop {
        let mut succeeded = 0;
        for persisted in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            drop(ledger_of(folder.path(), 2));
            match act(folder.path(), Fault { after, persisted }) {
                Ok(()) => succeeded += 1,
                Err(LedgerError::Io { source, .. }) if source.to_string() == "injected" => {
                    match goes_on(folder.path(), 2) {
                        2 => lost += 1,
                        3 if may_be_there => kept += 1,
                        found => panic!("{found} blocks after the failure of write {after}"),
                    }
                }
                Err(other) => panic!("expected the injected failure, got {other}"),
            }
        }
        if succeeded == 2 {
            break;
        }
        assert_eq!(succeeded, 0);
        after += 1;
    }
    assert!(after >= 4, "only {after} writes were failed");
    assert!(lost > 0 && (kept > 0) == may_be_there, "lost {lost}, kept {kept}");
}

#[test]
fn a_failed_write_of_an_append_leaves_a_chain_that_verifies_and_refuses_more() {
    let act = |path: &Path, fault| {
        let (store, mut chain) = ledger_of(path, 0);
        *store.disk.fault.lock().unwrap() = Some(fault);
        let outcome = append_next(&store, &mut chain);
        if outcome.is_err() {
            *store.disk.fault.lock().unwrap() = None;
            assert_eq!(
                store.head().unwrap().height,
                1,
                "a block that was not acknowledged is seen"
            );
            assert_eq!(store.get_block(2).unwrap(), None);
            assert!(matches!(
                append_next(&store, &mut chain),
                Err(LedgerError::WriteFailedBefore { .. })
            ));
            assert!(matches!(
                store.put_blobs(&[b"x"]),
                Err(LedgerError::WriteFailedBefore { .. })
            ));
            // What a kill at this moment would leave: no more than has reached the files.
            let killed = tempfile::tempdir().unwrap();
            copy_files(path, killed.path());
            goes_on(killed.path(), 2);
        }
        outcome
    };
    fail_every_write(act, true);
}

#[test]
fn a_failed_write_while_opening_or_closing_leaves_a_chain_that_verifies() {
    let open = |path: &Path, fault| {
        let disk = Disk::default();
        *disk.fault.lock().unwrap() = Some(fault);
        Store::open_with(path, disk, None).map(drop)
    };
    fail_every_write(open, false);
    fail_every_write(
        |path, fault| {
            ledger_of(path, 0).0.close()?;
            open(path, fault)
        },
        false,
    );
    let close = |path: &Path, fault| {
        let (store, _) = ledger_of(path, 0);
        *store.disk.fault.lock().unwrap() = Some(fault);
        store.close()
    };
    fail_every_write(close, false);
}

#[test]
fn a_failed_write_while_creating_leaves_a_ledger_that_can_be_created() {
    for after in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        *disk.fault.lock().unwrap() = Some(Fault {
            after,
            persisted: false,
        });
        let created = Store::open_with(folder.path(), disk, None).is_ok();
        assert_eq!(goes_on(folder.path(), 0), 0);
        if created {
            assert!(after >= 4);
            break;
        }
    }
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
                    assert_eq!(store.get_blob(&sha256(&blob)).unwrap(), Some(blob));
                }
            }
        });
        for _ in 0..40 {
            append_next(&store, &mut chain).unwrap();
        }
        reader.join().unwrap();
    });
}

const CHILD_LEDGER: &str = "CONSILIUM_LEDGER_TEST_CHILD";

/// Not a test of its own: what the child processes of the tests below run. Appends until it is killed or fails.
#[test]
fn child_appends_for_ever() {
    let Some(path) = env::var_os(CHILD_LEDGER) else { return };
    let (store, mut chain) = ledger_of(Path::new(&path), 0);
    loop {
        match append_next(&store, &mut chain) {
            Ok(()) => println!("\nacknowledged {}", chain.len() - 1),
            Err(error) => {
                println!("\nfailed {error}");
                break;
            }
        }
    }
}

/// Starts this test executable again as [`child_appends_for_ever`], through `sh` after the commands in `setup`.
fn child(ledger: &Path, setup: &str) -> Child {
    Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{setup} exec \"$0\" store::tests::child_appends_for_ever --exact --nocapture"
        ))
        .arg(env::current_exe().unwrap())
        .env(CHILD_LEDGER, ledger)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The heights it has acknowledged, and its failure, calling `after_each` with their number.
fn follow(child: &mut Child, mut after_each: impl FnMut(usize, &mut Child)) -> (Vec<u64>, Option<String>) {
    let (mut heights, mut failure) = (Vec::new(), None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(height) = line.strip_prefix("acknowledged ") {
            heights.push(height.parse().unwrap());
            after_each(heights.len(), child);
        } else if let Some(text) = line.strip_prefix("failed ") {
            failure = Some(text.to_owned());
        }
    }
    child.wait().unwrap();
    (heights, failure)
}

#[cfg(unix)]
#[test]
fn every_acknowledged_block_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for (kills, pause_us) in (0..12u64).map(|kills| (kills, kills * 700)) {
        let mut process = child(folder.path(), "");
        let (heights, failure) = follow(&mut process, |count, process| {
            if count == 3 + kills as usize % 5 {
                // At another point of the append that is under way.
                thread::sleep(Duration::from_micros(pause_us));
                process.kill().unwrap();
            }
        });
        assert_eq!(failure, None);
        acknowledged = heights.last().unwrap() + 1;
        let store = Store::open(folder.path()).unwrap();
        let found = read_all(&store).unwrap().len();
        assert!(
            found >= acknowledged && found <= acknowledged + 1,
            "{found} blocks, {acknowledged} acknowledged"
        );
    }
    assert!(acknowledged >= 36);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_every_acknowledged_block_survives_it() {
    // Counted in blocks of 512 or 1024 bytes, as the shell has it; the ledger outgrows either.
    for limit in [3_000, 3_711, 5_000] {
        let folder = tempfile::tempdir().unwrap();
        let mut process = child(folder.path(), &format!("trap '' XFSZ; ulimit -f {limit};"));
        let (heights, failure) = follow(&mut process, |_, _| {});
        assert!(failure.is_some(), "the child ended without an error");
        assert!(!heights.is_empty());
        goes_on(folder.path(), heights.len() as u64);
    }
}

/// Reads a ledger as an auditor: everything must be as it was written, or something must be refused. Then goes on with
/// it, as a coordinator would that did not look: what comes of that is its own affair, but it is not a panic.
fn audit(path: &Path, scratch: &Path, expected: &HeaderChain) -> Result<(), LedgerError> {
    let store = Store::open_copy(path, scratch)?;
    let read = read_all_or_missing(&store);
    let _ = append_next(&store, &mut expected.clone());
    assert_eq!(read?.head(), expected.head());
    Ok(())
}

/// As [`read_all`]; a blob that is not found counts as detected, as the audit asks for each by its address.
fn read_all_or_missing(store: &Store) -> Result<HeaderChain, LedgerError> {
    let chain = verify_chain(store.blocks(0), CHAIN_ID, coordinator().verifying_key())?;
    for height in 0..chain.len() {
        for blob in blobs_of(height) {
            match store.get_blob(&sha256(&blob))? {
                Some(found) => assert_eq!(found, blob),
                None => {
                    return Err(LedgerError::NotALedger {
                        path: "a blob is missing".into(),
                    });
                }
            }
        }
    }
    Ok(chain)
}

#[test]
fn damaged_store_files_never_panic_and_never_pass_for_something_else() {
    let (closed, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, chain) = ledger_of(closed.path(), 12);
    // With and without the work that sled does when it is let go.
    copy_files(closed.path(), killed.path());
    store.close().unwrap();

    let scratch = tempfile::tempdir().unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let (mut refused, mut unharmed) = (0, 0);
    for ledger in [closed.path(), killed.path()] {
        audit(ledger, scratch.path(), &chain).unwrap();
        for file in seal::files(ledger).unwrap() {
            let path = ledger.join(&file);
            let bytes = fs::read(&path).unwrap();
            for round in 0..60 {
                let mut changed = bytes.clone();
                match round % 6 {
                    // Ends early: at a random place, or with nothing at all.
                    0 => changed.truncate(if round == 0 { 0 } else { random(bytes.len()) }),
                    // A page of zeros, as a torn write leaves it.
                    1 => {
                        let start = random(bytes.len());
                        let end = bytes.len().min(start + 4096);
                        changed[start..end].fill(0);
                    }
                    // One flip, in the beginning or anywhere.
                    2 => changed[random(bytes.len().min(64))] ^= 1 << random(8),
                    _ => changed[random(bytes.len())] ^= 1 << random(8),
                }
                fs::write(&path, &changed).unwrap();
                match audit(ledger, scratch.path(), &chain) {
                    Ok(()) => unharmed += 1,
                    Err(_) => refused += 1,
                }
            }
            fs::write(&path, &bytes).unwrap();
        }
        audit(ledger, scratch.path(), &chain).unwrap();
    }
    println!("{refused} refused, {unharmed} unharmed");
    assert!(refused > 100);
}

#[test]
fn every_flipped_byte_of_a_stored_block_or_blob_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (store, chain) = ledger_of(folder.path(), 3);
    let disk = Disk::default();
    let values = |tamper: &dyn Fn(&Open)| tamper(store.opened().as_ref().unwrap());

    for height in 0..chain.len() {
        let key = height.to_be_bytes();
        let bytes = store.get_block(height).unwrap().unwrap().encode().unwrap();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            values(&|open| open.blocks.put(&disk, &key, &changed).unwrap());
            match read_all(&store) {
                Err(LedgerError::Chain(_)) => {}
                Err(LedgerError::Damaged { detail, .. }) => {
                    assert!(detail.starts_with(&format!("block {height}:")), "{detail}")
                }
                other => panic!("byte {place} of block {height}: {other:?}"),
            }
        }
        values(&|open| open.blocks.put(&disk, &key, &bytes).unwrap());
    }
    read_all(&store).unwrap();

    let blob = &blobs_of(1)[0];
    for place in 0..blob.len() {
        let mut changed = blob.clone();
        changed[place] ^= 1 << (place % 8);
        values(&|open| open.blobs.put(&disk, &sha256(blob), &changed).unwrap());
        let got = sha256(&changed);
        assert!(matches!(
            store.get_blob(&sha256(blob)),
            Err(LedgerError::WrongBlob { expected, got: found }) if expected == sha256(blob) && found == got
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
        let blobs = (0..10u8).map(|i| [vec![round, i], blobs_of(u64::from(i))[1][..22_998].to_vec()].concat());
        let blobs: Vec<Vec<u8>> = blobs.collect();
        let block = next_block(&chain);
        let start = std::time::Instant::now();
        store
            .append_block(&block, &blobs.iter().map(Vec::as_slice).collect::<Vec<_>>())
            .unwrap();
        times.push(start.elapsed());
        chain.append_block(&block).unwrap();
    }
    times.sort();
    println!(
        "append of 10 blobs of 23 kB: median {:?}, worst {:?}",
        times[20], times[39]
    );

    let opened = store.opened();
    let open = opened.as_ref().unwrap();
    let timed = |what: &str, step: &dyn Fn()| {
        let start = std::time::Instant::now();
        step();
        println!("  {what}: {:?}", start.elapsed());
    };
    let blobs: Vec<Vec<u8>> = (0..10u8).map(|i| [vec![99, i], vec![i; 22_998]].concat()).collect();
    let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
    timed("blobs", &|| {
        open.put_blobs(&store.disk, &addressed(&blobs).unwrap()).unwrap()
    });
    timed("sled's flush", &|| assert!(open.db.flush().is_ok()));
    timed("flush of the file", &|| open.log.sync_data().unwrap());
    timed("HEAD", &|| {
        head::write(&store.disk, folder.path(), store.head()).unwrap()
    });
    assert!(times[20] < Duration::from_secs(1));
}
