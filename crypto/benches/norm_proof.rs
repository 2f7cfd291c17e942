//! The norm proof against what it replaced and against a bound on parameters, on one core: `cargo bench -p
//! consilium-crypto --bench norm_proof`. Ratios are to be taken within one run.
//!
//! `prove_256_projections_by_ranges` is the range proofs of 256 values of 16 bits that a bound on the norm once needed, by the
//! same prover that an update's parameters have today.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

mod party;

use consilium_crypto::Bound;
use divan::Bencher;
use party::Party;

const NORM: Bound = Bound::Norm { norm: 5600, projections: 256 };
const PARAMETER: Bound = Bound::parameter(8);
const RANGES: Bound = Bound::parameter(16);

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    divan::main();
}

fn prove(bencher: Bencher<'_, '_>, bound: Bound, dimension: u32) {
    let party = Party::new(bound, dimension);
    party.encrypt(1).prove().unwrap();
    bencher
        .with_inputs(|| party.encrypt(1))
        .bench_local_values(|unproven| unproven.prove().unwrap());
}

#[divan::bench(sample_count = 25, sample_size = 1)]
fn prove_256_projections_by_ranges(bencher: Bencher<'_, '_>) {
    prove(bencher, RANGES, 256);
}

#[divan::bench(sample_count = 25, sample_size = 1)]
fn prove_norm_of_one_parameter(bencher: Bencher<'_, '_>) {
    prove(bencher, NORM, 1);
}

#[divan::bench(sample_count = 25, sample_size = 1)]
fn prove_range_of_one_parameter(bencher: Bencher<'_, '_>) {
    prove(bencher, PARAMETER, 1);
}

fn client(bencher: Bencher<'_, '_>, bound: Bound, dimension: u32) {
    let party = Party::new(bound, dimension);
    party.encrypt(1).prove().unwrap();
    bencher.bench_local(|| party.encrypt(1).prove().unwrap());
}

#[divan::bench(args = [8, 16, 32, 64, 289, 1024], sample_count = 15, sample_size = 1)]
fn client_by_norm(bencher: Bencher<'_, '_>, dimension: u32) {
    client(bencher, NORM, dimension);
}

#[divan::bench(args = [8, 16, 32, 64, 289], sample_count = 15, sample_size = 1)]
fn client_by_parameters(bencher: Bencher<'_, '_>, dimension: u32) {
    client(bencher, PARAMETER, dimension);
}

fn verifier(bencher: Bencher<'_, '_>, bound: Bound, dimension: u32) {
    let party = Party::new(bound, dimension);
    let updates: Vec<_> = (1..=10).map(|who| party.encrypt(who).prove().unwrap()).collect();
    bencher.bench_local(|| {
        party.verify(updates.iter().map(|update| party.parse(update)).collect());
    });
}

#[divan::bench(args = [16, 32, 64, 289], sample_count = 15, sample_size = 1)]
fn verify_ten_by_norm(bencher: Bencher<'_, '_>, dimension: u32) {
    verifier(bencher, NORM, dimension);
}

#[divan::bench(args = [16, 32, 64, 289], sample_count = 15, sample_size = 1)]
fn verify_ten_by_parameters(bencher: Bencher<'_, '_>, dimension: u32) {
    verifier(bencher, PARAMETER, dimension);
}
