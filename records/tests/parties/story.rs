//! A record's way from its custodian to a requester whom its owner has consented to, among processes on sockets.

use std::fs;

use crate::common::{Cast, World, ask_proxy_as, noise, ok};

const MONTH: &str = "2026-11";

#[test]
fn a_record_is_stored_consented_to_and_read_through_two_of_three_proxies_until_that_is_taken_back()
{
    let mut cast = Cast::new();
    let bytes = noise(3_000_001);
    let record = cast.record(&cast.owner, MONTH, "Brakes", &bytes);
    let empty = cast.record(&cast.owner, MONTH, "brakes", b"");
    let other = cast.record(&cast.owner, MONTH, "paint", b"of no concern");
    let world = &cast.world;
    let status = world.json(&cast.owner.dir, &["status"]);
    assert_eq!((&status["records"], &status["credit"]), (&3.into(), &3.into()));

    let request = cast.ask("brakes");
    let asked = world.json(&cast.owner.dir, &["owner", "requests"]);
    assert_eq!(asked[0]["request"], request.as_str());
    assert_eq!(asked[0]["requester"], cast.requester.name.to_string());
    assert_eq!(asked[0]["keywords"], serde_json::json!(["brakes"]));
    let consent = cast.consent(&request);
    let given = world.json(&cast.requester.dir, &["requester", "consents"]);
    assert_eq!(given[0]["consent"], consent.as_str());

    // Two of three are enough.
    cast.proxy_servers[1].kill();
    let out = cast.world.path("read");
    let read = cast.world.json(&cast.requester.dir, &cast.fetch_arguments(&out));
    let mut found: Vec<_> = read.as_array().unwrap().iter().map(|read| &read["record"]).collect();
    found.sort_by_key(|record| record.as_str());
    let mut expected = [record.as_str(), empty.as_str()];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(fs::read(out.join(format!("{record}.record"))).unwrap(), bytes);
    assert_eq!(fs::read(out.join(format!("{empty}.record"))).unwrap(), b"");
    assert!(!out.join(format!("{other}.record")).exists());
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);

    // One of three is not.
    cast.proxy_servers[2].kill();
    let few = cast.world.path("too-few");
    let message = cast.world.refused(&cast.requester.dir, &cast.fetch_arguments(&few), 4);
    assert!(message.contains("1 re-encryptions, 2 are needed"), "{message}");
    cast.proxy_servers[2] = cast.world.serve(&cast.proxies[2]);

    // Who has asked, the opener says and everyone can judge.
    let proof = cast.world.path("proof");
    let proof = proof.to_str().unwrap();
    let opened = cast.world.run(&cast.opener.dir, &["opener", "open", &request, "--out", proof]);
    assert!(opened.contains(&format!("signed by {}", cast.requester.name)), "{opened}");
    let judged = cast.world.run(&cast.owner.dir, &["opener", "judge", proof]);
    assert_eq!(judged.trim(), format!("signed by {}", cast.requester.name));

    cast.world.run(&cast.owner.dir, &["owner", "withdraw", &consent]);
    let late = cast.world.path("late");
    let arguments = [&cast.fetch_arguments(&late)[..], &["--consent", &consent]].concat();
    let message = cast.world.refused(&cast.requester.dir, &arguments, 4);
    // Each of the proxies that are there says so itself.
    assert_eq!(message.matches("withdrawn by its owner").count(), 2, "{message}");
    assert_eq!(fs::read_dir(&late).unwrap().count(), 0);
}

#[test]
fn a_requester_without_consent_is_told_why_and_a_revoked_one_asks_no_more() {
    let cast = Cast::new();
    cast.record(&cast.owner, MONTH, "brakes", b"front and rear");
    let out = cast.world.path("read");
    let message = cast.world.refused(&cast.requester.dir, &cast.fetch_arguments(&out), 4);
    assert!(message.contains("it has no consent for this requester that is in force"), "{message}");

    // Somebody else's consent is of no use: its proxies do not even say that they have it.
    let consent = cast.consent(&cast.ask("brakes"));
    let message = ask_proxy_as(&cast, &cast.owner, &consent);
    assert!(message.contains("no owner has consented to this requester"), "{message}");

    let name = cast.requester.name.to_string();
    cast.world.run(&cast.issuer.dir, &["issuer", "revoke", &name]);
    let arguments = [
        "requester",
        "ask",
        "--owner",
        cast.owner.card(),
        "--custodian",
        cast.custodian.card(),
        "--category",
        "repairs",
        "--month",
        MONTH,
        "--keyword",
        "brakes",
        "--purpose",
        "again",
    ];
    let message = cast.world.refused(&cast.requester.dir, &arguments, 4);
    assert!(message.contains("revoked"), "{message}");
}

#[test]
fn what_cannot_be_used_is_named_in_one_line_with_code_2() {
    let world = World::new();
    let owner = world.admit("owner", "owner");
    for (arguments, says) in [
        (
            &[
                "owner",
                "publish",
                "--custodian",
                "nowhere.card",
                "--category",
                "x",
                "--month",
                "2026-11",
            ][..],
            "nowhere.card",
        ),
        (
            &["owner", "publish", "--custodian", "x", "--category", "X", "--month", "2026-11"],
            "--category",
        ),
        (&["owner", "withdraw", "abc"], "64 hexadecimal digits"),
        (&["requester", "join"], "not requester"),
        (&["serve", "--listen", "127.0.0.1:0"], "does not serve"),
    ] {
        let message = world.refused(&owner.dir, arguments, 2);
        assert!(message.lines().last().unwrap().contains(says), "{message}");
    }
    let help = ok(&["--help"]);
    assert!(help.contains("Exit codes:") && help.contains("A record's way"), "{help}");
}

#[test]
fn an_institution_keeps_records_in_its_own_name_without_an_admission() {
    let world = World::new();
    let files = world.enrol();
    let owner = world.admit("owner", "owner");
    let hospital = world.path("hospital");
    let folder = world.path("ceremony/institution-01");
    let genesis = world.path("ceremony/genesis.bin");
    let printed = ok(&[
        "init",
        "--role",
        "custodian",
        "--name",
        "hospital",
        "--genesis",
        genesis.to_str().unwrap(),
        "--institution",
        folder.to_str().unwrap(),
        "--out",
        hospital.to_str().unwrap(),
    ]);
    assert!(printed.contains("no admission is needed"), "{printed}");
    let status = world.json(&hospital, &["status"]);
    assert_eq!(status["pseudonym"], files.identity.pseudonym.to_string());
    // Without the owner's key for the month nothing can be stored.
    let file = world.file("record", b"of November");
    let arguments =
        ["custodian", "store", "--owner", owner.card(), "--category", "x", "--month", MONTH, &file];
    let message = world.refused(&hospital, &arguments, 2);
    assert!(message.contains("has published no key for x in 2026-11"), "{message}");
}
