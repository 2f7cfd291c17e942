//! The bound on the norm: that ‖x‖ ≤ √(Γ/λ)·B, by a random projection. What it adds to a body does not grow with d.
//!
//! With commitments V_t = (y_t + 2^(ρ−1))·h + β_t·g to the N projections y = Πx, and Y_t = V_t − 2^(ρ−1)·h, one transcript
//! says in this order, all of which is load-bearing:
//!
//! 1. context, gpk, C, h_E → the seed of Π;
//! 2. V → weights γ_t of 128 bits, hence σ = Πᵀγ over the integers;
//! 3. M_t = m_t·h + μ_t·g, A0 = (Σm_t²)·h + ζ0·g, A1 = (2Σm_t·y_t)·h + ζ1·g, S = (Σy_t²)·h + ζ·g, T of the link
//!    → one challenge e;
//! 4. f_t = m_t + e·y_t, z = ζ0 + e·ζ1 + e²·ζ → weights ω_t of 128 bits;
//! 5. φ = Σω_t·(μ_t + e·β_t). Range proofs, on forks: y_t + 2^(ρ−1) ∈ [0, 2^ρ), Γ·B² − Σy_t² ∈ [0, 2^64) or [0, 2^32).
//!
//! Checked: (Σω_t·f_t)·h + φ·g = Σω_t·(M_t + e·Y_t); (Σf_t²)·h + z·g = A0 + e·A1 + e²·S; the link (`link`) with σ and
//! V_σ = Σγ_t·Y_t.
//!
//! **Why.** The limbs bind k, so that E_j − k·W_j = x_j·h fixes x modulo ℓ before the seed exists. The link says
//! Σγ_t·(Πx)_t = Σγ_t·y_t with γ drawn after y: Πx = y row by row modulo ℓ. The openings say that f_t opens M_t + e·Y_t for
//! every t, since ω is drawn after f; e was drawn after all else in the equation of squares, which therefore holds as a
//! polynomial in e: S commits to Σy_t². The y_t are small, so Σy_t² does not wrap around, and is at most Γ·B². By the
//! modular lemma ‖x‖ ≤ √(Γ/λ)·B but for probability 2^-126 over the seed.
//!
//! The single φ in the place of N responses φ_t = μ_t + e·β_t is their sum under weights that come after f: it tells less,
//! and proves the same up to another 2^-128 for each hash query.
//!
//! In a body: V ‖ M ‖ A0, A1, S ‖ link ‖ f ‖ z ‖ φ ‖ range proofs of V ‖ range proof of the squares.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::bound::{NormBound, square};
use crate::fold::{Folded, Weights};
use crate::group::encoding::{ELEMENT_LEN, Reader, decompress_all};
use crate::group::{
    commit_all, g_times, h_times, inner, mask_bases, multiscalar, random_scalar, signed,
};
use crate::proof::Equations;
use crate::proof::link::{LinkProof, LinkWitness};
use crate::proof::projection::{Projection, Weight};
use crate::proof::range::{self, RangeProofs};
use crate::transcript::{NORM, PROJECTION_RANGE, Protocol, SQUARES_RANGE};
use crate::{Ciphertext, DecodeError, EncryptError};

/// Length of the proof, in bytes; nothing of it depends on d.
pub(crate) fn length(bound: &NormBound) -> usize {
    ELEMENT_LEN * (3 * bound.projections + 5)
        + LinkProof::LEN
        + RangeProofs::length(bound.projections, bound.projection_bits)
        + range::proof_length(1, bound.squares_bits)
}

/// Step 1: the projection that follows from everything up to h_E.
fn projection(base: &Transcript, bound: &NormBound) -> (Transcript, Projection) {
    let mut transcript = base.fork(NORM, 0);
    let mut seed = [0; 32];
    transcript.challenge_bytes(b"seed", &mut seed);
    (transcript, Projection::new(seed, bound.projections))
}

/// Step 2.
fn combination(transcript: &mut Transcript, v: &[u8]) -> Vec<u128> {
    transcript.append_message(b"V", v);
    transcript.short_weights(b"gamma", v.len() / ELEMENT_LEN)
}

/// 2^(ρ−1): what is added to a projection so that it is not negative.
fn offset(bound: &NormBound) -> i64 {
    1 << (bound.projection_bits - 1)
}

/// What the prover draws for itself.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Nonces {
    beta: Vec<Scalar>,
    m: Vec<Scalar>,
    mu: Vec<Scalar>,
    zeta: [Scalar; 3],
}

impl Nonces {
    fn fresh(count: usize, rng: &mut impl CryptoRngCore) -> Self {
        let mut draw = || (0..count).map(|_| random_scalar(rng)).collect();
        let beta = draw();
        let m = draw();
        let mu = draw();
        Self { beta, m, mu, zeta: [(); 3].map(|()| random_scalar(rng)) }
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
    let projected = projection.project(x);
    if is_honest(bound, x) && !is_provable(bound, &projected) {
        return Err(EncryptError::Unlucky);
    }
    let y = Zeroizing::new(projected.iter().map(|y| signed(*y)).collect::<Vec<_>>());
    let witness: Zeroizing<Vec<u8>> =
        Zeroizing::new(projected.iter().flat_map(|y| y.to_le_bytes()).collect());
    let nonces = Nonces::fresh(y.len(), &mut transcript.witness_rng(&witness, rng));
    let Nonces { beta, m, mu, zeta } = &nonces;
    let [zeta0, zeta1, zeta2] = zeta;

    // Wrapping: only values made unchecked, by an adversary, can overflow.
    let raised =
        Zeroizing::new(projected.iter().map(|y| y.wrapping_add(offset(bound))).collect::<Vec<_>>());
    let v = commit_all(&raised, beta, bound.projection_bits);
    let v: Vec<u8> = v.iter().flat_map(|v| v.to_bytes()).collect();
    let gamma = combination(&mut transcript, &v);
    let sigma = projection.combine(&gamma, x.len());

    let squares: Scalar = inner(&y, &y);
    let masks = commit(m, mu);
    let products = Zeroizing::new([inner(m, m), Scalar::from(2u64) * inner(m, &y), squares]);
    let products = commit(&*products, &[*zeta0, *zeta1, *zeta2]);
    transcript.append_message(b"M", &masks);
    transcript.append_message(b"A0 A1 S", &products);
    let gamma: Vec<_> = gamma.into_iter().map(Scalar::from).collect();
    let witness = LinkWitness { u: inner(&gamma, &y), k: *k, beta: inner(&gamma, beta), tau: *tau };
    let bases = mask_bases(x.len());
    let w_sigma =
        multiscalar(sigma.par_iter().zip(bases.par_iter()).map(|(weight, base)| weight.term(base)));
    let link = witness.commit(&w_sigma, &mut transcript, rng);
    let e = transcript.challenge(b"e");

    let link = link.respond(&e);
    let f: Vec<u8> = m.iter().zip(y.iter()).flat_map(|(m, y)| (m + e * y).to_bytes()).collect();
    let z = (zeta0 + e * (zeta1 + e * zeta2)).to_bytes();
    transcript.append_message(b"f", &f);
    transcript.append_message(b"z", &z);
    let omega = transcript.weights(b"omega", m.len());
    let phi = (inner(&omega, mu) + e * inner(&omega, beta)).to_bytes();

    let raised =
        Zeroizing::new(raised.iter().map(|value| value.cast_unsigned()).collect::<Vec<_>>());
    let (ranges, _) =
        range::prove_all(&transcript, PROJECTION_RANGE, &raised, beta, bound.projection_bits, rng)?;
    let sum =
        projected.iter().fold(0u64, |sum, y| sum.wrapping_add(y.wrapping_mul(*y).cast_unsigned()));
    let rest = Zeroizing::new([bound.squares.wrapping_sub(sum)]);
    let (squares_range, _) =
        range::prove_all(&transcript, SQUARES_RANGE, &*rest, &[-zeta2], bound.squares_bits, rng)?;
    Ok([&*v, &masks, &products, &link, &f, &z, &phi, &ranges, &squares_range].concat())
}

fn is_honest(bound: &NormBound, x: &[i64]) -> bool {
    square(x) <= u128::from(bound.norm).pow(2)
}

fn is_provable(bound: &NormBound, y: &[i64]) -> bool {
    let range = -offset(bound)..offset(bound);
    square(y) <= u128::from(bound.squares) && y.iter().all(|y| range.contains(y))
}

/// The encodings of value·h + blinding·g.
fn commit(values: &[Scalar], blindings: &[Scalar]) -> Vec<u8> {
    let points = values.par_iter().zip(blindings).with_min_len(32);
    let points: Vec<_> =
        points.map(|(v, b)| (h_times(v) + g_times(b)).compress().to_bytes()).collect();
    points.concat()
}

/// The proof as a verifier holds it.
pub(crate) struct NormProof {
    bound: NormBound,
    v: Vec<RistrettoPoint>,
    v_bytes: Vec<u8>,
    masks: Vec<RistrettoPoint>,
    masks_bytes: Vec<u8>,
    /// A0, A1, S.
    products: [RistrettoPoint; 3],
    products_bytes: [u8; 3 * ELEMENT_LEN],
    link: LinkProof,
    f: Vec<Scalar>,
    f_bytes: Vec<u8>,
    z: Scalar,
    phi: Scalar,
    ranges: RangeProofs,
    squares_range: RangeProofs,
}

/// All that the verifier draws, in this order.
pub(crate) struct Challenges {
    pub(crate) projection: Projection,
    pub(crate) gamma: Vec<u128>,
    pub(crate) e: Scalar,
    pub(crate) omega: Vec<Scalar>,
    /// Where the range proofs fork.
    pub(crate) transcript: Transcript,
}

impl NormProof {
    pub(crate) fn read(reader: &mut Reader<'_>, bound: NormBound) -> Result<Self, DecodeError> {
        let n = bound.projections;
        let v_bytes = reader.take(ELEMENT_LEN * n)?.to_vec();
        let masks_bytes = reader.take(ELEMENT_LEN * n)?.to_vec();
        let products_bytes = reader.array()?;
        let link = LinkProof::read(reader)?;
        let f_bytes = reader.take(ELEMENT_LEN * n)?.to_vec();
        let f = Reader::new("responses", &f_bytes, f_bytes.len())?.scalar_vec(n)?;
        let [z, phi] = reader.scalars()?;
        Ok(Self {
            bound,
            v: decompress_all("commitments to projections", &v_bytes)?,
            v_bytes,
            masks: decompress_all("masks of projections", &masks_bytes)?,
            masks_bytes,
            products: Reader::new("squares", &products_bytes, products_bytes.len())?.points()?,
            products_bytes,
            link,
            f,
            f_bytes,
            z,
            phi,
            ranges: RangeProofs::parse(
                "range proof of the projections",
                reader,
                n,
                bound.projection_bits,
            )?,
            squares_range: RangeProofs::parse(
                "range proof of the squares",
                reader,
                1,
                bound.squares_bits,
            )?,
        })
    }

    /// What follows from the proof's own words.
    pub(crate) fn challenges(&self, base: &Transcript) -> Challenges {
        let (mut transcript, projection) = projection(base, &self.bound);
        let gamma = combination(&mut transcript, &self.v_bytes);
        let e = self.append_commitments(&mut transcript);
        let omega = self.append_responses(&mut transcript);
        Challenges { projection, gamma, e, omega, transcript }
    }

    fn append_commitments(&self, transcript: &mut Transcript) -> Scalar {
        transcript.append_message(b"M", &self.masks_bytes);
        transcript.append_message(b"A0 A1 S", &self.products_bytes);
        self.link.append_to(transcript);
        transcript.challenge(b"e")
    }

    fn append_responses(&self, transcript: &mut Transcript) -> Vec<Scalar> {
        transcript.append_message(b"f", &self.f_bytes);
        transcript.append_message(b"z", self.z.as_bytes());
        transcript.weights(b"omega", self.f.len())
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
        let mut of_v = vec![Scalar::ZERO; self.v.len()];
        if matches!(which, Equations::All | Equations::Link) {
            self.fold_link(challenges, e_points, ciphertexts, weights.take(), &mut of_v, folded);
        }
        if matches!(which, Equations::All | Equations::Squares) {
            self.fold_squares(challenges, weights.take(), &mut of_v, folded);
        }
        if which == Equations::All {
            self.fold_ranges(challenges, weights, &mut of_v, folded);
        }
        folded.terms.extend(of_v.into_iter().zip(self.v.iter().copied()));
    }

    /// Adds the link, and to `of_v` the coefficients that V gets.
    fn fold_link(
        &self,
        challenges: &Challenges,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 3],
        of_v: &mut [Scalar],
        folded: &mut Folded,
    ) {
        let Challenges { projection, gamma, e, .. } = challenges;
        let sigma = projection.combine(gamma, e_points.len());
        let e_sigma =
            multiscalar(sigma.par_iter().zip(e_points).map(|(weight, point)| weight.term(point)));
        let factor = self.link.fold(
            e,
            sigma.iter().map(Weight::scalar),
            e_sigma,
            ciphertexts,
            weights,
            folded,
        );
        // V_σ is Σγ_t·Y_t, and Y_t is V_t − 2^(ρ−1)·h.
        for (coefficient, gamma) in of_v.iter_mut().zip(gamma) {
            let of_y = factor * Scalar::from(*gamma);
            *coefficient += of_y;
            folded.h -= of_y * self.offset();
        }
    }

    /// Adds the openings and the squares.
    fn fold_squares(
        &self,
        challenges: &Challenges,
        weights: [Scalar; 2],
        of_v: &mut [Scalar],
        folded: &mut Folded,
    ) {
        let Challenges { e, omega, .. } = challenges;
        let [w1, w2] = weights;
        folded.g += w1 * self.phi + w2 * self.z;
        folded.h += w1 * inner(omega, &self.f) + w2 * inner(&self.f, &self.f);
        folded
            .terms
            .extend(omega.iter().zip(&self.masks).map(|(omega, mask)| (-w1 * omega, *mask)));
        for (coefficient, omega) in of_v.iter_mut().zip(omega) {
            let of_y = -w1 * e * omega;
            *coefficient += of_y;
            folded.h -= of_y * self.offset();
        }
        folded.terms.extend([-w2, -w2 * e, -w2 * e * e].into_iter().zip(self.products));
    }

    /// Adds the range proofs of the projections and of the squares.
    fn fold_ranges(
        &self,
        challenges: &Challenges,
        weights: &mut Weights,
        of_v: &mut [Scalar],
        folded: &mut Folded,
    ) {
        let base = &challenges.transcript;
        let v: Vec<_> =
            self.v_bytes.as_chunks().0.iter().map(|v| CompressedRistretto(*v)).collect();
        self.ranges.fold(base, PROJECTION_RANGE, &v, of_v, weights, folded);
        // Γ·B²·h − S.
        let [_, _, s] = &self.products;
        let most = Scalar::from(self.bound.squares);
        let rest = [(h_times(&most) - s).compress()];
        let mut of_rest = [Scalar::ZERO];
        self.squares_range.fold(base, SQUARES_RANGE, &rest, &mut of_rest, weights, folded);
        let [of_rest] = of_rest;
        folded.h += of_rest * most;
        folded.terms.push((-of_rest, *s));
    }

    fn offset(&self) -> Scalar {
        signed(offset(&self.bound))
    }
}
