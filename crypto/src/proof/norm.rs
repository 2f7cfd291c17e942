//! The bound on the norm: that ‖x‖ ≤ √(Γ/λ)·B, by a random projection. What it adds to a body does not grow with d.
//!
//! One vector is committed to (`vector`): the N projections y = Πx, the 128 masks p of approximate shortness (`shortness`),
//! and the 16 digits of 4 bits of what is left of the bound, r = Γ·B² − Σy_t² (`digits`). One transcript says in this order,
//! all of which is load-bearing:
//!
//! 1. context, gpk, C, h_E → the seed of Π;
//! 2. C_y, the commitment to y ‖ p ‖ digits → weights γ_t of 128 bits, hence σ = Πᵀγ over the integers; subsets R; weights
//!    χ_i of 128 bits;
//! 3. the sums F = p + Ry → weights ω_j of 128 bits, hence λ = Rᵀω ‖ ω;
//! 4. M, a0 = ⟨λ, m⟩, Q_0..Q_15, T of the link → one challenge e;
//! 5. f = m + e·(y ‖ p ‖ digits), φ, and the responses to Q and T.
//!
//! Checked, for the parts of f that belong to y, p and the digits:
//!
//! - opening: Σf_i·G_i + φ·g = M + e·C_y;
//! - shortness: ⟨λ, f_y ‖ f_p⟩ = a0 + e·Σω_j·F_j and F_j < 2^120;
//! - squares (`squares`): Σy_t² ≤ Γ·B² in digits, a polynomial of degree 16 in e without a term in e^16;
//! - link (`link`) with σ and z_u = ⟨γ, f_y⟩.
//!
//! **Why.** The limbs bind k, so that E_j − k·W_j = x_j·h fixes x modulo ℓ before the seed exists. C_y binds y, p and digits
//! before γ, R and χ. The link says Σγ_t·(Πx)_t = Σγ_t·y_t: Πx = y row by row modulo ℓ. The digits say that Σy_t² is in
//! (Γ·B² − 2^64, Γ·B²] modulo ℓ. Shortness says |y_t| < 2^120, so that Σy_t² < 2^250 does not wrap around and is at most
//! Γ·B² over the integers. By the modular lemma ‖x‖ ≤ √(Γ/λ)·B but for probability 2^-126 over the seed. Each of γ, R, χ, ω
//! fails with probability 2^-128 for each hash query.
//!
//! **What it tells.** f, φ and the other responses are uniform whatever the witness is; M, a0, Q_0, T follow from them and the
//! equations; Q_1..Q_15 and C_y hide perfectly; F is as good as uniform. Every response needs its fresh mask.
//!
//! In a body: C_y ‖ M ‖ f ‖ φ ‖ F ‖ a0 ‖ Q ‖ z ‖ link.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::bound::{NormBound, square};
use crate::fold::{Folded, Weights};
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{inner, mask_bases, multiscalar, signed};
use crate::proof::Equations;
use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
use crate::proof::link::{LinkProof, LinkWitness};
use crate::proof::projection::{Projection, Weight};
use crate::proof::shortness::{self, SUMS, SUMS_LEN, Subsets, Sums};
use crate::proof::squares::{self, COEFFICIENTS, DIGITS};
use crate::proof::vector::{CommittedVector, VectorProof};
use crate::transcript::{NORM, Protocol};
use crate::{Ciphertext, DecodeError, EncryptError};

/// Length of the proof, in bytes; nothing of it depends on d.
pub(crate) fn length(bound: &NormBound) -> usize {
    VectorProof::length(length_of_vector(bound))
        + SUMS_LEN
        + ELEMENT_LEN
        + CoefficientsProof::length(COEFFICIENTS)
        + LinkProof::LEN
}

/// Entries of the committed vector.
pub(crate) fn length_of_vector(bound: &NormBound) -> usize {
    bound.projections + SUMS + DIGITS
}

/// Step 1: the projection that follows from everything up to h_E.
fn projection(base: &Transcript, bound: &NormBound) -> (Transcript, Projection) {
    let mut transcript = base.fork(NORM, 0);
    let mut seed = [0; 32];
    transcript.challenge_bytes(b"seed", &mut seed);
    (transcript, Projection::new(seed, bound.projections))
}

/// Σy_t², as this projection of x has it.
#[cfg(test)]
pub(crate) fn squares(base: &Transcript, bound: &NormBound, x: &[i64]) -> u64 {
    square(&projection(base, bound).1.project(x)) as u64
}

/// What is drawn once the vector is committed to.
pub(crate) struct Draws {
    pub(crate) gamma: Vec<u128>,
    pub(crate) subsets: Subsets,
    pub(crate) chi: Vec<Scalar>,
}

impl Draws {
    /// Step 2.
    pub(crate) fn after(transcript: &mut Transcript, commitment: &[u8], bound: &NormBound) -> Self {
        transcript.append_message(b"C_y", commitment);
        Self {
            gamma: transcript.short_weights(b"gamma", bound.projections),
            subsets: Subsets::draw(transcript, bound.projections),
            chi: transcript.weights(b"chi", DIGITS),
        }
    }

    /// λ.
    fn combine(&self, omega: &[u128]) -> Vec<Scalar> {
        let mut lambda = self.subsets.combine(omega);
        lambda.extend(omega.iter().copied().map(Scalar::from));
        lambda
    }

    fn gamma(&self) -> Vec<Scalar> {
        self.gamma.iter().copied().map(Scalar::from).collect()
    }
}

/// Proves the norm of x under mask key k; `base` has absorbed context, key, ciphertexts and h_E.
pub(crate) fn prove(
    base: &Transcript,
    bound: &NormBound,
    x: &[i64],
    k: &Scalar,
    tau: &Scalar,
    rng: &mut TranscriptRng,
) -> Result<Vec<u8>, EncryptError> {
    let (mut transcript, projection) = projection(base, bound);
    let y = projection.project(x);
    // Only values made unchecked, by an adversary, are beyond the norm or overflow. Their author gets a false proof.
    let is_honest = square(x) <= u128::from(bound.norm).pow(2);
    if is_honest && square(&y) > u128::from(bound.squares) {
        return Err(EncryptError::Unlucky);
    }
    let digits = squares::digits_of_rest(bound.squares, &y);
    let witness: Zeroizing<Vec<u8>> =
        Zeroizing::new(y.iter().flat_map(|y| y.to_le_bytes()).collect());
    let mut nonces = transcript.witness_rng(&witness, rng);
    let masks = shortness::masks(&mut nonces);
    let short = y.iter().map(|y| signed(*y)).chain(masks.iter().map(|mask| Scalar::from(*mask)));
    let mut entries = Vec::with_capacity(length_of_vector(bound));
    entries.extend(short.chain(digits.iter().map(|digit| signed(*digit))));
    let vector = CommittedVector::new(0, entries, &mut nonces);
    let draws = Draws::after(&mut transcript, vector.encoded(), bound);

    let (sums, fit) = draws.subsets.sums(&y, &masks);
    if is_honest && !fit {
        return Err(EncryptError::Unlucky);
    }
    let lambda = draws.combine(&Sums::weights(&mut transcript, &sums));

    let mask = vector.mask(&mut nonces);
    let (y_scalars, _) = vector.entries().split_at(y.len());
    let (m_short, m_digits) = mask.entries().split_at(y.len() + SUMS);
    let (m_y, _) = m_short.split_at(y.len());
    let a0 = inner(&lambda, m_short).to_bytes();
    let coefficients = squares::coefficients(&draws.chi, y_scalars, &digits, m_y, m_digits);
    let coefficients = CommittedCoefficients::new(&coefficients, &mut nonces);
    append_commitments(&mut transcript, mask.encoded(), &a0, coefficients.encoded());
    let sigma = projection.combine(&draws.gamma, x.len());
    let bases = mask_bases(x.len());
    let w_sigma =
        multiscalar(sigma.par_iter().zip(bases.par_iter()).map(|(weight, base)| weight.term(base)));
    let a_u = Zeroizing::new(inner(&draws.gamma(), m_y));
    let link = LinkWitness { k: *k, tau: *tau }.commit(&a_u, &w_sigma, &mut transcript, rng);
    let e = transcript.challenge(b"e");

    let opening = vector.open(mask, &e);
    Ok([&*opening, &sums, &a0, &coefficients.respond(&e), &link.respond(&e)].concat())
}

/// Step 4, but for T.
fn append_commitments(transcript: &mut Transcript, mask: &[u8], a0: &[u8], q: &[u8]) {
    transcript.append_message(b"M", mask);
    transcript.append_message(b"a0", a0);
    transcript.append_message(b"Q", q);
}

/// The proof as a verifier holds it.
pub(crate) struct NormProof {
    bound: NormBound,
    vector: VectorProof,
    sums: Sums,
    a0: Scalar,
    coefficients: CoefficientsProof,
    link: LinkProof,
}

/// All that the verifier draws, in this order.
pub(crate) struct Challenges {
    pub(crate) projection: Projection,
    pub(crate) draws: Draws,
    pub(crate) omega: Vec<u128>,
    pub(crate) e: Scalar,
}

impl NormProof {
    pub(crate) fn read(reader: &mut Reader<'_>, bound: NormBound) -> Result<Self, DecodeError> {
        let vector = VectorProof::read(reader, 0, length_of_vector(&bound))?;
        let sums = Sums::read(reader)?;
        let [a0] = reader.scalars()?;
        Ok(Self {
            bound,
            vector,
            sums,
            a0,
            coefficients: CoefficientsProof::read(reader, COEFFICIENTS)?,
            link: LinkProof::read(reader)?,
        })
    }

    /// What follows from the proof's own words.
    pub(crate) fn challenges(&self, base: &Transcript) -> Challenges {
        let (mut transcript, projection) = projection(base, &self.bound);
        let commitment = self.vector.commitment_bytes();
        let draws = Draws::after(&mut transcript, commitment, &self.bound);
        let omega = Sums::weights(&mut transcript, self.sums.bytes());
        let mask = self.vector.mask_bytes();
        let coefficients = self.coefficients.q_bytes();
        append_commitments(&mut transcript, mask, self.a0.as_bytes(), coefficients);
        self.link.append_to(&mut transcript);
        Challenges { projection, draws, omega, e: transcript.challenge(b"e") }
    }

    /// Adds those of its equations that are asked for, weighted, to a fold.
    pub(crate) fn fold(
        &self,
        challenges: &Challenges,
        which: Equations,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        if matches!(which, Equations::All | Equations::Link) {
            self.fold_link(challenges, e_points, ciphertexts, weights.take(), folded);
        }
        if matches!(which, Equations::All | Equations::Norm) {
            self.fold_norm(challenges, weights.take(), folded);
        }
    }

    fn fold_link(
        &self,
        challenges: &Challenges,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 2],
        folded: &mut Folded,
    ) {
        let Challenges { projection, draws, e, .. } = challenges;
        let sigma = projection.combine(&draws.gamma, e_points.len());
        let e_sigma =
            multiscalar(sigma.par_iter().zip(e_points).map(|(weight, point)| weight.term(point)));
        let z_u = inner(&draws.gamma(), self.vector.responses());
        let sigma = sigma.iter().map(Weight::scalar);
        self.link.fold([e, &z_u], sigma, e_sigma, ciphertexts, weights, folded);
    }

    /// Adds opening, shortness and squares.
    fn fold_norm(&self, challenges: &Challenges, weights: [Scalar; 3], folded: &mut Folded) {
        let Challenges { draws, omega, e, .. } = challenges;
        let [of_opening, of_shortness, of_squares] = weights;
        self.vector.fold(e, of_opening, folded);

        let (short, digits) = self.vector.responses().split_at(self.bound.projections + SUMS);
        // In scalars alone, and in the fold like every other equation, so that only its own update fails with it.
        let left = inner(&draws.combine(omega), short);
        let right = self.a0 + e * self.sums.combine(omega);
        folded.h += of_shortness * (left - right);

        let (y, _) = short.split_at(self.bound.projections);
        let value = squares::value(self.bound.squares, &draws.chi, y, digits, e);
        self.coefficients.fold(&value, e, of_squares, folded);
    }
}
