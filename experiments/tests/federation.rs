//! The verified federation end to end: real gRPC on loopback, real proofs, a real ledger on disk.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::clear;
use consilium_audit::{AuditReport, audit, mine};
use consilium_authority::{BoundChoice, BoundKind, MaskChoice, PrivacyFlags, Protection};
use consilium_contract::{
    Certificate, Model, Parameters, model::decode_sums, transaction::parse_entry,
};
use consilium_crypto::quantise;
use consilium_experiments::{
    progress::Progress,
    replay::{Choice, Federation, ReplayConfig, load_dataset, recorder::Recorder, verified},
};
use consilium_learning::model_blob;
use consilium_ledger::{Store, sha256};
use consilium_privacy::{Guarantee, Spent};
use consilium_proto::v1::{BlobRef, transaction::Action};
use tempfile::TempDir;

const BOUNDS: [BoundKind; 2] = [BoundKind::Parameter, BoundKind::Norm];

struct Run {
    federation: Federation,
    verified: verified::Verified,
    directory: TempDir,
}

impl Run {
    fn new(bound: BoundKind, institutions: usize, malicious: usize, epochs: usize) -> Self {
        let bound = BoundChoice { bound, ..BoundChoice::default() };
        let protection = Protection { allow_threshold_one: institutions < 4 };
        Self::of(Choice { institutions, malicious, epochs, bound, protection, ..Choice::default() })
    }

    fn of(choice: Choice) -> Self {
        let dataset = load_dataset("pima").unwrap();
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        let federation = Federation::new(&config, &dataset).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path().join("institutions");
        fs::create_dir(&scratch).unwrap();
        let verified = verified::run(
            &federation,
            &directory.path().join("ledger"),
            &scratch,
            &mut Recorder::in_memory(),
            &Progress::silent(),
        )
        .unwrap();
        Self { federation, verified, directory }
    }

    fn ledger(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }

    fn audit(&self) -> AuditReport {
        audit(&self.ledger(), self.directory.path(), None).unwrap()
    }

    /// SHA-256 of the model after each closed round, as the chain says.
    fn models_on_chain(&self) -> Vec<Vec<u8>> {
        let store = Store::open_copy(&self.ledger(), self.directory.path()).unwrap();
        let entries = store.blocks(1).flat_map(|block| block.unwrap().entries);
        let models = entries.filter_map(|entry| match parse_entry(&entry).unwrap().0.action() {
            Action::CloseRound(close) => close.model.as_ref().map(|model| model.sha256.clone()),
            _ => None,
        });
        models.collect()
    }

    /// SHA-256 of the model after each round of plaintext FedAvg over the same quantised updates of the honest.
    fn models_in_the_clear(&self) -> Vec<Vec<u8>> {
        let federation = &self.federation;
        let accepted = vec![clear::honest(federation); federation.config.epochs];
        let participants = federation.participants().unwrap();
        let steps = clear::steps(federation, participants, 1, &accepted);
        steps.iter().map(|step| step.hash().to_vec()).collect()
    }
}

#[test]
fn three_institutions_train_together_and_anyone_can_check_it() {
    for bound in BOUNDS {
        let run = Run::new(bound, 3, 0, 2);
        assert_eq!(run.models_on_chain(), run.models_in_the_clear(), "{bound:?}");
        let report = run.audit();
        assert_eq!(report.steps, (2, 2));
        assert_eq!((report.accepted_updates, report.models, report.sums), (6, 2, 2));
        assert!(report.is_closed);
    }
}

#[test]
fn with_nobody_malicious_every_model_is_bit_for_bit_that_of_fedavg_in_the_clear() {
    for bound in BOUNDS {
        let run = Run::new(bound, 7, 0, 3);
        let models = run.models_on_chain();
        assert_eq!(models.len(), 3);
        assert_eq!(models, run.models_in_the_clear(), "{bound:?}");
        assert_eq!(sha256(&model_blob(&run.verified.model)).to_vec(), models[2]);
        assert!(
            run.verified
                .rounds
                .iter()
                .all(|round| round.accepted == 7 && round.rejected.is_empty())
        );
    }
}

#[test]
fn what_cannot_be_proven_is_rejected_and_its_author_expelled_and_the_others_get_their_sum() {
    // A range proof of the parameters, or the proof of the norm.
    for (bound, reason) in BOUNDS.into_iter().zip(["bad_range_proof", "bad_norm_proof"]) {
        let run = Run::new(bound, 7, 2, 4);
        assert_eq!(run.models_on_chain(), run.models_in_the_clear(), "{bound:?}");
        let rejected: Vec<_> =
            run.verified.rounds.iter().map(|round| round.rejected.clone()).collect();
        for round in &rejected[..3] {
            assert_eq!(round.get(reason), Some(&2), "{rejected:?}");
        }
        // The expelled are not waited for: the round may be over before they are told.
        assert!(rejected[3].keys().all(|reason| reason == "expelled"), "{rejected:?}");
        assert!(run.verified.rounds.iter().all(|round| round.accepted == 5));
        let report = run.audit();
        assert_eq!((report.accepted_updates, report.proven_updates), (20, 26));
    }
}

#[test]
fn noisy_updates_are_summed_to_the_bit_and_the_budget_ends_the_run_at_the_step_that_it_says() {
    let flags = |multiplier| PrivacyFlags {
        privacy_epsilon: Some(10.0),
        noise_multiplier: Some(multiplier),
        ..PrivacyFlags::default()
    };
    let choice = Choice {
        institutions: 4,
        malicious: 0,
        epochs: 50,
        privacy: flags(1.0),
        ..Choice::default()
    };
    let run = Run::of(choice);
    let rounds = &run.verified.rounds;
    let spent: Vec<u64> = rounds.iter().map(|round| round.epsilon_milli.unwrap()).collect();
    assert!(
        spent.windows(2).all(|pair| pair[0] < pair[1]) && spent.last() <= Some(&10_000),
        "{spent:?}"
    );
    assert!((2..50).contains(&spent.len()), "{spent:?}");
    assert!(rounds.iter().all(|round| round.accepted == 4 && round.rejected.is_empty()));

    let models = run.models_on_chain();
    assert_eq!(models, run.models_in_the_clear()[..models.len()]);
    assert_eq!(models.len(), spent.len());
    let report = run.audit();
    assert_eq!(
        (report.steps.0 as usize, report.steps.1, report.phase.as_str()),
        (spent.len(), 50, "finished")
    );
    let last = spent[spent.len() - 1];
    let said = format!("ε = {}.{:03} of 10.000 at δ = 2^-17", last / 1000, last % 1000);
    assert!(report.privacy.as_ref().unwrap().starts_with(&said), "{report}");
    assert!(report.to_string().contains(&said), "{report}");

    let one_more = Guarantee::new(
        run.federation.config.privacy.unwrap().terms(),
        consilium_privacy::Run {
            dimension: 289,
            norm: u32::MAX,
            institutions: 4,
            honest: 3,
            most_honest: 3,
            steps: 50,
        },
    );
    assert!(one_more.unwrap().epsilon(&Spent::of(spent.len() as u64 + 1, 3)).0 > 10_000);
}

/// Rounds of the chain, in order: the model before each, its sums and the model after it.
fn rounds_on_chain(run: &Run) -> Vec<(Model, Vec<i64>, Model)> {
    let store = Store::open_copy(&run.ledger(), run.directory.path()).unwrap();
    let dimension = run.federation.config.dimension;
    let blob = |blob: &Option<BlobRef>| {
        let address = blob.as_ref().unwrap().sha256.as_slice().try_into().unwrap();
        store.get_blob(&address).unwrap().unwrap()
    };
    let genesis = store.blocks(0).next().unwrap().unwrap().entries.remove(0);
    let parameters = Parameters::from_genesis_entry(&genesis).unwrap();
    let initial = run.federation.initial.clone();
    let mut before = Model::starting(initial, &parameters.server_optimiser).unwrap();
    let mut rounds = Vec::new();
    for entry in store.blocks(1).flat_map(|block| block.unwrap().entries) {
        if let Action::CloseRound(close) = parse_entry(&entry).unwrap().0.action() {
            let sums = decode_sums(&blob(&close.sums), dimension).unwrap();
            let after = Model::from_bytes(&blob(&close.model), &parameters).unwrap();
            rounds.push((before, sums, after.clone()));
            before = after;
        }
    }
    rounds
}

#[test]
fn under_a_lattice_mask_every_sum_is_that_of_the_clear_updates_but_for_its_noise_and_the_model_follows()
 {
    const SCALE: u32 = 1024;
    for malicious in [0, 2] {
        let bound =
            BoundChoice { mask: MaskChoice::small_lattice(SCALE), ..BoundChoice::default() };
        let institutions = 5 + malicious;
        let choice = Choice { institutions, malicious, epochs: 3, bound, ..Choice::default() };
        let run = Run::of(choice);
        let federation = &run.federation;
        let config = &federation.config;
        let honest = clear::honest(federation);
        let mut participants = federation.participants().unwrap();
        let rounds = rounds_on_chain(&run);
        assert_eq!(rounds.len(), 3);
        for (step, (before, sums, after)) in (1..).zip(&rounds) {
            let mut clear = vec![0_i64; sums.len()];
            for &place in &honest {
                let update = participants[place].local_update(step, before.parameters()).unwrap();
                clear.iter_mut().zip(update.quantised.as_slice()).for_each(|(sum, q)| *sum += q);
            }
            let scale = i64::from(SCALE);
            let rounded: Vec<i64> =
                sums.iter().map(|sum| (sum + scale / 2).div_euclid(scale)).collect();
            assert_eq!(rounded, clear, "step {step}");
            let weights: f64 = honest.iter().map(|&place| federation.weights[place]).sum();
            let bound = config.quantised_bound();
            let mean = quantise::decode(sums, bound, config.clip, weights).unwrap();
            let mean: Vec<f64> = mean.iter().map(|value| value / f64::from(SCALE)).collect();
            assert_eq!(after.parameters(), quantise::apply(before.parameters(), &mean));
        }
        let report = run.audit();
        assert_eq!((report.steps, report.accepted_updates), ((3, 3), 15));
        // What is ten times too long is refused by the proof of its norm.
        for round in &run.verified.rounds {
            assert_eq!(round.rejected.get("bad_norm_proof"), (malicious > 0).then_some(&2));
        }
        light_audits_hold(&run);
    }
}

/// Every institution finds each of its updates in the sums, by signatures alone.
fn light_audits_hold(run: &Run) {
    let store = Store::open_copy(&run.ledger(), run.directory.path()).unwrap();
    let blocks: Vec<_> = store.blocks(0).map(Result::unwrap).collect();
    let parameters = Parameters::from_genesis_entry(&blocks[0].entries[0]).unwrap();
    let mut counted = 0;
    for entry in blocks.iter().flat_map(|block| &block.entries).skip(1) {
        let (transaction, _) = parse_entry(entry).unwrap();
        let Action::Enrol(enrol) = transaction.action() else { continue };
        let certificate = parameters.verify_certificate(enrol.certificate.as_ref().unwrap());
        let Certificate { pseudonym, signing_key: key, .. } = certificate.unwrap();
        let institution = mine::Institution { pseudonym, key };
        if let Ok(mine) = mine::audit_blocks(&parameters, institution, &blocks) {
            counted += mine.counted.len();
        }
    }
    assert_eq!(counted, 15);
}

/// Every regular file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn an_audit_fails_after_any_byte_of_the_ledger_is_changed() {
    let run = Run::new(BoundKind::Parameter, 3, 0, 1);
    let expected = run.audit();
    for path in files(&run.ledger()) {
        let original = fs::read(&path).unwrap();
        for position in (0..original.len()).step_by((original.len() / 24).max(1)) {
            let mut changed = original.clone();
            changed[position] ^= 1 << (position % 8);
            fs::write(&path, &changed).unwrap();
            let outcome = audit(&run.ledger(), run.directory.path(), None);
            // A node's own shortcut past blocks that it has verified: no audit takes it.
            let is_shortcut = path.ends_with("SNAPSHOT");
            assert_eq!(outcome.is_ok(), is_shortcut, "{} byte {position}", path.display());
        }
        fs::write(&path, &original).unwrap();
    }
    assert_eq!(run.audit().model, expected.model);
}

#[test]
fn without_the_seal_a_changed_byte_is_still_found_or_belongs_to_no_block_and_no_blob() {
    let run = Run::new(BoundKind::Parameter, 3, 0, 1);
    let expected = run.audit();
    let contents = |ledger: &Path| -> Option<Vec<Vec<u8>>> {
        let store = Store::open_copy(ledger, run.directory.path()).ok()?;
        store.blocks(0).map(|block| block.ok()?.encode().ok()).collect()
    };
    let blocks = contents(&run.ledger()).unwrap();
    let copied = run.directory.path().join("copy");
    for path in files(&run.ledger()) {
        let relative = path.strip_prefix(run.ledger()).unwrap();
        let original = fs::read(&path).unwrap();
        for position in (3..original.len()).step_by((original.len() / 24).max(1)) {
            copy(&run.ledger(), &copied);
            let _ = fs::remove_file(copied.join("MANIFEST"));
            let mut changed = original.clone();
            changed[position] ^= 1 << (position % 8);
            fs::write(copied.join(relative), &changed).unwrap();
            if let Ok(report) = audit(&copied, run.directory.path(), None) {
                assert_eq!((report.model, report.blobs), (expected.model.clone(), expected.blobs));
                assert_eq!(
                    contents(&copied).unwrap(),
                    blocks,
                    "{} byte {position}",
                    relative.display()
                );
            }
            fs::remove_dir_all(&copied).unwrap();
        }
    }
}
