//! A run whose parties make their keys themselves: requests, fingerprints, what is sent back, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use consilium_authority::AuthorityFiles;
use consilium_crypto::SigningKey;
use consilium_identity::{
    CoordinatorFiles, FilesError, InstitutionFiles, PartyRequest, TlsKey, disk,
    install_coordinator, install_institution, request_as_coordinator, request_as_institution,
    request_renewal,
};
use rand_core::OsRng;
use tempfile::TempDir;

const NAMES: [&str; 4] = ["north", "east", "south", "west"];

/// Folders of four institutions and a coordinator, each with its keys and its request.
struct Sites {
    root: TempDir,
    institutions: Vec<PartyRequest>,
    coordinator: PartyRequest,
}

fn sites() -> Sites {
    let root = tempfile::tempdir().unwrap();
    let ask =
        |name: &&str| request_as_institution(&root.path().join(name), name, &mut OsRng).unwrap();
    let institutions = NAMES.iter().map(ask).collect();
    let coordinator = request_as_coordinator(&root.path().join("hub"), "hub", &mut OsRng).unwrap();
    Sites { root, institutions, coordinator }
}

impl Sites {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The arguments of `init` for all of them, with `out` as its directory.
    fn init(&self, out: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["init", "--inputs", "2", "--hidden", "3", "--rows", "40", "--out"]
                .map(str::to_owned)
                .to_vec();
        arguments.push(self.text(out));
        arguments.push("--institution".to_owned());
        arguments.extend(NAMES.iter().map(|name| self.text(&format!("{name}/request.bin"))));
        arguments.push("--fingerprint".to_owned());
        arguments.extend(self.institutions.iter().map(|asks| asks.fingerprint().to_string()));
        arguments.push("--coordinator".to_owned());
        arguments.push(self.text("hub/request.bin"));
        arguments.push("--coordinator-fingerprint".to_owned());
        arguments.push(self.coordinator.fingerprint().to_string());
        arguments
    }

    fn found(&self) {
        let (code, said) = program(&self.init("run"));
        assert_eq!(code, Some(0), "{said}");
    }
}

/// Exit code, and what the program said.
fn program(arguments: &[String]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-authority"));
    let output = command.args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_run_is_founded_on_requests_and_no_private_key_but_the_authoritys_is_ever_with_the_authority() {
    let sites = sites();
    sites.found();
    for name in NAMES {
        let from = sites.path("run/institutions").join(name);
        let installed = install_institution(&sites.path(name), &from).unwrap();
        let loaded = InstitutionFiles::load(&sites.path(name)).unwrap();
        assert_eq!(loaded.certificate, installed.certificate);
        let place = NAMES.iter().position(|other| *other == name).unwrap();
        assert_eq!(loaded.identity.trustee_index as usize, place + 1);
        assert_eq!(Some(loaded.tls.hash()), loaded.identity.tls_key);
    }
    install_coordinator(&sites.path("hub"), &sites.path("run/coordinator")).unwrap();
    CoordinatorFiles::load(&sites.path("hub")).unwrap();

    let secrets: Vec<Vec<u8>> = ["north/signing.key", "north/tls.key", "hub/coordinator.key"]
        .iter()
        .chain(&["hub/evaluation.key", "hub/tls.key", "west/signing.key", "west/tls.key"])
        .map(|name| fs::read(sites.path(name)).unwrap())
        .collect();
    for path in files(&sites.path("run")) {
        let bytes = fs::read(&path).unwrap();
        let holds = |secret: &Vec<u8>| bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!secrets.iter().any(holds), "{} holds a party's key", path.display());
    }
}

#[test]
fn a_fingerprint_that_was_not_read_out_founds_nothing() {
    let sites = sites();
    let refused = |arguments: &[String], says: &str| {
        let (code, said) = program(arguments);
        assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(says), "{said} should say {says}");
        assert!(!sites.path("run").exists());
    };
    let good = sites.init("run");
    let swapped: Vec<String> = good
        .iter()
        .map(|argument| {
            let south = sites.institutions[2].fingerprint().to_string();
            if *argument == south { "0".repeat(32) } else { argument.clone() }
        })
        .collect();
    refused(&swapped, "south: the request has the fingerprint");
    let hub = sites.coordinator.fingerprint().to_string();
    let other =
        |argument: &String| if *argument == hub { "f".repeat(32) } else { argument.clone() };
    let swapped: Vec<String> = good.iter().map(other).collect();
    refused(&swapped, "hub: the request has the fingerprint");
    let north = sites.institutions[0].fingerprint().to_string();
    let fewer: Vec<String> = good.iter().filter(|given| **given != north).cloned().collect();
    refused(&fewer, "3 given for 4 requests");
    // Whoever gives none at all learns of everybody's at once.
    let read_out: Vec<String> =
        sites.institutions.iter().map(|asks| asks.fingerprint().to_string()).collect();
    let is_read_out = |given: &String| {
        *given == hub || given.ends_with("fingerprint") || read_out.contains(given)
    };
    let none: Vec<String> = good.iter().filter(|given| !is_read_out(given)).cloned().collect();
    refused(&none, "those of north, east, south, west, in this order, and");
    refused(&none, "--coordinator-fingerprint with that of hub");
    // An institution's request in the coordinator's place.
    let place = good.iter().position(|argument| argument.ends_with("hub/request.bin")).unwrap();
    let mut wrong = good.clone();
    wrong[place] = sites.text("north/request.bin");
    refused(&wrong, "is an institution's");
    // One institution that would count twice.
    let mut twice = good.clone();
    let east = good.iter().position(|argument| argument.ends_with("east/request.bin")).unwrap();
    twice[east] = sites.text("north/request.bin");
    let read_out = sites.institutions[1].fingerprint().to_string();
    let read_out = good.iter().position(|argument| *argument == read_out).unwrap();
    twice[read_out] = north;
    refused(&twice, "north: asks twice");
    let nobody = owned(&["init", "--inputs", "2", "--rows", "40", "--out", &sites.text("run")]);
    refused(&nobody, "--institution");
    let both = [good, owned(&["--institutions", "4"])].concat();
    refused(&both, "--institution");
}

#[test]
fn what_is_of_another_run_or_for_other_keys_is_not_installed_and_changes_nothing() {
    let sites = sites();
    sites.found();
    let (code, said) = program(&sites.init("second"));
    assert_eq!(code, Some(0), "{said}");
    let north = sites.path("north");
    let before = files(&north);
    let error = install_institution(&north, &sites.path("run/institutions/east")).unwrap_err();
    assert!(matches!(error, FilesError::Install { .. }), "{error}");
    assert!(error.to_string().contains("approve this folder's request"), "{error}");
    assert_eq!(files(&north), before);

    install_institution(&north, &sites.path("run/institutions/north")).unwrap();
    let genesis = fs::read(north.join("genesis.bin")).unwrap();
    let error = install_institution(&north, &sites.path("second/institutions/north")).unwrap_err();
    assert!(error.to_string().contains("one folder for each run"), "{error}");
    assert_eq!(fs::read(north.join("genesis.bin")).unwrap(), genesis);
    // The same again changes nothing.
    install_institution(&north, &sites.path("run/institutions/north")).unwrap();

    let other = request_as_coordinator(&sites.path("other"), "other", &mut OsRng);
    other.unwrap();
    let error = install_coordinator(&sites.path("other"), &sites.path("run/coordinator"));
    let error = error.unwrap_err();
    assert!(error.to_string().contains("names other keys"), "{error}");

    // A certificate that was changed on its way.
    let path = sites.path("run/institutions/south/certificate.bin");
    let mut certificate = fs::read(&path).unwrap();
    *certificate.last_mut().unwrap() ^= 1;
    fs::write(&path, certificate).unwrap();
    let error = install_institution(&sites.path("south"), &sites.path("run/institutions/south"));
    assert!(matches!(error.unwrap_err(), FilesError::Certificate { .. }));
}

#[test]
fn an_institution_joins_renews_its_transport_key_and_is_listed_and_revoked() {
    let sites = sites();
    sites.found();
    install_institution(&sites.path("west"), &sites.path("run/institutions/west")).unwrap();
    let authority = sites.text("run/authority");
    let say = |arguments: &[&str]| {
        let (code, said) = program(&owned(arguments));
        assert_eq!(code, Some(0), "{said}");
        said
    };
    let request = request_as_institution(&sites.path("late"), "late", &mut OsRng).unwrap();
    let fingerprint = request.fingerprint().to_string();
    let path = sites.text("late/request.bin");
    let approve =
        ["approve", "--authority", &authority, &path, "--fingerprint", &fingerprint, "--rows", "9"];
    assert!(say(&approve).contains("late: number 5"));
    // Whoever was stopped in between gives the command again, and gets the same number.
    assert!(say(&approve).contains("late: number 5"));
    let late = install_institution(&sites.path("late"), &sites.path("run/institutions/late"));
    assert_eq!(late.unwrap().identity.trustee_index, 5);

    let former = InstitutionFiles::load(&sites.path("west")).unwrap();
    let renewal = request_renewal(&sites.path("west"), "west", &mut OsRng).unwrap();
    let again = request_renewal(&sites.path("west"), "west", &mut OsRng).unwrap();
    assert_eq!(again.tls_key(), renewal.tls_key(), "asking again asks for the same key");
    let fingerprint = renewal.fingerprint().to_string();
    let path = sites.text("west/request.bin");
    say(&["renew", "--authority", &authority, &path, "--fingerprint", &fingerprint]);
    // Until it is installed, the present key serves.
    assert_eq!(InstitutionFiles::load(&sites.path("west")).unwrap().tls.hash(), former.tls.hash());
    let renewed = install_institution(&sites.path("west"), &sites.path("run/institutions/west"));
    let renewed = renewed.unwrap();
    assert_ne!(renewed.tls.hash(), former.tls.hash());
    assert_eq!(renewed.identity.pseudonym, former.identity.pseudonym);
    assert_eq!(renewed.signing.to_bytes(), former.signing.to_bytes());
    assert!(!sites.path("west/tls-next.key").exists());

    let out = sites.text("revocation.bin");
    say(&["revoke", "--authority", &authority, "west", "--out", &out]);
    let listed = say(&["list", "--authority", &authority]);
    let line = |name: &str| listed.lines().find(|line| line.contains(name)).unwrap();
    assert!(line("west").contains("revocation signed"), "{listed}");
    assert!(line("late").contains("certified"), "{listed}");
    let renew = ["renew", "--authority", &authority, &path, "--fingerprint", &fingerprint];
    let (code, said) = program(&owned(&renew));
    assert_eq!(code, Some(2));
    assert!(said.contains("west: is revoked"), "{said}");
}

#[test]
fn another_signing_key_is_not_certified_under_a_name_that_has_one() {
    let sites = sites();
    sites.found();
    let mut authority = AuthorityFiles::load(&sites.path("run/authority")).unwrap();
    let stranger = request_as_institution(&sites.path("stranger"), "west", &mut OsRng).unwrap();
    let fingerprint = stranger.fingerprint().to_string();
    let error = authority.approve(&stranger, &fingerprint, 40).unwrap_err().to_string();
    assert!(error.contains("is registered already"), "{error}");
    let error = authority.renew(&stranger, &fingerprint).unwrap_err().to_string();
    assert!(error.contains("another signing key"), "{error}");
    // And no key under two names.
    let key = |file: &str| disk::read_key(&sites.path("west").join(file)).unwrap();
    let signing = SigningKey::from_bytes(&key("signing.key"));
    let tls = TlsKey::from_bytes(&key("tls.key"));
    let twice = PartyRequest::of_institution("second", &signing, &tls);
    let error = authority.approve(&twice, &twice.fingerprint().to_string(), 40).unwrap_err();
    assert!(error.to_string().contains("asks with a key of west"), "{error}");
}
