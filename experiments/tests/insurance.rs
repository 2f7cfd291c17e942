//! `consilium insurance` over real sockets: every owner's story, and the files that come of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::fs;

use consilium_experiments::insurance::{self, InsuranceConfig, files};
use consilium_experiments::progress::Progress;

#[test]
fn two_owners_send_twice_the_messages_of_one_and_every_file_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let config = InsuranceConfig::new(2, 2, 1, 300).unwrap();
    let measured = insurance::run(&config, directory.path(), &Progress::silent()).unwrap();
    let of = |users: usize| {
        let rows = measured.bytes.iter().filter(move |row| row.users == users);
        rows.map(|row| (row.stage, row.link, row.messages)).collect::<Vec<_>>()
    };
    let both: Vec<_> = of(2);
    assert_eq!(of(1).len(), 7, "{:?}", of(1));
    // Owners whose records are as long say the same to the byte; headers are compressed by what has gone before.
    let doubled: Vec<_> =
        of(1).into_iter().map(|(stage, link, one)| (stage, link, 2 * one)).collect();
    assert_eq!(both, doubled);
    for row in &measured.bytes {
        assert!(row.messages > 0 && row.all > row.messages, "{row:?}");
        // The owners, two insurers of two parties each, the shop, the proxy, issuer and opener.
        assert_eq!(row.followers, 10);
    }

    let read = |name| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(read(files::BYTES).lines().count(), 1 + measured.bytes.len());
    assert_eq!(read(files::TIMES).lines().count(), 1 + measured.times.len());
    assert!(read(files::FIGURE).ends_with("</svg>\n"));
    assert!(read(files::REPORT).contains(&insurance::text_table(&measured)));
}

#[test]
fn longer_records_cost_their_own_length_wherever_they_go_and_nothing_on_the_ledger() {
    let messages = |record_bytes| {
        let directory = tempfile::tempdir().unwrap();
        let config = InsuranceConfig::new(1, 1, 1, record_bytes).unwrap();
        let measured = insurance::run(&config, directory.path(), &Progress::silent()).unwrap();
        let rows = measured.bytes.iter();
        rows.map(|row| (row.stage.name(), row.link.name(), row.messages)).collect::<Vec<_>>()
    };
    let short = messages(1_000);
    let long = messages(2_000);
    let longer: Vec<_> = short
        .iter()
        .zip(&long)
        .map(|(short, long)| (short.0, short.1, long.2 - short.2))
        .filter(|(.., difference)| *difference > 0)
        .collect();
    // The owner reads policy and repair record, the insurer the repair record; nobody else gets a body.
    let expected = [("broadcasting", "to custodians", 2_000), ("access", "to custodians", 1_000)];
    assert_eq!(longer, expected);
}

#[test]
fn a_directory_with_somebody_elses_files_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let table = directory.path().join(files::TIMES);
    fs::write(&table, "somebody's table").unwrap();
    let config = InsuranceConfig::new(1, 1, 1, 64).unwrap();
    let error = insurance::run(&config, directory.path(), &Progress::silent()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(fs::read_to_string(&table).unwrap(), "somebody's table");
}
