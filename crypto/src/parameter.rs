//! The bound on every parameter by itself: what a body proves beyond its masks, 32 bytes and 0.9 ms a parameter.
//!
//! V_j = u_j·h + β_j·g under range proofs u_j ∈ [0, 2^b) (item 4). Weights σ_j of 128 bits come after V; with them
//! V_σ = Σ σ_j·V_j goes into the link (item 3). In a body: V ‖ item 3 ‖ item 4.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};
use zeroize::Zeroizing;

use crate::encoding::{ELEMENT_LEN, Reader, decompress_all};
use crate::fold::{Folded, Weights};
use crate::group::{mask_bases, multiscalar, pedersen};
use crate::limbs::inner;
use crate::link::{LinkProof, LinkWitness};
use crate::range::{self, RangeProofs, RangeStatement};
use crate::transcript::{BOUNDS, LINK, Protocol};
use crate::update::signed;
use crate::{Ciphertext, DecodeError, EncryptError};

fn start(base: &Transcript, v: &[u8]) -> (Transcript, Vec<Scalar>) {
    let mut transcript = base.fork(LINK, 0);
    transcript.append_message(b"V", v);
    let sigma = transcript.weights(b"sigma", v.len() / ELEMENT_LEN);
    (transcript, sigma)
}

/// Length of the proof of d parameters of b bits, in bytes.
pub(crate) fn length(dimension: usize, bits: u8) -> usize {
    ELEMENT_LEN * dimension + LinkProof::LEN + RangeProofs::length(dimension, bits)
}

/// Proves items 3 and 4 of u under mask key k; `base` has absorbed context, key, ciphertexts and h_E.
pub(crate) fn prove(
    base: &Transcript,
    bits: u8,
    u: &[i64],
    k: &Scalar,
    tau: &Scalar,
    rng: &mut TranscriptRng,
) -> Result<Vec<u8>, EncryptError> {
    let beta = Zeroizing::new(u.iter().map(|_| Scalar::random(rng)).collect::<Vec<_>>());
    let values = Zeroizing::new(u.iter().map(|u| u.cast_unsigned()).collect::<Vec<_>>());
    let (ranges, mut v) = range::prove_all(base, BOUNDS, &values, &beta, bits, rng)?;
    // The range prover takes a negative number, which only an adversary has, for a large one.
    for ((v, u), beta) in v.iter_mut().zip(u).zip(beta.iter()) {
        if *u < 0 {
            *v = pedersen().commit(signed(*u), *beta).compress();
        }
    }
    let v: Vec<u8> = v.iter().flat_map(|v| v.to_bytes()).collect();

    let (mut transcript, sigma) = start(base, &v);
    let scalars = Zeroizing::new(u.iter().map(|u| signed(*u)).collect::<Vec<_>>());
    let witness = LinkWitness { u: inner(&sigma, &scalars), k: *k, beta: inner(&sigma, &beta), tau: *tau };
    let terms: Vec<_> = sigma.into_iter().zip(mask_bases(u.len()).iter().copied()).collect();
    let link = witness.commit(&multiscalar(&terms), &mut transcript, rng);
    let e = transcript.challenge(b"e");
    Ok([v, link.respond(&e), ranges].concat())
}

/// Items 3 and 4 as a verifier holds them.
pub(crate) struct ParameterProof {
    v: Vec<RistrettoPoint>,
    v_bytes: Vec<u8>,
    bits: u8,
    link: LinkProof,
    ranges: RangeProofs,
}

impl ParameterProof {
    pub(crate) fn read(reader: &mut Reader<'_>, dimension: usize, bits: u8) -> Result<Self, DecodeError> {
        let v_bytes = reader.take(ELEMENT_LEN * dimension)?;
        Ok(Self {
            v: decompress_all("commitments", v_bytes)?,
            v_bytes: v_bytes.to_vec(),
            bits,
            link: LinkProof::read(reader)?,
            ranges: RangeProofs::parse("range proof of the parameters", reader, dimension, bits)?,
        })
    }

    /// Item 3, weighted, for a fold.
    pub(crate) fn fold_link(
        &self,
        base: &Transcript,
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: &mut Weights,
    ) -> Folded {
        self.fold_link_under(base, &self.v_bytes, e_points, ciphertexts, weights.take())
    }

    /// [`fold_link`](Self::fold_link) with weights σ that follow from these encodings of V.
    pub(crate) fn fold_link_under(
        &self,
        base: &Transcript,
        v_bytes: &[u8],
        e_points: &[RistrettoPoint],
        ciphertexts: &[Ciphertext],
        weights: [Scalar; 3],
    ) -> Folded {
        let (mut transcript, sigma) = start(base, v_bytes);
        self.link.append_to(&mut transcript);
        let e = transcript.challenge(b"e");
        let bounded = sigma.iter().copied().zip(self.v.iter().copied());
        self.link.fold(&e, &sigma, e_points, bounded, ciphertexts, weights)
    }

    /// Item 4, one statement a chunk.
    pub(crate) fn range_statements(&self, base: &Transcript) -> Vec<RangeStatement<'_>> {
        let v: Vec<_> = self.v_bytes.as_chunks().0.iter().map(|v| CompressedRistretto(*v)).collect();
        self.ranges.statements(base, BOUNDS, &v, self.bits)
    }
}
