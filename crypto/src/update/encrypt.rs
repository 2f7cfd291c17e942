//! The institution's side: an update is masked, its mask key encrypted, and both proven to belong together.
//!
//! - Mask: fresh k; E_j = u_j·h + k·W_j with u_j = q_j + most under a bound on parameters, u_j = q_j under one on the norm.
//! - Key: k = Σ 2^(16i)·κ_i in 16 limbs of 16 bits; C^(i) = Enc(κ_i; r_i, s_i).
//! - Bound: what `parameter` or `norm` proves of u.
//!
//! Body: E ‖ the proof of the bound. Its length follows from d and the bound.
//!
//! All randomness is the operating system's, drawn through a transcript rekeyed with the witness, fresh at every call: with
//! one k for two updates u, u', E − E' would be (u − u')·h, which anyone can read. What is sent again after a cut
//! connection is the stored bytes, never a new encryption of the same update.

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use merlin::TranscriptRng;
use rand_core::{CryptoRngCore, OsRng};
use rayon::prelude::*;
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::header::{self, HEADER_LEN, LIMBS};
use crate::group::{half, half_h_times, inner, mask_bases, mask_multiples, random_scalar};
use crate::proof::BoundProof;
use crate::proof::limbs::{self, LimbWitness};
use crate::proof::link::limb_weights;
use crate::transcript::{self, Protocol};
use crate::{Bound, Ciphertext, Context, EncryptError, PublicKey, QuantisedUpdate};

/// Elements that are encoded together, which shares an inversion.
const ENCODED_AT_ONCE: usize = 64;

/// An encrypted update as it is sent. The institution signs the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedUpdate {
    /// [`HEADER_LEN`] bytes, read by [`CandidateHeader`](crate::CandidateHeader).
    pub header: Vec<u8>,
    /// [`body_length`](crate::body_length) bytes, read by [`CandidateUpdate`](crate::CandidateUpdate).
    pub body: Vec<u8>,
}

/// An encrypted update without proofs, which only its author can add.
pub struct UnprovenUpdate {
    pub(crate) key: PublicKey,
    pub(crate) context: [u8; Context::LEN],
    pub(crate) bound: Bound,
    pub(crate) u: Vec<i64>,
    /// Behind a pointer, so that moving the update leaves no copy behind.
    pub(crate) k: Box<Scalar>,
    pub(crate) limbs: LimbWitness,
    pub(crate) ciphertexts: Vec<Ciphertext>,
    pub(crate) masked: Vec<u8>,
    pub(crate) rng: Box<TranscriptRng>,
}

impl Drop for UnprovenUpdate {
    fn drop(&mut self) {
        self.u.zeroize();
        self.k.zeroize();
    }
}

impl ZeroizeOnDrop for UnprovenUpdate {}

impl std::fmt::Debug for UnprovenUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnprovenUpdate(redacted)")
    }
}

/// Masks an update and encrypts the mask key, with randomness of the operating system.
pub fn encrypt(
    key: &PublicKey,
    context: &Context,
    update: &QuantisedUpdate,
) -> Result<UnprovenUpdate, EncryptError> {
    encrypt_with_rng(key, context, update, &mut OsRng)
}

/// [`encrypt`] with given randomness; crate-private, so that nothing but a test vector can fix it.
pub(crate) fn encrypt_with_rng(
    key: &PublicKey,
    context: &Context,
    update: &QuantisedUpdate,
    rng: &mut impl CryptoRngCore,
) -> Result<UnprovenUpdate, EncryptError> {
    let d = update.len();
    let bound = context.bound;
    if context.round.dimension as usize != d {
        return Err(EncryptError::Dimension {
            expected: context.round.dimension as usize,
            found: d,
        });
    }
    if update.bound() != bound {
        return Err(EncryptError::Bound { expected: bound, found: update.bound() });
    }
    if context.round.key_hash != key.hash() {
        return Err(EncryptError::WrongKey);
    }

    // Wrapping: only values made unchecked, by an adversary, can overflow.
    let u: Vec<i64> = update.as_slice().iter().map(|q| q.wrapping_add(bound.offset())).collect();
    let context = context.encode();
    let witness =
        Zeroizing::new(u.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    let mut rng = transcript::update(&context, &key.encode()).witness_rng(&witness, rng);

    let k = Box::new(random_scalar(&mut *rng));
    let kappa = k
        .as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|limb| u64::from(u16::from_le_bytes(*limb)))
        .collect();
    let limbs = LimbWitness::fresh(kappa, &mut *rng);
    let ciphertexts = limbs.encrypt(key);
    let value_bits = bound.value_bits();
    let half_k = Zeroizing::new(*k * half());
    let masked: Vec<CompressedRistretto> = (u.par_chunks(ENCODED_AT_ONCE))
        .zip(mask_bases(d).par_chunks(ENCODED_AT_ONCE))
        .enumerate()
        .flat_map_iter(|(chunk, (u, bases))| {
            let masks = mask_multiples(ENCODED_AT_ONCE * chunk, bases, &half_k);
            let halves = u.iter().zip(masks).map(|(u, mask)| half_h_times(*u, value_bits) + mask);
            RistrettoPoint::double_and_compress_batch(&halves.collect::<Vec<_>>())
        })
        .collect();
    let masked: Vec<u8> = masked.iter().flat_map(|e| e.to_bytes()).collect();
    Ok(UnprovenUpdate { key: key.clone(), context, bound, u, k, limbs, ciphertexts, masked, rng })
}

impl UnprovenUpdate {
    /// Adds the proofs, on all cores: about 0.33 ms of one core a parameter of 8 bits; for a norm about 6 ms for 256
    /// projections, whatever d is.
    ///
    /// # Errors
    /// [`EncryptError::Unlucky`] once in 2^42 times where a norm is bounded: [`encrypt`] again, with fresh randomness.
    pub fn prove(mut self) -> Result<EncryptedUpdate, EncryptError> {
        let ciphertexts: Vec<u8> = self.ciphertexts.iter().flat_map(Ciphertext::encode).collect();
        let mask_hash: [u8; 64] = Sha512::digest(&self.masked).into();
        let base = header::transcript(&self.context, &self.key, &ciphertexts, &mask_hash);

        let key_proof = limbs::prove(&base, &self.key, &self.limbs, &mut *self.rng);
        let tau: Vec<_> = self.limbs.r.iter().zip(&self.limbs.s).map(|(r, s)| r + s).collect();
        let tau = Zeroizing::new(inner(
            &limb_weights().take(LIMBS).collect::<Vec<_>>(),
            &Zeroizing::new(tau),
        ));
        let proof = BoundProof::prove(&base, &self.bound, &self.u, &self.k, &tau, &mut self.rng)?;
        let body = [std::mem::take(&mut self.masked), proof].concat();

        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend(self.context);
        header.extend(ciphertexts);
        header.extend(mask_hash);
        header.extend(Sha256::digest(&body));
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(key_proof);
        Ok(EncryptedUpdate { header, body })
    }
}
