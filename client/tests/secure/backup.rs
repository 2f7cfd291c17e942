//! A state directory that is backed up while its institution runs, and put back.

use std::{fs, path::Path, process::Child};

use super::world::{NAMES, program, text, wait_for, world_with};

/// Whether a file or folder of this name lies in a folder.
fn holds(folder: &Path, name: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| entry.unwrap().file_name() == name)
}

#[test]
fn an_institution_that_runs_is_backed_up_and_one_that_is_restored_trains_and_is_silent_as_a_trustee()
 {
    let world = world_with(|spec| spec.steps = 10_000);
    let mut children: Vec<Child> = NAMES.iter().map(|name| world.start(name)).collect();
    let (state, copy) = (world.at("state-north"), world.at("backup"));
    let backup = |name: &str| {
        let (folder, state) = (world.at(name), world.at(&format!("state-{name}")));
        let output = program(&[
            "backup",
            "--ceremony",
            text(&folder),
            "--state",
            text(&state),
            "--to",
            text(&copy),
        ]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let restore = |from: &Path| {
        let north = world.at("north");
        let output = program(&[
            "restore",
            "--ceremony",
            text(&north),
            "--from",
            text(from),
            "--state",
            text(&state),
        ]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    wait_for(&world.at("north.log"), "round closed step=1");
    assert_eq!(backup("north"), (Some(0), String::new()));
    let early = fs::metadata(copy.join("blocks.bin")).unwrap().len();
    // While rounds go on, into the same folder; and no other institution's over it.
    wait_for(&world.at("north.log"), "round closed step=4");
    assert_eq!(backup("north"), (Some(0), String::new()));
    assert!(fs::metadata(copy.join("blocks.bin")).unwrap().len() > early);
    let (code, said) = backup("east");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("give another folder"), "{said}");
    for (name, is_there) in [
        ("BACKUP", true),
        ("countersigned", true),
        ("model.bin", true),
        ("snapshot.bin", true),
        ("countersigned.mark", false),
        ("share-0.key", false),
        ("bodies.bin", false),
        ("lock", false),
    ] {
        assert_eq!(holds(&copy, name), is_there, "{name}");
    }
    assert!(holds(&state, "share-0.key"));

    // Nothing is written over, and nothing else is taken for a backup.
    let (code, said) = restore(&copy);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("move it away first"), "{said}");
    children[0].kill().unwrap();
    children[0].wait().unwrap();
    fs::rename(&state, world.at("lost")).unwrap();
    let (code, said) = restore(&world.at("lost"));
    assert_eq!(code, Some(2), "{said}");
    assert!(!state.exists());
    let (code, said) = restore(&copy);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("silent as a trustee"), "{said}");

    children[0] = world.start("north");
    wait_for(&world.at("north.log"), "goes on from a kept state");
    wait_for(&world.at("north.log"), "what this institution has said as a trustee is not known");
    wait_for(&world.at("north.log"), "round closed");
    children.iter_mut().for_each(|child| {
        child.kill().unwrap();
        child.wait().unwrap();
    });
    let files = consilium_identity::InstitutionFiles::load(&world.at("north")).unwrap();
    let chain = files.parameters.chain_id;
    let memory = consilium_client::state::memory::Memory::open(&state, chain).unwrap();
    assert!(memory.is_certain() && memory.has_lost(0) && !memory.answers_for(0));
}
