//! The next run of parties that an earlier one knows: nobody makes a key again or reads out a fingerprint, and who was revoked stays
//! out.

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
use consilium_identity::{
    CoordinatorFiles, FilesError, InstitutionFiles, PartyRequest, install_coordinator,
    install_coordinator_again, install_institution, install_institution_again,
    is_of_local_ceremony, request_as_coordinator, request_as_institution, request_renewal,
};
use rand_core::OsRng;
use tempfile::TempDir;

const NAMES: [&str; 4] = ["north", "east", "south", "west"];

/// Four institutions and a coordinator that take part in a first run.
struct Sites {
    root: TempDir,
}

/// Exit code, and what the program said.
fn program(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-authority"));
    let output = command.args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn sites() -> Sites {
    let sites = Sites { root: tempfile::tempdir().unwrap() };
    let requests =
        NAMES.map(|name| request_as_institution(&sites.path(name), name, &mut OsRng).unwrap());
    let hub = request_as_coordinator(&sites.path("hub"), "hub", &mut OsRng).unwrap();
    let files = NAMES.map(|name| sites.text(&format!("{name}/request.bin")));
    let read_out = requests.map(|request| request.fingerprint().to_string());
    let (run, hub_file) = (sites.text("run"), sites.text("hub/request.bin"));
    let hub = hub.fingerprint().to_string();
    let mut arguments =
        vec!["init", "--inputs", "2", "--hidden", "3", "--rows", "40,50,60,70", "--out", &run];
    arguments.push("--institution");
    arguments.extend(files.iter().map(String::as_str));
    arguments.push("--fingerprint");
    arguments.extend(read_out.iter().map(String::as_str));
    arguments.extend(["--coordinator", &hub_file, "--coordinator-fingerprint", &hub]);
    let (code, said) = program(&arguments);
    assert_eq!(code, Some(0), "{said}");
    for name in NAMES {
        install_institution(&sites.path(name), &sites.path("run/institutions").join(name)).unwrap();
    }
    install_coordinator(&sites.path("hub"), &sites.path("run/coordinator")).unwrap();
    sites
}

impl Sites {
    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Founds a run on an earlier one.
    fn found(&self, earlier: &str, out: &str, more: &[&str]) -> (Option<i32>, String) {
        let (from, out) = (self.text(&format!("{earlier}/authority")), self.text(out));
        let own = ["init", "--from", &from, "--out", &out, "--inputs", "2", "--hidden", "4"];
        program(&[&own[..], &["--steps", "7", "--allow-threshold-one"], more].concat())
    }

    fn founded(&self, earlier: &str, out: &str, more: &[&str]) -> AuthorityFiles {
        let (code, said) = self.found(earlier, out, more);
        assert_eq!(code, Some(0), "{said}");
        AuthorityFiles::load(&self.path(out).join("authority")).unwrap()
    }

    /// Not founded, in one line that says this.
    fn refused(&self, earlier: &str, more: &[&str], says: &str) {
        let (code, said) = self.found(earlier, "refused", more);
        assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
        assert!(said.contains(says), "{said} should say {says}");
        assert!(!self.path("refused").exists());
    }

    fn revoke(&self, run: &str, name: &str) {
        let (authority, out) =
            (self.text(&format!("{run}/authority")), self.text("revocation.bin"));
        let revoke = ["revoke", "--authority", &authority, name, "--out", &out];
        let (code, said) = program(&revoke);
        assert_eq!(code, Some(0), "{said}");
        fs::remove_file(out).unwrap();
    }
}

fn names(authority: &AuthorityFiles) -> Vec<&str> {
    authority.list().into_iter().map(|listed| listed.name).collect()
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_next_run_has_the_keys_of_its_parties_and_nothing_else_of_the_earlier_one() {
    let sites = sites();
    let next = sites.founded("run", "next", &[]);
    let earlier = AuthorityFiles::load(&sites.path("run/authority")).unwrap();
    assert_eq!(names(&next), NAMES);
    let (first, second) = (&earlier.parameters, &next.parameters);
    assert_ne!(first.chain_id, second.chain_id);
    assert_eq!(first.authority, second.authority);
    assert_eq!(first.coordinator, second.coordinator);
    assert_eq!(first.evaluation_key, second.evaluation_key);
    assert_ne!(first.nonce, second.nonce);
    assert_eq!((first.steps, second.steps), (60, 7));
    for name in NAMES {
        let folder = sites.path(&format!("{name}-next"));
        let from = sites.path("next/institutions").join(name);
        install_institution_again(&folder, &from, &sites.path(name)).unwrap();
        let [former, own] =
            [&sites.path(name), &folder].map(|folder| InstitutionFiles::load(folder).unwrap());
        assert_eq!(former.signing.to_bytes(), own.signing.to_bytes());
        assert_eq!(former.tls.hash(), own.tls.hash());
        assert_eq!(former.identity.rows, own.identity.rows, "as there, where nothing is given");
        assert_ne!(former.identity.pseudonym, own.identity.pseudonym);
        assert_eq!(own.parameters.chain_id, second.chain_id);
        assert!(!is_of_local_ceremony(&folder));
        // Its own folder takes other certificates of this run, as the first one does.
        install_institution(&folder, &from).unwrap();
    }
    let hub = sites.path("hub-next");
    let from = sites.path("next/coordinator");
    install_coordinator_again(&hub, &from, &sites.path("hub")).unwrap();
    assert_eq!(CoordinatorFiles::load(&hub).unwrap().parameters.chain_id, second.chain_id);

    let secrets: Vec<Vec<u8>> = ["north/signing.key", "hub/coordinator.key", "hub/evaluation.key"]
        .iter()
        .chain(&["north/tls.key", "hub/tls.key", "west/signing.key"])
        .map(|name| fs::read(sites.path(name)).unwrap())
        .collect();
    for path in files(&sites.path("next")) {
        let bytes = fs::read(&path).unwrap();
        let holds = |secret: &Vec<u8>| bytes.windows(secret.len()).any(|part| part == secret);
        assert!(!secrets.iter().any(holds), "{} holds a party's key", path.display());
    }
}

#[test]
fn another_authority_another_coordinator_and_other_keys_are_not_taken_for_the_ones_that_are_known()
{
    let sites = sites();
    let others = self::sites();
    sites.founded("run", "next", &[]);
    let folder = sites.path("north-next");
    let refused = |from: &Path, known: &Path, says: &str| {
        let error = install_institution_again(&folder, from, known).unwrap_err();
        assert!(matches!(error, FilesError::Install { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let left: Vec<_> = fs::read_dir(sites.root.path()).unwrap().collect();
        let left = left.into_iter().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(!left.into_iter().any(|name| name.contains("north-next")), "nothing is left");
    };
    let north = sites.path("north");
    // A run of another authority, which certifies the keys that everybody may know.
    refused(&others.path("run/institutions/north"), &north, "signed by another authority");
    refused(&sites.path("next/institutions/east"), &north, "is for other keys");
    // A folder that is there.
    fs::create_dir(&folder).unwrap();
    let from = sites.path("next/institutions/north");
    let error = install_institution_again(&folder, &from, &north).unwrap_err();
    assert!(matches!(error, FilesError::Exists(_)), "{error}");
    fs::remove_dir(&folder).unwrap();
    // The earlier folder is of one run, and stays so.
    let error = install_institution(&north, &from).unwrap_err();
    assert!(error.to_string().contains("--keys-of"), "{error}");

    let request = request_as_coordinator(&sites.path("hub-2"), "hub-2", &mut OsRng).unwrap();
    let (file, read_out) = (sites.text("hub-2/request.bin"), request.fingerprint().to_string());
    let by_another = ["--coordinator", &file, "--coordinator-fingerprint"];
    sites.refused("run", &[&by_another[..], &[&"0".repeat(32)]].concat(), "hub-2: the request has");
    let next = sites.founded("run", "third", &[&by_another[..], &[&read_out]].concat());
    assert_eq!(next.parameters.coordinator, *request.signing_key());
    let from = sites.path("third/coordinator");
    let hub = sites.path("hub-third");
    let error = install_coordinator_again(&hub, &from, &sites.path("hub")).unwrap_err();
    assert!(error.to_string().contains("names other keys"), "{error}");
    install_coordinator(&sites.path("hub-2"), &from).unwrap();
}

#[test]
fn whoever_was_revoked_in_one_run_takes_part_in_none_that_is_founded_on_it() {
    let sites = sites();
    sites.revoke("run", "east");
    let (code, said) = sites.found("run", "next", &[]);
    assert!(code == Some(0) && said.contains("left out, for they were revoked: east\n"), "{said}");
    let next = AuthorityFiles::load(&sites.path("next/authority")).unwrap();
    assert_eq!(names(&next), ["north", "south", "west"]);
    assert_eq!(next.list().iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2, 3]);
    sites.refused("run", &["--only", "north,east,south,west"], "east: is revoked");
    sites.refused("run", &["--only", "north,nobody"], "nobody: is not registered");

    // It asks again: under its name, with its keys under another one, and in the run after the next one, too.
    let request = |name: &str| {
        PartyRequest::load(&sites.path(name), consilium_proto::v1::PartyRole::Institution)
    };
    let own = request("east/request.bin").unwrap().fingerprint().to_string();
    let east = sites.text("east/request.bin");
    let asks = ["--institution", &east, "--fingerprint", &own, "--rows", "40"];
    let says = "east: was revoked as east";
    sites.refused("run", &asks, says);
    sites.founded("next", "third", &["--only", "west,north,south", "--rows", "5,6,7"]);
    sites.refused("third", &asks, says);
    for run in ["next", "third"] {
        let authority = sites.text(&format!("{run}/authority"));
        let approve = ["approve", "--authority", &authority, &east, "--fingerprint", &own];
        let (code, said) = program(&[&approve[..], &["--rows", "5"]].concat());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(says), "{said}");
    }
    let renamed = sites.path("renamed");
    fs::create_dir(&renamed).unwrap();
    let files = InstitutionFiles::load(&sites.path("east")).unwrap();
    let renamed_request = PartyRequest::of_institution("orient", &files.signing, &files.tls);
    fs::write(renamed.join("request.bin"), renamed_request.encode()).unwrap();
    let (path, read_out) =
        (sites.text("renamed/request.bin"), renamed_request.fingerprint().to_string());
    let asks = ["--institution", &path, "--fingerprint", &read_out, "--rows", "40"];
    sites.refused("third", &asks, "orient: was revoked as east");

    // With another name and other keys it is somebody whom the authority has looked at again.
    let fresh = request_as_institution(&sites.path("fresh"), "levant", &mut OsRng).unwrap();
    let (path, read_out) = (sites.text("fresh/request.bin"), fresh.fingerprint().to_string());
    let asks = ["--institution", &path, "--fingerprint", &read_out];
    sites.refused("third", &asks, "--rows has 0 numbers; give one for each of the 4 institutions");
    let fourth = sites.founded("third", "fourth", &[&asks[..], &["--rows", "5,6,7,8"]].concat());
    assert_eq!(names(&fourth), ["west", "north", "south", "levant"], "in the order given");
    assert_eq!(fourth.list().iter().map(|one| one.rows).collect::<Vec<_>>(), [5, 6, 7, 8]);
    // What is revoked in the run that goes on says nothing of those before it.
    let first = AuthorityFiles::load(&sites.path("run/authority")).unwrap();
    assert!(first.list().iter().filter(|one| one.revoked).all(|one| one.name == "east"));
}

#[test]
fn a_key_of_the_transport_that_was_renewed_is_the_one_of_the_next_run() {
    let sites = sites();
    let renewal = request_renewal(&sites.path("west"), "west", &mut OsRng).unwrap();
    let (authority, path) = (sites.text("run/authority"), sites.text("west/request.bin"));
    let read_out = renewal.fingerprint().to_string();
    let renew = ["renew", "--authority", &authority, &path, "--fingerprint", &read_out];
    let (code, said) = program(&renew);
    assert_eq!(code, Some(0), "{said}");
    sites.founded("run", "next", &[]);
    // Whether it is installed in the earlier run or not.
    let from = sites.path("next/institutions/west");
    let folder = sites.path("west-next");
    let own = install_institution_again(&folder, &from, &sites.path("west")).unwrap();
    assert_eq!(own.tls.public(), *renewal.tls_key());
    let former = InstitutionFiles::load(&sites.path("west")).unwrap();
    assert_ne!(former.tls.hash(), own.tls.hash());
}

#[test]
fn a_simulation_has_a_next_run_as_well_and_stays_one() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    let (first, next) = (at("first"), at("next"));
    let local = ["init", "--institutions", "4", "--rows", "10", "--inputs", "2", "--out", &first];
    let (code, said) = program(&local);
    assert_eq!(code, Some(0), "{said}");
    let from = at("first/authority");
    let (code, said) = program(&["init", "--from", &from, "--inputs", "2", "--out", &next]);
    assert_eq!(code, Some(0), "{said}");
    let (folder, answer) = (root.path().join("one-next"), root.path().join("next/institutions"));
    let known = root.path().join("first/institution-01");
    install_institution_again(&folder, &answer.join("institution-01"), &known).unwrap();
    assert!(is_of_local_ceremony(&folder));
    let both = [&["init", "--from", &from, "--institutions", "4"][..], &local[3..]].concat();
    let (code, said) = program(&both);
    assert_eq!(code, Some(2), "{said}");
}
