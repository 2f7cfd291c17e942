//! The public halves of the key shares, with their proofs, and the commitments that follow.
//!
//! Member i publishes A_i = a_i·X1 and B_i = b_i·X2 and proves knowledge of (a_i, a'_i, b_i, b'_i) with
//! P_i = a_i·g + a'_i·h, A_i = a_i·X1, and the same for b. Any t of them give F_c and G_c by interpolation; F_0 = G_0 = g
//! must come out, since X1 = (1/a)·g.

use consilium_hash::{KeyHash, QualifiedHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::ceremony::{at_least, distinct};
use super::relation::{Proof, Relation, Row};
use super::{DkgError, MemberSecret, Qualified};
use crate::decrypt::dealing::PublicShare;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::polynomial::interpolation;
use crate::group::{g, h};
use crate::transcript::{self, Protocol, SHARE_KEY};
use crate::{DealingCommitments, DecodeError, PublicKey};

/// The key that the products gave, whose shares are not public yet.
#[derive(Clone, Debug)]
pub struct GeneratedKey {
    pub(super) qualified: Qualified,
    pub(super) key: PublicKey,
}

impl GeneratedKey {
    pub(super) fn new(qualified: Qualified, key: PublicKey) -> Self {
        Self { qualified, key }
    }

    /// gpk.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The dealings that it is made of.
    pub fn qualified(&self) -> &Qualified {
        &self.qualified
    }

    /// The commitments to the shares, from at least t verified share keys; all of them must agree.
    pub fn commitments(
        &self,
        share_keys: &[VerifiedShareKey],
    ) -> Result<DealingCommitments, DkgError> {
        const WHAT: &str = "public key shares";
        let places = distinct(share_keys.iter().map(VerifiedShareKey::place), WHAT)?;
        if share_keys
            .iter()
            .any(|share| share.qualified != *self.qualified.hash() || share.key != self.key.hash())
        {
            return Err(DkgError::OtherCeremony { what: "a public key share" });
        }
        let shape = self.qualified.ceremony().context().shape;
        at_least(shape.threshold(), share_keys.len(), WHAT)?;
        let (used, _) = places.split_at(shape.threshold() as usize);
        let powers = interpolation(used);
        let coefficients = |half: fn(&PublicShare) -> RistrettoPoint| -> Vec<RistrettoPoint> {
            let points: Vec<_> =
                share_keys.iter().take(used.len()).map(|share| half(&share.public)).collect();
            powers
                .iter()
                .map(|factors| RistrettoPoint::vartime_multiscalar_mul(factors, &points))
                .collect()
        };
        let f = coefficients(|public| public.a);
        let g = coefficients(|public| public.b);
        let inconsistent = |_| DkgError::Inconsistent { what: WHAT };
        let commitments = DealingCommitments::new(shape.members(), f, g).map_err(inconsistent)?;
        for share in share_keys {
            if commitments.public_share(share.place).map_err(inconsistent)? != share.public {
                return Err(DkgError::Inconsistent { what: WHAT });
            }
        }
        Ok(commitments)
    }
}

/// (A_i, B_i) with a proof. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareKey {
    public: PublicShare,
    proof: Proof<4>,
}

impl MemberSecret {
    /// (A_i, B_i) with their proof.
    pub fn share_key(
        &self,
        key: &GeneratedKey,
        rng: &mut impl CryptoRngCore,
    ) -> Result<ShareKey, DkgError> {
        if self.qualified != *key.qualified.hash() {
            return Err(DkgError::OtherCeremony { what: "a member's secret" });
        }
        let ([[a, a_blinding, ..], [b, b_blinding, ..]], []) = self.scalars.as_chunks::<5>() else {
            return Err(DkgError::WrongKind { expected: "a key generation" });
        };
        let x = Zeroizing::new([*a, *a_blinding, *b, *b_blinding]);
        let public = PublicShare { a: key.key.x1 * a, b: key.key.x2 * b };
        let proof = relation(key, self.place, &public)?.prove(start(key, self.place), &x, rng);
        Ok(ShareKey { public, proof })
    }
}

fn start(key: &GeneratedKey, place: u32) -> Transcript {
    let mut transcript = transcript::member(key.qualified.hash(), place).fork(SHARE_KEY, 0);
    transcript.append_message(b"gpk", &key.key.encode());
    transcript
}

fn relation(key: &GeneratedKey, place: u32, public: &PublicShare) -> Result<Relation<4>, DkgError> {
    let [[p_a], [p_b]] = key.qualified.halves(place)?;
    Ok(Relation([
        Row { image: p_a, terms: vec![(0, g()), (1, *h())] },
        Row { image: public.a, terms: vec![(0, key.key.x1)] },
        Row { image: p_b, terms: vec![(2, g()), (3, *h())] },
        Row { image: public.b, terms: vec![(2, key.key.x2)] },
    ]))
}

impl ShareKey {
    /// Length of the encoding, in bytes: A, B, four points and four scalars.
    pub const LEN: usize = 2 * ELEMENT_LEN + Proof::<4>::LEN;

    /// A ‖ B ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend(
            [self.public.a, self.public.b].iter().flat_map(|point| point.compress().to_bytes()),
        );
        bytes.extend(self.proof.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("public key share", bytes, Self::LEN)?;
        let [a, b] = reader.points()?;
        Ok(Self { public: PublicShare { a, b }, proof: Proof::read(&mut reader)? })
    }

    /// Verifies the share key of the member at this place.
    pub fn verify(&self, key: &GeneratedKey, place: u32) -> Result<VerifiedShareKey, DkgError> {
        if !relation(key, place, &self.public)?.holds(start(key, place), &self.proof) {
            return Err(DkgError::WrongShareKey { member: place });
        }
        Ok(VerifiedShareKey {
            place,
            qualified: *key.qualified.hash(),
            key: key.key.hash(),
            public: self.public,
        })
    }
}

/// A share key whose proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedShareKey {
    place: u32,
    qualified: QualifiedHash,
    key: KeyHash,
    pub(super) public: PublicShare,
}

impl VerifiedShareKey {
    /// Its author's place.
    pub fn place(&self) -> u32 {
        self.place
    }
}
