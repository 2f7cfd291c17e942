//! What a lattice mask costs against the group mask, on one core and in one run:
//! `cargo bench -p consilium-crypto --bench lattice`.
//!
//! Times a parameter are slopes between two sizes for the group mask, and the whole of a million parameters, constants
//! included, for the lattice.

#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use consilium_crypto::lattice::{
    CandidateKeyPart, CandidateLatticeUpdate, EncryptedLatticeUpdate, LatticeParameters,
    LatticeSum, VerifiedKeyPart, combine_lattice, encrypt_lattice, verify_key_parts,
    verify_lattice_updates,
};
use consilium_crypto::{
    Bound, CandidateHeader, CandidateUpdate, Context, Dealing, DiscreteLogTable, EncryptedUpdate,
    EvaluationKey, MaskedSum, QuantisedUpdate, RoundContext, VerifiedUpdate, combine, deal, update,
    verify_share, verify_updates,
};
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use rand_core::OsRng;

const BOUND: Bound = Bound::Norm { norm: 12_000, projections: 256 };
const SCALE: u32 = 1024;
const INSTITUTIONS: u8 = 10;
const LARGE: u32 = 1_000_000;
/// Sizes of the group mask whose difference is a price a parameter.
const SIZES: [u32; 2] = [2_000, 10_000];
const BLOCK: BlockHash = BlockHash([3; 32]);

struct World {
    evaluation_key: EvaluationKey,
    dealing: Dealing,
}

/// Seconds of an institution, of a coordinator for each institution, and of opening a sum.
struct Cost {
    client: f64,
    coordinator: f64,
    opening: f64,
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(run);
}

fn run() {
    let evaluation_key = EvaluationKey::generate(&mut OsRng);
    let dealing = deal(1, 1, &evaluation_key.verifying_key(), &mut OsRng).unwrap();
    let world = World { evaluation_key, dealing };
    // The first run of a process makes generators, bases and tables; it is not measured.
    group(&world, SIZES[1]);
    let [small, large] = SIZES.map(|d| group(&world, d));
    let slope = |small: f64, large: f64| (large - small) / f64::from(SIZES[1] - SIZES[0]);
    let group = Cost {
        client: slope(small.client, large.client),
        coordinator: slope(small.coordinator, large.coordinator),
        opening: slope(small.opening, large.opening),
    };
    lattice(&world, 1);
    let constant = lattice(&world, 1);
    let whole = lattice(&world, LARGE);
    println!(
        "                  group mask      lattice, all of d = {LARGE}   constant    ratio   bar"
    );
    for (name, group, whole, constant, bar) in [
        ("client", group.client, whole.client, constant.client, 1.5),
        ("coordinator", group.coordinator, whole.coordinator, constant.coordinator, 4.0),
        ("opening", group.opening, whole.opening, constant.opening, 1.0),
    ] {
        let a_parameter = whole / f64::from(LARGE);
        println!(
            "{name:12} {:8.2} us a parameter   {:8.3} us a parameter   {:8.1} ms   {:5.2} %   {bar} %",
            group * 1e6,
            a_parameter * 1e6,
            constant * 1e3,
            100.0 * a_parameter / group,
        );
    }
}

/// Seconds of processor time that this thread has had: on a machine with other work the clock on the wall says nothing.
fn processor_time() -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    spent.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// The least of three runs.
fn timed<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut least = f64::MAX;
    let mut last = None;
    for _ in 0..3 {
        let start = processor_time();
        let result = work();
        least = least.min(processor_time() - start);
        last = Some(result);
    }
    (least, last.unwrap())
}

fn round(world: &World, dimension: u32) -> RoundContext {
    RoundContext {
        protocol_version: 1,
        chain_id: ChainId([1; 32]),
        step: 1,
        attempt: 0,
        model_hash: ModelHash([2; 32]),
        bound: BOUND,
        dimension,
        key_hash: world.dealing.public_key.hash(),
    }
}

fn values(dimension: u32, who: u8) -> QuantisedUpdate {
    let values = (0..i64::from(dimension)).map(|j| (j * 31 + i64::from(who)) % 13 - 6).collect();
    QuantisedUpdate::new(values, BOUND).unwrap()
}

fn group(world: &World, dimension: u32) -> Cost {
    let key = &world.dealing.public_key;
    let round = round(world, dimension);
    let encrypt = |who, values: &QuantisedUpdate| -> EncryptedUpdate {
        let context =
            Context { round: round.clone(), pseudonym: Pseudonym([who; 32]), bound: BOUND };
        update::encrypt(key, &context, values).unwrap().prove().unwrap()
    };
    let first = values(dimension, 1);
    let (client, _) = timed(|| encrypt(1, &first));
    let updates: Vec<_> =
        (1..=INSTITUTIONS).map(|who| encrypt(who, &values(dimension, who))).collect();
    let (all, verified) = timed(|| -> Vec<VerifiedUpdate> {
        let parse = |update: &EncryptedUpdate| {
            let header = CandidateHeader::decode(&update.header).unwrap();
            CandidateUpdate::parse(header, &update.body, &round.parameters().unwrap()).unwrap()
        };
        let candidates = updates.iter().map(parse).collect();
        verify_updates(key, candidates).into_iter().map(Result::unwrap).collect()
    });
    let mut sum = MaskedSum::new(&round.parameters().unwrap());
    verified.iter().for_each(|update| sum.add(update).unwrap());
    let headers: Vec<_> = verified.iter().map(VerifiedUpdate::header).collect();
    let evaluation = world.evaluation_key.evaluate(&round, &headers).unwrap();
    let evaluation = evaluation.verify(key, &round, &headers).unwrap();
    let share = world.dealing.shares[0].decryption_share(key, &evaluation, &BLOCK);
    let commitments = &world.dealing.commitments;
    let share = verify_share(&share, key, commitments, &evaluation, &BLOCK).unwrap();
    let table = DiscreteLogTable::shared();
    let mask_key = combine(&evaluation, &[share], commitments, &table).unwrap();
    let (opening, _) = timed(|| sum.open(&mask_key, &table).unwrap());
    Cost { client, coordinator: all / f64::from(INSTITUTIONS), opening }
}

fn lattice(world: &World, dimension: u32) -> Cost {
    let key = &world.dealing.public_key;
    let round = round(world, dimension);
    let parameters = LatticeParameters::new(dimension, BOUND, SCALE, INSTITUTIONS.into()).unwrap();
    let encrypt = |who, values: &QuantisedUpdate| -> EncryptedLatticeUpdate {
        let context =
            Context { round: round.clone(), pseudonym: Pseudonym([who; 32]), bound: BOUND };
        encrypt_lattice(key, &context, &parameters, values).unwrap()
    };
    let first = values(dimension, 1);
    let (client, update) = timed(|| encrypt(1, &first));
    println!(
        "d = {dimension}: header {} B, key part {} B, rest of the body {} B",
        update.header.as_bytes().len(),
        update.key_part.len(),
        update.bound_part.len()
    );
    let updates: Vec<_> =
        (1..=INSTITUTIONS).map(|who| encrypt(who, &values(dimension, who))).collect();
    let (keys, key_parts) = timed(|| -> Vec<VerifiedKeyPart> {
        let parse = |update: &EncryptedLatticeUpdate| {
            CandidateKeyPart::parse(update.header.clone(), &update.key_part, &parameters).unwrap()
        };
        let candidates = updates.iter().map(parse).collect();
        verify_key_parts(key, candidates).into_iter().map(Result::unwrap).collect()
    });
    let received: Vec<Vec<u8>> = updates.iter().map(EncryptedLatticeUpdate::body).collect();
    let (bodies, verified) = timed(|| {
        let parse = |(key_part, body): (&VerifiedKeyPart, &Vec<u8>)| {
            CandidateLatticeUpdate::parse(key_part.clone(), body).unwrap()
        };
        let candidates = key_parts.iter().zip(&received).map(parse).collect();
        verify_lattice_updates(key, candidates).into_iter().map(Result::unwrap).collect::<Vec<_>>()
    });
    let mut sum = LatticeSum::new(dimension);
    verified.iter().for_each(|update| sum.add(update).unwrap());
    let keys_of: Vec<_> = key_parts.iter().collect();
    let evaluation = world.evaluation_key.evaluate(&round, &keys_of).unwrap();
    let evaluation = evaluation.verify(key, &round, &keys_of).unwrap();
    let trustee = &world.dealing.shares[0];
    let (sharing, share) = timed(|| trustee.decryption_share(key, &evaluation, &BLOCK));
    let commitments = &world.dealing.commitments;
    let share = verify_share(&share, key, commitments, &evaluation, &BLOCK).unwrap();
    let table = DiscreteLogTable::shared();
    let (combining, mask_key) = timed(|| {
        let share = [share.clone()];
        combine_lattice(&parameters, &evaluation, &share, commitments, &table).unwrap()
    });
    let (opening, _) = timed(|| sum.open(&round, &mask_key).unwrap());
    println!(
        "  key parts {:.1} ms each, bodies {:.1} ms each, a share {:.1} ms, combining {:.1} ms",
        keys * 1e3 / f64::from(INSTITUTIONS),
        bodies * 1e3 / f64::from(INSTITUTIONS),
        sharing * 1e3,
        combining * 1e3,
    );
    Cost { client, coordinator: (keys + bodies) / f64::from(INSTITUTIONS), opening }
}
