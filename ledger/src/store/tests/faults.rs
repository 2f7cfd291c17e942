//! The store under failing writes, kills, full disks and damaged files.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::*;
use consilium_disk::fate::{INJECTED, Nth, rule};

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
fn fail_every_write(act: impl Fn(&Path, Nth) -> Result<(), LedgerError>, may_be_there: bool) {
    let mut after = 0;
    let mut lost = 0;
    let mut kept = 0;
    loop {
        let mut succeeded = 0;
        for done in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            drop(ledger_of(folder.path(), 2));
            match act(folder.path(), Nth { after, done }) {
                Ok(()) => succeeded += 1,
                Err(LedgerError::Io { source, .. }) if source.to_string() == INJECTED => {
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
        let ruled = rule(fault);
        let outcome = append_next(&store, &mut chain);
        drop(ruled);
        if outcome.is_err() {
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
                store.stage_blobs(&[b"x"]),
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
        let _ruled = rule(fault);
        Store::open(path).map(drop)
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
        let _ruled = rule(fault);
        store.close()
    };
    fail_every_write(close, false);
}

#[test]
fn a_failed_write_while_creating_leaves_a_ledger_that_can_be_created() {
    for after in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let ruled = rule(Nth { after, done: false });
        let created = Store::open(folder.path()).is_ok();
        drop(ruled);
        assert_eq!(goes_on(folder.path(), 0), 0);
        if created {
            assert!(after >= 4);
            break;
        }
    }
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
            "{setup} exec \"$0\" store::tests::faults::child_appends_for_ever --exact --nocapture"
        ))
        .arg(env::current_exe().unwrap())
        .env(CHILD_LEDGER, ledger)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The heights it has acknowledged, and its failure, calling `after_each` with their number.
fn follow(
    child: &mut Child,
    mut after_each: impl FnMut(usize, &mut Child),
) -> (Vec<u64>, Option<String>) {
    let mut heights = Vec::new();
    let mut failure = None;
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
    let chain = verify_chain(store.blocks(0), validators())?;
    for height in 0..chain.len() {
        for blob in blobs_of(height) {
            match store.get_blob(&blob_hash(&blob))? {
                Some(found) => assert_eq!(found, blob),
                None => {
                    return Err(LedgerError::NotALedger { path: "a blob is missing".into() });
                }
            }
        }
    }
    Ok(chain)
}

#[test]
fn damaged_store_files_never_panic_and_never_pass_for_something_else() {
    let closed = tempfile::tempdir().unwrap();
    let killed = tempfile::tempdir().unwrap();
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
    let mut refused = 0;
    let mut unharmed = 0;
    for ledger in [closed.path(), killed.path()] {
        audit(ledger, scratch.path(), &chain).unwrap();
        for file in manifest::files(ledger).unwrap() {
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
