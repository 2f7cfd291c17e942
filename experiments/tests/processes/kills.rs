//! Processes that are killed, stay away, or come back with an older ledger.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    thread,
    time::Duration,
};

use consilium_authority::BoundKind;

use crate::finished::{is_close, is_countersignature, is_share, is_update};
use crate::world::{DENSE, N, PATIENCE, SPARSE, World};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.as_ref().unwrap().path();
        let target = to.join(entry.unwrap().file_name());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            fs::copy(&path, &target).map(drop).unwrap()
        }
    }
}

#[test]
fn five_processes_train_together_and_end_with_the_models_of_fedavg_in_the_clear_under_either_bound()
{
    for bound in [BoundKind::Parameter, BoundKind::Norm] {
        let mut world = World::bounded("undisturbed", bound, &[16, 8], 3, PATIENCE);
        assert_eq!(world.parameters.dimension, 289);
        world.start(SPARSE);
        let finished = world.finish();
        assert_eq!(finished.models, world.undisturbed());
        assert_eq!(finished.report.accepted_updates, 12);
    }
}

#[test]
fn a_coordinator_that_is_killed_again_and_again_loses_nobodys_update_and_the_models_are_the_same() {
    let mut world = World::new("coordinator", &[4], 5, PATIENCE);
    world.start(SPARSE);
    let steps = world.parameters.steps;
    let mut kills = 0;
    while kills < 8 {
        let height = world.chain(1).len() + world.draw(1, 4) as usize;
        let is_over = world.until("the next kill", |world| {
            let is_over = world.is_on_chain(1, is_close(steps - 1));
            (is_over || world.chain(1).len() >= height).then_some(is_over)
        });
        world.random_moment(Duration::from_millis(200));
        // The last one may fall between the last block and those who have not seen it.
        let block_age = if world.draw(0, 2) == 0 { SPARSE } else { DENSE };
        world.kill_coordinator();
        world.random_moment(Duration::from_millis(100));
        world.start_coordinator(block_age);
        kills += 1;
        if is_over {
            break;
        }
    }
    let finished = world.finish();
    assert!(kills >= 4, "{kills}");
    assert_eq!(finished.models, world.undisturbed());
    assert!(
        finished.accepted.iter().all(|institutions| institutions.len() == N as usize),
        "{:?}",
        finished.accepted
    );
}

#[test]
fn institutions_that_are_killed_and_started_again_submit_countersign_and_share_once_and_lose_nothing()
 {
    let mut world = World::new("institutions", &[4], 4, PATIENCE);
    // Step 1: three have submitted, one is still training.
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 1", 1, &[1, 2, 3], is_update(1));
    for index in [2, 3, 4] {
        world.kill_institution(index);
    }
    world.start_institution(4);
    world.release(4, 1);
    // Two of the three trustees that must countersign before anyone gives a share.
    world.until_heard("the countersignatures of step 1", 1, &[1, 4], is_countersignature(1));
    assert!(world.heard(1, is_share(1)).is_empty());
    for index in [1, 4] {
        world.kill_institution(index);
    }
    (1..=N).for_each(|index| world.start_institution(index));

    // From here on at random, as long as the last step is being collected at most.
    world.hold(1, 3);
    world.until("step 1 to close", |world| world.is_on_chain(1, is_close(1)).then_some(()));
    for _ in 0..8 {
        world.random_moment(Duration::from_millis(500));
        let index = world.draw(1, u64::from(N) + 1) as u32;
        world.kill_institution(index);
        world.random_moment(Duration::from_millis(200));
        world.start_institution(index);
    }
    world.release(1, 3);

    let finished = world.finish();
    assert_eq!(finished.models, world.undisturbed());
    assert!(
        finished.accepted.iter().all(|institutions| institutions.len() == N as usize),
        "{:?}",
        finished.accepted
    );
}

#[test]
fn an_institution_that_never_comes_back_is_waited_for_until_the_deadline_and_no_longer() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let mut world = World::new("vanished", &[4], 3, TIMEOUT);
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 1", 1, &[1, 2, 3], is_update(1));
    world.kill_institution(4);
    let finished = world.finish();
    // How many were in time for the first step is for the machine to say.
    assert!(finished.accepted[0].len() >= 3, "{:?}", finished.accepted);
    assert_eq!(finished.accepted[1..], [BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 3])]);
    assert!(
        finished.collected[1..].iter().all(|took| *took >= TIMEOUT),
        "{:?}",
        finished.collected
    );
    assert_eq!(finished.models, world.models_in_the_clear(&finished.accepted));
}

#[test]
fn an_institution_that_is_away_when_the_run_ends_comes_back_to_the_last_model() {
    let mut world = World::new("away", &[4], 1, PATIENCE);
    world.hold(3, 0);
    world.start(DENSE);
    world.until_heard("the updates of step 0", 1, &[1, 2, 4], is_update(0));
    world.kill_institution(4);
    world.release(3, 0);
    assert_eq!(world.until_ended(), BTreeMap::from([(1, 0), (2, 0), (3, 0)]));
    // Longer than a coordinator stays that nobody is missing from.
    thread::sleep(Duration::from_secs(2));
    world.start_institution(4);
    let finished = world.finish();
    assert_eq!(finished.models, world.undisturbed());
}

#[test]
fn a_coordinator_with_an_older_copy_of_its_ledger_signs_nothing_and_the_others_wait_for_the_whole_one()
 {
    let mut world = World::new("rollback", &[4], 3, PATIENCE);
    let folder = |name: &str| world.root.path().join(name);
    let ledger = folder("ledger");
    let older = folder("older");
    let newer = folder("newer");
    world.hold(4, 0);
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 0", 1, &[1, 2, 3], is_update(0));
    world.kill_coordinator();
    copy(&ledger, &older);

    world.start_coordinator(DENSE);
    world.release(4, 0);
    for viewer in 1..=N {
        world
            .until("step 0 to close", |world| world.is_on_chain(viewer, is_close(0)).then_some(()));
    }
    world.kill_coordinator();
    world.release(4, 1);
    fs::rename(&ledger, &newer).unwrap();
    fs::rename(&older, &ledger).unwrap();
    world.start_coordinator(DENSE);
    assert_ne!(world.coordinator_ended(), 0);
    let log = fs::read_to_string(world.log("coordinator")).unwrap();
    assert!(log.contains("so nothing more is signed"), "{log}");

    // Nothing was said on the older copy, so with the whole ledger the run goes on.
    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&newer, &ledger).unwrap();
    world.start_coordinator(SPARSE);
    assert_eq!(world.finish().models, world.undisturbed());
}
