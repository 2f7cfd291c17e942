//! An update as its verifier holds it, before its proofs are checked and after.

use curve25519_dalek::ristretto::RistrettoPoint;
use merlin::Transcript;
use sha2::{Digest, Sha256, Sha512};

use super::{CandidateHeader, VerifiedHeader, body_length, mask_length};
use crate::fold::{Folded, Weights};
use crate::group::encoding::{Reader, decompress_all};
use crate::proof::{BoundProof, Equations};
use crate::{Parameters, UpdateError};

/// A header and its body, decoded. Nothing in them is proven.
pub struct CandidateUpdate {
    pub(super) header: CandidateHeader,
    pub(crate) e: Vec<RistrettoPoint>,
    pub(crate) proof: BoundProof,
    pub(super) mask_hash_matches: bool,
}

impl CandidateUpdate {
    /// Reads a body under its header. Checks, in this order: the round's parameters, length and hash of the body,
    /// encodings. The context as such (step, model, author, and the bound that is the author's) is for the caller to check,
    /// and first.
    pub fn parse(
        header: CandidateHeader,
        body: &[u8],
        expected: &Parameters,
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
        let complete = header.body_length() == body.len() as u64
            && header.body_hash().0 == *Sha256::digest(body);
        if !complete {
            return Err(UpdateError::IncompleteBody {
                expected: header.body_length(),
                found: body.len() as u64,
            });
        }

        // What this institution's update proves may be less than what the largest one's does.
        let own = header.context().parameters()?;
        let mut reader = Reader::new("body", body, body_length(&own))?;
        let e_bytes = reader.take(mask_length(&own))?;
        Ok(Self {
            e: decompress_all("masked update", e_bytes)?,
            proof: BoundProof::read(&mut reader, &own)?,
            mask_hash_matches: *header.mask_hash() == *Sha512::digest(e_bytes),
            header,
        })
    }

    /// The header.
    pub fn header(&self) -> &CandidateHeader {
        &self.header
    }

    /// Adds those of its equations that are asked for, weighted, to a fold.
    pub(super) fn fold(
        &self,
        base: &Transcript,
        which: Equations,
        weights: &mut Weights,
        folded: &mut Folded,
    ) {
        if matches!(which, Equations::All | Equations::Key) {
            self.header.fold(base, weights, folded);
        }
        if which != Equations::Key {
            self.proof.fold(base, which, &self.e, self.header.ciphertexts(), weights, folded);
        }
    }
}

impl std::fmt::Debug for CandidateUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CandidateUpdate").field("header", &self.header).finish_non_exhaustive()
    }
}

/// An update all of whose proofs hold. Only such a one can be summed.
#[derive(Clone)]
pub struct VerifiedUpdate {
    header: VerifiedHeader,
    e: Vec<RistrettoPoint>,
}

impl VerifiedUpdate {
    /// The header, verified along with the rest.
    pub fn header(&self) -> &VerifiedHeader {
        &self.header
    }

    /// An update whose proofs the caller has verified before, in an earlier process.
    ///
    /// For an auditor that goes on from what it has audited, and for nobody else: whoever sums an update that was never
    /// verified has no bound on it.
    pub fn assume_proven(update: CandidateUpdate) -> Self {
        Self::assume(update)
    }

    /// For [`verify_updates`](super::verify_updates), which has checked all of it.
    pub(super) fn assume(update: CandidateUpdate) -> Self {
        Self { header: VerifiedHeader::assume(update.header), e: update.e }
    }

    pub(crate) fn masked(&self) -> &[RistrettoPoint] {
        &self.e
    }
}

impl std::fmt::Debug for VerifiedUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedUpdate").field("header", &self.header).finish_non_exhaustive()
    }
}
