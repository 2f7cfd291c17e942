//! Collecting: who has submitted, what came of it, and the running sum.

use std::{collections::BTreeMap, sync::Arc};

use consilium_crypto::{
    AggregateError, Evaluation, RoundContext, UpdateError, VerifiedEvaluation,
    mask::{MaskedSum, Parameters as UpdateParameters, VerifiedHeader, VerifiedUpdate},
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::Reason;

use super::Sealed;
use crate::{
    enrolment::roster::Roster, keygen::committee::Committee,
    parameters::Parameters as RunParameters,
};

/// Updates are being taken: from OpenRound until everyone has a verdict or the deadline has passed.
#[derive(Debug)]
pub struct Collecting {
    round: RoundContext,
    committee: Arc<Committee>,
    opened_ms: u64,
    /// First verdict on each institution of this attempt.
    verdicts: BTreeMap<Pseudonym, Reason>,
    accepted: Vec<VerifiedHeader>,
    sum: MaskedSum,
}

impl Collecting {
    pub(crate) fn open(
        round: RoundContext,
        committee: Arc<Committee>,
        parameters: &UpdateParameters,
        opened_ms: u64,
    ) -> Self {
        let sum = MaskedSum::new(parameters, &round);
        Self { round, committee, opened_ms, verdicts: BTreeMap::new(), accepted: Vec::new(), sum }
    }

    /// What an update of this attempt is bound to.
    pub fn round(&self) -> &RoundContext {
        &self.round
    }

    /// Whom updates are encrypted for.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
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
    pub fn verdicts(&self) -> &BTreeMap<Pseudonym, Reason> {
        &self.verdicts
    }

    /// Whom the round still waits for: those that may submit and have no verdict; once the updates are enough for a sum,
    /// without those that are suspended. So no suspension leaves a sum with fewer updates than it needs.
    pub fn awaited<'a>(
        &'a self,
        roster: &'a Roster,
        parameters: &RunParameters,
    ) -> impl Iterator<Item = &'a Pseudonym> {
        let suspend_after =
            if self.is_enough(roster, parameters) { parameters.suspend_after } else { 0 };
        let awaited = roster.iter().filter(move |(name, institution)| {
            institution.may_submit()
                && !institution.is_suspended(suspend_after)
                && !self.verdicts.contains_key(*name)
        });
        awaited.map(|(name, _)| name)
    }

    /// Whether nobody is waited for any more.
    pub fn is_complete(&self, roster: &Roster, parameters: &RunParameters) -> bool {
        self.awaited(roster, parameters).next().is_none()
    }

    /// Whether the collection may end at that time: nobody is waited for, or its least time has passed.
    pub fn is_over(&self, roster: &Roster, parameters: &RunParameters, time_ms: u64) -> bool {
        let deadline_ms = self.opened_ms.saturating_add(parameters.collection_timeout_ms);
        self.is_complete(roster, parameters) || time_ms >= deadline_ms
    }

    /// Whether the accepted updates are enough for a sum: so many of them, of institutions with so many rows.
    pub fn is_enough(&self, roster: &Roster, parameters: &RunParameters) -> bool {
        parameters.is_enough(self.accepted.len(), self.rows(roster))
    }

    /// Rows of those whose updates are accepted, together.
    pub fn rows(&self, roster: &Roster) -> u64 {
        roster.rows(self.accepted.iter().map(|header| &header.context().pseudonym))
    }

    pub(crate) fn accept(
        &mut self,
        pseudonym: Pseudonym,
        update: &VerifiedUpdate,
    ) -> Result<(), UpdateError> {
        self.sum.add(update)?;
        self.accepted.push(update.header());
        self.verdicts.insert(pseudonym, Reason::Accepted);
        Ok(())
    }

    /// A fault is the verdict on an institution that has none yet.
    pub(crate) fn refuse(&mut self, pseudonym: Pseudonym, reason: Reason) {
        self.verdicts.entry(pseudonym).or_insert(reason);
    }

    /// Whether `evaluation` is the certified sum of exactly the accepted updates, in their order.
    pub(crate) fn judge(
        &self,
        evaluation: &Evaluation,
    ) -> Result<VerifiedEvaluation, AggregateError> {
        let headers: Vec<&VerifiedHeader> = self.accepted.iter().collect();
        evaluation.verify(&self.committee.public_key, &self.round, &headers)
    }

    /// Ends the collection with the sum that [`Self::judge`] verified.
    pub(crate) fn seal(self, evaluation: VerifiedEvaluation) -> Sealed {
        Sealed::new(evaluation, self.committee, self.accepted, self.sum)
    }
}
