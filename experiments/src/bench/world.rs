//! A round in memory, for what is compared in one process: its keys, its updates, and what becomes of them.

use consilium_contract::parameters::largest_threshold;
use consilium_crypto::mask::{
    CandidateHeader, CandidateUpdate, Kind, MaskedSum, Parameters, UnprovenUpdate, VerifiedUpdate,
    combine, verify_updates,
};
use consilium_crypto::{
    Bound, DecryptionShare, DiscreteLogTable, EncryptedUpdate, EvaluationKey, KeyShare,
    RoundContext, VerifiedEvaluation, verify_share,
};
use rand_core::OsRng;

use super::key::Key;
use super::round::{BLOCK, context, encrypt, parameters};
use super::scheme::Scheme;
use crate::ExperimentError;

/// A round of n institutions, who hold its key together.
pub(crate) struct World {
    evaluation_key: EvaluationKey,
    key: Key,
    context: RoundContext,
    parameters: Parameters,
}

/// A sum of masked updates, and the shares of as many trustees as open it.
pub(crate) struct Sealed {
    sum: MaskedSum,
    evaluation: VerifiedEvaluation,
    shares: Vec<DecryptionShare>,
}

impl World {
    /// A round under the protection of a scheme of Consilium's own.
    ///
    /// # Errors
    /// [`ExperimentError::Bench`] for a baseline, or numbers that do not fit.
    pub(crate) fn new(
        scheme: Scheme,
        dimension: u32,
        institutions: u32,
    ) -> Result<Self, ExperimentError> {
        let protection = scheme
            .protection()
            .ok_or_else(|| ExperimentError::bench(scheme.name())("a baseline has no rounds"))?;
        Self::under(protection, dimension, institutions)
    }

    /// A round under any bound and mask.
    ///
    /// # Errors
    /// [`ExperimentError::Bench`] for numbers that do not fit.
    pub(crate) fn under(
        protection: (Bound, Kind),
        dimension: u32,
        institutions: u32,
    ) -> Result<Self, ExperimentError> {
        let evaluation_key = EvaluationKey::generate(&mut OsRng);
        let key = Key::generate(institutions, largest_threshold(institutions), &evaluation_key)?;
        let (bound, _) = protection;
        let context = context(&key.public, bound, dimension);
        let parameters = parameters(protection, dimension, institutions)?;
        Ok(Self { evaluation_key, key, context, parameters })
    }

    /// The update of institution `who`, encrypted, with its proofs still to be made under the group mask.
    pub(crate) fn encrypt(&self, who: u32) -> Result<UnprovenUpdate, ExperimentError> {
        encrypt(&self.parameters, &self.key.public, &self.context, who)
    }

    /// The whole update of institution `who`.
    pub(crate) fn update(&self, who: u32) -> Result<EncryptedUpdate, ExperimentError> {
        self.encrypt(who)?.prove().map_err(ExperimentError::bench("proving"))
    }

    /// Decodes and verifies updates, folded.
    pub(crate) fn verify(
        &self,
        updates: &[EncryptedUpdate],
    ) -> Result<Vec<VerifiedUpdate>, ExperimentError> {
        let mut candidates = Vec::with_capacity(updates.len());
        for update in updates {
            let header = CandidateHeader::decode(&update.header)
                .map_err(ExperimentError::bench("a header"))?;
            let candidate = CandidateUpdate::parse(header, &update.body, &self.parameters);
            candidates.push(candidate.map_err(ExperimentError::bench("a body"))?);
        }
        let verified = verify_updates(&self.key.public, candidates, &mut OsRng).into_iter();
        verified.collect::<Result<_, _>>().map_err(ExperimentError::bench("a proof"))
    }

    /// Adds verified updates up.
    pub(crate) fn sum(&self, updates: &[VerifiedUpdate]) -> Result<MaskedSum, ExperimentError> {
        let mut sum = MaskedSum::new(&self.parameters, &self.context);
        updates
            .iter()
            .try_for_each(|update| sum.add(update))
            .map_err(ExperimentError::bench("adding"))?;
        Ok(sum)
    }

    /// Certifies the sum of the keys of verified updates, and has trustees answer.
    pub(crate) fn seal(
        &self,
        updates: &[VerifiedUpdate],
        sum: MaskedSum,
    ) -> Result<Sealed, ExperimentError> {
        let failed = || ExperimentError::bench("the sum of the keys");
        let headers: Vec<_> = updates.iter().map(VerifiedUpdate::header).collect();
        let headers: Vec<_> = headers.iter().collect();
        let evaluation = self.evaluation_key.evaluate(&self.context, &headers).map_err(failed())?;
        let evaluation = evaluation.verify(&self.key.public, &self.context, &headers);
        let evaluation = evaluation.map_err(failed())?;
        let share =
            |share: &KeyShare| share.decryption_share(&self.key.public, &evaluation, &BLOCK);
        let threshold = self.key.commitments.threshold() as usize;
        let shares = self.key.shares.iter().take(threshold).map(share).collect();
        Ok(Sealed { sum, evaluation, shares })
    }

    /// Verifies and combines the shares of a sum, and reads it off.
    pub(crate) fn open(
        &self,
        sealed: &Sealed,
        table: &DiscreteLogTable,
    ) -> Result<Vec<i64>, ExperimentError> {
        let Sealed { sum, evaluation, shares } = sealed;
        let Key { public, commitments, .. } = &self.key;
        let verify = |share| verify_share(share, public, commitments, evaluation, &BLOCK);
        let shares = shares.iter().map(verify).collect::<Result<Vec<_>, _>>();
        let shares = shares.map_err(ExperimentError::bench("a share"))?;
        let mask_key = combine(&self.parameters, evaluation, &shares, commitments, table);
        let mask_key = mask_key.map_err(ExperimentError::bench("combining"))?;
        sum.open(&mask_key, table).map_err(ExperimentError::bench("reading off"))
    }
}
