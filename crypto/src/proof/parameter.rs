//! The bound on every parameter by itself: what a body proves beyond its masks, 32 bytes and about a third of a
//! millisecond a parameter.
//!
//! V_j = u_j·h + β_j·g under range proofs u_j ∈ [0, 2·most], in b bits (item 4). Weights σ_j of 128 bits come after V; with
//! them V_σ = Σ σ_j·V_j = ū·h + β̄·g is opened along with the link (item 3), under one challenge: T_V = a_u·h + a_β·g,
//! z_u = a_u + e·ū, z_β = a_β + e·β̄, z_u·h + z_β·g = T_V + e·V_σ. In a body: V ‖ T_V ‖ z_u ‖ z_β ‖ link ‖ item 4.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::fold::{Folded, Weights};
use crate::group::encoding::{ELEMENT_LEN, Reader, decompress_all};
use crate::group::{g_times, h_times, inner, mask_bases, multiscalar, random_scalar, signed};
use crate::proof::Equations;
use crate::proof::link::{LinkProof, LinkWitness};
use crate::proof::range::{self, Range, RangeProofs};
use crate::transcript::{BOUNDS, LINK, Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError, EncryptError};

fn start(base: &Transcript, v: &[u8]) -> (Transcript, Vec<Scalar>) {
    let mut transcript = base.fork(LINK, 0);
    transcript.append_message(b"V", v);
    let sigma = transcript.weights(b"sigma", v.len() / ELEMENT_LEN);
    (transcript, sigma)
}

/// Length of the proof of d parameters of b bits, in bytes.
pub(crate) fn length(dimension: usize, bits: u8) -> usize {
    ELEMENT_LEN * dimension + LINK_LEN + RangeProofs::length(dimension, bits)
}

/// Length of item 3 with the opening of V_σ, in bytes.
pub(crate) const LINK_LEN: usize = 3 * ELEMENT_LEN + LinkProof::LEN;

/// Proves items 3 and 4 of u under mask key k; `base` has absorbed context, key, ciphertexts and h_E.
pub(crate) fn prove(
    base: &Transcript,
    range: Range,
    u: &[i64],
    k: &Scalar,
    tau: &Scalar,
    rng: &mut TranscriptRng,
) -> Result<Vec<u8>, EncryptError> {
    let beta = Zeroizing::new(u.iter().map(|_| random_scalar(rng)).collect::<Vec<_>>());
    let values = Zeroizing::new(u.iter().map(|u| u.cast_unsigned()).collect::<Vec<_>>());
    let (ranges, v) = range::prove_all(base, BOUNDS, &values, &beta, range, rng)?;
    let v: Vec<u8> = v.iter().flat_map(|v| v.to_bytes()).collect();

    let (mut transcript, sigma) = start(base, &v);
    let scalars = Zeroizing::new(u.iter().map(|u| signed(*u)).collect::<Vec<_>>());
    let secrets = Zeroizing::new([inner(&sigma, &scalars), inner(&sigma, &beta)]);
    let mut nonces = transcript.witness_rng(&witness_bytes(&*secrets), rng);
    let nonces = Zeroizing::new([(); 2].map(|()| random_scalar(&mut nonces)));
    let [a_u, a_beta] = &*nonces;
    let t_v = (h_times(a_u) + g_times(a_beta)).compress().to_bytes();
    transcript.append_message(b"T_V", &t_v);
    let w_sigma = multiscalar(sigma.into_par_iter().zip(mask_bases(u.len()).par_iter().copied()));
    let link = LinkWitness { k: *k, tau: *tau }.commit(a_u, &w_sigma, &mut transcript, rng);
    let e = transcript.challenge(b"e");
    let mut responses = Vec::with_capacity(2 * ELEMENT_LEN);
    for (nonce, secret) in nonces.iter().zip(secrets.iter()) {
        let response = Zeroizing::new(nonce + e * secret);
        responses.extend(response.as_bytes());
    }
    Ok([v, t_v.to_vec(), responses, link.respond(&e), ranges].concat())
}

/// Items 3 and 4 as a verifier holds them.
pub(crate) struct ParameterProof {
    v: Vec<RistrettoPoint>,
    v_bytes: Vec<u8>,
    t_v: RistrettoPoint,
    t_v_bytes: [u8; ELEMENT_LEN],
    /// z_u, z_β.
    z: [Scalar; 2],
    link: LinkProof,
    ranges: RangeProofs,
}

impl ParameterProof {
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        dimension: usize,
        range: Range,
    ) -> Result<Self, DecodeError> {
        let v_bytes = reader.take(ELEMENT_LEN * dimension)?;
        let t_v_bytes = reader.array()?;
        let [t_v] = Reader::new("link proof", &t_v_bytes, ELEMENT_LEN)?.points()?;
        Ok(Self {
            v: decompress_all("commitments", v_bytes)?,
            v_bytes: v_bytes.to_vec(),
            t_v,
            t_v_bytes,
            z: reader.scalars()?,
            link: LinkProof::read(reader)?,
            ranges: RangeProofs::parse("range proof of the parameters", reader, dimension, range)?,
        })
    }

    /// Adds the link, and all that is left to prove where that is asked for, to a fold.
    pub(crate) fn fold(
        &self,
        base: &Transcript,
        which: Equations,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        let mut of_v = vec![Scalar::ZERO; self.v.len()];
        if matches!(which, Equations::All | Equations::Link) {
            of_v =
                self.fold_link(base, &self.v_bytes, e_points, ciphertexts, weights.take(), folded);
        }
        if which == Equations::All {
            let v: Vec<_> =
                self.v_bytes.as_chunks().0.iter().map(|v| CompressedRistretto(*v)).collect();
            self.ranges.fold(base, BOUNDS, &v, &mut of_v, weights, folded);
        }
        folded.terms.extend(of_v.into_iter().zip(self.v.iter().copied()));
    }

    /// Adds item 3 with weights σ that follow from these encodings of V, and returns the coefficients that V gets.
    pub(crate) fn fold_link(
        &self,
        base: &Transcript,
        v_bytes: &[u8],
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 3],
        folded: &mut Folded,
    ) -> Vec<Scalar> {
        let (mut transcript, sigma) = start(base, v_bytes);
        transcript.append_message(b"T_V", &self.t_v_bytes);
        self.link.append_to(&mut transcript);
        let e = transcript.challenge(b"e");
        let [z_u, z_beta] = self.z;
        let [weight, link_weights @ ..] = weights;
        folded.g += weight * z_beta;
        folded.h += weight * z_u;
        folded.terms.push((-weight, self.t_v));
        let e_sigma = multiscalar(sigma.par_iter().copied().zip(e_points.par_iter().copied()));
        let of_sigma = sigma.iter().copied();
        self.link.fold([&e, &z_u], of_sigma, e_sigma, ciphertexts, link_weights, folded);
        let factor = -weight * e;
        sigma.into_iter().map(|sigma| factor * sigma).collect()
    }
}
