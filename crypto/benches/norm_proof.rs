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

use consilium_crypto::{
    Bound, CandidateHeader, CandidateUpdate, Context, Dealing, EncryptedUpdate, EvaluationKey,
    QuantisedUpdate, RoundContext, deal, update, verify_updates,
};
use consilium_hash::{ChainId, ModelHash, Pseudonym};
use divan::Bencher;
use rand_core::OsRng;

const NORM: Bound = Bound::Norm { norm: 5600, projections: 256 };
const PARAMETER: Bound = Bound::parameter(8);
const RANGES: Bound = Bound::parameter(16);

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    divan::main();
}

struct Party {
    dealing: Dealing,
    round: RoundContext,
}

impl Party {
    fn new(bound: Bound, dimension: u32) -> Self {
        let key = EvaluationKey::generate(&mut OsRng).verifying_key();
        let dealing = deal(1, 1, &key, &mut OsRng).unwrap();
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([1; 32]),
            step: 1,
            attempt: 0,
            model_hash: ModelHash([2; 32]),
            bound,
            dimension,
            key_hash: dealing.public_key.hash(),
        };
        Self { dealing, round }
    }

    fn encrypt(&self, who: u8) -> update::UnprovenUpdate {
        let values = (0..i64::from(self.round.dimension))
            .map(|j| (j * 31 + i64::from(who)) % 33 - 16)
            .collect();
        let context = Context {
            round: self.round.clone(),
            pseudonym: Pseudonym([who; 32]),
            bound: self.round.bound,
        };
        let update = QuantisedUpdate::new(values, context.round.bound).unwrap();
        update::encrypt(&self.dealing.public_key, &context, &update).unwrap()
    }

    fn parse(&self, update: &EncryptedUpdate) -> CandidateUpdate {
        let header = CandidateHeader::decode(&update.header).unwrap();
        CandidateUpdate::parse(header, &update.body, &self.round.parameters().unwrap()).unwrap()
    }
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

#[divan::bench(args = [16, 32, 64, 289, 1024], sample_count = 15, sample_size = 1)]
fn client_by_norm(bencher: Bencher<'_, '_>, dimension: u32) {
    client(bencher, NORM, dimension);
}

#[divan::bench(args = [16, 32, 64, 289], sample_count = 15, sample_size = 1)]
fn client_by_parameters(bencher: Bencher<'_, '_>, dimension: u32) {
    client(bencher, PARAMETER, dimension);
}

fn verifier(bencher: Bencher<'_, '_>, bound: Bound, dimension: u32) {
    let party = Party::new(bound, dimension);
    let updates: Vec<_> = (1..=10).map(|who| party.encrypt(who).prove().unwrap()).collect();
    bencher.bench_local(|| {
        let candidates = updates.iter().map(|update| party.parse(update)).collect();
        assert!(verify_updates(&party.dealing.public_key, candidates).iter().all(Result::is_ok));
    });
}

#[divan::bench(args = [16, 64, 289], sample_count = 15, sample_size = 1)]
fn verify_ten_by_norm(bencher: Bencher<'_, '_>, dimension: u32) {
    verifier(bencher, NORM, dimension);
}

#[divan::bench(args = [16, 64, 289], sample_count = 15, sample_size = 1)]
fn verify_ten_by_parameters(bencher: Bencher<'_, '_>, dimension: u32) {
    verifier(bencher, PARAMETER, dimension);
}
