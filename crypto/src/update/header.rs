//! The signed header of an encrypted update: all that a trustee needs, 4.6 kB whatever d is.
//!
//! context ‖ C^(0)..C^(15) ‖ h_E ‖ SHA-256 of the body ‖ length of the body ‖ key proof (items 1 and 2).
//!
//! A header whose key proof fails is not an encryption and is never added by anyone: otherwise an institution could send
//! limbs Enc(0) − C_B − C_C and have the trustees open A for it. Hence [`CandidateHeader`] becomes [`VerifiedHeader`] from
//! its own bytes alone, and only that can be summed.

use std::sync::Arc;

use consilium_hash::{BlobHash, HeaderHash};
use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::encrypted_key::{EncryptedKey, sealed::Sealed};
use crate::fold::{Folded, Weights, sift};
use crate::group::encoding::Reader;
use crate::proof::limbs::LimbProof;
use crate::transcript::{self, HEADER_WEIGHTS};
use crate::{Ciphertext, Context, DecodeError, MAX_SUMMANDS, PublicKey, UpdateError};

/// Limbs of a mask key.
pub(crate) const LIMBS: usize = 16;
/// Length of all limbs' ciphertexts, in bytes.
pub(crate) const CIPHERTEXTS_LEN: usize = LIMBS * Ciphertext::LEN;

/// Length of a header, in bytes.
pub const HEADER_LEN: usize = Context::LEN + CIPHERTEXTS_LEN + 64 + 32 + 8 + KEY_PROOF_LEN;
const KEY_PROOF_LEN: usize = LimbProof::length(LIMBS);

/// A header that decodes. Nothing in it is proven. A clone is the same one, decoded once.
#[derive(Clone)]
pub struct CandidateHeader(Arc<Decoded>);

struct Decoded {
    bytes: Vec<u8>,
    hash: HeaderHash,
    context: Context,
    ciphertexts: Vec<Ciphertext>,
    mask_hash: [u8; 64],
    body_hash: BlobHash,
    body_length: u64,
    proof: LimbProof,
}

impl CandidateHeader {
    /// Reads a header of exactly [`HEADER_LEN`] bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, UpdateError> {
        let mut reader = Reader::new("header", bytes, HEADER_LEN)?;
        let context = Context::decode(reader.take(Context::LEN)?)?;
        let ciphertexts = (0..LIMBS)
            .map(|_| Ciphertext::read(&mut reader))
            .collect::<Result<_, DecodeError>>()?;
        Ok(Self(Arc::new(Decoded {
            bytes: bytes.to_vec(),
            hash: HeaderHash(Sha256::digest(bytes).into()),
            context,
            ciphertexts,
            mask_hash: reader.array()?,
            body_hash: BlobHash(reader.array()?),
            body_length: reader.u64()?,
            proof: LimbProof::read(&mut reader, LIMBS)?,
        })))
    }

    /// The context that a header's bytes begin with, for the checks that come before decoding: author, signature, round.
    pub fn peek_context(bytes: &[u8]) -> Result<Context, UpdateError> {
        Ok(Context::decode(Reader::new("header", bytes, HEADER_LEN)?.take(Context::LEN)?)?)
    }

    /// The bytes that the institution signs.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// SHA-256 of the bytes.
    pub fn hash(&self) -> HeaderHash {
        self.0.hash
    }

    /// The round and the author.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// h_E, SHA-512 of the masked update's encoding.
    pub fn mask_hash(&self) -> &[u8; 64] {
        &self.0.mask_hash
    }

    /// SHA-256 of the body.
    pub fn body_hash(&self) -> &BlobHash {
        &self.0.body_hash
    }

    /// Length of the body, in bytes.
    pub fn body_length(&self) -> u64 {
        self.0.body_length
    }

    pub(crate) fn ciphertexts(&self) -> &[Ciphertext] {
        &self.0.ciphertexts
    }

    fn encoded_ciphertexts(&self) -> &[u8] {
        self.0.bytes.get(Context::LEN..Context::LEN + CIPHERTEXTS_LEN).unwrap_or_default()
    }

    /// The transcript from which all proofs of the update fork.
    pub(crate) fn transcript(&self, key: &PublicKey) -> Transcript {
        transcript(&self.0.context.encode(), key, self.encoded_ciphertexts(), &self.0.mask_hash)
    }

    /// Whether the header was made for this public key.
    pub(crate) fn is_for(&self, key: &PublicKey) -> bool {
        self.0.context.round.key_hash == key.hash()
    }

    /// Adds items 1 and 2, weighted, to a fold.
    pub(crate) fn fold(&self, base: &Transcript, weights: &mut Weights, folded: &mut Folded) {
        self.0.proof.fold(base, &self.0.ciphertexts, weights.take(), folded);
    }
}

impl std::fmt::Debug for CandidateHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Header")
            .field("hash", &self.0.hash)
            .field("context", &self.0.context)
            .finish_non_exhaustive()
    }
}

/// Label, context, gpk, C, h_E.
pub(crate) fn transcript(
    context: &[u8],
    key: &PublicKey,
    ciphertexts: &[u8],
    mask_hash: &[u8; 64],
) -> Transcript {
    let mut transcript = transcript::update(context, &key.encode());
    transcript.append_message(b"C", ciphertexts);
    transcript.append_message(b"h_E", mask_hash);
    transcript
}

/// A header whose key proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedHeader(CandidateHeader);

impl VerifiedHeader {
    /// For [`CandidateUpdate`](crate::CandidateUpdate), which checks the same and more.
    pub(crate) fn assume(candidate: CandidateHeader) -> Self {
        Self(candidate)
    }
}

impl Sealed for VerifiedHeader {}

impl EncryptedKey for VerifiedHeader {
    fn context(&self) -> &Context {
        self.0.context()
    }

    fn header_hash(&self) -> HeaderHash {
        self.0.hash()
    }

    fn limbs(&self) -> &[Ciphertext] {
        self.0.ciphertexts()
    }

    fn most_summands(&self) -> u32 {
        MAX_SUMMANDS
    }
}

impl std::ops::Deref for VerifiedHeader {
    type Target = CandidateHeader;

    fn deref(&self) -> &CandidateHeader {
        &self.0
    }
}

/// Verifies the key proofs of many headers in one sum, on all cores. Deterministic; verdicts are in the order of the headers
/// and do not depend on what else is in the batch.
pub fn verify_key_proofs(
    key: &PublicKey,
    headers: Vec<CandidateHeader>,
) -> Vec<Result<VerifiedHeader, UpdateError>> {
    verify(key, headers, None)
}

/// [`verify_key_proofs`] with randomness that no prover can have known mixed into the weights.
pub fn verify_key_proofs_with_rng(
    key: &PublicKey,
    headers: Vec<CandidateHeader>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedHeader, UpdateError>> {
    verify(key, headers, Some(&fresh(rng)))
}

pub(crate) fn fresh(rng: &mut impl CryptoRngCore) -> [u8; 32] {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    fresh
}

fn verify(
    key: &PublicKey,
    headers: Vec<CandidateHeader>,
    fresh: Option<&[u8; 32]>,
) -> Vec<Result<VerifiedHeader, UpdateError>> {
    let verdicts: Vec<bool> = {
        // A header for another key is out before the fold.
        let bases: Vec<_> = headers
            .iter()
            .map(|header| header.is_for(key).then(|| header.transcript(key)))
            .collect();
        let batch: Vec<_> = headers
            .iter()
            .zip(&bases)
            .filter_map(|(header, base)| Some((header, base.as_ref()?)))
            .collect();
        let mut hold = sift(&batch, &|batch| proofs_hold(key, batch, fresh)).into_iter();
        bases.iter().map(|base| base.is_some() && hold.next().unwrap_or(false)).collect()
    };
    let verdict = |(header, holds)| {
        if holds { Ok(VerifiedHeader::assume(header)) } else { Err(UpdateError::BadKeyProof) }
    };
    headers.into_iter().zip(verdicts).map(verdict).collect()
}

fn proofs_hold(
    key: &PublicKey,
    headers: &[(&CandidateHeader, &Transcript)],
    fresh: Option<&[u8; 32]>,
) -> bool {
    let digests = headers.iter().map(|(header, _)| &header.0.hash.0);
    let mut weights = Weights::new(HEADER_WEIGHTS, headers.len() as u64, key, fresh, digests);
    fold(headers, &mut weights).holds(key)
}

fn fold(headers: &[(&CandidateHeader, &Transcript)], weights: &mut Weights) -> Folded {
    let jobs: Vec<_> = headers.iter().map(|job| (job, weights.fork())).collect();
    let part =
        |mut folded, ((header, base), mut weights): (&(&CandidateHeader, &Transcript), Weights)| {
            header.fold(base, &mut weights, &mut folded);
            folded
        };
    jobs.into_par_iter().fold(Folded::default, part).reduce(Folded::default, Folded::merge)
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
    use curve25519_dalek::scalar::Scalar;

    use super::*;
    use crate::tests::Federation;
    use crate::transcript::{LIMBS as WELL_FORMED, Protocol};

    const KEY_PROOF: usize = HEADER_LEN - KEY_PROOF_LEN;

    #[test]
    fn two_false_key_proofs_built_to_cancel_under_weights_known_in_advance_are_both_rejected() {
        let mut federation = Federation::new(61, 1, 1, 1, 8);
        let key = federation.dealing.public_key.clone();
        let honest = [1, 2].map(|who| federation.update(who).header);
        let digests = honest.each_ref().map(|header| <[u8; 32]>::from(Sha256::digest(header)));
        // What a careless verifier would draw from: nothing of the proofs, or all but their responses.
        for digests in [&[], digests.as_slice()] {
            let known = || Weights::new(HEADER_WEIGHTS, 2, &key, None, digests);
            let fourth = |weights: &mut Weights| weights.fork().take::<4>()[3];
            let mut stream = known();
            let [one, two] = [fourth(&mut stream), fourth(&mut stream)];
            // φ counts with the fourth weight of its header: the errors w_two and −w_one cancel.
            let phi = KEY_PROOF + (5 + 2 + 4 * LIMBS) * 32;
            let mut headers = honest.clone();
            for (header, error) in headers.iter_mut().zip([two, -one]) {
                let z: &mut [u8; 32] = (&mut header[phi..phi + 32]).try_into().unwrap();
                *z = (Scalar::from_canonical_bytes(*z).unwrap() + error).to_bytes();
            }
            let cheats = || {
                headers
                    .iter()
                    .map(|header| CandidateHeader::decode(header).unwrap())
                    .collect::<Vec<_>>()
            };
            let cheating = cheats();
            let bases: Vec<_> = cheating.iter().map(|cheat| cheat.transcript(&key)).collect();
            let batch: Vec<_> = cheating.iter().zip(&bases).collect();
            assert!(fold(&batch, &mut known()).holds(&key), "the attack works on known weights");
            for verdict in verify_key_proofs(&key, cheats()) {
                assert_eq!(verdict.err(), Some(UpdateError::BadKeyProof));
            }
        }
    }

    #[test]
    fn weights_of_the_limbs_come_after_all_of_their_ciphertexts() {
        let mut federation = Federation::new(62, 1, 1, 1, 8);
        let key = federation.dealing.public_key.clone();
        let header = federation.update(1).header;
        let honest = CandidateHeader::decode(&header).unwrap();
        let base = honest.transcript(&key);
        let mut transcript = base.fork(WELL_FORMED, 0);
        let commitment = KEY_PROOF + 5 * 32;
        transcript.append_message(b"C_b", &header[commitment..commitment + 32]);
        let rho = transcript.weights(b"rho", LIMBS);
        // Two errors that cancel under the weights of the honest ciphertexts, in each component.
        for component in 0..3 {
            let mut changed = header.clone();
            for (limb, error) in [(0, rho[1]), (1, -rho[0])] {
                let start = Context::LEN + limb * Ciphertext::LEN + component * 32;
                let [point] =
                    Reader::new("C", &changed[start..start + 32], 32).unwrap().points().unwrap();
                let point = point + RISTRETTO_BASEPOINT_POINT * error;
                changed[start..start + 32].copy_from_slice(point.compress().as_bytes());
            }
            let cheat = CandidateHeader::decode(&changed).unwrap();
            // Item 1 alone: item 2 has weight zero.
            let holds = |base| {
                let [w1, w2, w3] = Weights::new(HEADER_WEIGHTS, 1, &key, None, []).take();
                let weights = [w1, w2, w3, Scalar::ZERO, Scalar::ZERO];
                let mut folded = Folded::default();
                cheat.0.proof.fold(base, &cheat.0.ciphertexts, weights, &mut folded);
                folded.holds(&key)
            };
            assert!(holds(&base), "the attack works on weights drawn before");
            assert!(!holds(&cheat.transcript(&key)));
            assert_eq!(federation.verify_header(&changed).err(), Some(UpdateError::BadKeyProof));
        }
    }
}
