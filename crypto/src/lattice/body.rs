//! The body of an update under a lattice mask: the key part, c, then the proof that what it hides is short.
//!
//! A body is verified against a [`VerifiedKeyPart`]: its equations are about the same s and are answered under the same
//! challenge. Many bodies are folded into one multiscalar multiplication; what grows with d is scalar work, body by body.

use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;
use sha2::{Digest, Sha512};

use super::body_proof::{self, BodyChallenges, BodyEquations, BodyProof, Statement};
use super::header::LatticeHeader;
use super::key_part::{VerifiedKeyPart, key_part_length};
use super::mask::{self, PARAMETER_LEN};
use super::parameters::LatticeParameters;
use crate::fold::{Folded, Weights, sift};
use crate::group::encoding::Reader;
use crate::transcript::LATTICE_BODY_WEIGHTS;
use crate::{Hash, PublicKey, UpdateError};

/// Length of a body, key part included, in bytes.
pub fn lattice_body_length(parameters: &LatticeParameters) -> usize {
    let bound_part = lattice_mask_length(parameters) + body_proof::length(parameters);
    key_part_length(parameters) + bound_part
}

/// Length of c, which follows the key part in a body, in bytes.
pub fn lattice_mask_length(parameters: &LatticeParameters) -> usize {
    PARAMETER_LEN * parameters.dimension() as usize
}

/// A body, decoded, and its key part, verified. Nothing in the body is proven.
pub struct CandidateLatticeUpdate {
    key_part: VerifiedKeyPart,
    c: Vec<u32>,
    proof: BodyProof,
    mask_hash_matches: bool,
}

impl CandidateLatticeUpdate {
    /// Reads the rest of a body, given whole, under its key part. Checks length and hash, then encodings.
    pub fn parse(key_part: VerifiedKeyPart, body: &[u8]) -> Result<Self, UpdateError> {
        let part = key_part.header().body();
        if !part.is(body) {
            let found = body.len() as u64;
            return Err(UpdateError::IncompleteBody { expected: part.length, found });
        }
        let parameters = key_part.parameters();
        let mut reader = Reader::new("body", body, lattice_body_length(parameters))?;
        reader.take(key_part_length(parameters))?;
        let c_bytes = reader.take(lattice_mask_length(parameters))?;
        Ok(Self {
            c: mask::decode(c_bytes)?,
            proof: BodyProof::read(&mut reader, parameters)?,
            mask_hash_matches: *key_part.header().mask_hash() == *Sha512::digest(c_bytes),
            key_part,
        })
    }

    /// The header.
    pub fn header(&self) -> &LatticeHeader {
        self.key_part.header()
    }

    #[cfg(test)]
    pub(super) fn key_part(&self) -> &VerifiedKeyPart {
        &self.key_part
    }

    #[cfg(test)]
    pub(super) fn proof(&self) -> &BodyProof {
        &self.proof
    }

    /// The projection and the weights modulo q, in one pass over c. D is checked here.
    pub(super) fn prepare(&self) -> Option<BodyChallenges> {
        let matrix = mask::matrix_of(&self.header().context().round);
        let base: &Transcript = self.key_part.base();
        let parameters = self.key_part.parameters();
        let statement = Statement { base, parameters, matrix: &matrix, c: &self.c };
        let challenges = self.mask_hash_matches.then(|| self.proof.challenges(&statement))?;
        (challenges.digest() == self.key_part.digest()).then_some(challenges)
    }
}

impl std::fmt::Debug for CandidateLatticeUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CandidateLatticeUpdate")
            .field("header", self.header())
            .finish_non_exhaustive()
    }
}

/// An update all of whose proofs hold. Only such a one can be summed.
#[derive(Clone)]
pub struct VerifiedLatticeUpdate {
    key_part: VerifiedKeyPart,
    c: Vec<u32>,
}

impl VerifiedLatticeUpdate {
    /// The key part, verified before.
    pub fn key_part(&self) -> &VerifiedKeyPart {
        &self.key_part
    }

    /// An update whose body the caller has verified before, in an earlier process.
    ///
    /// For an auditor that goes on from what it has audited, and for nobody else: whoever sums an update that was never
    /// verified has no bound on it.
    pub fn assume_proven(update: CandidateLatticeUpdate) -> Self {
        Self { key_part: update.key_part, c: update.c }
    }

    pub(super) fn masked(&self) -> &[u32] {
        &self.c
    }
}

impl std::fmt::Debug for VerifiedLatticeUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedLatticeUpdate")
            .field("key_part", &self.key_part)
            .finish_non_exhaustive()
    }
}

/// c alone, of an update that the chain says was accepted, checked against h_c of its header.
#[derive(Clone)]
pub struct LatticeMaskedUpdate(Vec<u32>);

impl LatticeMaskedUpdate {
    /// Reads the [`lattice_mask_length`] bytes of a body that follow the key part.
    pub fn parse(
        bytes: &[u8],
        mask_hash: &[u8; 64],
        parameters: &LatticeParameters,
    ) -> Result<Self, UpdateError> {
        let length = lattice_mask_length(parameters);
        let bytes = Reader::new("masked update", bytes, length)?.take(length)?;
        if *mask_hash != *Sha512::digest(bytes) {
            let length = bytes.len() as u64;
            return Err(UpdateError::IncompleteBody { expected: length, found: length });
        }
        Ok(Self(mask::decode(bytes)?))
    }

    pub(super) fn masked(&self) -> &[u32] {
        &self.0
    }
}

impl std::fmt::Debug for LatticeMaskedUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LatticeMaskedUpdate({} parameters)", self.0.len())
    }
}

/// Verifies many bodies. Deterministic; verdicts are in the order of the updates and do not depend on what else is in the
/// batch.
pub fn verify_lattice_updates(
    key: &PublicKey,
    updates: Vec<CandidateLatticeUpdate>,
) -> Vec<Result<VerifiedLatticeUpdate, UpdateError>> {
    verify(key, updates, None)
}

/// [`verify_lattice_updates`] with randomness that no prover can have known mixed into the weights.
pub fn verify_lattice_updates_with_rng(
    key: &PublicKey,
    updates: Vec<CandidateLatticeUpdate>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedLatticeUpdate, UpdateError>> {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    verify(key, updates, Some(&fresh))
}

pub(super) type Job<'a> = (&'a CandidateLatticeUpdate, &'a BodyChallenges);

fn verify(
    key: &PublicKey,
    updates: Vec<CandidateLatticeUpdate>,
    fresh: Option<&[u8; 32]>,
) -> Vec<Result<VerifiedLatticeUpdate, UpdateError>> {
    // One after another: each is made on all cores, and what it takes is held only once.
    let prepared: Vec<_> = updates.iter().map(CandidateLatticeUpdate::prepare).collect();
    let faults: Vec<Option<UpdateError>> = {
        let jobs = updates.iter().zip(&prepared);
        let batch: Vec<Job<'_>> =
            jobs.clone().filter_map(|(update, ready)| Some((update, ready.as_ref()?))).collect();
        let all = BodyEquations::All;
        let mut sifted = sift(&batch, &|batch| hold(key, batch, fresh, all)).into_iter();
        let fault = |(update, ready): (&CandidateLatticeUpdate, &Option<BodyChallenges>)| {
            let Some(ready) = ready else { return Some(UpdateError::BadLinkProof) };
            if sifted.next().unwrap_or(false) {
                None
            } else if hold(key, &[(update, ready)], fresh, BodyEquations::Relation) {
                Some(UpdateError::BadNormProof)
            } else {
                Some(UpdateError::BadLinkProof)
            }
        };
        jobs.map(fault).collect()
    };
    let verdict = |(update, fault): (CandidateLatticeUpdate, Option<UpdateError>)| match fault {
        None => Ok(VerifiedLatticeUpdate::assume_proven(update)),
        Some(fault) => Err(fault),
    };
    updates.into_iter().zip(faults).map(verdict).collect()
}

fn hold(key: &PublicKey, jobs: &[Job<'_>], fresh: Option<&[u8; 32]>, which: BodyEquations) -> bool {
    let digests: Vec<[Hash; 2]> = jobs
        .iter()
        .map(|(update, _)| [update.header().hash().0, update.header().body().hash.0])
        .collect();
    let digests = digests.iter().flatten();
    let mut weights = Weights::new(LATTICE_BODY_WEIGHTS, jobs.len() as u64, key, fresh, digests);
    fold(jobs, &mut weights, which).holds(key)
}

pub(super) fn fold(jobs: &[Job<'_>], weights: &mut Weights, which: BodyEquations) -> Folded {
    let jobs: Vec<_> = jobs.iter().map(|job| (*job, weights.fork())).collect();
    let part = |mut folded, ((update, challenges), mut weights): (Job<'_>, Weights)| {
        let key_part = &update.key_part;
        update.proof.fold(
            challenges,
            which,
            key_part.parameters(),
            (key_part.challenge(), key_part.responses()),
            &mut weights,
            &mut folded,
        );
        folded
    };
    jobs.into_par_iter().fold(Folded::default, part).reduce(Folded::default, Folded::merge)
}
