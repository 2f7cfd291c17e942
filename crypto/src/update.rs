//! The institution's side: an update is masked, its mask key encrypted, and both proven to belong together.
//!
//! - Mask: fresh k; E_j = u_j·h + k·W_j with u_j = q_j + 2^(b−1).
//! - Key: k = Σ 2^(16i)·κ_i in 16 limbs of 16 bits; C^(i) = Enc(κ_i; r_i, s_i).
//! - Bounds: V_j = u_j·h + β_j·g, under range proofs.
//!
//! Body: E ‖ V ‖ item 3 ‖ item 4. Its length follows from d and b.
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

use crate::encoding::ELEMENT_LEN;
use crate::group::{half, half_h_times, mask_bases};
use crate::header::{self, HEADER_LEN, LIMBS};
use crate::limbs::{self, LimbWitness, inner};
use crate::link::{self, LinkProof, LinkWitness, limb_weights};
use crate::range::{self, RangeProofs};
use crate::transcript::{self, Protocol};
use crate::{Ciphertext, Context, EncryptError, Parameters, PublicKey, QuantisedUpdate};

/// Elements that are encoded together, which shares an inversion.
const ENCODED_AT_ONCE: usize = 64;

/// Length of a body, in bytes.
pub fn body_length(parameters: &Parameters) -> usize {
    let d = parameters.dimension() as usize;
    2 * mask_length(parameters) + LinkProof::LEN + RangeProofs::length(d, parameters.bits())
}

/// Length of E, with which a body begins, in bytes.
pub fn mask_length(parameters: &Parameters) -> usize {
    ELEMENT_LEN * parameters.dimension() as usize
}

/// An encrypted update as it is sent. The institution signs the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedUpdate {
    /// [`HEADER_LEN`] bytes, read by [`CandidateHeader`](crate::CandidateHeader).
    pub header: Vec<u8>,
    /// [`body_length`] bytes, read by [`CandidateUpdate`](crate::CandidateUpdate).
    pub body: Vec<u8>,
}

/// An encrypted update without proofs, which only its author can add.
pub struct UnprovenUpdate {
    pub(crate) key: PublicKey,
    pub(crate) context: [u8; Context::LEN],
    pub(crate) bits: u8,
    pub(crate) u: Vec<i64>,
    pub(crate) k: Scalar,
    pub(crate) limbs: LimbWitness,
    pub(crate) ciphertexts: Vec<Ciphertext>,
    pub(crate) masked: Vec<u8>,
    pub(crate) rng: TranscriptRng,
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
pub fn encrypt(key: &PublicKey, context: &Context, update: &QuantisedUpdate) -> Result<UnprovenUpdate, EncryptError> {
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
    let bits = context.round.bound.bits();
    if context.round.dimension as usize != d {
        return Err(EncryptError::Dimension { expected: context.round.dimension as usize, found: d });
    }
    if update.bits() != bits {
        return Err(EncryptError::Bits { expected: bits, found: update.bits() });
    }
    if context.round.key_hash != key.hash() {
        return Err(EncryptError::WrongKey);
    }

    // Wrapping: only values made unchecked, by an adversary, can overflow.
    let u: Vec<i64> = update.as_slice().iter().map(|q| q.wrapping_add(1 << (bits - 1))).collect();
    let context = context.encode();
    let witness = Zeroizing::new(u.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>());
    let mut rng = transcript::update(&context, key).witness_rng(&witness, rng);

    let k = Scalar::random(&mut rng);
    let kappa = k.as_bytes().as_chunks::<2>().0.iter().map(|limb| u64::from(u16::from_le_bytes(*limb))).collect();
    let limbs = LimbWitness::fresh(kappa, &mut rng);
    let ciphertexts = limbs.encrypt(key);
    let half_k = Zeroizing::new(k * half());
    let masked: Vec<CompressedRistretto> = (u.par_chunks(ENCODED_AT_ONCE))
        .zip(mask_bases(d).par_chunks(ENCODED_AT_ONCE))
        .flat_map_iter(|(u, bases)| {
            let halves = u.iter().zip(bases).map(|(u, base)| half_h_times(*u, bits) + base * *half_k);
            RistrettoPoint::double_and_compress_batch(&halves.collect::<Vec<_>>())
        })
        .collect();
    let masked: Vec<u8> = masked.iter().flat_map(|e| e.to_bytes()).collect();
    Ok(UnprovenUpdate { key: key.clone(), context, bits, u, k, limbs, ciphertexts, masked, rng })
}

impl UnprovenUpdate {
    /// Adds the four proofs. Takes about 0.45 ms of one core a parameter at 8 bits, on all cores where there is more than
    /// one chunk.
    pub fn prove(mut self) -> Result<EncryptedUpdate, EncryptError> {
        let ciphertexts: Vec<u8> = self.ciphertexts.iter().flat_map(Ciphertext::encode).collect();
        let mask_hash: [u8; 64] = Sha512::digest(&self.masked).into();
        let base = header::transcript(&self.context, &self.key, &ciphertexts, &mask_hash);

        let key_proof = limbs::prove(&base, &self.key, &self.limbs, &mut self.rng)?;

        let beta: Vec<_> = self.u.iter().map(|_| Scalar::random(&mut self.rng)).collect();
        let tau: Vec<_> = self.limbs.r.iter().zip(&self.limbs.s).map(|(r, s)| r + s).collect();
        let tau = inner(&limb_weights().take(LIMBS).collect::<Vec<_>>(), &Zeroizing::new(tau));
        let witness = LinkWitness { u: self.u.iter().map(|u| signed(*u)).collect(), beta, k: self.k, tau };
        let values = Zeroizing::new(self.u.iter().map(|u| u.cast_unsigned()).collect::<Vec<_>>());
        let (ranges, v) = range::prove_all(&base, &values, &witness.beta, self.bits, &mut self.rng)?;
        let v: Vec<u8> = v.iter().flat_map(|v| v.to_bytes()).collect();
        let link = link::prove(&base, &v, &witness, &mut self.rng);
        let body = [std::mem::take(&mut self.masked), v, link, ranges].concat();

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

fn signed(value: i64) -> Scalar {
    let magnitude = Scalar::from(value.unsigned_abs());
    if value < 0 { -magnitude } else { magnitude }
}
