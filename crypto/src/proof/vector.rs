//! Vectors under one commitment each, opened up to a mask: what proofs about many secret numbers stand on.
//!
//! C = Σv_i·G_i + β·g over consecutive generators of the range proofs, and masks M = Σm_i·G_i + μ·g. After a challenge e the
//! prover answers f = m + e·v and φ = μ + e·β. Checked: Σf_i·G_i + φ·g = M + e·C.
//!
//! **Why.** Two answers to one (C, M) give an opening of both, and nobody has a second one: there is no known relation
//! between the generators and g. So each v_i is bound by C, each f_i is m_i + e·v_i for an m_i said before e, and any
//! equation among v is one among polynomials in e, read off f in scalars: `coefficients`, `digits`, `shortness`.
//! f and φ are uniform whatever v is, and M follows from them.
//!
//! Two vectors of which one may depend on challenges that follow the other are two commitments, each with its own M and φ. If
//! only their sum were opened, entries of the first could be chosen as late as the second.
//!
//! Generators are numbered value by value, 64 bits a value, G before H, so that a fold has each of them once, whichever
//! proofs need it.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::DecodeError;
use crate::fold::Folded;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{
    commit_to_quaternary, commit_to_ternary, commit_to_vector, random_scalar, random_scalars,
    signed,
};

/// A secret vector and its commitment.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct CommittedVector {
    #[zeroize(skip)]
    first: usize,
    entries: Vec<Scalar>,
    blinding: Scalar,
    encoded: [u8; ELEMENT_LEN],
}

impl CommittedVector {
    /// Commits over the generators from `first` on, with a fresh blinding.
    pub fn new(first: usize, entries: Vec<Scalar>, rng: &mut impl CryptoRngCore) -> Self {
        let blinding = random_scalar(rng);
        let encoded = commit_to_vector(first, &entries, &blinding).compress().to_bytes();
        Self { first, entries, blinding, encoded }
    }

    /// Commits to entries of −1, 0 and 1, each a generator that is added, left out or subtracted, in constant time.
    pub(crate) fn ternary(first: usize, entries: &[i8], rng: &mut impl CryptoRngCore) -> Self {
        let blinding = random_scalar(rng);
        let encoded = commit_to_ternary(first, entries, &blinding).compress().to_bytes();
        let entries = entries.iter().map(|entry| signed(i64::from(*entry))).collect();
        Self { first, entries, blinding, encoded }
    }

    /// Commits to scalars and, over the generators that follow theirs, to digits of 0 to 3, in constant time.
    pub fn with_quaternary(
        first: usize,
        scalars: &[Scalar],
        digits: &[i64],
        rng: &mut impl CryptoRngCore,
    ) -> Self {
        let blinding = random_scalar(rng);
        let of_digits = commit_to_quaternary(first + scalars.len(), digits);
        let commitment = commit_to_vector(first, scalars, &blinding) + of_digits;
        // Never grown, which would leave copies behind.
        let mut entries = Vec::with_capacity(scalars.len() + digits.len());
        entries.extend_from_slice(scalars);
        entries.extend(digits.iter().map(|digit| signed(*digit)));
        Self { first, entries, blinding, encoded: commitment.compress().to_bytes() }
    }

    /// A fresh mask: m, μ and M.
    pub fn mask(&self, rng: &mut impl CryptoRngCore) -> Self {
        let entries = random_scalars(self.entries.len(), rng);
        Self::new(self.first, entries, rng)
    }

    /// C, or M of a mask.
    pub fn encoded(&self) -> &[u8; ELEMENT_LEN] {
        &self.encoded
    }

    /// v, or m of a mask.
    pub fn entries(&self) -> &[Scalar] {
        &self.entries
    }

    /// C ‖ M ‖ f ‖ φ, under the challenge that has come after C and M. A mask answers once: two answers give v away.
    pub fn open(&self, mask: Self, e: &Scalar) -> Vec<u8> {
        let mut proof = Vec::with_capacity(VectorProof::length(self.entries.len()));
        proof.extend(self.encoded);
        proof.extend(mask.encoded);
        let secrets = self.entries.iter().chain([&self.blinding]);
        for (secret, mask) in secrets.zip(mask.entries.iter().chain([&mask.blinding])) {
            let response = Zeroizing::new(mask + e * secret);
            proof.extend(response.as_bytes());
        }
        proof
    }
}

/// C, M, f and φ as a verifier holds them.
pub struct VectorProof {
    first: usize,
    /// C, M.
    points: [RistrettoPoint; 2],
    points_bytes: [u8; 2 * ELEMENT_LEN],
    f: Vec<Scalar>,
    phi: Scalar,
}

impl VectorProof {
    /// Length of the encoding for so many entries, in bytes.
    pub const fn length(entries: usize) -> usize {
        ELEMENT_LEN * (entries + 3)
    }

    /// Reads a proof about so many entries, over the generators from `first` on.
    pub fn read(
        reader: &mut Reader<'_>,
        first: usize,
        entries: usize,
    ) -> Result<Self, DecodeError> {
        let points_bytes = reader.array()?;
        let points = Reader::new("vector", &points_bytes, points_bytes.len())?.points()?;
        let f = reader.scalar_vec(entries)?;
        let [phi] = reader.scalars()?;
        Ok(Self { first, points, points_bytes, f, phi })
    }

    /// The encoding of C.
    pub fn commitment_bytes(&self) -> &[u8] {
        self.points_bytes.split_at(ELEMENT_LEN).0
    }

    /// The encoding of M.
    pub fn mask_bytes(&self) -> &[u8] {
        self.points_bytes.split_at(ELEMENT_LEN).1
    }

    /// f.
    pub fn responses(&self) -> &[Scalar] {
        &self.f
    }

    /// Adds the opening under challenge e, weighted, to a fold.
    pub fn fold(&self, e: &Scalar, weight: Scalar, folded: &mut Folded) {
        folded.g += weight * self.phi;
        let [commitment, mask] = self.points;
        folded.terms.extend([(-weight * e, commitment), (-weight, mask)]);
        folded.add_to_generators(self.first, self.f.iter().map(|f| weight * f));
    }
}
