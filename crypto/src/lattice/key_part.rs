//! The key part of an update under a lattice mask: what trustees verify before they help to open a sum.
//!
//! C^(0)..C^(L−1) ‖ the key proof (`key_proof`). 105 kB for 410 limbs, 115 kB for 512, 164 kB for 1,024.
//!
//! A key part whose proof fails is not an encryption and is never added by anyone: otherwise an institution could send limbs
//! Enc(0) − C_B − C_C and have the trustees open A for it. Hence [`CandidateKeyPart`] becomes [`VerifiedKeyPart`] from the
//! signed header and its own bytes alone, and only that can be summed.

use std::sync::Arc;

use consilium_hash::HeaderHash;
use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;

use super::header::LatticeHeader;
use super::key_proof::{BodyDigest, KeyChallenges, KeyProof};
use super::parameters::LatticeParameters;
use crate::encrypted_key::{EncryptedKey, sealed::Sealed};
use crate::fold::{Folded, Weights, sift};
use crate::group::encoding::{Reader, decompress_all};
use crate::transcript::{self, KEY_PART_WEIGHTS};
use crate::{Ciphertext, Context, Hash, PublicKey, UpdateError};

/// Length of a key part, in bytes.
pub fn key_part_length(parameters: &LatticeParameters) -> usize {
    ciphertexts_length(parameters) + KeyProof::length()
}

fn ciphertexts_length(parameters: &LatticeParameters) -> usize {
    Ciphertext::LEN * parameters.limbs().count()
}

/// Label, context, gpk, parameters, C, C_s, h_c: what all proofs of an update fork from.
pub(super) fn base_transcript(
    context: &Context,
    key: &PublicKey,
    parameters: &LatticeParameters,
    ciphertexts: &[u8],
    commitment: &[u8],
    mask_hash: &[u8; 64],
) -> Transcript {
    let mut transcript = transcript::lattice(&context.encode(), &key.encode());
    transcript.append_message(b"parameters", &parameters.encode());
    transcript.append_message(b"C", ciphertexts);
    transcript.append_message(b"C_s", commitment);
    transcript.append_message(b"h_c", mask_hash);
    transcript
}

/// A header and its key part, decoded. Nothing in them is proven.
pub struct CandidateKeyPart {
    header: LatticeHeader,
    parameters: LatticeParameters,
    ciphertexts: Vec<Ciphertext>,
    ciphertext_bytes: Vec<u8>,
    proof: KeyProof,
}

impl CandidateKeyPart {
    /// Reads a key part under its header. Checks, in this order: the round's parameters, length and hash, encodings. The
    /// context as such (step, model, author) is for the caller to check, and first.
    ///
    /// `expected` is the round's; the author's own bound, which may be less, is in its context.
    pub fn parse(
        header: LatticeHeader,
        bytes: &[u8],
        expected: &LatticeParameters,
    ) -> Result<Self, UpdateError> {
        let round = &header.context().round;
        if round.dimension != expected.dimension() {
            return Err(UpdateError::WrongDimension {
                expected: expected.dimension(),
                found: round.dimension,
            });
        }
        if round.bound != expected.bound() {
            return Err(UpdateError::WrongBound { expected: expected.bound(), found: round.bound });
        }
        // What this institution's update proves may be less than what the largest one's does.
        let found = header.context().bound;
        let wrong = |_| UpdateError::WrongBound { expected: expected.bound(), found };
        let own = expected.for_bound(found).map_err(wrong)?;
        if !header.key_part().is(bytes) {
            return Err(UpdateError::IncompleteKeyPart {
                expected: header.key_part().length,
                found: bytes.len() as u64,
            });
        }
        let mut reader = Reader::new("key part", bytes, key_part_length(&own))?;
        let ciphertext_bytes = reader.take(ciphertexts_length(&own))?.to_vec();
        let points = decompress_all("encrypted mask key", &ciphertext_bytes)?;
        let triples = points.as_chunks::<3>().0.iter();
        let ciphertexts = triples.map(|[c1, c2, c3]| Ciphertext { c1: *c1, c2: *c2, c3: *c3 });
        Ok(Self {
            ciphertexts: ciphertexts.collect(),
            ciphertext_bytes,
            proof: KeyProof::read(&mut reader)?,
            parameters: own,
            header,
        })
    }

    /// The header.
    pub fn header(&self) -> &LatticeHeader {
        &self.header
    }

    fn transcript(&self, key: &PublicKey) -> Transcript {
        base_transcript(
            self.header.context(),
            key,
            &self.parameters,
            &self.ciphertext_bytes,
            self.proof.commitment_bytes(),
            self.header.mask_hash(),
        )
    }

    /// What a verifier draws. A key part for another key is out before the fold.
    pub(super) fn prepare(&self, key: &PublicKey) -> Option<Prepared> {
        let is_for_key = self.header.context().round.key_hash == key.hash();
        is_for_key.then(|| {
            let base = self.transcript(key);
            let challenges = self.proof.challenges(&base, self.parameters.limbs());
            Prepared { base, challenges }
        })
    }
}

impl std::fmt::Debug for CandidateKeyPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CandidateKeyPart").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A key part whose proof holds. Only such a one can be summed.
#[derive(Clone)]
pub struct VerifiedKeyPart(Arc<Verified>);

struct Verified {
    header: LatticeHeader,
    parameters: LatticeParameters,
    ciphertexts: Vec<Ciphertext>,
    base: Transcript,
    proof: KeyProof,
    e: Scalar,
}

impl VerifiedKeyPart {
    /// A key part whose proof the caller has verified before, in an earlier process.
    ///
    /// For an auditor that goes on from what it has audited, and for nobody else.
    pub fn assume_proven(key: &PublicKey, key_part: CandidateKeyPart) -> Self {
        let base = key_part.transcript(key);
        let challenges = key_part.proof.challenges(&base, key_part.parameters.limbs());
        let CandidateKeyPart { header, parameters, ciphertexts, proof, .. } = key_part;
        let e = *challenges.e();
        Self(Arc::new(Verified { header, parameters, ciphertexts, base, proof, e }))
    }

    /// The header.
    pub fn header(&self) -> &LatticeHeader {
        &self.0.header
    }

    /// What the update keeps.
    pub fn parameters(&self) -> &LatticeParameters {
        &self.0.parameters
    }

    /// What the body's proof forks from.
    pub(super) fn base(&self) -> &Transcript {
        &self.0.base
    }

    /// D, which the body's first messages must have.
    pub(super) fn digest(&self) -> &BodyDigest {
        self.0.proof.digest()
    }

    /// f_s.
    pub(super) fn responses(&self) -> &[Scalar] {
        self.0.proof.responses()
    }

    /// The challenge that the body is answered with, too.
    pub(super) fn challenge(&self) -> &Scalar {
        &self.0.e
    }
}

impl Sealed for VerifiedKeyPart {}

impl EncryptedKey for VerifiedKeyPart {
    fn context(&self) -> &Context {
        self.0.header.context()
    }

    fn header_hash(&self) -> HeaderHash {
        self.0.header.hash()
    }

    fn limbs(&self) -> &[Ciphertext] {
        &self.0.ciphertexts
    }

    fn most_summands(&self) -> u32 {
        self.0.parameters.summands()
    }
}

impl std::fmt::Debug for VerifiedKeyPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedKeyPart").field("header", &self.0.header).finish_non_exhaustive()
    }
}

/// Verifies many key parts in one sum, on all cores. Deterministic; verdicts are in the order of the key parts and do not
/// depend on what else is in the batch.
pub fn verify_key_parts(
    key: &PublicKey,
    key_parts: Vec<CandidateKeyPart>,
) -> Vec<Result<VerifiedKeyPart, UpdateError>> {
    verify(key, key_parts, None)
}

/// [`verify_key_parts`] with randomness that no prover can have known mixed into the weights.
pub fn verify_key_parts_with_rng(
    key: &PublicKey,
    key_parts: Vec<CandidateKeyPart>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedKeyPart, UpdateError>> {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    verify(key, key_parts, Some(&fresh))
}

/// What a verifier draws for one key part, once.
pub(super) struct Prepared {
    base: Transcript,
    challenges: KeyChallenges,
}

pub(super) type Job<'a> = (&'a CandidateKeyPart, &'a Prepared);

fn verify(
    key: &PublicKey,
    key_parts: Vec<CandidateKeyPart>,
    fresh: Option<&[u8; 32]>,
) -> Vec<Result<VerifiedKeyPart, UpdateError>> {
    let prepared: Vec<_> = key_parts.par_iter().map(|part| part.prepare(key)).collect();
    let holds: Vec<bool> = {
        let jobs = key_parts.iter().zip(&prepared);
        let batch: Vec<Job<'_>> =
            jobs.filter_map(|(part, prepared)| Some((part, prepared.as_ref()?))).collect();
        let mut sifted = sift(&batch, &|batch| proofs_hold(key, batch, fresh)).into_iter();
        prepared.iter().map(|job| job.is_some() && sifted.next().unwrap_or(false)).collect()
    };
    let verdict = |((part, prepared), holds): ((CandidateKeyPart, Option<Prepared>), bool)| {
        let prepared = prepared.filter(|_| holds).ok_or(UpdateError::BadKeyProof)?;
        let CandidateKeyPart { header, parameters, ciphertexts, proof, .. } = part;
        let Prepared { base, challenges } = prepared;
        let e = *challenges.e();
        let verified = Verified { header, parameters, ciphertexts, base, proof, e };
        Ok(VerifiedKeyPart(Arc::new(verified)))
    };
    key_parts.into_iter().zip(prepared).zip(holds).map(verdict).collect()
}

fn proofs_hold(key: &PublicKey, jobs: &[Job<'_>], fresh: Option<&[u8; 32]>) -> bool {
    let digests: Vec<[Hash; 2]> = jobs
        .iter()
        .map(|(part, _)| [part.header.hash().0, part.header.key_part().hash.0])
        .collect();
    let digests = digests.iter().flatten();
    let mut weights = Weights::new(KEY_PART_WEIGHTS, jobs.len() as u64, key, fresh, digests);
    fold(jobs, &mut weights).holds(key)
}

pub(super) fn fold(jobs: &[Job<'_>], weights: &mut Weights) -> Folded {
    let jobs: Vec<_> = jobs.iter().map(|job| (*job, weights.fork())).collect();
    let part = |mut folded, ((part, prepared), mut weights): (Job<'_>, Weights)| {
        let CandidateKeyPart { parameters, ciphertexts, proof, .. } = part;
        proof.fold(
            &prepared.challenges,
            parameters.limbs(),
            ciphertexts,
            &mut weights,
            &mut folded,
        );
        folded
    };
    jobs.into_par_iter().fold(Folded::default, part).reduce(Folded::default, Folded::merge)
}
