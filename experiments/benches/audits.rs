//! What it costs to check a run of sixty rounds of ten institutions afterwards: `cargo bench --bench audits`.
//!
//! The run is a real one over gRPC with a ledger on disk, made once. Light: an institution asks its own copy of the chain
//! after its sixty updates, files read included. Full: the whole ledger is copied and replayed, every proof verified, on
//! one core and on all. Since: the same, where an earlier audit has verified the proofs of all but the last rounds.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use std::{fs, path::PathBuf, sync::OnceLock};

use consilium_audit::{
    Audited, Scope, audit, audit_within,
    mine::{self, Institution},
};
use consilium_client::state::history;
use consilium_contract::{Parameters, transaction::parse_entry};
use consilium_experiments::{
    progress::Progress,
    replay::{Choice, Federation, ReplayConfig, load_dataset, recorder::Recorder, verified},
};
use consilium_ledger::Store;
use consilium_proto::v1::transaction::Action;
use divan::Bencher;
use tempfile::TempDir;

fn main() {
    divan::main();
}

struct Run {
    directory: TempDir,
    parameters: Parameters,
    institution: Institution,
    audited: Audited,
}

impl Run {
    fn get() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(Self::new)
    }

    fn new() -> Self {
        let dataset = load_dataset("pima").unwrap();
        let choice = Choice { malicious: 0, ..Choice::default() };
        let federation =
            Federation::new(&ReplayConfig::resolve(choice, &dataset).unwrap(), &dataset).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path().join("institutions");
        fs::create_dir(&scratch).unwrap();
        let ledger = directory.path().join("ledger");
        verified::run(
            &federation,
            &ledger,
            &scratch,
            &mut Recorder::in_memory(),
            &Progress::silent(),
        )
        .unwrap();

        let store = Store::open_copy(&ledger, directory.path()).unwrap();
        let genesis = store.get_block(0).unwrap().unwrap();
        let parameters = Parameters::from_genesis_entry(&genesis.entries[0]).unwrap();
        let entries = store.blocks(1).flat_map(|block| block.unwrap().entries);
        let certificates: Vec<_> = entries
            .filter_map(|entry| match parse_entry(&entry).unwrap().0.action() {
                Action::Enrol(enrol) => {
                    parameters.verify_certificate(enrol.certificate.as_ref().unwrap()).ok()
                }
                _ => None,
            })
            .collect();
        let first = certificates.iter().find(|certificate| certificate.trustee_index == 1).unwrap();
        let institution = Institution { pseudonym: first.pseudonym, key: first.signing_key };
        let scope = Scope { chain_id: None, since: None, progress: &mut |_, _| {} };
        let (_, audited) = audit_within(&ledger, directory.path(), scope).unwrap();
        Self { directory, parameters, institution, audited }
    }

    fn ledger(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn light_audit_of_sixty_rounds_of_ten(bencher: Bencher<'_, '_>) {
    let run = Run::get();
    let state = run.directory.path().join("institutions").join("institution 0");
    bencher.bench_local(|| {
        let mine =
            mine::audit_blocks(&run.parameters, run.institution, &history::blocks(&state).unwrap())
                .unwrap();
        assert_eq!((mine.rounds, mine.counted.len()), (60, 60));
        mine
    });
}

/// Argument: threads (0: all cores).
#[divan::bench(args = [1, 0], sample_count = 3, sample_size = 1)]
fn full_audit_of_sixty_rounds_of_ten(bencher: Bencher<'_, '_>, threads: usize) {
    let run = Run::get();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    bencher
        .bench_local(|| pool.install(|| audit(&run.ledger(), run.directory.path(), None).unwrap()));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn audit_since_all_but_the_last_rounds(bencher: Bencher<'_, '_>) {
    let run = Run::get();
    let since = run.audited.checkpoint().size - 30;
    bencher.bench_local(|| {
        let scope =
            Scope { chain_id: None, since: Some((&run.audited, since)), progress: &mut |_, _| {} };
        audit_within(&run.ledger(), run.directory.path(), scope).unwrap()
    });
}
