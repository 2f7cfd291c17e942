//! What an update bounded by its norm costs, on one core: `cargo bench -p consilium-crypto --bench norm`.

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

const BOUND: Bound = Bound::Norm { norm: 5600, projections: 256 };

fn main() {
    divan::main();
}

fn dealing() -> Dealing {
    deal(1, 1, &EvaluationKey::generate(&mut OsRng).verifying_key(), &mut OsRng).unwrap()
}

fn round(dealing: &Dealing, dimension: u32) -> RoundContext {
    let key_hash = dealing.public_key.hash();
    let chain_id = ChainId([1; 32]);
    let model_hash = ModelHash([2; 32]);
    RoundContext {
        protocol_version: 1,
        chain_id,
        step: 1,
        attempt: 0,
        model_hash,
        bound: BOUND,
        dimension,
        key_hash,
    }
}

fn encrypt(dealing: &Dealing, round: &RoundContext, who: u8) -> update::UnprovenUpdate {
    let values =
        (0..i64::from(round.dimension)).map(|j| (j * 31 + i64::from(who)) % 33 - 16).collect();
    let context =
        Context { round: round.clone(), pseudonym: Pseudonym([who; 32]), bound: round.bound };
    update::encrypt(&dealing.public_key, &context, &QuantisedUpdate::new(values, BOUND).unwrap())
        .unwrap()
}

fn parse(round: &RoundContext, update: &EncryptedUpdate) -> CandidateUpdate {
    let header = CandidateHeader::decode(&update.header).unwrap();
    CandidateUpdate::parse(header, &update.body, &round.parameters().unwrap()).unwrap()
}

fn one_core() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()
}

/// The first run of a process makes the generators and the mask bases; it is not measured.
#[divan::bench(args = [1024, 10_000, 100_000], sample_count = 3, sample_size = 1)]
fn client_encrypt(bencher: Bencher<'_, '_>, d: u32) {
    let dealing = dealing();
    let round = round(&dealing, d);
    let pool = one_core();
    pool.install(|| encrypt(&dealing, &round, 1));
    bencher.bench_local(|| pool.install(|| encrypt(&dealing, &round, 1)));
}

#[divan::bench(args = [1024, 10_000, 100_000], sample_count = 3, sample_size = 1)]
fn client_prove(bencher: Bencher<'_, '_>, d: u32) {
    let dealing = dealing();
    let round = round(&dealing, d);
    let pool = one_core();
    pool.install(|| encrypt(&dealing, &round, 1).prove().unwrap());
    bencher
        .with_inputs(|| encrypt(&dealing, &round, 1))
        .bench_local_values(|unproven| pool.install(|| unproven.prove().unwrap()));
}

#[divan::bench(args = [1024, 10_000], sample_count = 3, sample_size = 1)]
fn parse_and_verify_ten_folded(bencher: Bencher<'_, '_>, d: u32) {
    let dealing = dealing();
    let round = round(&dealing, d);
    let pool = one_core();
    let updates: Vec<_> =
        (1..=10).map(|who| encrypt(&dealing, &round, who).prove().unwrap()).collect();
    bencher.bench_local(|| {
        pool.install(|| {
            let candidates = updates.iter().map(|update| parse(&round, update)).collect();
            assert!(verify_updates(&dealing.public_key, candidates).iter().all(Result::is_ok));
        });
    });
}
