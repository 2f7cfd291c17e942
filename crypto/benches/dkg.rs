//! What a member's whole part in a ceremony costs, on one core: `cargo bench -p consilium-crypto --bench dkg`.
//!
//! Everything that a member does and what it verifies of all others, from its key to its share; the others' messages are
//! made beforehand.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that panics has failed, which is what it is for"
)]

use std::collections::BTreeMap;

use consilium_crypto::dkg::{
    Ceremony, Context, Dealer, DealerSecret, Dealing, GeneratedKey, MemberSecret, OpeningKey,
    Product, Qualified, Shape, ShareKey,
};
use consilium_crypto::{EvaluationKey, KeyShare, VerifyingKey, deal};
use consilium_hash::ChainId;
use divan::Bencher;
use rand_core::OsRng;

const SHAPES: [(u32, u32); 3] = [(4, 2), (10, 4), (50, 17)];

fn main() {
    divan::main();
}

fn context((members, threshold): (u32, u32)) -> Context {
    Context {
        chain_id: ChainId([1; 32]),
        ceremony: 0,
        attempt: 0,
        shape: Shape::new(members, threshold).unwrap(),
    }
}

fn opening_keys(members: u32) -> BTreeMap<u32, OpeningKey> {
    (1..=members).map(|place| (place, OpeningKey::generate(&mut OsRng))).collect()
}

/// A key generation of which everything public has been said.
struct Generation {
    ceremony: Ceremony,
    own: OpeningKey,
    evaluation_key: VerifyingKey,
    dealings: Vec<Vec<u8>>,
    products: Vec<Vec<u8>>,
    share_keys: Vec<Vec<u8>>,
}

fn products(
    qualified: &Qualified,
    products: &[Vec<u8>],
    evaluation_key: &VerifyingKey,
) -> GeneratedKey {
    let verified = (1..)
        .zip(products)
        .map(|(place, bytes)| Product::decode(bytes).unwrap().verify(qualified, place));
    qualified.generate(&verified.collect::<Result<Vec<_>, _>>().unwrap(), evaluation_key).unwrap()
}

impl Generation {
    fn new(shape: (u32, u32)) -> Self {
        let mut keys = opening_keys(shape.0);
        let offers = keys.iter().map(|(place, key)| (*place, key.sealing_key())).collect();
        let ceremony = Ceremony::generation(context(shape), offers).unwrap();
        let evaluation_key = EvaluationKey::generate(&mut OsRng).verifying_key();
        let dealing = |place| {
            let secret = DealerSecret::generate(&mut OsRng);
            Dealer::new(&ceremony, place, &secret).unwrap().deal(&mut OsRng).unwrap()
        };
        let dealings: Vec<Dealing> = ceremony.dealers().map(dealing).collect();
        let qualified = Qualified::new(&ceremony, &dealings).unwrap();
        let member = |(place, key): (&u32, &OpeningKey)| {
            let shares = dealings.iter().map(|dealing| dealing.open(*place, key).unwrap());
            MemberSecret::new(&qualified, *place, shares).unwrap()
        };
        let members: Vec<MemberSecret> = keys.iter().map(member).collect();
        let said =
            members.iter().map(|member| member.product(&qualified, &mut OsRng).unwrap().encode());
        let said: Vec<_> = said.collect();
        let key = products(&qualified, &said, &evaluation_key);
        let share_keys = members
            .iter()
            .map(|member| member.share_key(&key, &mut OsRng).unwrap().encode())
            .collect();
        let dealings = dealings.iter().map(|dealing| dealing.encode().to_vec()).collect();
        Self {
            own: keys.remove(&1).unwrap(),
            ceremony,
            evaluation_key,
            dealings,
            products: said,
            share_keys,
        }
    }

    /// All of the first member's part.
    fn play(&self) -> KeyShare {
        let secret = DealerSecret::generate(&mut OsRng);
        Dealer::new(&self.ceremony, 1, &secret).unwrap().deal(&mut OsRng).unwrap();
        let (dealings, qualified, member) = take(&self.ceremony, &self.own, &self.dealings);
        assert_eq!(dealings.len(), self.dealings.len());
        member.product(&qualified, &mut OsRng).unwrap();
        let key = products(&qualified, &self.products, &self.evaluation_key);
        member.share_key(&key, &mut OsRng).unwrap();
        let verified = (1..)
            .zip(&self.share_keys)
            .map(|(place, bytes)| ShareKey::decode(bytes).unwrap().verify(&key, place));
        let commitments =
            key.commitments(&verified.collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
        member.key_share(key.public_key(), &commitments).unwrap()
    }
}

/// Reads all dealings and opens the first member's shares.
fn take(
    ceremony: &Ceremony,
    own: &OpeningKey,
    dealings: &[Vec<u8>],
) -> (Vec<Dealing>, Qualified, MemberSecret) {
    let read =
        (1..).zip(dealings).map(|(place, bytes)| Dealing::decode(bytes, ceremony, place).unwrap());
    let dealings: Vec<Dealing> = read.collect();
    let shares: Vec<_> = dealings.iter().map(|dealing| dealing.open(1, own).unwrap()).collect();
    let qualified = Qualified::new(ceremony, &dealings).unwrap();
    let member = MemberSecret::new(&qualified, 1, shares).unwrap();
    (dealings, qualified, member)
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn member_generates(bencher: Bencher<'_, '_>, shape: (u32, u32)) {
    let generation = Generation::new(shape);
    bencher.bench_local(|| generation.play());
}

#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn dealer_deals(bencher: Bencher<'_, '_>, shape: (u32, u32)) {
    let generation = Generation::new(shape);
    let secret = DealerSecret::generate(&mut OsRng);
    bencher.bench_local(|| {
        Dealer::new(&generation.ceremony, 1, &secret).unwrap().deal(&mut OsRng).unwrap()
    });
}

/// What a replay has to do, which opens nothing.
#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn observer_follows(bencher: Bencher<'_, '_>, shape: (u32, u32)) {
    let generation = Generation::new(shape);
    bencher.bench_local(|| {
        let read = (1..).zip(&generation.dealings);
        let dealings =
            read.map(|(place, bytes)| Dealing::decode(bytes, &generation.ceremony, place).unwrap());
        let qualified =
            Qualified::new(&generation.ceremony, &dealings.collect::<Vec<_>>()).unwrap();
        let key = products(&qualified, &generation.products, &generation.evaluation_key);
        let share_keys = (1..).zip(&generation.share_keys);
        let verified = share_keys
            .map(|(place, bytes)| ShareKey::decode(bytes).unwrap().verify(&key, place).unwrap());
        key.commitments(&verified.collect::<Vec<_>>()).unwrap()
    });
}

/// One who is in both committees: deals its share, and takes its new one.
#[divan::bench(args = SHAPES, sample_count = 10, sample_size = 1)]
fn member_reshares(bencher: Bencher<'_, '_>, shape: (u32, u32)) {
    let dealt =
        deal(shape.0, shape.1, &EvaluationKey::generate(&mut OsRng).verifying_key(), &mut OsRng)
            .unwrap();
    let keys = opening_keys(shape.0);
    let offers = keys.iter().map(|(place, key)| (*place, key.sealing_key())).collect();
    let ceremony =
        Ceremony::resharing(context(shape), offers, &dealt.public_key, &dealt.commitments).unwrap();
    let redeal = |share: &KeyShare| {
        let secret = DealerSecret::generate(&mut OsRng);
        Dealer::of_share(&ceremony, share, &secret)
            .unwrap()
            .deal(&mut OsRng)
            .unwrap()
            .encode()
            .to_vec()
    };
    let dealings: Vec<Vec<u8>> = dealt.shares.iter().map(redeal).collect();
    let own = keys.get(&1).unwrap();
    let share = dealt.shares.first().unwrap();
    bencher.bench_local(|| {
        redeal(share);
        let (_, qualified, member) = take(&ceremony, own, &dealings);
        member.key_share(&dealt.public_key, &qualified.reshared().unwrap()).unwrap()
    });
}
