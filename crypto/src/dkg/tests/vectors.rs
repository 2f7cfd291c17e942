//! Encodings and hashes, held fixed: the same randomness writes them again, and what was written once is read.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::*;
use crate::tests::vectors::{from_hex, to_hex};

const STORED: &str = include_str!("vectors.txt");

/// A key generation among four and its resharing among seven, made anew.
fn vectors() -> String {
    let mut lines = String::new();
    let mut line =
        |name: &str, bytes: &[u8]| writeln!(lines, "{name} = {}", to_hex(bytes)).unwrap();
    let mut play = Play::generation(2026, 4, 2);
    line("sealing key of 1", &play.ceremony.recipients()[&1].encode());
    line("ceremony", play.ceremony.hash().as_slice());
    let dealings = play.deal_all();
    line("dealing of 1", dealings[0].encode());
    line("hash of the dealing of 1", dealings[0].hash().as_slice());
    line("share of 2 revealed by 1", &play.dealer(1).reveal(2).unwrap().encode());
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    line("qualified dealings", qualified.hash().as_slice());
    let members = play.members(&qualified, &dealings);
    line("product of 1", &members[0].product(&qualified, &mut play.rng).unwrap().encode());
    let outcome = play.finish(&qualified, &members);
    line("public key", &outcome.key.encode());
    line("dealing commitments", &outcome.commitments.encode());
    line("confirmation", outcome.confirmation.as_slice());

    let mut play = Play::resharing(2027, Context { ceremony: 3, ..context(7, 3) }, &outcome);
    line("ceremony of the resharing", play.ceremony.hash().as_slice());
    let dealings: Vec<_> = outcome
        .shares
        .iter()
        .map(|share| {
            let dealer =
                Dealer::of_share(&play.ceremony, share, &play.secrets[&share.index()]).unwrap();
            play.send(&dealer)
        })
        .collect();
    line("SHA-256 of the dealing of 1 in the resharing", &Sha256::digest(dealings[0].encode()));
    let qualified = Qualified::new(&play.ceremony, &dealings).unwrap();
    let commitments = qualified.reshared().unwrap();
    line("dealing commitments of the resharing", &commitments.encode());
    let confirmation = qualified.confirmation(&outcome.key, &commitments);
    line("confirmation of the resharing", confirmation.as_slice());
    lines
}

fn stored(name: &str) -> Vec<u8> {
    let line = STORED.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    from_hex(line.unwrap_or_else(|| panic!("no vector {name}")))
}

#[test]
#[ignore = "writes the vectors anew, after a deliberate change of the protocol"]
fn write_ceremony_vectors() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/dkg/tests/vectors.txt"), vectors())
        .unwrap();
}

#[test]
fn the_same_randomness_makes_the_same_ceremony() {
    for (made, stored) in vectors().lines().zip(STORED.lines()) {
        assert!(made == stored, "differs: {}", made.split(" = ").next().unwrap());
    }
    assert_eq!(vectors().lines().count(), STORED.lines().count());
}

#[test]
fn a_dealing_that_was_written_once_opens_and_confirms_what_was_revealed() {
    let play = Play::generation(2026, 4, 2);
    assert_eq!(play.ceremony.hash().as_slice(), stored("ceremony"));
    let dealing = Dealing::decode(&stored("dealing of 1"), &play.ceremony, 1).unwrap();
    assert_eq!(dealing.hash().as_slice(), stored("hash of the dealing of 1"));
    let revealed =
        RevealedShare::decode(&stored("share of 2 revealed by 1"), &play.ceremony).unwrap();
    let confirmed = dealing.check_reveal(2, &revealed).unwrap();
    assert_eq!(*confirmed.scalars, *dealing.open(2, &play.opening[&2]).unwrap().scalars);
}
