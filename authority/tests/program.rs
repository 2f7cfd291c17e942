//! The program: what it founds, shows, writes and refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use consilium_authority::{Ceremony, CeremonySpec, read_transaction};
use consilium_contract::CandidateTransaction;
use consilium_crypto::SigningKey;
use consilium_exchange::group_signature::{IssuerKey, OpenerKey};
use consilium_exchange::quantity::{
    AccountSecret, Accounts, Action as QuantityAction, Deposit, DepositRequest, Wallet,
};
use consilium_hash::Pseudonym;
use consilium_identity::{InstitutionFiles, ParticipantRequest};
use consilium_proto::training::Layers;
use consilium_proto::v1::{Revoke, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn ceremony(seed: u64) -> Ceremony {
    let spec = CeremonySpec::new(Layers::dense(2, vec![3]), vec![0.5; 13], vec![7, 8, 9, 10]);
    Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap()
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
    let output = program(&["admit", "--make-keys-here", "--authority", folder, "--rows", "5"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let joined = InstitutionFiles::load(&dir.join("institution-05")).unwrap().identity.pseudonym;

    let revoked = said(&["revoke", "--authority", folder, "institution-02", "--out", file]);
    assert_eq!(revoked, Action::Revoke(Revoke { pseudonym: name(1).to_vec() }));
    let revoked = said(&["revoke", "--authority", folder, &name(2).to_string(), "--out", file]);
    assert_eq!(revoked, Action::Revoke(Revoke { pseudonym: name(2).to_vec() }));

    let Action::Pause(pause) = said(&["pause", "--authority", folder, "--out", file]) else {
        panic!("another action")
    };
    let Action::Resume(resume) = said(&["resume", "--authority", folder, "--out", file]) else {
        panic!("another action")
    };
    assert!(pause.request < resume.request, "no earlier word counts after a later one");

    let members = format!("institution-05,institution-01,{},institution-04", name(2));
    let change =
        ["change-committee", "--authority", folder, "--number", "1", "--out", file, "--members"];
    let mut latest = 0;
    let mut change = |more: &[&str]| {
        let Action::ChangeCommittee(asked) = said(&[change.as_slice(), more].concat()) else {
            panic!("another action")
        };
        assert!(asked.request > latest, "a later request takes the place of an earlier one");
        latest = asked.request;
        (asked.committee, asked.members, asked.threshold)
    };
    let expected = |places: &[Pseudonym], threshold| {
        let members: Vec<_> = places.iter().map(|place| place.to_vec()).collect();
        (1, members, threshold)
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
    refused(
        &["admit", "--make-keys-here", "--authority", folder, "--rows", "11"],
        2,
        "number of rows is 11",
    );
    refused(
        &[
            "admit",
            "--make-keys-here",
            "--authority",
            folder,
            "--rows",
            "1",
            "--name",
            "coordinator",
        ],
        2,
        "exists already",
    );
    refused(&["send", file, "--plain", "--coordinator", "http://127.0.0.1:1"], 2, file);
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

    let unreachable = [
        "revoke",
        "--authority",
        folder,
        "institution-02",
        "--plain",
        "--coordinator",
        "http://127.0.0.1:1",
    ];
    refused(&unreachable, 3, "http://127.0.0.1:1: not reached");
    refused(&[&unreachable[..6], &["nowhere at all"]].concat(), 3, "give https://HOST:PORT");
}

#[test]
fn the_program_founds_and_shows_a_run_with_either_bound() {
    let root = tempfile::tempdir().unwrap();
    let run = program;
    let shown = |name: &str, flags: &[&str]| -> (String, serde_json::Value) {
        let dir = root.path().join(name);
        let out = dir.to_str().unwrap();
        let inputs: &[&str] = if flags.contains(&"--inputs") { &[] } else { &["--inputs", "2"] };
        let good =
            ["init", "--make-keys-here", "--institutions", "4", "--rows", "40", "--out", out];
        let output = run(&[good.as_slice(), inputs, flags].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(run(&["show", out]).stdout).unwrap();
        (text, serde_json::from_slice(&run(&["show", out, "--format", "json"]).stdout).unwrap())
    };

    // 193 parameters: 3 steps of a learning rate of 0.01.
    let (text, json) = shown("parameter", &["--bound", "parameter"]);
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

    // Three by three pixels, one convolution to two values a pixel: 20 parameters, 18·4 + 4, and 5.
    let (text, json) = shown("images", &["--inputs", "9", "--convolution", "2", "--hidden", "4"]);
    assert_eq!(
        (&json["dimension"], &json["convolution"], &json["image_channels"]),
        (&101.into(), &serde_json::json!([2]), &1.into())
    );
    assert!(text.contains("convolution            [2]"), "{text}");

    // Where nothing is said: 17 parameters, and 193.
    let (_, json) = shown("small", &["--hidden", "4"]);
    assert_eq!((&json["bound"], &json["bits"]), (&"parameter".into(), &8.into()));
    let (_, json) = shown("default", &[]);
    assert_eq!(
        (&json["bound"], &json["norm"], &json["projections"]),
        (&"norm".into(), &5600.into(), &256.into())
    );
}

#[test]
fn the_program_holds_a_ceremony_shows_it_and_refuses_bad_values_with_code_2() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let run = program;
    let out = dir.to_str().unwrap();
    let good = [
        "init",
        "--make-keys-here",
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
    let founded = String::from_utf8_lossy(&output.stdout).into_owned();
    let warned = "times as long as an honest one: it needs room for the noise";
    assert!(founded.contains("warning: an accepted update may be"), "{founded}");
    assert!(founded.contains(warned) && founded.contains("times the clip"), "{founded}");
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
        ("--convolution", "4", "2 inputs are no square image"),
        ("--image-channels", "2", "--convolution"),
        ("--learning-rate", "nan", "learning rate"),
        ("--clip", "x", "--clip"),
        ("--clip", "0", "--clip"),
        ("--bound", "none", "--bound"),
        ("--projections", "100", "--projections"),
        ("--norm", "3", "--norm"),
        ("--initial-model", "/nonexistent", "/nonexistent"),
    ] {
        let mut arguments = vec![
            "init",
            "--make-keys-here",
            "--institutions",
            "4",
            "--inputs",
            "2",
            "--out",
            fresh,
        ];
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

#[test]
fn the_program_admits_whoever_has_the_fingerprint_and_founds_the_group_of_an_issuer_and_an_opener()
{
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let held = ceremony(12);
    held.write(&dir).unwrap();
    let folder = dir.join("authority");
    let folder = folder.to_str().unwrap();
    let out = root.path().join("out.bin");
    let file = out.to_str().unwrap();
    let rng = &mut ChaCha20Rng::seed_from_u64(13);
    let issuer_key = IssuerKey::generate(rng);
    let opener_key = OpenerKey::generate(rng);
    let mut request = |name: &str, path: &str, issuer: Vec<u8>, opener: Vec<u8>| {
        let key = SigningKey::generate(rng);
        let request = ParticipantRequest::new(name, &key, issuer, opener);
        let path = root.path().join(path);
        fs::write(&path, request.encode()).unwrap();
        (path.to_str().unwrap().to_owned(), request)
    };
    let (insurer, wanted) = request("insurer", "insurer.bin", Vec::new(), Vec::new());
    let (other, impostor) = request("insurer", "other.bin", Vec::new(), Vec::new());
    let (issuer, _) =
        request("issuer", "issuer.bin", issuer_key.public().encode().to_vec(), Vec::new());
    let (opener, _) =
        request("opener", "opener.bin", Vec::new(), opener_key.public().encode().to_vec());
    let admit = |request: &str, fingerprint: String| {
        let arguments = ["admit-participant", "--authority", folder, request, "--out", file];
        program(&[&arguments[..], &["--fingerprint", &fingerprint]].concat())
    };
    let action = || {
        let transaction = CandidateTransaction::parse(read_transaction(&out).unwrap()).unwrap();
        fs::remove_file(&out).unwrap();
        assert!(transaction.is_signed_by(&held.parameters.authority, &held.parameters.chain_id));
        transaction.action().clone()
    };

    // A file that was exchanged on the way has another fingerprint.
    let refused = admit(&other, wanted.fingerprint().to_string());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("get the file from its author"));
    assert!(!out.exists() && !dir.join("authority/participants.toml").exists());

    assert!(admit(&insurer, wanted.fingerprint().to_string()).status.success());
    let Action::AdmitParticipant(first) = action() else { panic!("another action") };
    assert_eq!(first.signing_key, wanted.signing_key().encode());
    let register = fs::read_to_string(dir.join("authority/participants.toml")).unwrap();
    assert!(register.contains("[insurer]") && register.contains(&hex::encode(&first.pseudonym)));
    // Again the same; nobody else gets the name.
    assert!(admit(&insurer, wanted.fingerprint().to_string()).status.success());
    assert_eq!(action(), Action::AdmitParticipant(first));
    let refused = admit(&other, impostor.fingerprint().to_string());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("somebody else has been admitted"));

    let found = |issuer: &str, opener: &str| {
        let arguments = ["found-group", "--authority", folder, "--out", file];
        program(&[&arguments[..], &["--issuer", issuer, "--opener", opener]].concat())
    };
    let refused = found(&insurer, &opener);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--role issuer"));
    assert!(found(&issuer, &opener).status.success());
    let Action::FoundGroup(group) = action() else { panic!("another action") };
    assert_eq!(group.issuer_key, issuer_key.public().encode());
    assert_eq!(group.opener_key, opener_key.public().encode());
}

#[test]
fn the_program_signs_a_deposit_for_the_institution_and_the_amount_that_it_is_told_and_for_no_other()
{
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("ceremony");
    let held = ceremony(12);
    held.write(&dir).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let chain_id = held.parameters.chain_id;
    let name = held.institutions[0].identity.pseudonym;
    let wallet = Wallet::new(chain_id, name, AccountSecret::generate(&mut rng).unwrap());
    let mut accounts = Accounts::new(chain_id, held.parameters.authority);
    let registration = QuantityAction::Registration(wallet.register(&mut rng));
    let verified = accounts.claim(&name, registration).unwrap().verify().unwrap();
    accounts.apply(&name, &verified).unwrap();
    let account = accounts.get(&name).unwrap();
    let deposit = wallet.deposit(account, 90, &mut rng).unwrap();
    let request = DepositRequest::new(chain_id, name, *account.keys(), deposit);
    let path = root.path().join("request.bin");
    fs::write(&path, request.encode().as_slice()).unwrap();
    let out = root.path().join("approved.bin");
    let approve = |institution: &str, amount: &str| {
        let folder = dir.join("authority");
        program(&[
            "approve-deposit",
            "--authority",
            folder.to_str().unwrap(),
            path.to_str().unwrap(),
            "--institution",
            institution,
            "--amount",
            amount,
            "--out",
            out.to_str().unwrap(),
        ])
    };
    for (institution, amount, why) in [
        ("institution-01", "91", "for 90 units"),
        ("institution-02", "90", "is of institution-01"),
        ("institution-09", "90", "is in no table"),
    ] {
        let output = approve(institution, amount);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(why), "{message}");
        assert!(!out.exists());
    }
    let output = approve("institution-01", "90");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let approved = Deposit::decode(&fs::read(&out).unwrap()).unwrap();
    let claim = accounts.claim(&name, QuantityAction::Deposit(approved)).unwrap();
    accounts.apply(&name, &claim.verify().unwrap()).unwrap();
    // What is there is not written over.
    assert_eq!(approve("institution-01", "90").status.code(), Some(2));
}
