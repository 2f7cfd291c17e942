//! A small group, and what its members, issuer and openers do.

mod anonymity;
mod decoding;
mod folding;
mod forge;
mod joining;
mod opening;
mod revoking;
mod signing;

use consilium_crypto::SigningKey;
use consilium_hash::{ChainId, Pseudonym};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;

const CHAIN: ChainId = ChainId([9; 32]);
const CONTEXT: &[u8] = b"search on chain 9";
const MESSAGE: &[u8] = b"who has records of brakes?";

struct World {
    rng: ChaCha20Rng,
    issuer: IssuerKey,
    opener: OpenerKey,
    group: GroupParameters,
    registry: Registry,
    members: Vec<Member>,
}

fn name(number: usize) -> Pseudonym {
    Pseudonym([number as u8; 32])
}

fn signing_key(number: usize) -> SigningKey {
    SigningKey::from_bytes(&zeroize::Zeroizing::new([number as u8 + 100; 32]))
}

impl World {
    fn new(seed: u64, members: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let issuer = IssuerKey::generate(&mut rng);
        let opener = OpenerKey::generate(&mut rng);
        let group = GroupParameters::found(*issuer.public(), *opener.public());
        let registry = Registry::new();
        let mut world = Self { rng, issuer, opener, group, registry, members: Vec::new() };
        for number in 0..members {
            let member = world.join(number);
            world.members.push(member);
        }
        world
    }

    /// A join, sent as bytes.
    fn statement(&mut self, number: usize, secret: &MemberSecret) -> Join {
        let key = signing_key(number);
        let join = secret.join(&self.group, &CHAIN, &name(number), &key, &mut self.rng);
        Join::decode(&join.encode()).unwrap()
    }

    fn verify(&self, number: usize, join: Join) -> Result<VerifiedJoin, GroupError> {
        join.verify(&self.group, &CHAIN, &signing_key(number).verifying_key())
    }

    fn join(&mut self, number: usize) -> Member {
        let secret = MemberSecret::generate(&mut self.rng);
        let join = self.statement(number, &secret);
        let join = self.verify(number, join).unwrap();
        self.registry.enrol(&join).unwrap();
        let certificate = self.issuer.certify(&self.group, &join, &mut self.rng).unwrap();
        let certificate = Certificate::decode(&certificate.encode()).unwrap();
        Member::new(&self.group, secret, &certificate).unwrap()
    }

    /// A member's signature, sent as bytes.
    fn sign(&mut self, number: usize, message: &[u8]) -> GroupSignature {
        let signature = self.members[number].sign(CONTEXT, message, &mut self.rng);
        GroupSignature::decode(&signature.encode()).unwrap()
    }

    fn check(&self, signature: &GroupSignature) -> Result<VerifiedSignature, GroupError> {
        claim(self.group.epoch(), signature).verify(&self.group)
    }

    fn open(&mut self, signature: &VerifiedSignature) -> Result<Verdict, GroupError> {
        let openers = Openers::single(self.opener.public());
        let part = OpeningPart::decode(&self.opener.open(signature, &mut self.rng).encode())?;
        let part = part.verify(&openers, signature)?;
        judge(&self.group, &openers, &self.registry, signature, &[part])
    }

    /// Revokes one member; everybody else follows.
    fn revoke(&mut self, number: usize) -> VerifiedRevocation {
        let handle = self.members[number].certificate().revocation_handle();
        let handle = RevocationHandle::decode(&handle.encode()).unwrap();
        let revocation = self.issuer.revoke(&self.group, &handle).unwrap();
        let revocation = Revocation::decode(&revocation.encode()).unwrap();
        let revocation = revocation.verify(&self.group).unwrap();
        self.group = revocation.parameters().clone();
        revocation
    }
}

fn claim(epoch: u64, signature: &GroupSignature) -> Claim<'_> {
    Claim { epoch, context: CONTEXT, message: MESSAGE, signature }
}
