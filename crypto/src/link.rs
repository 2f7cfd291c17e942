//! Item 3 of an encrypted update: mask, bound and key agree.
//!
//! Weights σ_j (128 bits) after V: E_σ = Σ σ_j·E_j, V_σ = Σ σ_j·V_j, W_σ = Σ σ_j·W_j, K = Σ 2^(16i)·C3^(i) = k·h + τ·g.
//! Knowledge of (ū, k, β̄, τ) with E_σ = ū·h + k·W_σ, V_σ = ū·h + β̄·g, K = k·h + τ·g.
//! Three points and four scalars, whatever d is. k and u_j are bound by C3 and V_j before σ exists.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::encoding::{ELEMENT_LEN, Reader};
use crate::fold::Folded;
use crate::group::{g_times, h_times, mask_bases, multiscalar};
use crate::limbs::{LIMB_BITS, inner};
use crate::transcript::{LINK, Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError};

/// What the prover knows.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct LinkWitness {
    /// u_j.
    pub(crate) u: Vec<Scalar>,
    /// β_j.
    pub(crate) beta: Vec<Scalar>,
    /// The mask key.
    pub(crate) k: Scalar,
    /// Σ 2^(16i)·(r_i + s_i).
    pub(crate) tau: Scalar,
}

/// 2^(16i), i = 0, 1, …
pub(crate) fn limb_weights() -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * Scalar::from(1u64 << LIMB_BITS)))
}

fn start(base: &Transcript, v: &[u8], dimension: usize) -> (Transcript, Vec<Scalar>) {
    let mut transcript = base.fork(LINK, 0);
    transcript.append_message(b"V", v);
    let sigma = transcript.weights(b"sigma", dimension);
    (transcript, sigma)
}

/// Proves item 3; `base` has absorbed context, key, ciphertexts and h_E, `v` is V's encodings in order.
pub(crate) fn prove(base: &Transcript, v: &[u8], witness: &LinkWitness, rng: &mut impl CryptoRngCore) -> Vec<u8> {
    let (mut transcript, sigma) = start(base, v, witness.u.len());
    let secrets = Zeroizing::new([inner(&sigma, &witness.u), witness.k, inner(&sigma, &witness.beta), witness.tau]);
    let bases = mask_bases(sigma.len());
    let terms: Vec<_> = sigma.into_iter().zip(bases.iter().copied()).collect();
    let w_sigma = multiscalar(&terms);

    let mut nonces = transcript.witness_rng(&witness_bytes(secrets.iter()), rng);
    let a = Zeroizing::new([(); 4].map(|()| Scalar::random(&mut nonces)));
    let [a_u, a_k, a_beta, a_tau] = &*a;
    let h_u = h_times(a_u);
    let t = [h_u + w_sigma * a_k, h_u + g_times(a_beta), h_times(a_k) + g_times(a_tau)];
    transcript.append_points(b"T", &t);
    let e = transcript.challenge(b"e");

    let mut proof: Vec<u8> = t.iter().flat_map(|point| point.compress().to_bytes()).collect();
    for (a, secret) in a.iter().zip(secrets.iter()) {
        proof.extend((a + e * secret).to_bytes());
    }
    proof
}

/// Item 3 as a verifier holds it.
pub(crate) struct LinkProof {
    t: [RistrettoPoint; 3],
    t_bytes: [u8; 3 * ELEMENT_LEN],
    z: [Scalar; 4],
}

impl LinkProof {
    /// Length of the encoding, in bytes.
    pub(crate) const LEN: usize = 7 * ELEMENT_LEN;

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let t_bytes = reader.array()?;
        let t = Reader::new("link proof", &t_bytes, t_bytes.len())?.points()?;
        Ok(Self { t, t_bytes, z: reader.scalars()? })
    }

    /// Adds item 3, weighted, to a fold, and returns the coefficients that V gets; `v_bytes` is V's encodings.
    pub(crate) fn fold<'a>(
        &'a self,
        base: &Transcript,
        e_points: &'a [RistrettoPoint],
        v_bytes: &[u8],
        ciphertexts: &'a [Ciphertext],
        weights: [Scalar; 3],
        folded: &mut Folded<'a>,
    ) -> Vec<Scalar> {
        let (mut transcript, sigma) = start(base, v_bytes, e_points.len());
        transcript.append_message(b"T", &self.t_bytes);
        let e = transcript.challenge(b"e");

        let [z_u, z_k, z_beta, z_tau] = self.z;
        let [w1, w2, w3] = weights;
        folded.g += w2 * z_beta + w3 * z_tau;
        folded.h += (w1 + w2) * z_u + w3 * z_k;
        folded.terms.extend(weights.iter().zip(&self.t).map(|(weight, t)| (-weight, t)));
        let [f1, f2, f3] = weights.map(|weight| -weight * e);
        folded.terms.extend(sigma.iter().zip(e_points).map(|(sigma, point)| (f1 * sigma, point)));
        folded.terms.extend(limb_weights().zip(ciphertexts).map(|(power, c)| (f3 * power, &c.c3)));
        let mask = w1 * z_k;
        folded.masks(sigma.len()).iter_mut().zip(&sigma).for_each(|(coefficient, sigma)| *coefficient += mask * sigma);
        sigma.iter().map(|sigma| f2 * sigma).collect()
    }
}
