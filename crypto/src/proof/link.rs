//! Item 3 of an encrypted update: mask, bound and key agree.
//!
//! Weights σ_j come from the bound (`parameter`, `norm`), and so does a response z_u = a_u + e·ū that opens ū = Σσ_j·u_j.
//! With E_σ = Σσ_j·E_j, W_σ = Σσ_j·W_j, K = Σ2^(16i)·C3^(i) = k·h + τ·g: knowledge of (k, τ) with E_σ = ū·h + k·W_σ,
//! K = k·h + τ·g.
//! T1 = a_u·h + a_k·W_σ, T2 = a_k·h + a_τ·g; challenge e; z_k = a_k + e·k, z_τ = a_τ + e·τ. Check
//! z_u·h + z_k·W_σ = T1 + e·E_σ; z_k·h + z_τ·g = T2 + e·K.
//! Two points and two scalars, whatever d is. Before σ exists k is bound by C3, and u_j by V_j or by E_j − k·W_j.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::fold::Folded;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{g_times, h_times, random_scalar};
use crate::proof::limbs::LIMB_BITS;
use crate::transcript::{Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError};

/// What the prover knows of the key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct LinkWitness {
    /// The mask key.
    pub(crate) k: Scalar,
    /// Σ 2^(16i)·(r_i + s_i).
    pub(crate) tau: Scalar,
}

/// The prover between its commitments T and the challenge.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct CommittedLink {
    secrets: [Scalar; 2],
    nonces: [Scalar; 2],
    t: [u8; 2 * ELEMENT_LEN],
}

/// 2^(16i), i = 0, 1, …
pub(crate) fn limb_weights() -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * Scalar::from(1u64 << LIMB_BITS)))
}

impl LinkWitness {
    /// Says T to the transcript; `a_u` is the bound's own nonce for ū.
    pub(crate) fn commit(
        &self,
        a_u: &Scalar,
        w_sigma: &RistrettoPoint,
        transcript: &mut Transcript,
        rng: &mut impl CryptoRngCore,
    ) -> CommittedLink {
        let secrets = [self.k, self.tau];
        let mut rng = transcript.witness_rng(&witness_bytes(&secrets), rng);
        let nonces = [(); 2].map(|()| random_scalar(&mut rng));
        let [a_k, a_tau] = &nonces;
        let points = [h_times(a_u) + w_sigma * a_k, h_times(a_k) + g_times(a_tau)];
        let mut t = [0; 2 * ELEMENT_LEN];
        for (slot, point) in t.as_chunks_mut::<ELEMENT_LEN>().0.iter_mut().zip(points) {
            *slot = point.compress().to_bytes();
        }
        transcript.append_message(b"T", &t);
        CommittedLink { secrets, nonces, t }
    }
}

impl CommittedLink {
    /// T, then z = a + e·(k, τ).
    pub(crate) fn respond(&self, e: &Scalar) -> Vec<u8> {
        let mut proof = self.t.to_vec();
        for (nonce, secret) in self.nonces.iter().zip(&self.secrets) {
            let response = Zeroizing::new(nonce + e * secret);
            proof.extend(response.to_bytes());
        }
        proof
    }
}

/// Item 3 as a verifier holds it, but for z_u.
pub(crate) struct LinkProof {
    t: [RistrettoPoint; 2],
    t_bytes: [u8; 2 * ELEMENT_LEN],
    z: [Scalar; 2],
}

impl LinkProof {
    /// Length of the encoding, in bytes.
    pub(crate) const LEN: usize = 4 * ELEMENT_LEN;

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let t_bytes = reader.array()?;
        let t = Reader::new("link proof", &t_bytes, t_bytes.len())?.points()?;
        Ok(Self { t, t_bytes, z: reader.scalars()? })
    }

    /// Says T to the transcript.
    pub(crate) fn append_to(&self, transcript: &mut Transcript) {
        transcript.append_message(b"T", &self.t_bytes);
    }

    /// Adds item 3 under challenge e, weighted, to a fold.
    ///
    /// E_σ comes as a point. Its sum has the short σ for scalars, at half the price a term of the long products of σ with
    /// weight and challenge, and no term of it is ever in the fold.
    pub(crate) fn fold(
        &self,
        [e, z_u]: [&Scalar; 2],
        sigma: impl ExactSizeIterator<Item = Scalar>,
        e_sigma: RistrettoPoint,
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 2],
        folded: &mut Folded,
    ) {
        let [z_k, z_tau] = self.z;
        let [w1, w2] = weights;
        folded.g += w2 * z_tau;
        folded.h += w1 * z_u + w2 * z_k;
        folded.terms.extend(weights.iter().zip(self.t).map(|(weight, t)| (-weight, t)));
        folded.terms.push((-w1 * e, e_sigma));
        let of_key = -w2 * e;
        folded
            .terms
            .extend(limb_weights().zip(ciphertexts).map(|(power, c)| (of_key * power, c.c3)));
        let mask = w1 * z_k;
        folded
            .masks(sigma.len())
            .iter_mut()
            .zip(sigma)
            .for_each(|(coefficient, sigma)| *coefficient += mask * sigma);
    }
}
