//! Snapshots of the state: where there is one, and that nothing else is taken for one. That a run goes on from each as it would
//! have, `Run::again` tries in the tests of rounds, the key and sharing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::sync::LazyLock;

use consilium_contract::{Contract, Phase, SnapshotError};
use consilium_hash::StateRoot;
use consilium_proto::{
    decode,
    v1::{self, StateSnapshot, transaction::Action},
};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, table};
use proptest::prelude::*;
use prost::Message as _;

fn resume(run: &Run, snapshot: StateSnapshot) -> Result<Contract, SnapshotError> {
    let root = run.contract.state_root();
    Contract::resume(&run.ceremony.genesis_entry, snapshot, root, table())
}

/// A run that rests after a round which somebody has missed, held by the authority, with somebody revoked who is enrolled and
/// somebody who is not.
fn rested() -> Run {
    let mut run = Run::collecting();
    for place in 1..run.institutions() {
        assert!(run.submit(place, &[2; DIMENSION]).is_accepted());
    }
    run.time_ms += TIMEOUT_MS;
    assert!(run.close_collection().is_accepted());
    run.end_block();
    run.open_and_close();
    run.revoke(3);
    let pseudonym = vec![9; 32];
    run.accept(run.decrees(Action::Revoke(v1::Revoke { pseudonym })));
    run.accept(run.decrees(Action::Pause(v1::Pause { request: 3 })));
    run
}

/// What the state root does not list: the node's own disk answers for it.
fn without_unlisted(mut snapshot: StateSnapshot) -> StateSnapshot {
    for institution in &mut snapshot.institutions {
        institution.tls_key.clear();
        institution.faults.clear();
    }
    snapshot
}

#[test]
fn there_is_a_snapshot_where_the_run_rests_and_nowhere_else() {
    let mut run = Run::founded(1);
    assert!(run.contract.snapshot().is_some(), "before anybody has enrolled");
    run = run.with_everyone();
    assert!(run.contract.snapshot().is_some(), "before there is a key");
    run.play_until(1_000_000, |contract| matches!(contract.phase(), Phase::Keygen(_)));
    assert!(run.contract.snapshot().is_none(), "while a committee is being made");
    let mut run = Run::collecting();
    assert!(run.contract.snapshot().is_none(), "collecting");
    for place in 0..run.institutions() {
        assert!(run.submit(place, &[2; DIMENSION]).is_accepted());
    }
    assert!(run.close_collection().is_accepted());
    run.end_block();
    assert!(run.contract.snapshot().is_none(), "sealed");
    run.open_and_close();
    assert!(run.contract.snapshot().is_some(), "after a round");
}

#[test]
fn a_snapshot_of_another_state_of_the_run_is_not_taken_for_this_one() {
    let mut run = rested();
    let before = run.contract.snapshot().unwrap();
    run.revoke(2);
    let refused = resume(&run, before).unwrap_err();
    assert!(matches!(refused, SnapshotError::StateRoot { .. }), "{refused}");
    let other = rested().contract.snapshot().unwrap();
    assert!(resume(&run, other).is_err(), "of another run");
    let nothing = resume(&run, StateSnapshot::default()).unwrap_err();
    assert!(matches!(nothing, SnapshotError::Malformed(_)), "{nothing}");
}

#[test]
fn a_state_has_one_encoding() {
    let run = rested();
    let snapshot = run.contract.snapshot().unwrap();
    let changes: [fn(&mut StateSnapshot); 4] = [
        |snapshot| snapshot.institutions.swap(0, 1),
        |snapshot| snapshot.institutions.push(snapshot.institutions[0].clone()),
        |snapshot| snapshot.barred.push(snapshot.barred[0].clone()),
        |snapshot| snapshot.succession.as_mut().unwrap().thresholds.push(9),
    ];
    for change in changes {
        let mut changed = snapshot.clone();
        change(&mut changed);
        let refused = resume(&run, changed).unwrap_err();
        assert!(matches!(refused, SnapshotError::NotCanonical), "{refused}");
    }
}

#[test]
fn no_changed_byte_makes_another_state() {
    let run = rested();
    let snapshot = run.contract.snapshot().unwrap();
    let bytes = snapshot.encode_to_vec();
    let known = without_unlisted(snapshot);
    for place in 0..bytes.len() {
        for change in [1, 0x80] {
            let mut bytes = bytes.clone();
            bytes[place] ^= change;
            let Ok(changed) = decode::<StateSnapshot>("snapshot", &bytes, bytes.len()) else {
                continue;
            };
            if let Ok(contract) = resume(&run, changed.clone()) {
                assert_eq!(contract.state_root(), run.contract.state_root());
                assert_eq!(without_unlisted(changed), known, "byte {place}");
            }
        }
        let cut = decode::<StateSnapshot>("snapshot", &bytes[..place], bytes.len());
        assert!(cut.is_err() || resume(&run, cut.unwrap()).is_err(), "cut at {place}");
    }
}

static GENESIS: LazyLock<Vec<u8>> = LazyLock::new(|| Run::founded(1).ceremony.genesis_entry);

proptest! {
    /// Whatever the bytes say, reading them ends, and takes no more memory than they do.
    #[test]
    fn bytes_at_random_are_no_snapshot(bytes: Vec<u8>) {
        if let Ok(snapshot) = decode::<StateSnapshot>("snapshot", &bytes, bytes.len()) {
            let resumed = Contract::resume(&GENESIS, snapshot, StateRoot([0; 32]), table());
            prop_assert!(resumed.is_err());
        }
    }
}
