//! Which committee holds the key, and when the next one is due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use consilium_crypto::dkg::Shape;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{BeginKeygen, ChangeCommittee, Reason};
use sha2::{Digest, Sha256};

use super::{
    Keygen, Origin, Plan,
    committee::Committee,
    ending::{Made, StageEnd},
    first::first_members,
};
use crate::{parameters::Parameters, roster::Roster};

mod snapshot;

/// A committee that the authority has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    request: u64,
    shape: Shape,
    members: BTreeMap<u32, Pseudonym>,
}

/// What becomes of a ceremony whose stage has ended.
#[derive(Debug)]
pub(crate) enum Ceremony {
    /// Another stage, or another attempt, follows.
    GoesOn,
    /// A committee stands, or none was made.
    IsOver {
        /// The committee, with its dealings.
        made: Option<Box<Made>>,
    },
}

/// What a committee that begins to be made is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) number: u32,
    pub(crate) shape: Shape,
    pub(crate) members: BTreeMap<u32, Pseudonym>,
}

impl Next {
    /// Number, n and t, members by place.
    pub(crate) fn into_parts(self) -> (u32, Shape, BTreeMap<u32, Pseudonym>) {
        (self.number, self.shape, self.members)
    }
}

/// A committee, as far as its succession depends on it.
pub trait Holder {
    /// Committees before it.
    fn number(&self) -> u32;
    /// n and t.
    fn shape(&self) -> Result<Shape, Reason>;
    /// Pseudonyms of its members, by place.
    fn members(&self) -> &BTreeMap<u32, Pseudonym>;
}

impl Holder for Committee {
    fn number(&self) -> u32 {
        self.number
    }

    fn shape(&self) -> Result<Shape, Reason> {
        Shape::new(self.size(), self.threshold()).map_err(|_| Reason::WrongCommittee)
    }

    fn members(&self) -> &BTreeMap<u32, Pseudonym> {
        Self::members(self)
    }
}

/// The committees of a run: the one that holds the key, and what the next one will be. Whoever does not follow the
/// ceremonies that make them knows less of a committee than [`Committee`] says: its number, size and members.
#[derive(Debug)]
pub struct Succession<C = Committee> {
    committee: Option<Arc<C>>,
    /// Closed rounds when the committee was made, or when passing the key on was given up last.
    since_step: u64,
    /// Attempts at the next committee so far, also those of ceremonies that were given up: what a member swears in an
    /// attempt it swears once.
    attempts: u32,
    /// Number of the latest request that was taken.
    request: u64,
    /// What the authority has asked for and nobody has begun.
    asked: Option<Change>,
    /// What the authority has asked for and is being made.
    making: Option<Change>,
    /// The step in which passing the key on was given up: it is tried again after that step.
    given_up_in: Option<u64>,
    /// Closed steps, by the threshold of the committee that answered for each.
    answered: BTreeMap<u32, u64>,
}

impl<C> Default for Succession<C> {
    fn default() -> Self {
        Self {
            committee: None,
            since_step: 0,
            attempts: 0,
            request: 0,
            asked: None,
            making: None,
            given_up_in: None,
            answered: BTreeMap::new(),
        }
    }
}

impl<C> Succession<C> {
    /// The same; `None` while a committee is being made.
    pub(crate) fn resting(&self) -> Option<Self> {
        let Self { committee, since_step, attempts, request, asked, making, given_up_in, answered } =
            self;
        making.is_none().then(|| Self {
            committee: committee.clone(),
            since_step: *since_step,
            attempts: *attempts,
            request: *request,
            asked: asked.clone(),
            making: None,
            given_up_in: *given_up_in,
            answered: answered.clone(),
        })
    }
}

impl<C: Holder> Succession<C> {
    /// The committee that holds the key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<C>> {
        self.committee.as_ref()
    }

    /// Number of the next committee.
    pub fn next_number(&self) -> u32 {
        self.committee.as_ref().map_or(0, |committee| committee.number().saturating_add(1))
    }

    /// Whether a committee that the authority has asked for is to be made before the round of `step`.
    pub fn is_asked_for(&self, step: u64) -> bool {
        self.asked.is_some() && self.given_up_in != Some(step)
    }

    /// Closed steps, by the threshold of the committee that answered for each.
    pub fn answered(&self) -> &BTreeMap<u32, u64> {
        &self.answered
    }

    /// Whether a committee has to be made before the round of `step` may open.
    pub fn is_due(&self, step: u64, parameters: &Parameters) -> bool {
        let refresh = parameters.refresh_steps;
        self.committee.is_none()
            || self.is_asked_for(step)
            || refresh > 0 && step.saturating_sub(self.since_step) >= refresh
    }

    /// Who holds the key in the round of `step`, if it may open.
    pub(crate) fn judge_round(&self, step: u64, parameters: &Parameters) -> Result<Arc<C>, Reason> {
        if self.is_due(step, parameters) {
            return Err(Reason::TooEarly);
        }
        self.committee.clone().ok_or(Reason::TooEarly)
    }

    /// Records that the authority asks for a committee.
    ///
    /// # Errors
    /// The reason of the rejection.
    pub fn ask(
        &mut self,
        message: &ChangeCommittee,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<(), Reason> {
        let change = self.judge_change(message, parameters, roster)?;
        self.ask_for(change);
        Ok(())
    }

    /// Whether the authority may ask for this committee. Requests are numbered: what was said once can be put on the chain
    /// by whoever has seen it, and must not take back what was said later.
    pub(crate) fn judge_change(
        &self,
        message: &ChangeCommittee,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<Change, Reason> {
        if self.committee.is_none() || message.committee != self.next_number() {
            return Err(Reason::WrongStep);
        }
        if message.request <= self.request {
            return Err(Reason::Duplicate);
        }
        let names: Vec<Pseudonym> = message
            .members
            .iter()
            .map(|name| name.as_slice().try_into().map_err(|_| Reason::MalformedEncoding))
            .collect::<Result<_, _>>()?;
        if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
            return Err(Reason::Duplicate);
        }
        for name in &names {
            let institution = roster.get(name).ok_or(Reason::UnknownInstitution)?;
            if institution.revoked {
                return Err(Reason::Revoked);
            }
        }
        let size = u32::try_from(names.len()).map_err(|_| Reason::WrongCommittee)?;
        let shape = Shape::new(size, message.threshold).map_err(|_| Reason::WrongCommittee)?;
        // Fewer than the genesis allows never hold the key, whoever asks; and a sum of min_updates hides one among more
        // than t − 1.
        let thresholds = parameters.min_threshold..parameters.min_updates;
        if size > parameters.institutions || !thresholds.contains(&message.threshold) {
            return Err(Reason::WrongCommittee);
        }
        let members = (1..).zip(names).collect();
        Ok(Change { request: message.request, shape, members })
    }

    /// Takes note of a request that may be made. It takes the place of one that nobody has begun.
    pub(crate) fn ask_for(&mut self, change: Change) {
        self.request = change.request;
        self.asked = Some(change);
        self.given_up_in = None;
    }

    /// What the next committee is to be, if it may begin to be made.
    pub(crate) fn judge_next(
        &self,
        message: &BeginKeygen,
        step: u64,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<Next, Reason> {
        let number = self.next_number();
        if message.committee != number {
            return Err(Reason::WrongStep);
        }
        if !self.is_due(step, parameters) {
            return Err(Reason::TooEarly);
        }
        let (shape, members) = match (&self.committee, &self.asked) {
            (None, _) => {
                let shape = Shape::new(parameters.institutions, parameters.threshold)
                    .map_err(|_| Reason::WrongCommittee)?;
                let members = first_members(parameters, roster);
                if members.len() < shape.quorum() as usize {
                    return Err(Reason::TooFewUpdates);
                }
                (shape, members)
            }
            (Some(_), Some(change)) => (change.shape, change.members.clone()),
            // A refresh: the same members, with other shares of the same key.
            (Some(old), None) => (old.shape()?, old.members().clone()),
        };
        Ok(Next { number, shape, members })
    }

    /// What was asked for is being made.
    pub(crate) fn begun(&mut self) {
        self.making = self.asked.take();
    }

    /// The committee stands.
    pub fn succeed(&mut self, committee: Arc<C>, step: u64) {
        self.committee = Some(committee);
        self.since_step = step;
        self.attempts = 0;
        self.making = None;
        self.given_up_in = None;
    }

    /// Passing the key on was given up before `attempt`: the committee that holds it goes on. What the authority asked
    /// for is tried again after this step, unless it has asked for something else meanwhile; at once where the budget
    /// affords the present committee no step, so that nobody's absence ends a run.
    pub fn give_up(&mut self, step: u64, attempt: u32, parameters: &Parameters) {
        self.since_step = step;
        self.attempts = attempt;
        if self.asked.is_none() {
            self.asked = self.making.take();
            self.given_up_in = parameters.affords_a_step(self).then_some(step);
        }
        self.making = None;
    }

    /// The committee that holds the key has answered for one more step.
    pub fn answer(&mut self) {
        if let Some(Ok(shape)) = self.committee.as_ref().map(|committee| committee.shape()) {
            let steps = self.answered.entry(shape.threshold()).or_default();
            *steps = steps.saturating_add(1);
        }
    }
}

impl Succession {
    /// Begins what is due.
    ///
    /// # Errors
    /// The reason of the rejection.
    pub fn begin(
        &mut self,
        message: &BeginKeygen,
        step: u64,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<Keygen, Reason> {
        let keygen = self.judge_begin(message, step, parameters, roster)?;
        self.begun();
        Ok(keygen)
    }

    /// The ceremony that begins what is due.
    pub(crate) fn judge_begin(
        &self,
        message: &BeginKeygen,
        step: u64,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<Keygen, Reason> {
        let Next { number, shape, members } = self.judge_next(message, step, parameters, roster)?;
        let origin = match &self.committee {
            None => Origin::Generation(parameters.evaluation_key),
            Some(old) => Origin::Resharing(Arc::clone(old)),
        };
        let attempt = self.attempts;
        let time_ms = message.time_ms;
        Ok(Keygen::begin(parameters, Plan { origin, number, attempt, shape, members, time_ms }))
    }

    /// Takes note of what the end of a stage has brought.
    pub(crate) fn stage_ended(
        &mut self,
        ended: StageEnd,
        step: u64,
        parameters: &Parameters,
    ) -> Ceremony {
        match ended {
            StageEnd::Next | StageEnd::Again => Ceremony::GoesOn,
            StageEnd::GivenUp { attempt } => {
                self.give_up(step, attempt, parameters);
                Ceremony::IsOver { made: None }
            }
            StageEnd::Complete(made) => {
                self.succeed(Arc::clone(&made.committee), step);
                Ceremony::IsOver { made: Some(made) }
            }
        }
    }

    /// A name for all of it.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update((self.answered.len() as u64).to_be_bytes());
        for (threshold, steps) in &self.answered {
            hasher.update(threshold.to_be_bytes());
            hasher.update(steps.to_be_bytes());
        }
        hasher.update(self.since_step.to_be_bytes());
        hasher.update(self.attempts.to_be_bytes());
        hasher.update(self.request.to_be_bytes());
        // Steps are counted from 0, so that 0 is free for none.
        hasher.update(self.given_up_in.map_or(0, |step| step.saturating_add(1)).to_be_bytes());
        if let Some(committee) = &self.committee {
            hasher.update([1]);
            hasher.update(committee.hash());
        }
        for (label, change) in [(2, &self.asked), (3, &self.making)] {
            if let Some(Change { request, shape, members }) = change {
                hasher.update([label]);
                hasher.update(request.to_be_bytes());
                hasher.update(shape.threshold().to_be_bytes());
                hasher.update(shape.members().to_be_bytes());
                members.values().for_each(|name| hasher.update(name));
            }
        }
        hasher.finalize().into()
    }
}
