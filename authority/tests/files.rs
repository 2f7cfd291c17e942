//! A ceremony on disk: what is written, how it is protected, and what is refused when it is read again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use consilium_authority::{AuthorityError, AuthorityFiles, Ceremony, CeremonySpec};
use consilium_contract::CertificateError;
use consilium_identity::{CoordinatorFiles, FilesError, InstitutionFiles};
use consilium_proto::training::Layers;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn ceremony(seed: u64) -> Ceremony {
    let spec = CeremonySpec::new(Layers::dense(2, vec![3]), vec![0.5; 13], vec![7, 8, 9, 10]);
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
    assert_eq!(pseudonym, held.institutions[2].identity.pseudonym.to_string());
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
