//! A run that is paused, and rounds that wait for an institution, or no longer: with the programs of the institutions.

use std::{fs, path::Path, thread, time::Duration};

use consilium_contract::transaction::parse_entry;
use consilium_hash::Pseudonym;
use consilium_identity::InstitutionFiles;
use consilium_ledger::Store;
use consilium_proto::v1::transaction::Action;

use crate::world::{STEPS, World, program, text, wait_for, wait_until, world, world_with};

/// How long a round waits for one that is away.
const TIMEOUT: Duration = Duration::from_secs(6);

fn status(world: &World, name: &str) -> String {
    let (folder, state) = (world.folder(name), world.state(name));
    let said = program(&["status", "--ceremony", text(&folder), "--state", text(&state)]);
    String::from_utf8(said.stdout).unwrap()
}

/// Rounds that a log says are closed.
fn rounds(log: &str) -> usize {
    log.matches("round closed").count()
}

/// Waits until an institution has seen so many more rounds closed.
fn wait_for_rounds(world: &World, name: &str, more: usize) {
    let log = world.log(name);
    let before = rounds(&fs::read_to_string(&log).unwrap());
    wait_until(&log, "have more rounds", |text| rounds(text) >= before + more);
}

#[test]
fn institutions_of_a_paused_run_say_so_and_go_on_once_it_is_resumed() {
    let world = world();
    let north = world.start("north");
    wait_for(&world.log("north"), "caught up with the chain");
    world.decree(world.authority.pause(1));
    wait_for(&world.log("north"), "the authority has paused the run");
    let mut east = world.start("east");
    let others = ["south", "west"].map(|name| world.start(name));
    wait_for(&world.log("west"), "the authority has paused the run");
    // Undisturbed the whole run takes less.
    thread::sleep(Duration::from_secs(5));
    let said = status(&world, "north");
    assert!(said.contains("paused by the authority: no further round opens"), "{said}");
    assert_eq!(rounds(&fs::read_to_string(world.log("north")).unwrap()), 0);
    // Whoever is started again meanwhile learns of it, too.
    east.kill().unwrap();
    east.wait().unwrap();
    let east = world.start("east");
    wait_for(&world.log("east"), "the authority has paused the run");

    world.decree(world.authority.resume(2));
    world.all_end([north, east].into_iter().chain(others).collect());
    let log = fs::read_to_string(world.log("east")).unwrap();
    assert!(log.contains("the authority has resumed the run"), "{log}");
    assert_eq!(world.stop().steps, STEPS);
}

/// What a ledger says of each round: how long it was collected for, by the coordinator's clock; and the steps in which this
/// institution has said that it is there again.
struct Told {
    collected: Vec<Duration>,
    returns: Vec<usize>,
}

fn read(ledger: &Path, name: &Pseudonym) -> Told {
    let store = Store::open(ledger).unwrap();
    let mut told = Told { collected: Vec::new(), returns: Vec::new() };
    let mut opened_ms = 0;
    for block in store.blocks(0) {
        for entry in block.unwrap().entries {
            let (transaction, _) = parse_entry(&entry).unwrap();
            match transaction.action() {
                Action::OpenRound(open) => opened_ms = open.time_ms,
                Action::CloseCollection(close) => {
                    told.collected.push(Duration::from_millis(close.time_ms - opened_ms));
                }
                Action::Rejoin(rejoin) if transaction.author() == Some(*name) => {
                    told.returns.push(rejoin.step as usize);
                }
                _ => {}
            }
        }
    }
    store.close().unwrap();
    told
}

#[test]
fn rounds_wait_once_for_an_institution_that_is_killed_and_again_once_it_has_said_that_it_is_back() {
    let world = world_with(|spec| {
        (spec.steps, spec.suspend_after) = (100_000, 1);
        spec.collection_timeout_ms = TIMEOUT.as_millis() as u64;
    });
    let mut present = ["north", "east", "south"].map(|name| world.start(name));
    let west = world.start("west");
    wait_until(&world.log("north"), "have a round", |log| rounds(log) > 0);
    let mut requests = 1..;
    let mut away = |mut west: std::process::Child| {
        // Between two rounds, so that there is one that begins without it.
        world.decree(world.authority.pause(requests.next().unwrap()));
        west.kill().unwrap();
        west.wait().unwrap();
        world.decree(world.authority.resume(requests.next().unwrap()));
        wait_for_rounds(&world, "north", 4);
    };
    away(west);
    let west = world.start("west");
    wait_for(&world.log("west"), "it says that it is there again");
    // Rounds that it catches up with are closed for it as well: only what is taken of its own shows that they wait again.
    wait_until(&world.log("west"), "have its update accepted", |log| {
        log.contains("REASON_ACCEPTED")
    });
    away(west);
    for child in &mut present {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let name = InstitutionFiles::load(&world.folder("west")).unwrap().identity.pseudonym;
    let ledger = world.at("ledger");
    let root = std::sync::Arc::clone(&world.root);
    world.stop();
    let Told { collected, returns } = read(&ledger, &name);
    drop(root);

    let long = |collected: &Duration| *collected >= TIMEOUT * 9 / 10;
    let waited: Vec<usize> = (0..collected.len()).filter(|step| long(&collected[*step])).collect();
    let [first, second] = waited[..] else { panic!("{waited:?} in {collected:?}") };
    let returned = *returns.first().expect("it has said that it is back");
    assert!(first < returned && returned < second, "{waited:?}, back in {returned}");
}
