//! A ceremony on disk: what is written, how it is protected, and what is refused when it is read again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use consilium_authority::{
    AuthorityError, AuthorityFiles, Ceremony, CeremonySpec, read_transaction,
};
use consilium_contract::{CandidateTransaction, CertificateError};
use consilium_identity::{CoordinatorFiles, FilesError, InstitutionFiles};
use consilium_proto::training::Layers;
use consilium_proto::v1::{ChangeCommittee, Revoke, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn ceremony(seed: u64) -> Ceremony {
    let spec =
        CeremonySpec::new(Layers { inputs: 2, hidden: vec![3] }, vec![0.5; 13], vec![7, 8, 9, 10]);
    Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_written_is_what_is_loaded() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let held = ceremony(1);
    held.write(&dir).unwrap();

    let coordinator = CoordinatorFiles::load(&dir.join("coordinator")).unwrap();
    assert_eq!(coordinator.signing.to_bytes(), held.coordinator.signing.to_bytes());
    assert_eq!(coordinator.genesis_entry, held.genesis_entry);
    assert_eq!(coordinator.parameters.chain_id, held.parameters.chain_id);
    for (number, expected) in (1..).zip(&held.institutions) {
        let files = InstitutionFiles::load(&dir.join(format!("institution-{number:02}"))).unwrap();
        assert_eq!(files.signing.to_bytes(), expected.signing.to_bytes());
        assert_eq!(files.certificate, expected.certificate);
        assert_eq!(files.initial_model, held.initial_model);
    }
    let names = fs::read_to_string(dir.join("authority/pseudonyms.toml")).unwrap();
    let names: toml::Table = names.parse().unwrap();
    let pseudonym = names["institution-03"]["pseudonym"].as_str().unwrap();
    assert_eq!(pseudonym, hex::encode(held.institutions[2].identity.pseudonym));
}

#[test]
fn private_files_are_readable_by_their_owner_only() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    ceremony(2).write(&dir).unwrap();
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_eq!(mode(&path), 0o700, "{}", path.display());
            for file in fs::read_dir(&path).unwrap() {
                let file = file.unwrap().path();
                assert_eq!(mode(&file), 0o600, "{}", file.display());
            }
        }
    }

    let key = dir.join("institution-01/signing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = InstitutionFiles::load(&dir.join("institution-01")).unwrap_err();
    assert!(matches!(&error, FilesError::Exposed { path, mode: 0o640 } if *path == key), "{error}");
}

#[test]
fn a_directory_that_exists_is_never_written_over() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    ceremony(3).write(&dir).unwrap();
    let before = fs::read(dir.join("genesis.bin")).unwrap();
    assert!(matches!(ceremony(4).write(&dir), Err(FilesError::Exists(path)) if path == dir));
    assert_eq!(fs::read(dir.join("genesis.bin")).unwrap(), before);
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        1,
        "nothing half-written is left behind"
    );
}

#[test]
fn a_damaged_missing_or_foreign_file_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ours");
    let other = root.path().join("theirs");
    ceremony(5).write(&dir).unwrap();
    ceremony(6).write(&other).unwrap();

    let institution = ["genesis.bin", "initial-model.bin", "signing.key", "certificate.bin"];
    for (folder, files) in [
        ("institution-02", institution.as_slice()),
        ("coordinator", &["genesis.bin", "initial-model.bin", "coordinator.key", "evaluation.key"]),
        (
            "authority",
            &["genesis.bin", "initial-model.bin", "authority.key", "nonce", "pseudonyms.toml"],
        ),
    ] {
        let load = || match folder {
            "coordinator" => CoordinatorFiles::load(&dir.join(folder)).map(drop),
            "authority" => AuthorityFiles::load(&dir.join(folder)).map(drop),
            _ => InstitutionFiles::load(&dir.join(folder)).map(drop),
        };
        load().unwrap();
        for name in files {
            let path = dir.join(folder).join(name);
            let good = fs::read(&path).unwrap();
            let refused = |bytes: &[u8], what: &str| {
                fs::write(&path, bytes).unwrap();
                let message = load().expect_err(what).to_string();
                assert!(message.contains(folder), "{what} {name}: {message}");
            };
            for position in [0, good.len() / 2, good.len() - 1] {
                let mut bytes = good.clone();
                bytes[position] ^= 1;
                refused(&bytes, "damaged");
            }
            refused(&[good.as_slice(), &[0]].concat(), "longer");
            // The last byte of a table is an empty line.
            refused(
                &good[..good.len() - if *name == "pseudonyms.toml" { 20 } else { 1 }],
                "shorter",
            );
            refused(&[], "empty");
            if *name != "initial-model.bin" {
                refused(&fs::read(other.join(folder).join(name)).unwrap(), "foreign");
            }
            fs::remove_file(&path).unwrap();
            let error = load().unwrap_err();
            assert!(
                matches!(&error, FilesError::Io { path: missing, .. } if *missing == path),
                "{error}"
            );
            fs::write(&path, &good).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        load().unwrap();
    }
}

#[test]
fn a_neighbours_key_or_certificate_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    ceremony(7).write(&dir).unwrap();
    for name in ["certificate.bin", "signing.key"] {
        let ours = dir.join("institution-01").join(name);
        let theirs = dir.join("institution-02").join(name);
        let good = fs::read(&ours).unwrap();
        fs::write(&ours, fs::read(theirs).unwrap()).unwrap();
        assert!(InstitutionFiles::load(&dir.join("institution-01")).is_err(), "{name}");
        fs::write(&ours, good).unwrap();
    }
    InstitutionFiles::load(&dir.join("institution-01")).unwrap();
}

#[test]
fn an_institution_that_joins_gets_the_next_number_and_no_number_is_given_twice() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    ceremony(8).write(&dir).unwrap();
    let folder = dir.join("authority");
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let mut authority = AuthorityFiles::load(&folder).unwrap();
    assert_eq!(authority.next_number(), 5);
    let admitted = authority.admit("clinic-on-the-hill", 3, &mut rng).unwrap();
    authority.record(&folder).unwrap();
    // Its folder was never written: the number is gone all the same.
    let mut authority = AuthorityFiles::load(&folder).unwrap();
    assert_eq!(authority.pseudonym_of("clinic-on-the-hill").unwrap(), admitted.identity.pseudonym);
    let next = authority.admit("institution-06", 10, &mut rng).unwrap();
    assert_eq!((admitted.identity.trustee_index, next.identity.trustee_index), (5, 6));
    next.write(&root.path().join("six")).unwrap();
    let loaded = InstitutionFiles::load(&root.path().join("six")).unwrap();
    assert_eq!(loaded.certificate, next.certificate);
    assert_eq!(mode(&root.path().join("six/signing.key")), 0o600);
    assert_eq!(mode(&folder.join("pseudonyms.toml")), 0o600);

    for name in ["clinic-on-the-hill", "", "a b", "../x", "a.b", &"x".repeat(65)] {
        let error = authority.admit(name, 3, &mut rng).unwrap_err();
        assert!(
            matches!(&error, AuthorityError::Institution { name: refused, .. } if refused == name),
            "{error}"
        );
    }
    for rows in [0, 11] {
        let error = authority.admit("too-large", rows, &mut rng).unwrap_err();
        let AuthorityError::Certificate { source, .. } = &error else { panic!("{error}") };
        assert!(matches!(source, CertificateError::OutOfRange { limit: 10, .. }), "{error}");
    }
    assert_eq!(authority.next_number(), 7, "what was refused has taken no number");
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-authority")).args(arguments).output().unwrap()
}

#[test]
fn the_program_admits_revokes_and_asks_for_a_committee_with_its_own_signature() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let held = ceremony(10);
    held.write(&dir).unwrap();
    let folder = dir.join("authority");
    let out = root.path().join("out.bin");
    let folder = folder.to_str().unwrap();
    let file = out.to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = program(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let transaction = CandidateTransaction::parse(read_transaction(&out).unwrap()).unwrap();
        fs::remove_file(&out).unwrap();
        assert!(transaction.is_signed_by(&held.parameters.authority, &held.parameters.chain_id));
        transaction.action().clone()
    };
    let name = |place: usize| held.institutions[place].identity.pseudonym;
    let output = program(&["admit", "--authority", folder, "--rows", "5"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let joined = InstitutionFiles::load(&dir.join("institution-05")).unwrap().identity.pseudonym;

    let revoked = said(&["revoke", "--authority", folder, "institution-02", "--out", file]);
    assert_eq!(revoked, Action::Revoke(Revoke { pseudonym: name(1).to_vec() }));
    let revoked = said(&["revoke", "--authority", folder, &hex::encode(name(2)), "--out", file]);
    assert_eq!(revoked, Action::Revoke(Revoke { pseudonym: name(2).to_vec() }));

    let members = format!("institution-05,institution-01,{},institution-04", hex::encode(name(2)));
    let change =
        ["change-committee", "--authority", folder, "--number", "1", "--out", file, "--members"];
    let change = |more: &[&str]| said(&[change.as_slice(), more].concat());
    let expected = |places: &[[u8; 32]], threshold| {
        let members = places.iter().map(|place| place.to_vec()).collect();
        Action::ChangeCommittee(ChangeCommittee { committee: 1, members, threshold })
    };
    let four = [joined, name(0), name(2), name(3)];
    assert_eq!(change(&[&members]), expected(&four, 2));
    assert_eq!(change(&[&members, "--threshold", "2"]), expected(&four, 2));
}

#[test]
fn the_program_refuses_what_no_run_can_take_with_code_2_and_what_it_cannot_send_with_code_3() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    ceremony(11).write(&dir).unwrap();
    let folder = dir.join("authority");
    let out = root.path().join("out.bin");
    let folder = folder.to_str().unwrap();
    let file = out.to_str().unwrap();
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let output = program(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(
            message.contains(says) && message.lines().count() == 1,
            "{message} should say {says}"
        );
        assert!(!out.exists(), "{arguments:?}");
    };
    refused(&["revoke", "--authority", folder, "institution-02"], 2, "--out");
    refused(
        &["revoke", "--authority", folder, "institution-22", "--out", file],
        2,
        "institution-22",
    );
    refused(
        &["revoke", "--authority", dir.to_str().unwrap(), "institution-02", "--out", file],
        2,
        "authority.key",
    );
    refused(&["admit", "--authority", folder, "--rows", "11"], 2, "number of rows is 11");
    refused(
        &["admit", "--authority", folder, "--rows", "1", "--name", "coordinator"],
        2,
        "exists already",
    );
    refused(&["send", file, "--coordinator", "http://127.0.0.1:1"], 2, file);
    let ask = |number: &str, members: &str, more: &[&str], says: &str| {
        let fixed = [
            "change-committee",
            "--authority",
            folder,
            "--out",
            file,
            "--number",
            number,
            "--members",
            members,
        ];
        refused(&[fixed.as_slice(), more].concat(), 2, says);
    };
    ask("0", "institution-01", &[], "number of the committee is 0");
    ask("1", "institution-01,institution-01", &[], "named twice");
    ask(
        "1",
        "institution-01,institution-02,institution-03",
        &["--threshold", "2"],
        "threshold is 2",
    );
    ask("1", "institution-01,institution-02", &["--threshold", "0"], "threshold is 0");
    ask("1", "institution-04", &[], "to no fewer");
    ask("1", "institution-01,institution-02", &["--threshold", "3"], "less than 3");

    let unreachable =
        ["revoke", "--authority", folder, "institution-02", "--coordinator", "http://127.0.0.1:1"];
    refused(&unreachable, 3, "http://127.0.0.1:1: not reached");
    refused(&[&unreachable[..5], &["nowhere at all"]].concat(), 3, "give http://HOST:PORT");
}

#[test]
fn the_program_founds_and_shows_a_run_with_either_bound() {
    let root = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_consilium-authority")).args(arguments).output().unwrap()
    };
    let shown = |name: &str, flags: &[&str]| -> (String, serde_json::Value) {
        let dir = root.path().join(name);
        let out = dir.to_str().unwrap();
        let good = ["init", "--institutions", "4", "--inputs", "2", "--rows", "40", "--out", out];
        let output = run(&[good.as_slice(), flags].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(run(&["show", out]).stdout).unwrap();
        (text, serde_json::from_slice(&run(&["show", out, "--format", "json"]).stdout).unwrap())
    };

    // 193 parameters: 3 steps of a learning rate of 0.01.
    let (text, json) = shown("default", &[]);
    assert!(text.contains("clipped to ±0.0346 (127 units of 8 bits)"), "{text}");
    assert_eq!(
        (&json["bound"], &json["bits"], &json["slack"]),
        (&"parameter".into(), &8.into(), &1.0.into())
    );

    let (_, json) = shown("refreshed", &["--refresh-steps", "10"]);
    assert_eq!(json["refresh_steps"], 10);

    let (text, json) = shown(
        "norm",
        &["--bound", "norm", "--norm", "900", "--projections", "1024", "--clip", "0.5"],
    );
    assert!(
        text.contains("clipped to norm 0.5 (B = 900)") && text.contains("at most 1.61·B = 1450"),
        "{text}"
    );
    assert_eq!(
        (&json["bound"], &json["norm"], &json["projections"]),
        (&"norm".into(), &900.into(), &1024.into())
    );
    assert_eq!((&json["clip"], &json["slack"]), (&0.5.into(), &1.6115.into()));

    let (_, json) = shown("large", &["--hidden", "100,20"]);
    assert_eq!(
        (&json["bound"], &json["norm"], &json["projections"]),
        (&"norm".into(), &5600.into(), &256.into())
    );
}

#[test]
fn the_program_holds_a_ceremony_shows_it_and_refuses_bad_values_with_code_2() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_consilium-authority")).args(arguments).output().unwrap()
    };
    let out = dir.to_str().unwrap();
    let good = [
        "init",
        "--institutions",
        "4",
        "--inputs",
        "2",
        "--hidden",
        "3",
        "--rows",
        "7,8,9,10",
        "--out",
        out,
    ];
    let output = run(&good);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    InstitutionFiles::load(&dir.join("institution-04")).unwrap();

    let shown = run(&["show", out, "--format", "json"]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["institutions"], &shown["threshold"], &shown["quorum"]),
        (&4.into(), &2.into(), &3.into())
    );

    let private = root.path().join("private");
    let private = private.to_str().unwrap();
    let flags =
        ["--privacy-epsilon", "8", "--privacy-delta", "1e-6", "--steps", "20", "--clip", "0.5"];
    let output = run(&[&good[..good.len() - 1], &[private], &flags].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let terms = InstitutionFiles::load(&Path::new(private).join("institution-01"))
        .unwrap()
        .parameters
        .privacy
        .unwrap();
    assert_eq!(
        (terms.steps(), terms.terms().epsilon_milli, terms.terms().delta_bits),
        (20, 8_000, 20)
    );
    let shown = run(&["show", private]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("noise variance") && shown.contains("of 8.000 at δ = 2^-20"), "{shown}");

    let again = run(&good);
    assert_eq!(again.status.code(), Some(2));
    let fresh = root.path().join("fresh");
    let fresh = fresh.to_str().unwrap();
    for (option, value, named) in [
        ("--threshold", "3", "threshold"),
        ("--min-updates", "9", "min_updates"),
        ("--bits", "12", "bits"),
        ("--privacy-epsilon", "0", "--privacy-epsilon"),
        ("--privacy-epsilon", "25", "0.001 to 20"),
        ("--noise-multiplier", "2", "--privacy-epsilon"),
        ("--rows", "1,2", "--rows"),
        ("--hidden", "0", "--hidden"),
        ("--learning-rate", "nan", "learning rate"),
        ("--clip", "x", "--clip"),
        ("--clip", "0", "--clip"),
        ("--bound", "none", "--bound"),
        ("--projections", "100", "--projections"),
        ("--norm", "3", "--norm"),
        ("--initial-model", "/nonexistent", "/nonexistent"),
    ] {
        let mut arguments = vec!["init", "--institutions", "4", "--inputs", "2", "--out", fresh];
        if option != "--rows" {
            arguments.extend(["--rows", "5"]);
        }
        let output = run(&[arguments.as_slice(), &[option, value]].concat());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option} {value}: {message}");
        assert!(message.contains(named), "{option} {value}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(!Path::new(fresh).exists());
    }
}
