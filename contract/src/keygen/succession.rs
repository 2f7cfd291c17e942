//! Which committee holds the key, and when the next one is due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use consilium_crypto::{Hash, dkg::Shape};
use consilium_proto::v1::{BeginKeygen, ChangeCommittee, Reason};
use sha2::{Digest, Sha256};

use super::{Keygen, Origin, committee::Committee};
use crate::{parameters::Parameters, roster::Roster};

/// A committee that the authority has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    shape: Shape,
    members: BTreeMap<u32, Hash>,
}

/// The committees of a run: the one that holds the key, and what the next one will be.
#[derive(Debug, Default)]
pub struct Succession {
    committee: Option<Arc<Committee>>,
    /// Closed rounds when the committee was made, or when passing the key on was given up last.
    since_step: u64,
    change: Option<Change>,
}

impl Succession {
    /// The committee that holds the key; nobody before it has been made.
    pub fn committee(&self) -> Option<&Arc<Committee>> {
        self.committee.as_ref()
    }

    /// Number of the next committee.
    pub fn next_number(&self) -> u32 {
        self.committee.as_ref().map_or(0, |committee| committee.number.saturating_add(1))
    }

    /// Whether a committee has to be made before the round of `step` may open.
    pub fn is_due(&self, step: u64, parameters: &Parameters) -> bool {
        let refresh = parameters.refresh_steps;
        self.committee.is_none()
            || self.change.is_some()
            || refresh > 0 && step.saturating_sub(self.since_step) >= refresh
    }

    /// Records that the authority asks for a committee. The first request for a number counts while it stands: what was
    /// said once can be put on the chain again by others, and must not take back what was said later.
    ///
    /// # Errors
    /// The reason of the rejection.
    pub fn ask(
        &mut self,
        message: &ChangeCommittee,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<(), Reason> {
        if self.committee.is_none() || message.committee != self.next_number() {
            return Err(Reason::WrongStep);
        }
        if self.change.is_some() {
            return Err(Reason::Duplicate);
        }
        let names: Vec<Hash> = message
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
        self.change = Some(Change { shape, members: (1..).zip(names).collect() });
        Ok(())
    }

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
        let number = self.next_number();
        if message.committee != number {
            return Err(Reason::WrongStep);
        }
        if !self.is_due(step, parameters) {
            return Err(Reason::TooEarly);
        }
        let begin = |origin, shape, members| {
            Keygen::begin(parameters, origin, number, shape, members, message.time_ms)
        };
        let Some(old) = &self.committee else {
            let shape = Shape::new(parameters.institutions, parameters.threshold)
                .map_err(|_| Reason::WrongCommittee)?;
            let enrolled = roster.iter().filter(|(_, institution)| !institution.revoked);
            let members: BTreeMap<u32, Hash> = enrolled
                .map(|(name, institution)| (institution.certificate.trustee_index, *name))
                .filter(|(place, _)| (1..=parameters.institutions).contains(place))
                .collect();
            if members.len() < shape.quorum() as usize {
                return Err(Reason::TooFewUpdates);
            }
            return Ok(begin(Origin::Generation(parameters.evaluation_key), shape, members));
        };
        let origin = Origin::Resharing(Arc::clone(old));
        let refresh = || {
            let shape =
                Shape::new(old.size(), old.threshold()).map_err(|_| Reason::WrongCommittee)?;
            Ok(Change { shape, members: old.members().clone() })
        };
        let Change { shape, members } = match self.change.take() {
            Some(change) => change,
            None => refresh()?,
        };
        Ok(begin(origin, shape, members))
    }

    /// The committee stands.
    pub fn succeed(&mut self, committee: Arc<Committee>, step: u64) {
        (self.committee, self.since_step) = (Some(committee), step);
    }

    /// Passing the key on was given up: the committee that holds it goes on. Whether there is one.
    pub fn give_up(&mut self, step: u64) -> bool {
        self.since_step = step;
        self.committee.is_some()
    }

    /// A name for all of it.
    pub(crate) fn hash(&self) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.since_step.to_be_bytes());
        if let Some(committee) = &self.committee {
            hasher.update(committee.hash());
        }
        if let Some(Change { shape, members }) = &self.change {
            hasher.update([1]);
            hasher.update(shape.threshold().to_be_bytes());
            members.values().for_each(|name| hasher.update(name));
        }
        hasher.finalize().into()
    }
}
