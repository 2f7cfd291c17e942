//! What an update bounded by its norm costs, on one core: `cargo bench -p consilium-crypto --bench norm`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

mod party;

use consilium_crypto::Bound;
use divan::Bencher;
use party::Party;

const BOUND: Bound = Bound::Norm { norm: 5600, projections: 256 };

fn main() {
    divan::main();
}

fn one_core() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()
}

/// The first run of a process makes the generators and the mask bases; it is not measured.
#[divan::bench(args = [1024, 10_000, 100_000], sample_count = 3, sample_size = 1)]
fn client_encrypt(bencher: Bencher<'_, '_>, d: u32) {
    let party = Party::new(BOUND, d);
    let pool = one_core();
    pool.install(|| party.encrypt(1));
    bencher.bench_local(|| pool.install(|| party.encrypt(1)));
}

#[divan::bench(args = [1024, 10_000, 100_000], sample_count = 3, sample_size = 1)]
fn client_prove(bencher: Bencher<'_, '_>, d: u32) {
    let party = Party::new(BOUND, d);
    let pool = one_core();
    pool.install(|| party.encrypt(1).prove().unwrap());
    bencher
        .with_inputs(|| party.encrypt(1))
        .bench_local_values(|unproven| pool.install(|| unproven.prove().unwrap()));
}

#[divan::bench(args = [1024, 10_000], sample_count = 3, sample_size = 1)]
fn parse_and_verify_ten_folded(bencher: Bencher<'_, '_>, d: u32) {
    let party = Party::new(BOUND, d);
    let pool = one_core();
    let updates: Vec<_> = (1..=10).map(|who| party.encrypt(who).prove().unwrap()).collect();
    bencher.bench_local(|| {
        pool.install(|| {
            party.verify(updates.iter().map(|update| party.parse(update)).collect());
        });
    });
}
