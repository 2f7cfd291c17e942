//! Range proofs of one round against the bulletproofs crate, on one core: `cargo bench -p consilium-crypto --bench
//! range_proofs`. Ratios are to be taken within one run.
//!
//! Both sides prove the same statements: the values of an update, in its chunks, and its key's sixteen limbs. Ours does the
//! rest of an update's proofs as well, and verifies ten updates in one sum; the crate's proofs are verified one by one.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

mod party;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use consilium_crypto::Bound;
use curve25519_dalek_4::Scalar;
use curve25519_dalek_4::ristretto::CompressedRistretto;
use divan::Bencher;
use merlin::Transcript;
use party::Party;
use rand_core::OsRng;

const UPDATES: u8 = 10;
/// Values and bits of the chunks of an update of 256 and of 289 parameters, with the limbs of its key.
const CHUNKS_OF_256: [(usize, usize); 2] = [(256, 8), (16, 16)];
const CHUNKS_OF_289: [(usize, usize); 4] = [(256, 8), (32, 8), (1, 8), (16, 16)];

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    divan::main();
}

fn ours(dimension: u32) -> Party {
    Party::new(Bound::parameter(8), dimension)
}

struct Reference {
    generators: BulletproofGens,
    pedersen: PedersenGens,
}

type Proven = (RangeProof, Vec<CompressedRistretto>, usize);

impl Reference {
    fn new() -> Self {
        Self { generators: BulletproofGens::new(16, 256), pedersen: PedersenGens::default() }
    }

    fn prove(&self, chunks: &[(usize, usize)]) -> Vec<Proven> {
        let prove = |(values, bits): &(usize, usize)| {
            let blindings: Vec<_> = (0..*values).map(|_| Scalar::random(&mut OsRng)).collect();
            let values: Vec<_> = (0..*values as u64).map(|j| j % 256).collect();
            let transcript = &mut Transcript::new(b"reference");
            let rng = &mut OsRng;
            let generators = &self.generators;
            let pedersen = &self.pedersen;
            let proven = RangeProof::prove_multiple_with_rng(
                generators, pedersen, transcript, &values, &blindings, *bits, rng,
            );
            let (proof, commitments) = proven.unwrap();
            (proof, commitments, *bits)
        };
        chunks.iter().map(prove).collect()
    }

    fn verify(&self, (proof, commitments, bits): &Proven) {
        let transcript = &mut Transcript::new(b"reference");
        let rng = &mut OsRng;
        let generators = &self.generators;
        let pedersen = &self.pedersen;
        proof
            .verify_multiple_with_rng(generators, pedersen, transcript, commitments, *bits, rng)
            .unwrap();
    }
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn prove_256_ours(bencher: Bencher<'_, '_>) {
    let ours = ours(256);
    bencher
        .with_inputs(|| ours.encrypt(1))
        .bench_local_values(|unproven| unproven.prove().unwrap());
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn prove_256_reference(bencher: Bencher<'_, '_>) {
    let reference = Reference::new();
    bencher.bench_local(|| reference.prove(&CHUNKS_OF_256));
}

/// Without decoding, which the crate does while it verifies.
#[divan::bench(sample_count = 15, sample_size = 1)]
fn verify_ten_of_289_ours(bencher: Bencher<'_, '_>) {
    let ours = ours(289);
    let updates: Vec<_> = (0..UPDATES).map(|who| ours.encrypt(who).prove().unwrap()).collect();
    let verify = |candidates| ours.verify(candidates);
    let parse = || updates.iter().map(|update| ours.parse(update)).collect::<Vec<_>>();
    bencher.with_inputs(parse).bench_local_values(verify);
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn decode_and_verify_ten_of_289_ours(bencher: Bencher<'_, '_>) {
    let ours = ours(289);
    let updates: Vec<_> = (0..UPDATES).map(|who| ours.encrypt(who).prove().unwrap()).collect();
    bencher.bench_local(|| {
        ours.verify(updates.iter().map(|update| ours.parse(update)).collect());
    });
}

#[divan::bench(sample_count = 15, sample_size = 1)]
fn verify_ten_of_289_reference(bencher: Bencher<'_, '_>) {
    let reference = Reference::new();
    let proven: Vec<_> = (0..UPDATES).flat_map(|_| reference.prove(&CHUNKS_OF_289)).collect();
    bencher.bench_local(|| proven.iter().for_each(|proven| reference.verify(proven)));
}
