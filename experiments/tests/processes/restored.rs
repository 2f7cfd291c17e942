//! A coordinator that has lost its ledger, and gets it back from the folders of the institutions.

use std::fs;

use consilium_audit::audit;
use consilium_coordinator::restore;
use consilium_identity::CoordinatorFiles;
use consilium_ledger::Store;

use crate::finished::{is_close, is_update};
use crate::world::{DENSE, PATIENCE, SPARSE, World, state};

#[test]
fn a_ledger_that_is_lost_comes_back_from_the_folders_of_institutions_with_all_bodies_and_the_run_goes_on()
 {
    let mut world = World::new("restored", &[4], 3, PATIENCE);
    let root = world.root.path().to_owned();
    let ledger = root.join("ledger");
    // One round is over, so that its bodies are with everyone; of the next one each has its own update alone.
    world.hold(4, 1);
    world.start(DENSE);
    for viewer in 1..=3 {
        world.until_heard("the updates of step 1", viewer, &[1, 2, 3], is_update(1));
    }
    world.kill_coordinator();
    let lost = world.chain(1).len() as u64;
    let before = audit(&ledger, &root, Some(&world.parameters.chain_id)).unwrap();
    fs::remove_dir_all(&ledger).unwrap();

    let memory = root.join("ceremony/coordinator");
    let files = CoordinatorFiles::load(&memory).unwrap();
    let folders = |of: &[u32]| of.iter().map(|index| state(&root, *index)).collect::<Vec<_>>();
    // Institution 3 alone has the body of its own update.
    let refused = restore(&files, &memory, &ledger, &folders(&[1, 2])).unwrap_err();
    assert!(refused.to_string().contains("bod"), "{refused}");
    assert!(!Store::exists(&ledger));
    let restored = restore(&files, &memory, &ledger, &folders(&[1, 2, 3])).unwrap();
    assert_eq!((restored.blocks, restored.step, restored.phase), (lost, 1, "collecting"));
    // With the sums and the model of step 0, which no institution keeps.
    let report = audit(&ledger, &root, Some(&world.parameters.chain_id)).unwrap();
    assert_eq!(report.steps.0, 1);
    assert_eq!((report.steps, report.blobs), (before.steps, before.blobs));

    // The institutions have waited, and go on where they were.
    world.start_coordinator(SPARSE);
    world.release(4, 1);
    world.until("step 1 to close", |world| world.is_on_chain(1, is_close(1)).then_some(()));
    assert_eq!(world.finish().models, world.undisturbed());
}
