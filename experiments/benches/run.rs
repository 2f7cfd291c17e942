//! What a whole round costs those who check it, beside what plain federated averaging costs: `cargo bench`.
//!
//! The round is a real one, of ten institutions over gRPC with a ledger on disk, made once for each size of model. An
//! audit copies the ledger, verifies every block, and every update's proofs folded.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use std::{fs, path::PathBuf, sync::OnceLock};

use consilium_audit::audit;
use consilium_experiments::{
    progress::Progress,
    replay::{
        Choice, Federation, ReplayConfig, load_dataset, plain::fed_avg, recorder::Recorder,
        verified,
    },
};
use divan::Bencher;
use tempfile::TempDir;

/// Hidden layers of models with 289 and 2,941 parameters.
const HIDDEN: [[usize; 2]; 2] = [[16, 8], [100, 20]];
const BY_THREADS: [(usize, usize); 4] = [(0, 1), (0, 0), (1, 1), (1, 0)];

fn main() {
    divan::main();
}

struct Round {
    federation: Federation,
    directory: TempDir,
}

impl Round {
    fn of(size: usize) -> &'static Self {
        static ROUNDS: [OnceLock<Round>; 2] = [const { OnceLock::new() }; 2];
        ROUNDS[size].get_or_init(|| Self::new(HIDDEN[size]))
    }

    fn new(hidden: [usize; 2]) -> Self {
        let dataset = load_dataset("pima").unwrap();
        let choice =
            Choice { epochs: 1, malicious: 0, hidden: hidden.to_vec(), ..Choice::default() };
        let config = ReplayConfig::resolve(choice, &dataset).unwrap();
        let federation = Federation::new(&config, &dataset).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let scratch = directory.path().join("institutions");
        fs::create_dir(&scratch).unwrap();
        verified::run(
            &federation,
            &directory.path().join("ledger"),
            &scratch,
            &mut Recorder::in_memory(),
            &Progress::silent(),
        )
        .unwrap();
        Self { federation, directory }
    }

    fn ledger(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }
}

/// Arguments: model (0: 289 parameters, 1: 2,941) and threads (0: all cores).
#[divan::bench(args = BY_THREADS, sample_count = 5, sample_size = 1)]
fn audit_of_a_round(bencher: Bencher<'_, '_>, (size, threads): (usize, usize)) {
    let round = Round::of(size);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    bencher.bench_local(|| {
        pool.install(|| audit(&round.ledger(), round.directory.path(), None).unwrap())
    });
}

/// The baseline without any protection: the weighted mean of ten updates. Argument: model.
#[divan::bench(args = [0, 1])]
fn plain_fedavg_of_ten(bencher: Bencher<'_, '_>, size: usize) {
    let Federation { initial, weights, .. } = &Round::of(size).federation;
    let updates = vec![vec![0.01_f32; initial.len()]; weights.len()];
    bencher.bench_local(|| fed_avg(initial, &updates, weights));
}
