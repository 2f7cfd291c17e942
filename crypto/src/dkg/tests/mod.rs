//! Ceremonies played in process, honest and not.

mod attacks;
mod generation;
mod proofs;
mod resharing;
mod vectors;

use std::collections::BTreeMap;

use consilium_hash::{ChainId, ConfirmationHash};
use curve25519_dalek::scalar::Scalar;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::group::g;
use crate::group::polynomial::lagrange;
use crate::{DealingCommitments, EvaluationKey, KeyShare, PublicKey, VerifyingKey};

/// What every member of one committee keeps to itself during a ceremony, and the ceremony.
struct Play {
    ceremony: Ceremony,
    opening: BTreeMap<u32, OpeningKey>,
    secrets: BTreeMap<u32, DealerSecret>,
    rng: ChaCha20Rng,
}

/// What a ceremony ends with.
struct Outcome {
    key: PublicKey,
    commitments: DealingCommitments,
    shares: Vec<KeyShare>,
    confirmation: ConfirmationHash,
}

fn context(members: u32, threshold: u32) -> Context {
    Context {
        chain_id: ChainId([1; 32]),
        ceremony: 2,
        attempt: 3,
        shape: Shape::new(members, threshold).unwrap(),
    }
}

fn evaluation_key() -> VerifyingKey {
    EvaluationKey::generate(&mut ChaCha20Rng::seed_from_u64(4)).verifying_key()
}

fn opening_keys(
    places: impl IntoIterator<Item = u32>,
    rng: &mut ChaCha20Rng,
) -> BTreeMap<u32, OpeningKey> {
    places.into_iter().map(|place| (place, OpeningKey::generate(rng))).collect()
}

fn offers(opening: &BTreeMap<u32, OpeningKey>) -> BTreeMap<u32, SealingKey> {
    opening.iter().map(|(place, key)| (*place, key.sealing_key())).collect()
}

impl Play {
    /// A key generation in which everyone has offered a key.
    fn generation(seed: u64, members: u32, threshold: u32) -> Self {
        Self::generation_of(seed, context(members, threshold), 1..=members)
    }

    fn generation_of(seed: u64, context: Context, offering: impl IntoIterator<Item = u32>) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let opening = opening_keys(offering, &mut rng);
        let ceremony = Ceremony::generation(context, offers(&opening)).unwrap();
        Self::with(ceremony, opening, rng)
    }

    /// A resharing of what another ceremony ended with.
    fn resharing(seed: u64, context: Context, old: &Outcome) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let opening = opening_keys(1..=context.shape.members(), &mut rng);
        let ceremony =
            Ceremony::resharing(context, offers(&opening), &old.key, &old.commitments).unwrap();
        Self::with(ceremony, opening, rng)
    }

    fn with(ceremony: Ceremony, opening: BTreeMap<u32, OpeningKey>, mut rng: ChaCha20Rng) -> Self {
        let secrets =
            ceremony.dealers().map(|place| (place, DealerSecret::generate(&mut rng))).collect();
        Self { ceremony, opening, secrets, rng }
    }

    fn dealer(&self, place: u32) -> Dealer {
        Dealer::new(&self.ceremony, place, &self.secrets[&place]).unwrap()
    }

    fn deal(&mut self, place: u32) -> Dealing {
        let dealer = self.dealer(place);
        self.send(&dealer)
    }

    /// A dealing as everyone else reads it.
    fn send(&mut self, dealer: &Dealer) -> Dealing {
        let sent = dealer.deal(&mut self.rng).unwrap();
        assert_eq!(sent.encode().len(), self.ceremony.dealing_len());
        let read = Dealing::decode(sent.encode(), &self.ceremony, sent.dealer()).unwrap();
        assert_eq!(read.hash(), sent.hash());
        assert_eq!(read.commitments(), sent.commitments());
        read
    }

    fn deal_all(&mut self) -> Vec<Dealing> {
        self.ceremony.dealers().map(|place| self.deal(place)).collect()
    }

    /// The member with its shares of these dealings, all of which open.
    fn member(&self, qualified: &Qualified, dealings: &[Dealing], place: u32) -> MemberSecret {
        let shares =
            dealings.iter().map(|dealing| dealing.open(place, &self.opening[&place]).unwrap());
        MemberSecret::new(qualified, place, shares).unwrap()
    }

    fn members(&self, qualified: &Qualified, dealings: &[Dealing]) -> Vec<MemberSecret> {
        self.opening.keys().map(|place| self.member(qualified, dealings, *place)).collect()
    }

    /// From qualified dealings to the key, with these members.
    fn finish(&mut self, qualified: &Qualified, members: &[MemberSecret]) -> Outcome {
        let products = members.iter().map(|member| {
            let sent = member.product(qualified, &mut self.rng).unwrap().encode();
            assert_eq!(sent.len(), Product::LEN);
            Product::decode(&sent).unwrap().verify(qualified, member.place).unwrap()
        });
        let products: Vec<_> = products.collect();
        let key = qualified.generate(&products, &evaluation_key()).unwrap();
        let share_keys = members.iter().map(|member| {
            let sent = member.share_key(&key, &mut self.rng).unwrap().encode();
            assert_eq!(sent.len(), ShareKey::LEN);
            ShareKey::decode(&sent).unwrap().verify(&key, member.place).unwrap()
        });
        let commitments = key.commitments(&share_keys.collect::<Vec<_>>()).unwrap();
        outcome(qualified, key.public_key(), commitments, members)
    }

    fn generate(&mut self) -> Outcome {
        let dealings = self.deal_all();
        let qualified = Qualified::new(&self.ceremony, &dealings).unwrap();
        let members = self.members(&qualified, &dealings);
        self.finish(&qualified, &members)
    }
}

fn outcome(
    qualified: &Qualified,
    key: &PublicKey,
    commitments: DealingCommitments,
    members: &[MemberSecret],
) -> Outcome {
    let shares =
        members.iter().map(|member| member.key_share(key, &commitments).unwrap()).collect();
    let confirmation = qualified.confirmation(key, &commitments);
    Outcome { key: key.clone(), commitments, shares, confirmation }
}

/// (a, b) as these shares have it by interpolation.
fn interpolate(shares: &[&KeyShare]) -> [Scalar; 2] {
    let places: Vec<u32> = shares.iter().map(|share| share.index()).collect();
    let factors = lagrange(&places, 0);
    let sum = |half: fn(&KeyShare) -> Scalar| {
        factors.iter().zip(shares).map(|(factor, share)| factor * half(share)).sum()
    };
    [sum(|share| share.a), sum(|share| share.b)]
}

/// Whether these shares are the key.
fn opens(key: &PublicKey, shares: &[&KeyShare]) -> bool {
    let [a, b] = interpolate(shares);
    key.x1 * a == g() && key.x2 * b == g()
}
