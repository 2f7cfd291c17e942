//! What one round costs, part by part, at 300 and 3,000 parameters of 8 bits: `cargo bench -p consilium-crypto`.
//!
//! `naive` is the baseline: the bulletproofs crate with one proof a value, as it comes, measured over 32 values (divide by
//! 32 for a value). Where a second argument is given, it is the number of threads.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use std::sync::OnceLock;

use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
use consilium_crypto::{
    Bound, CandidateHeader, CandidateUpdate, Context, Dealing, DiscreteLogTable, EncryptedUpdate,
    EvaluationKey, MaskKeySum, MaskedSum, Parameters, QuantisedUpdate, RoundContext,
    VerifiedEvaluation, VerifiedShare, VerifiedUpdate, combine, deal, update, verify_key_proofs,
    verify_share, verify_updates,
};
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use curve25519_dalek_4::Scalar;
use divan::Bencher;
use merlin::Transcript;
use rand_core::OsRng;

const INSTITUTIONS: u8 = 10;
const THRESHOLD: u32 = 4;
const BLOCK: BlockHash = BlockHash([9; 32]);
const DIMENSIONS: [u32; 2] = [300, 3000];
const BY_THREADS: [(u32, usize); 4] = [(300, 1), (300, 0), (3000, 1), (3000, 0)];

fn main() {
    divan::main();
}

struct Round {
    evaluation_key: EvaluationKey,
    dealing: Dealing,
    round: RoundContext,
    updates: Vec<EncryptedUpdate>,
    verified: Vec<VerifiedUpdate>,
    evaluation: VerifiedEvaluation,
    shares: Vec<VerifiedShare>,
    mask_key: MaskKeySum,
}

impl Round {
    /// A round of d parameters, made once.
    fn of(d: u32) -> &'static Self {
        static ROUNDS: [OnceLock<Round>; 2] = [const { OnceLock::new() }; 2];
        ROUNDS[usize::from(d != DIMENSIONS[0])].get_or_init(|| Self::new(d))
    }

    fn new(d: u32) -> Self {
        let evaluation_key = EvaluationKey::generate(&mut OsRng);
        let trustees = u32::from(INSTITUTIONS);
        let dealing =
            deal(trustees, THRESHOLD, &evaluation_key.verifying_key(), &mut OsRng).unwrap();
        let key = &dealing.public_key;
        let round = RoundContext {
            protocol_version: 1,
            chain_id: ChainId([1; 32]),
            step: 1,
            attempt: 0,
            model_hash: ModelHash([2; 32]),
            bound: Bound::parameter(8),
            dimension: d,
            key_hash: key.hash(),
        };
        let updates: Vec<_> =
            (1..=INSTITUTIONS).map(|who| encrypt(&dealing, &round, who).prove().unwrap()).collect();
        let candidates = updates.iter().map(|update| parse(&round, update)).collect();
        let verified: Vec<_> =
            verify_updates(key, candidates).into_iter().map(Result::unwrap).collect();
        let headers: Vec<_> = verified.iter().map(VerifiedUpdate::header).collect();
        let evaluation = evaluation_key
            .evaluate(&round, &headers)
            .unwrap()
            .verify(key, &round, &headers)
            .unwrap();
        let shares = dealing.shares.iter().take(THRESHOLD as usize).map(|trustee| {
            let share = trustee.decryption_share(key, &evaluation, &BLOCK);
            verify_share(&share, key, &dealing.commitments, &evaluation, &BLOCK).unwrap()
        });
        let shares: Vec<_> = shares.collect();
        let mask_key =
            combine(&evaluation, &shares, &dealing.commitments, &DiscreteLogTable::shared())
                .unwrap();
        Self { evaluation_key, dealing, round, updates, verified, evaluation, shares, mask_key }
    }

    fn sum(&self) -> MaskedSum {
        let mut sum = MaskedSum::new(&self.parameters());
        self.verified.iter().for_each(|update| sum.add(update).unwrap());
        sum
    }

    fn parameters(&self) -> Parameters {
        self.round.parameters().unwrap()
    }
}

fn encrypt(dealing: &Dealing, round: &RoundContext, who: u8) -> update::UnprovenUpdate {
    let values =
        (0..i64::from(round.dimension)).map(|j| (j * 31 + i64::from(who)) % 255 - 127).collect();
    let context =
        Context { round: round.clone(), pseudonym: Pseudonym([who; 32]), bound: round.bound };
    update::encrypt(
        &dealing.public_key,
        &context,
        &QuantisedUpdate::new(values, round.bound).unwrap(),
    )
    .unwrap()
}

fn parse(round: &RoundContext, update: &EncryptedUpdate) -> CandidateUpdate {
    let header = CandidateHeader::decode(&update.header).unwrap();
    CandidateUpdate::parse(header, &update.body, &round.parameters().unwrap()).unwrap()
}

/// A pool of so many threads; 0 means one a core.
fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

#[divan::bench(args = DIMENSIONS, sample_count = 10, sample_size = 1)]
fn client_encrypt(bencher: Bencher<'_, '_>, d: u32) {
    let round = Round::of(d);
    let pool = pool(1);
    bencher.bench_local(|| pool.install(|| encrypt(&round.dealing, &round.round, 1)));
}

#[divan::bench(args = BY_THREADS, sample_count = 3, sample_size = 1)]
fn client_prove(bencher: Bencher<'_, '_>, (d, threads): (u32, usize)) {
    let round = Round::of(d);
    let pool = pool(threads);
    bencher
        .with_inputs(|| encrypt(&round.dealing, &round.round, 1))
        .bench_local_values(|unproven| pool.install(|| unproven.prove().unwrap()));
}

#[divan::bench(args = [1, 10], sample_count = 10, sample_size = 1)]
fn verify_headers(bencher: Bencher<'_, '_>, count: usize) {
    let round = Round::of(300);
    let pool = pool(1);
    let decode = |update: &EncryptedUpdate| CandidateHeader::decode(&update.header).unwrap();
    bencher
        .with_inputs(|| round.updates.iter().take(count).map(decode).collect())
        .bench_local_values(|headers: Vec<CandidateHeader>| {
            pool.install(|| verify_key_proofs(&round.dealing.public_key, headers))
        });
}

#[divan::bench(args = BY_THREADS, sample_count = 5, sample_size = 1)]
fn parse_and_verify_one(bencher: Bencher<'_, '_>, (d, threads): (u32, usize)) {
    parse_and_verify(bencher, d, threads, 1);
}

#[divan::bench(args = BY_THREADS, sample_count = 5, sample_size = 1)]
fn parse_and_verify_ten_folded(bencher: Bencher<'_, '_>, (d, threads): (u32, usize)) {
    parse_and_verify(bencher, d, threads, 10);
}

fn parse_and_verify(bencher: Bencher<'_, '_>, d: u32, threads: usize, count: usize) {
    let round = Round::of(d);
    let pool = pool(threads);
    bencher.bench_local(|| {
        pool.install(|| {
            let candidates = round
                .updates
                .iter()
                .take(count)
                .map(|update| parse(&round.round, update))
                .collect();
            let verdicts = verify_updates(&round.dealing.public_key, candidates);
            assert!(verdicts.iter().all(Result::is_ok));
        });
    });
}

#[divan::bench(args = DIMENSIONS)]
fn sum_ten_updates(bencher: Bencher<'_, '_>, d: u32) {
    let round = Round::of(d);
    bencher.bench_local(|| round.sum());
}

#[divan::bench]
fn evaluate_ten_headers(bencher: Bencher<'_, '_>) {
    let round = Round::of(300);
    let headers: Vec<_> = round.verified.iter().map(VerifiedUpdate::header).collect();
    bencher.bench_local(|| round.evaluation_key.evaluate(&round.round, &headers).unwrap());
}

#[divan::bench]
fn decryption_share(bencher: Bencher<'_, '_>) {
    let round = Round::of(300);
    let trustee = &round.dealing.shares[0];
    bencher.bench_local(|| {
        trustee.decryption_share(&round.dealing.public_key, &round.evaluation, &BLOCK)
    });
}

#[divan::bench]
fn verify_decryption_share(bencher: Bencher<'_, '_>) {
    let round = Round::of(300);
    let Dealing { public_key, commitments, shares } = &round.dealing;
    let share = shares[0].decryption_share(public_key, &round.evaluation, &BLOCK);
    bencher.bench_local(|| {
        verify_share(&share, public_key, commitments, &round.evaluation, &BLOCK).unwrap()
    });
}

#[divan::bench]
fn combine_shares(bencher: Bencher<'_, '_>) {
    let round = Round::of(300);
    let table = DiscreteLogTable::shared();
    bencher.bench_local(|| {
        combine(&round.evaluation, &round.shares, &round.dealing.commitments, &table).unwrap()
    });
}

#[divan::bench(args = BY_THREADS, sample_count = 10, sample_size = 1)]
fn read_off(bencher: Bencher<'_, '_>, (d, threads): (u32, usize)) {
    let round = Round::of(d);
    let sum = round.sum();
    let table = DiscreteLogTable::shared();
    let pool = pool(threads);
    bencher.bench_local(|| pool.install(|| sum.open(&round.mask_key, &table).unwrap()));
}

#[divan::bench(args = DIMENSIONS, sample_count = 10, sample_size = 1)]
fn check_sums(bencher: Bencher<'_, '_>, d: u32) {
    let round = Round::of(d);
    let sum = round.sum();
    let pool = pool(1);
    let sums = sum.open(&round.mask_key, &DiscreteLogTable::shared()).unwrap();
    bencher.bench_local(|| pool.install(|| sum.check(&round.mask_key, &sums, &[7; 32])).unwrap());
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_discrete_log_table() -> DiscreteLogTable {
    DiscreteLogTable::new()
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn naive_prove_32_values(bencher: Bencher<'_, '_>) {
    bencher.bench_local(naive_proofs);
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn naive_verify_32_values(bencher: Bencher<'_, '_>) {
    let generators = BulletproofGens::new(8, 1);
    let pedersen = PedersenGens::default();
    let proofs = naive_proofs();
    bencher.bench_local(|| {
        for (proof, commitment) in &proofs {
            let mut transcript = Transcript::new(b"naive");
            proof.verify_single(&generators, &pedersen, &mut transcript, commitment, 8).unwrap();
        }
    });
}

fn naive_proofs() -> Vec<(RangeProof, curve25519_dalek_4::ristretto::CompressedRistretto)> {
    let generators = BulletproofGens::new(8, 1);
    let pedersen = PedersenGens::default();
    let prove = |value| {
        let blinding = Scalar::random(&mut OsRng);
        let mut transcript = Transcript::new(b"naive");
        RangeProof::prove_single(&generators, &pedersen, &mut transcript, value, &blinding, 8)
            .unwrap()
    };
    (0..32).map(prove).collect()
}
