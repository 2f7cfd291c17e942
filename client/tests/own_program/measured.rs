//! A run that counts rows and measures its model, trained by programs.

use std::process::Output;

use consilium_authority::tally_of;
use consilium_datasets::scorecard::Form;
use consilium_proto::v1::Evaluation;

use crate::world::{Client, World};

fn measured() -> World {
    World::with(2, |spec| {
        spec.evaluation = Some(Evaluation {
            tally: Some(tally_of(Form::Binary)),
            every: 1,
            patience: 0,
            held_out_permille: 250,
        });
    })
}

#[test]
fn what_programs_predict_of_rows_that_are_held_out_is_measured_on_the_ledger() {
    let world = measured();
    let running: Vec<Client> = (0..4).map(|place| world.start(place, "predicts")).collect();
    for (place, mut child) in running.into_iter().enumerate() {
        let status = child.0.wait().unwrap();
        assert!(status.success(), "{place}: {}", world.read(place, "log"));
        assert_eq!(world.left(place), 0, "a folder of {place} is left");
        // Two evaluations of the model of all, and two of the one that this site would have alone.
        assert_eq!(world.read(place, "predicted").lines().count(), 4);
        assert!(!world.read(place, "held-out").contains("labels"));
    }
    let Output { stdout, .. } = world.command(0, "status").output().unwrap();
    let status = String::from_utf8(stdout).unwrap();
    // Nothing but zeros is predicted: a coin, on a quarter of each site's 768 rows.
    let coin = "on 768 held-out rows of all: loss 0.693";
    assert!(status.contains(coin) && status.contains("AUC 0.500"), "{status}");
}

#[test]
fn a_program_that_cannot_predict_and_rows_of_its_own_are_refused_before_anything_is_sent() {
    let world = measured();
    let good = world.trainer(0, "good");
    for (arguments, says) in [
        (vec!["--trainer", &good], "does not answer `predict`"),
        (
            vec!["--trainer", &good, "--raw-data"],
            "--raw-data: this run counts rows, or holds some out",
        ),
    ] {
        let Output { status, stderr, .. } = world.run(0).args(arguments).output().unwrap();
        let message = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(2), "{message}");
        assert!(message.contains(says), "{message} should say {says}");
        assert_eq!(world.left(0), 0);
    }
}
