//! Collecting: who has submitted, what came of it, and the running sum.

use std::collections::{BTreeMap, BTreeSet};

use consilium_crypto::{
    AggregateError, Evaluation, Hash, MaskedSum, Parameters as UpdateParameters, PublicKey, RoundContext, UpdateError,
    VerifiedEvaluation, VerifiedHeader, VerifiedUpdate,
};
use consilium_proto::v1::Reason;

use super::Sealed;
use crate::roster::Roster;

/// Updates are being taken: from OpenRound until everyone has a verdict or the deadline has passed.
#[derive(Debug)]
pub struct Collecting {
    round: RoundContext,
    opened_ms: u64,
    /// Institutions that could submit when the round was opened: the round waits for them.
    expected: BTreeSet<Hash>,
    /// First verdict on each institution of this attempt.
    verdicts: BTreeMap<Hash, Reason>,
    accepted: Vec<VerifiedHeader>,
    sum: MaskedSum,
}

impl Collecting {
    pub(crate) fn open(round: RoundContext, parameters: &UpdateParameters, opened_ms: u64, roster: &Roster) -> Self {
        let expected =
            roster.iter().filter(|(_, institution)| institution.may_submit()).map(|(name, _)| *name).collect();
        Self {
            round,
            opened_ms,
            expected,
            verdicts: BTreeMap::new(),
            accepted: Vec::new(),
            sum: MaskedSum::new(parameters),
        }
    }

    /// What an update of this attempt is bound to.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// When the round was opened, in milliseconds since the epoch.
    pub fn opened_ms(&self) -> u64 {
        self.opened_ms
    }

    /// Headers of the accepted updates, in the order in which they were accepted.
    pub fn accepted(&self) -> &[VerifiedHeader] {
        &self.accepted
    }

    /// The verdict on each institution that has one: accepted, or the fault.
    pub fn verdicts(&self) -> &BTreeMap<Hash, Reason> {
        &self.verdicts
    }

    /// How many institutions the round still waits for.
    pub fn waiting(&self, roster: &Roster) -> usize {
        self.expected
            .iter()
            .filter(|name| !self.verdicts.contains_key(*name))
            .filter(|name| roster.get(name).is_some_and(|institution| institution.may_submit()))
            .count()
    }

    /// Whether every institution that the round waits for has a verdict.
    pub fn is_complete(&self, roster: &Roster) -> bool {
        self.waiting(roster) == 0
    }

    pub(crate) fn accept(&mut self, pseudonym: Hash, update: &VerifiedUpdate) -> Result<(), UpdateError> {
        self.sum.add(update)?;
        self.accepted.push(update.header().clone());
        self.verdicts.insert(pseudonym, Reason::Accepted);
        Ok(())
    }

    pub(crate) fn refuse(&mut self, pseudonym: Hash, reason: Reason) {
        self.verdicts.insert(pseudonym, reason);
    }

    /// Whether `evaluation` is the certified sum of exactly the accepted updates, in their order.
    pub(crate) fn judge(&self, evaluation: &Evaluation, key: &PublicKey) -> Result<VerifiedEvaluation, AggregateError> {
        let headers: Vec<&VerifiedHeader> = self.accepted.iter().collect();
        evaluation.verify(key, &self.round, &headers)
    }

    /// Ends the collection with the sum that [`Self::judge`] verified.
    pub(crate) fn seal(self, evaluation: VerifiedEvaluation) -> Sealed {
        Sealed::new(evaluation, self.accepted, self.sum)
    }
}
