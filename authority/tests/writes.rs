//! Every write of the folders of an authority and of a party fails, lost or done and reported as failed: what was to be done is
//! done by doing it again, in the same process or in another one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{error::Error, fs, path::Path};

use consilium_authority::{AuthorityFiles, Certified};
use consilium_disk::fate::{Nth, rule};
use consilium_identity::{
    FilesError, InstitutionFiles, PartyRequest, disk, install_institution, request_as_institution,
    request_renewal,
};
use consilium_proto::v1::PartyRole;
use rand_core::OsRng;

/// Something that is done to the folders below a root.
type Act = fn(&Path) -> Result<(), Box<dyn Error>>;

const SITE: &str = "site";
const ANSWER: &str = "answer";
const AUTHORITY: &str = "run/authority";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn asks(root: &Path) -> Result<(), Box<dyn Error>> {
    // Where the folder has appeared after all, its keys are the institution's: they are not made again.
    match request_as_institution(&root.join(SITE), "north", &mut OsRng) {
        Ok(_) | Err(FilesError::Exists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What the programs do with a request: certify, record, write.
fn answers(
    root: &Path,
    certify: impl FnOnce(&mut AuthorityFiles, &PartyRequest) -> Certified,
) -> Result<(), Box<dyn Error>> {
    let dir = root.join(AUTHORITY);
    let mut authority = AuthorityFiles::load(&dir)?;
    let request = root.join(SITE).join("request.bin");
    let request = PartyRequest::load(&request, PartyRole::Institution)?;
    let answer = certify(&mut authority, &request);
    authority.record(&dir)?;
    let folder = root.join(ANSWER);
    if folder.symlink_metadata().is_ok() {
        authority.replace_answer(&answer, &folder)?;
    } else {
        disk::appear(&folder, |partial| authority.write_answer(&answer, partial))?;
    }
    Ok(())
}

fn approves(root: &Path) -> Result<(), Box<dyn Error>> {
    answers(root, |authority, request| {
        authority.approve(request, &request.fingerprint().to_string(), 10).unwrap()
    })
}

fn installs(root: &Path) -> Result<(), Box<dyn Error>> {
    install_institution(&root.join(SITE), &root.join(ANSWER))?;
    Ok(())
}

fn asks_for_renewal(root: &Path) -> Result<(), Box<dyn Error>> {
    request_renewal(&root.join(SITE), "north", &mut OsRng)?;
    Ok(())
}

fn renews(root: &Path) -> Result<(), Box<dyn Error>> {
    answers(root, |authority, request| {
        authority.renew(request, &request.fingerprint().to_string()).unwrap()
    })
}

#[test]
fn whatever_write_fails_keys_requests_and_certificates_are_made_by_trying_again() {
    let founded = tempfile::tempdir().unwrap();
    consilium_testkit::ceremony(1, |_| ()).write(&founded.path().join("run")).unwrap();
    let acts: [(&str, Act); 6] = [
        ("asks", asks),
        ("approves", approves),
        ("installs", installs),
        ("asks for a renewal", asks_for_renewal),
        ("renews", renews),
        ("installs the renewal", installs),
    ];
    for (number, (name, act)) in acts.into_iter().enumerate() {
        let mut writes = 0;
        for done in [false, true] {
            for after in 0.. {
                let root = tempfile::tempdir().unwrap();
                let root = root.path();
                copy(founded.path(), root);
                for (_, before) in &acts[..number] {
                    before(root).unwrap();
                }
                let ruled = rule(Nth { after, done });
                let outcome = act(root);
                drop(ruled);
                if outcome.is_ok() {
                    writes = after;
                    break;
                }
                for (_, rest) in &acts[number..] {
                    rest(root).unwrap_or_else(|error| panic!("{name}, write {after}: {error}"));
                }
                let files = InstitutionFiles::load(&root.join(SITE)).unwrap();
                let register = fs::read_to_string(root.join(AUTHORITY).join("pseudonyms.toml"));
                assert_eq!(register.unwrap().matches("north").count(), 1, "{name}, write {after}");
                assert_eq!(files.identity.trustee_index, 5, "{name}, write {after}");
                let left = fs::read_dir(root.join(SITE)).unwrap().map(|it| it.unwrap().file_name());
                let left: Vec<_> =
                    left.filter(|file| file.to_string_lossy().contains("incomplete")).collect();
                assert_eq!(left, Vec::<std::ffi::OsString>::new(), "{name}, write {after}");
            }
        }
        assert!(writes >= 4, "{name}: {writes} writes");
    }
}
