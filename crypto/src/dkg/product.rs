//! Products: the key from the shares, and nothing else of them (Bar-Ilan and Beaver, PODC 1989).
//!
//! For both halves, member i opens w_i = a_i·ϱ_i + z_i and R_i = ϱ_i·g; all w_i lie on a polynomial of degree 2(t−1) with
//! w = a·ϱ at 0, which says nothing of a while ϱ is unknown and z is random. So any 2t−1 of them give w, their R_i give ϱ·g,
//! and X = w^(−1)·(ϱ·g) = (1/a)·g.
//!
//! One proof for both halves: knowledge of (a_i, a'_i, ϱ_i, ϱ'_i) with P_i = a_i·g + a'_i·h, P^ϱ_i = ϱ_i·g + ϱ'_i·h,
//! R_i = ϱ_i·g and w_i·g − Z_i = a_i·R_i, where P_i, P^ϱ_i, Z_i are what the qualified dealings commit to.
//!
//! **One qualified set only.** Products of two sets whose sums differ by known values give a away (a test does it), so a
//! product leaves a member only after a quorum has signed [`Qualified::hash`].

use consilium_hash::QualifiedHash;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::ceremony::{at_least, distinct};
use super::relation::{Proof, Relation, Row};
use super::{DkgError, GeneratedKey, MemberSecret, Qualified};
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::polynomial::lagrange;
use crate::group::{g, g_times, h};
use crate::transcript::{self, PRODUCT, Protocol};
use crate::{DecodeError, PublicKey, VerifyingKey};

/// A product that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub(super) halves: [Half; 2],
    pub(super) proof: Proof<8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    pub(super) r: RistrettoPoint,
    pub(super) w: Scalar,
}

impl MemberSecret {
    /// The member's product. Only in key generation, and only after a quorum has agreed on [`Qualified::hash`].
    pub fn product(
        &self,
        qualified: &Qualified,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Product, DkgError> {
        if self.qualified != *qualified.hash() {
            return Err(DkgError::OtherCeremony { what: "a member's secret" });
        }
        let ([first, second], []) = self.scalars.as_chunks::<5>() else {
            return Err(DkgError::WrongKind { expected: "a key generation" });
        };
        let halves =
            [first, second].map(|[a, _, rho, _, z]| Half { r: g_times(rho), w: a * rho + z });
        let ([a, a_blinding, rho, rho_blinding, _], [b, b_blinding, sigma, sigma_blinding, _]) =
            (first, second);
        let x = [*a, *a_blinding, *rho, *rho_blinding, *b, *b_blinding, *sigma, *sigma_blinding];
        let relation = relation(qualified, self.place, &halves)?;
        let proof = relation.prove(start(qualified, self.place, &halves), &Zeroizing::new(x), rng);
        Ok(Product { halves, proof })
    }
}

pub(super) fn start(qualified: &Qualified, place: u32, halves: &[Half; 2]) -> Transcript {
    let mut transcript = transcript::member(qualified.hash(), place).fork(PRODUCT, 0);
    for half in halves {
        transcript.append_message(b"w", half.w.as_bytes());
    }
    transcript
}

pub(super) fn relation(
    qualified: &Qualified,
    place: u32,
    halves: &[Half; 2],
) -> Result<Relation<8>, DkgError> {
    let [first, second] = qualified.halves(place)?;
    let rows = |first_secret: usize, [p, p_rho, z]: [RistrettoPoint; 3], half: &Half| {
        let [a, a_blinding, rho, rho_blinding] = [0, 1, 2, 3].map(|secret| first_secret + secret);
        [
            Row { image: p, terms: vec![(a, g()), (a_blinding, *h())] },
            Row { image: p_rho, terms: vec![(rho, g()), (rho_blinding, *h())] },
            Row { image: half.r, terms: vec![(rho, g())] },
            Row { image: g_times(&half.w) - z, terms: vec![(a, half.r)] },
        ]
    };
    let [half1, half2] = halves;
    let [r1, r2, r3, r4] = rows(0, first, half1);
    let [r5, r6, r7, r8] = rows(4, second, half2);
    Ok(Relation([r1, r2, r3, r4, r5, r6, r7, r8]))
}

impl Product {
    /// Length of the encoding, in bytes: two halves of R and w, then eight points and eight scalars.
    pub const LEN: usize = 4 * ELEMENT_LEN + Proof::<8>::LEN;

    /// R ‖ w of both halves, then the proof.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        for half in &self.halves {
            bytes.extend(half.r.compress().to_bytes());
            bytes.extend(half.w.to_bytes());
        }
        bytes.extend(self.proof.encode());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("product", bytes, Self::LEN)?;
        let mut half = || -> Result<Half, DecodeError> {
            let ([r], [w]) = (reader.points()?, reader.scalars()?);
            Ok(Half { r, w })
        };
        let halves = [half()?, half()?];
        Ok(Self { halves, proof: Proof::read(&mut reader)? })
    }

    /// Verifies the product of the member at this place.
    pub fn verify(&self, qualified: &Qualified, place: u32) -> Result<VerifiedProduct, DkgError> {
        let relation = relation(qualified, place, &self.halves)?;
        if !relation.holds(start(qualified, place, &self.halves), &self.proof) {
            return Err(DkgError::WrongProduct { member: place });
        }
        Ok(VerifiedProduct { place, qualified: *qualified.hash(), halves: self.halves })
    }
}

/// A product whose proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedProduct {
    place: u32,
    qualified: QualifiedHash,
    pub(super) halves: [Half; 2],
}

impl VerifiedProduct {
    /// Its author's place.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// w and R of the first or the second half.
    pub(super) fn half(&self, second: bool) -> &Half {
        let [one, two] = &self.halves;
        if second { two } else { one }
    }
}

impl Qualified {
    /// The key from verified products, at least 2t − 1; all of them must agree.
    pub fn generate(
        &self,
        products: &[VerifiedProduct],
        evaluation_key: &VerifyingKey,
    ) -> Result<GeneratedKey, DkgError> {
        if self.ceremony().is_resharing() {
            return Err(DkgError::WrongKind { expected: "a key generation" });
        }
        let places = distinct(products.iter().map(VerifiedProduct::place), "products")?;
        if products.iter().any(|product| product.qualified != *self.hash()) {
            return Err(DkgError::OtherCeremony { what: "a product" });
        }
        let needed = self.ceremony().context().shape.honest();
        at_least(needed, products.len(), "verified products")?;
        let (used, further) = places.split_at(needed as usize);
        // The polynomials of w and R through the first 2t − 1, at a place.
        let through = |second: bool, at: u32| {
            let factors = lagrange(used, at);
            let halves = || products.iter().take(used.len()).map(|product| product.half(second));
            let w: Scalar =
                factors.iter().zip(halves()).map(|(factor, half)| factor * half.w).sum();
            let r = RistrettoPoint::vartime_multiscalar_mul(
                &factors,
                halves().map(|half| half.r).collect::<Vec<_>>(),
            );
            Half { r, w }
        };
        for (place, product) in further.iter().zip(products.iter().skip(used.len())) {
            if [false, true].iter().any(|second| through(*second, *place) != *product.half(*second))
            {
                return Err(DkgError::Inconsistent { what: "products" });
            }
        }
        let [first, second] = [false, true].map(|second| through(second, 0));
        if first.w == Scalar::ZERO || second.w == Scalar::ZERO {
            return Err(DkgError::Degenerate);
        }
        let [x1, x2] = [first, second].map(|half| half.r * half.w.invert());
        let key = PublicKey::new(x1, x2, *evaluation_key).map_err(|_| DkgError::Degenerate)?;
        Ok(GeneratedKey::new(self.clone(), key))
    }
}
