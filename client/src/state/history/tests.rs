//! What a copy of the chain keeps, refuses and leaves as evidence.

use std::fs;

use consilium_hash::StateRoot;
use consilium_ledger::Seal;
use consilium_proto::v1::Charge;

use super::*;
use crate::ClientError;
use crate::fixture::Kept as _;
use consilium_audit::{Evidence, evidence::Culprit};
use consilium_testkit::World;

#[test]
fn blocks_are_kept_across_restarts_and_known_ones_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    let mut history = world.history(dir.path());
    assert_eq!(history.record(&world.blocks[1]).unwrap().height, 1);
    drop(history);
    let mut again = History::open(dir.path(), &world.ceremony.parameters).unwrap();
    assert_eq!(again.len(), 3);
    assert_eq!(again.block(2).unwrap().unwrap().0, world.blocks[2]);
    assert!(again.block(3).unwrap().is_none());
    assert_eq!(blocks(dir.path()).unwrap(), world.blocks);
}

#[test]
fn another_history_than_the_one_on_disk_leaves_evidence_and_stops_with_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    drop(world.history(dir.path()));
    // Another block 2, as signed as ours; and the block that follows it.
    let mut other = World::new();
    other.time_passes();
    other.open();
    other.submit(&[0]);
    let mut history = History::open(dir.path(), &world.ceremony.parameters).unwrap();
    for (theirs, height) in [(&other.blocks[2], 2), (&other.blocks[3], 2)] {
        let error = ClientError::from(history.record(theirs).unwrap_err());
        assert!(!error.is_transient());
        assert_eq!(error.exit_code(), 3);
        let ClientError::ForkedHistory { height: at, evidence } = error else { panic!("{error}") };
        assert_eq!((at, &evidence), (height, &dir.path().join("evidence-2.bin")));
        let evidence = Evidence::decode(&fs::read(evidence).unwrap()).unwrap();
        let verdict = evidence.verify(&world.ceremony.genesis_entry).unwrap();
        assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
        assert_eq!(history.len(), 3);
    }
}

#[test]
fn a_head_below_what_was_shown_is_lost_blocks_and_another_head_a_fork() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    let mut history = world.history(dir.path());
    assert!(history.compare(&world.blocks[2].sealed).is_ok());
    let error = ClientError::from(history.compare(&world.blocks[1].sealed).unwrap_err());
    assert!(matches!(error, ClientError::LostBlocks { ours: 2, theirs: 1 }), "{error}");
    let mut other = World::new();
    other.time_passes();
    other.open();
    let error = ClientError::from(history.compare(&other.blocks[2].sealed).unwrap_err());
    assert!(matches!(error, ClientError::ForkedHistory { height: 2, .. }), "{error}");
}

#[test]
fn what_the_coordinator_has_not_signed_is_no_evidence_and_only_breaks_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    let mut history = world.history(dir.path());
    let mut noise = world.sealed_block(vec![vec![1]], StateRoot([0; 32]));
    let mut seal = noise.sealed.seal.encode();
    seal[3] ^= 1;
    noise.sealed.seal = Seal::from_bytes(seal);
    let mut changed = world.sealed_block(vec![vec![1]], StateRoot([0; 32]));
    changed.entries[0][0] = 2;
    for block in [noise, changed] {
        let error = ClientError::from(history.record(&block).unwrap_err());
        assert!(error.is_transient(), "{error}");
        assert_eq!(history.len(), 3);
    }
    assert!(!dir.path().join("evidence-2.bin").exists());
}

/// What is shown to others has to convince them.
#[test]
fn a_seal_that_was_changed_on_the_disk_is_no_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    drop(world.history(dir.path()));
    let path = dir.path().join("blocks.bin");
    let mut bytes = fs::read(&path).unwrap();
    // The first record is the genesis block, behind its length; the next one begins with a sealed header.
    let first = 4 + world.blocks[0].encode().unwrap().len();
    bytes[first + 4 + consilium_ledger::SealedHeader::LEN - 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut other = World::new();
    other.time_passes();
    other.open();
    let mut history = History::open(dir.path(), &world.ceremony.parameters).unwrap();
    let mut fork = other.blocks[2].clone();
    fork.sealed.header.height = 1;
    fork.sealed.header.previous = *world.chain.get(0).unwrap().hash();
    fork.sealed = world.seal_header(fork.sealed.header);
    let error = ClientError::from(history.record(&fork).unwrap_err());
    assert!(matches!(error, ClientError::DamagedState { .. }), "{error}");
    assert!(!dir.path().join("evidence-1.bin").exists());
}

#[test]
fn a_changed_byte_of_the_own_copy_is_found_when_it_is_opened_or_read() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    drop(world.history(dir.path()));
    let path = dir.path().join("blocks.bin");
    let whole = fs::read(&path).unwrap();
    for position in (4..whole.len()).step_by(101) {
        let mut changed = whole.clone();
        changed[position] ^= 1;
        fs::write(&path, changed).unwrap();
        let read = || {
            let mut history = History::open(dir.path(), &world.ceremony.parameters)?;
            (0..world.blocks.len() as u64).try_for_each(|height| history.block(height).map(drop))
        };
        let read = read().map_err(ClientError::from);
        assert!(matches!(read, Err(ClientError::DamagedState { .. })), "byte {position}");
    }
}
