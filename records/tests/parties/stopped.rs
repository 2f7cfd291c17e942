//! An owner who is stopped between a consent and its letters.

use std::{fs, process::Stdio, thread::sleep, time::Duration};

use crate::common::{Cast, names};

const MONTH: &str = "2026-11";

#[test]
fn an_owner_killed_before_its_consent_is_said_goes_on_with_the_same_one() {
    let cast = Cast::new();
    let record = cast.record(&cast.owner, MONTH, "brakes", b"front and rear");
    let request = cast.ask("brakes");
    let given = cast.owner.dir.join("given");
    let arguments = cast.consent_arguments(&request);
    // It reads the ledger, and nothing that it says comes through.
    let relay = cast.world.relay(1);
    let mut command = cast.world.command_through(&relay, &cast.owner.dir, &arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_whole = |name: &String| !name.ends_with(".incomplete");
    while !given.is_dir() || !names(&given).iter().any(is_whole) {
        sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let [held] = names(&given).try_into().unwrap();
    let kept = fs::read(given.join(&held)).unwrap();
    let consents = cast.world.json(&cast.requester.dir, &["requester", "consents"]);
    assert_eq!(consents, serde_json::json!([]));

    assert_eq!(cast.consent(&request), held);
    assert_eq!(names(&given), Vec::<String>::new());
    let out = cast.world.path("read");
    cast.world.run(&cast.requester.dir, &cast.fetch_arguments(&out));
    assert_eq!(names(&out), [format!("{record}.record")]);

    // As if it had been killed after the ledger took the consent and before its letters were made.
    fs::write(given.join(&held), &kept).unwrap();
    let said = cast.world.run(&cast.owner.dir, &["owner", "deliver"]);
    assert!(said.contains(&format!("consent {held} is in force")), "{said}");
    assert!(said.contains("4 letters delivered"), "{said}");
    let again = cast.world.path("again");
    cast.world.run(&cast.requester.dir, &cast.fetch_arguments(&again));
    assert_eq!(names(&again), [format!("{record}.record")]);

    // What was taken back meanwhile is not gone on with.
    cast.world.run(&cast.owner.dir, &["owner", "withdraw", &held]);
    fs::write(given.join(&held), &kept).unwrap();
    let said = cast.world.run(&cast.owner.dir, &["owner", "deliver"]);
    assert!(!said.contains("in force") && said.contains("0 letters delivered"), "{said}");
    assert_eq!(names(&given), Vec::<String>::new());
}
