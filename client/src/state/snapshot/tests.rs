//! Which states a restart goes on from.

use std::{borrow::Cow, convert::Infallible, fs, sync::Arc};

use consilium_audit::follow::{Follower, Phase};
use consilium_contract::execute::Decoded;
use consilium_testkit::{World, ceremony};
use rand_core::OsRng;

use super::*;
use crate::fixture::Kept as _;

/// The contract, run over every block of the world.
fn executed(world: &World) -> Execution {
    let ceremony = &world.ceremony;
    let found = Execution::found(&ceremony.genesis_entry, &ceremony.initial_model);
    let mut execution = found.unwrap();
    for (block, header) in world.blocks.iter().zip(world.chain.headers()) {
        let decoded = Decoded::of(block).unwrap();
        let body = |hash: &_| {
            let body = world.bodies.get(hash);
            Ok::<_, Infallible>(body.map(|body| Cow::Borrowed(body.as_slice())))
        };
        let loaded = decoded.load(body).ok().unwrap();
        let mut checked = execution.check(std::slice::from_ref(&loaded), &mut OsRng);
        execution.execute(loaded, header, &mut checked).unwrap();
    }
    execution
}

/// What an institution keeps of a world that rests.
fn snapshot(world: &World) -> FollowerSnapshot {
    let execution = executed(world);
    let (state, _) = execution.snapshot().unwrap();
    let height = execution.height();
    FollowerSnapshot { height, state: Some(state), records: 3, records_hash: vec![7; 32] }
}

/// A world of another name for each seed, after its first round.
fn rested(seed: u64) -> World {
    let mut world = World::of(ceremony(seed, |spec| spec.steps = 4));
    world.full_round();
    world
}

fn load_in(world: &World, directory: &Path) -> Result<Option<Kept>, Unusable> {
    let history = History::open(directory, world.parameters()).unwrap();
    load(directory, &world.ceremony.genesis_entry, &history)
}

#[test]
fn a_state_is_gone_on_from_once_the_next_header_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = rested(5);
    drop(world.history(dir.path()));
    assert!(load_in(&world, dir.path()).unwrap().is_none());
    let kept = snapshot(&world);
    store(&kept, dir.path()).unwrap();
    let early = load_in(&world, dir.path());
    assert!(matches!(early, Err(Unusable::TooLate(height)) if height == kept.height));

    world.open();
    drop(world.history(dir.path()));
    let loaded = load_in(&world, dir.path()).unwrap().unwrap();
    assert_eq!(loaded.execution.height(), kept.height);
    assert!(loaded.execution.is_resumed());
    assert_eq!((loaded.records, loaded.records_hash), (3, Checksum([7; 32])));
    remove(dir.path()).unwrap();
    remove(dir.path()).unwrap();
    assert!(load_in(&world, dir.path()).unwrap().is_none());
}

#[test]
fn whoever_goes_on_from_a_state_comes_to_what_those_come_to_who_have_read_everything() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = rested(5);
    store(&snapshot(&world), dir.path()).unwrap();
    world.full_round();
    world.open();
    world.submit(&[0, 2]);
    let mut history = world.history(dir.path());
    let execution = load_in(&world, dir.path()).unwrap().unwrap().execution;
    let parameters = Arc::new(world.parameters().clone());
    let entry = world.ceremony.genesis_entry.clone();
    let mut resumed = Follower::resume(parameters, entry, &execution).unwrap();
    while let Some((block, header)) = history.block(resumed.height()).unwrap() {
        let _ = resumed.read(&block, &header).unwrap();
    }
    let (everything, _) = world.follow();
    let shown = |follower: &Follower| {
        let Phase::Collecting(collection) = follower.phase() else { panic!("a round is open") };
        let committee = follower.committee().unwrap();
        let names: Vec<_> = collection.submissions().keys().copied().collect();
        (
            (follower.height(), follower.step(), follower.attempt(), follower.is_paused()),
            (follower.roster().clone(), collection.round().clone(), names),
            (committee.number, committee.members().clone(), committee.public_key.encode()),
            (committee.dealing.encode(), follower.exchange().accounts().iter().count()),
            world.parameters().describe_privacy(follower.succession()),
        )
    };
    assert_eq!(shown(&resumed), shown(&everything));
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = rested(5);
    let kept = snapshot(&world);
    world.open();
    drop(world.history(dir.path()));
    store(&kept, dir.path()).unwrap();
    let path = dir.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    let history = History::open(dir.path(), world.parameters()).unwrap();
    let load = || load(dir.path(), &world.ceremony.genesis_entry, &history);
    for place in 0..whole.len() {
        fs::write(&path, &whole[..place]).unwrap();
        assert!(matches!(load(), Err(Unusable::Damaged)), "cut at {place}");
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(matches!(load(), Err(Unusable::Damaged)), "byte {place}");
    }
    // The same under a checksum that holds: whatever is read then is the state that the header names.
    let bytes = kept.encode_to_vec();
    let root = world.chain.get(kept.height).unwrap().state_root;
    for place in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&path, snapshot_file::encode(&changed)).unwrap();
        if let Ok(Some(loaded)) = load() {
            assert_eq!(loaded.execution.snapshot().unwrap().1, root, "byte {place}");
            assert_eq!(loaded.execution.height(), kept.height, "byte {place}");
        }
        fs::write(&path, snapshot_file::encode(&bytes[..place])).unwrap();
        assert!(load().is_err(), "cut at {place}");
    }
}

#[test]
fn a_state_of_another_height_or_another_chain_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = rested(5);
    let early = snapshot(&world);
    world.full_round();
    let late = snapshot(&world);
    world.open();
    drop(world.history(dir.path()));
    let others = rested(6);
    let swapped = [
        FollowerSnapshot { state: late.state.clone(), ..early.clone() },
        FollowerSnapshot { state: early.state.clone(), ..late.clone() },
        FollowerSnapshot { height: early.height - 1, ..early.clone() },
        FollowerSnapshot { height: early.height + 1, ..early.clone() },
        FollowerSnapshot { height: u64::MAX, ..early.clone() },
        FollowerSnapshot { state: None, ..early.clone() },
        FollowerSnapshot { records_hash: Vec::new(), ..early.clone() },
        snapshot(&others),
    ];
    for (which, kept) in swapped.iter().enumerate() {
        store(kept, dir.path()).unwrap();
        assert!(load_in(&world, dir.path()).is_err(), "{which}");
    }
    for kept in [early, late] {
        store(&kept, dir.path()).unwrap();
        assert!(load_in(&world, dir.path()).unwrap().is_some());
    }
}
