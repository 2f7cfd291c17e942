use consilium_audit::commands::verify_evidence;
use consilium_proto::v1::{Roll, transaction::Action};
use consilium_testkit::World;

use super::*;
use crate::party::{Founding, Role};

#[test]
fn a_block_with_an_entry_that_may_not_stand_leaves_a_file_that_convicts_the_coordinator() {
    let root = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.ceremony.write(&root.path().join("ceremony")).unwrap();
    let genesis = root.path().join("ceremony/genesis.bin");
    let dir = root.path().join("owner");
    let founding = Founding {
        role: Role::Owner,
        name: "owner",
        address: "",
        genesis: &genesis,
        institution: None,
    };
    Party::found(&dir, &founding).unwrap();
    let party = Party::load(&dir).unwrap();
    let mut ledger = Ledger::open(&party).unwrap();
    world.blocks.iter().for_each(|block| ledger.take(block).unwrap());
    // What its author has not signed, the coordinator has sealed.
    let mut noise = world.says(0, Action::Roll(Roll { roll: vec![0; 8] }));
    noise.signature[0] ^= 1;
    world.forge(vec![noise]);
    let block = world.blocks.last().unwrap();
    let error = ledger.take(block).unwrap_err();
    let file = dir.join("ledger").join(format!("evidence-{}.bin", block.height()));
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    let verdict = verify_evidence(&genesis, &file).unwrap();
    assert!(verdict.contains("coordinator"), "{verdict}");
    // Nothing is gone on with from there, and the file is there whoever opens the copy again.
    drop(ledger);
    std::fs::remove_file(&file).unwrap();
    let again = Ledger::open(&party).unwrap_err();
    assert_eq!((again.exit_code(), file.exists()), (3, true));
}
