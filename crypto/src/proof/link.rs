//! Item 3 of an encrypted update: mask, bound and key agree.
//!
//! Weights σ_j and commitments V_σ = ū·h + β̄·g to ū = Σ σ_j·u_j come from the bound (`parameter`, `norm`). With
//! E_σ = Σ σ_j·E_j, W_σ = Σ σ_j·W_j, K = Σ 2^(16i)·C3^(i) = k·h + τ·g:
//! knowledge of (ū, k, β̄, τ) with E_σ = ū·h + k·W_σ, V_σ = ū·h + β̄·g, K = k·h + τ·g.
//! Three points and four scalars, whatever d is. Before σ exists k is bound by C3, and u_j by V_j or by E_j − k·W_j.

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

/// What the prover knows.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct LinkWitness {
    /// ū.
    pub(crate) u: Scalar,
    /// The mask key.
    pub(crate) k: Scalar,
    /// β̄.
    pub(crate) beta: Scalar,
    /// Σ 2^(16i)·(r_i + s_i).
    pub(crate) tau: Scalar,
}

/// The prover between its commitments T and the challenge.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct CommittedLink {
    secrets: [Scalar; 4],
    nonces: [Scalar; 4],
    t: [u8; 3 * ELEMENT_LEN],
}

/// 2^(16i), i = 0, 1, …
pub(crate) fn limb_weights() -> impl Iterator<Item = Scalar> {
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * Scalar::from(1u64 << LIMB_BITS)))
}

impl LinkWitness {
    /// Says T to the transcript.
    pub(crate) fn commit(
        &self,
        w_sigma: &RistrettoPoint,
        transcript: &mut Transcript,
        rng: &mut impl CryptoRngCore,
    ) -> CommittedLink {
        let secrets = [self.u, self.k, self.beta, self.tau];
        let mut rng = transcript.witness_rng(&witness_bytes(&secrets), rng);
        let nonces = [(); 4].map(|()| random_scalar(&mut rng));
        let [a_u, a_k, a_beta, a_tau] = &nonces;
        let h_u = h_times(a_u);
        let points = [h_u + w_sigma * a_k, h_u + g_times(a_beta), h_times(a_k) + g_times(a_tau)];
        let mut t = [0; 3 * ELEMENT_LEN];
        for (slot, point) in t.as_chunks_mut::<ELEMENT_LEN>().0.iter_mut().zip(points) {
            *slot = point.compress().to_bytes();
        }
        transcript.append_message(b"T", &t);
        CommittedLink { secrets, nonces, t }
    }
}

impl CommittedLink {
    /// T, then z = a + e·(ū, k, β̄, τ).
    pub(crate) fn respond(&self, e: &Scalar) -> Vec<u8> {
        let mut proof = self.t.to_vec();
        for (nonce, secret) in self.nonces.iter().zip(&self.secrets) {
            let response = Zeroizing::new(nonce + e * secret);
            proof.extend(response.to_bytes());
        }
        proof
    }
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

    /// Says T to the transcript.
    pub(crate) fn append_to(&self, transcript: &mut Transcript) {
        transcript.append_message(b"T", &self.t_bytes);
    }

    /// Adds item 3 under challenge e, weighted, to a fold: all but V_σ, which has the factor that is returned.
    ///
    /// E_σ comes as a point. Its sum has the short σ for scalars, at half the price a term of the long products of σ with
    /// weight and challenge, and no term of it is ever in the fold.
    pub(crate) fn fold(
        &self,
        e: &Scalar,
        sigma: impl ExactSizeIterator<Item = Scalar>,
        e_sigma: RistrettoPoint,
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 3],
        folded: &mut Folded,
    ) -> Scalar {
        let [z_u, z_k, z_beta, z_tau] = self.z;
        let [w1, w2, w3] = weights;
        folded.g += w2 * z_beta + w3 * z_tau;
        folded.h += (w1 + w2) * z_u + w3 * z_k;
        folded.terms.extend(weights.iter().zip(self.t).map(|(weight, t)| (-weight, t)));
        let [f1, f2, f3] = weights.map(|weight| -weight * e);
        folded.terms.push((f1, e_sigma));
        folded.terms.extend(limb_weights().zip(ciphertexts).map(|(power, c)| (f3 * power, c.c3)));
        let mask = w1 * z_k;
        folded
            .masks(sigma.len())
            .iter_mut()
            .zip(sigma)
            .for_each(|(coefficient, sigma)| *coefficient += mask * sigma);
        f2
    }
}
