//! Items 1 and 2 of an encrypted update: ciphertexts are well formed and hold limbs of 16 bits.
//!
//! Item 1. Weights ρ_i (128 bits) fold the triples into R_c = Σ ρ_i·C_c^(i), r̄ = Σ ρ_i·r_i, s̄ and κ̄ likewise.
//! T1 = a1·X1, T2 = a2·X2, T3 = (a1+a2)·g + a3·h; challenge e; z1 = a1 + e·r̄, z2 = a2 + e·s̄, z3 = a3 + e·κ̄. Check
//! z1·X1 = T1 + e·R1; z2·X2 = T2 + e·R2; (z1+z2)·g + z3·h = T3 + e·R3.
//!
//! Item 2. κ_i ∈ [0, 2^16): one aggregated Bulletproof on the C3^(i), which are commitments to κ_i with blinding r_i+s_i.
//!
//! A verifier folds both with those of other ciphertexts.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::range;
use crate::bulletproof::RangeProof;
use crate::fold::Folded;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{g_times, h_times, inner, random_scalar};
use crate::transcript::{LIMB_RANGE, LIMBS, Protocol, witness_bytes};
use crate::{Ciphertext, DecodeError, EncryptError, PublicKey};

/// Bits of a limb.
pub(crate) const LIMB_BITS: u8 = 16;

/// What the prover knows: limbs κ_i and the randomness r_i, s_i of their encryptions.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct LimbWitness {
    pub(crate) kappa: Vec<u64>,
    pub(crate) r: Vec<Scalar>,
    pub(crate) s: Vec<Scalar>,
}

impl LimbWitness {
    /// The limbs with fresh randomness.
    pub(crate) fn fresh(kappa: Vec<u64>, rng: &mut impl CryptoRngCore) -> Self {
        let mut draw = || kappa.iter().map(|_| random_scalar(rng)).collect();
        let r = draw();
        let s = draw();
        Self { kappa, r, s }
    }

    /// C^(i) = Enc(κ_i; r_i, s_i).
    pub(crate) fn encrypt(&self, key: &PublicKey) -> Vec<Ciphertext> {
        let randomness = self.r.iter().zip(&self.s);
        let limbs = self.kappa.iter().zip(randomness);
        limbs.map(|(kappa, (r, s))| Ciphertext::encrypt(key, &Scalar::from(*kappa), r, s)).collect()
    }
}

/// Proves items 1 and 2; `base` has absorbed context, key and ciphertexts.
pub(crate) fn prove(
    base: &Transcript,
    key: &PublicKey,
    witness: &LimbWitness,
    rng: &mut impl CryptoRngCore,
) -> Result<Vec<u8>, EncryptError> {
    let mut transcript = base.fork(LIMBS, 0);
    let rho = transcript.weights(b"rho", witness.kappa.len());
    let kappa =
        Zeroizing::new(witness.kappa.iter().map(|limb| Scalar::from(*limb)).collect::<Vec<_>>());
    let secrets =
        Zeroizing::new([inner(&rho, &witness.r), inner(&rho, &witness.s), inner(&rho, &kappa)]);

    let mut nonces = transcript.witness_rng(&witness_bytes(secrets.iter()), rng);
    let a = Zeroizing::new([(); 3].map(|()| random_scalar(&mut nonces)));
    let [a1, a2, a3] = &*a;
    let t = [key.x1 * a1, key.x2 * a2, g_times(&(a1 + a2)) + h_times(a3)];
    transcript.append_points(b"T", &t);
    let e = transcript.challenge(b"e");

    let mut proof: Vec<u8> = t.iter().flat_map(|point| point.compress().to_bytes()).collect();
    for (a, secret) in a.iter().zip(secrets.iter()) {
        proof.extend((a + e * secret).to_bytes());
    }

    let transcript = base.fork(LIMB_RANGE, 0);
    let blindings =
        Zeroizing::new(witness.r.iter().zip(&witness.s).map(|(r, s)| r + s).collect::<Vec<_>>());
    let range_witness = witness_bytes(kappa.iter().chain(blindings.iter()));
    let mut nonces = transcript.witness_rng(&range_witness, rng);
    let (range_proof, _) =
        range::prove(transcript, &witness.kappa, &blindings, LIMB_BITS, &mut nonces)?;
    proof.extend(range_proof);
    Ok(proof)
}

/// Items 1 and 2 as a verifier holds them.
pub(crate) struct LimbProof {
    t: [RistrettoPoint; 3],
    t_bytes: [u8; 3 * ELEMENT_LEN],
    z: [Scalar; 3],
    range: RangeProof,
}

impl LimbProof {
    /// Length of the encoding for so many limbs, a power of two, in bytes.
    pub(crate) fn length(limbs: usize) -> usize {
        6 * ELEMENT_LEN + range::proof_length(limbs, LIMB_BITS)
    }

    pub(crate) fn read(reader: &mut Reader<'_>, limbs: usize) -> Result<Self, DecodeError> {
        let t_bytes = reader.array()?;
        let t = Reader::new("key proof", &t_bytes, t_bytes.len())?.points()?;
        let z = reader.scalars()?;
        Ok(Self { t, t_bytes, z, range: RangeProof::read(reader, limbs, LIMB_BITS.into())? })
    }

    /// Adds items 1 and 2, weighted, to a fold; `encoded` is the ciphertexts' encodings.
    pub(crate) fn fold(
        &self,
        base: &Transcript,
        ciphertexts: &[Ciphertext],
        encoded: &[u8],
        weights: [Scalar; 5],
        folded: &mut Folded,
    ) {
        let mut transcript = base.fork(LIMBS, 0);
        let rho = transcript.weights(b"rho", ciphertexts.len());
        transcript.append_message(b"T", &self.t_bytes);
        let e = transcript.challenge(b"e");

        let [z1, z2, z3] = self.z;
        let [w1, w2, w3, range_weights @ ..] = weights;
        folded.g += w3 * (z1 + z2);
        folded.h += w3 * z3;
        folded.x1 += w1 * z1;
        folded.x2 += w2 * z2;
        folded.terms.extend([w1, w2, w3].into_iter().zip(self.t).map(|(weight, t)| (-weight, t)));

        let c3 = encoded.as_chunks::<ELEMENT_LEN>().0.iter().skip(2).step_by(3);
        let c3: Vec<_> = c3.map(|bytes| CompressedRistretto(*bytes)).collect();
        let in_range = self.range.fold(base.fork(LIMB_RANGE, 0), &c3, range_weights, folded);
        let [f1, f2, f3] = [w1, w2, w3].map(|weight| -weight * e);
        for ((rho, c), in_range) in rho.iter().zip(ciphertexts).zip(in_range) {
            folded.terms.extend([(f1 * rho, c.c1), (f2 * rho, c.c2), (f3 * rho + in_range, c.c3)]);
        }
    }
}
