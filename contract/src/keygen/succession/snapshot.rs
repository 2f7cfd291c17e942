//! The committees in a snapshot of the state.

use std::{collections::BTreeMap, sync::Arc};

use consilium_crypto::{DealingCommitments, PublicKey, dkg::Shape};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{ChangeSnapshot, CommitteeSnapshot, SuccessionSnapshot};

use super::{Change, Succession};
use crate::{
    keygen::committee::Committee,
    malformed::{Malformed, malformed},
};

const WHAT: &str = "committee";

impl Succession {
    /// `None` while a committee is being made.
    pub(crate) fn snapshot(&self) -> Option<SuccessionSnapshot> {
        let Self { committee, since_step, attempts, request, asked, making, given_up_in, answered } =
            self;
        making.is_none().then(|| SuccessionSnapshot {
            committee: committee.as_deref().map(Committee::snapshot),
            since_step: *since_step,
            attempts: *attempts,
            request: *request,
            asked: asked.as_ref().map(Change::snapshot),
            given_up_in: *given_up_in,
            thresholds: answered.keys().copied().collect(),
            answered: answered.values().copied().collect(),
        })
    }

    pub(crate) fn resume(message: SuccessionSnapshot) -> Result<Self, Malformed> {
        Ok(Self {
            committee: message.committee.map(Committee::resume).transpose()?.map(Arc::new),
            since_step: message.since_step,
            attempts: message.attempts,
            request: message.request,
            asked: message.asked.map(Change::resume).transpose()?,
            making: None,
            given_up_in: message.given_up_in,
            answered: message.thresholds.into_iter().zip(message.answered).collect(),
        })
    }
}

impl Committee {
    fn snapshot(&self) -> CommitteeSnapshot {
        let (places, members) =
            self.members().iter().map(|(place, name)| (*place, name.to_vec())).unzip();
        CommitteeSnapshot {
            number: self.number,
            public_key: self.public_key.encode().to_vec(),
            dealing: self.dealing.encode(),
            places,
            members,
        }
    }

    fn resume(message: CommitteeSnapshot) -> Result<Self, Malformed> {
        let public_key = PublicKey::decode(&message.public_key).map_err(malformed(WHAT))?;
        let dealing = DealingCommitments::decode(&message.dealing).map_err(malformed(WHAT))?;
        let members = named(message.places, &message.members)?;
        Ok(Self::new(message.number, public_key, dealing, members))
    }
}

impl Change {
    fn snapshot(&self) -> ChangeSnapshot {
        let Self { request, shape, members } = self;
        ChangeSnapshot {
            request: *request,
            threshold: shape.threshold(),
            members: members.values().map(Pseudonym::to_vec).collect(),
        }
    }

    fn resume(message: ChangeSnapshot) -> Result<Self, Malformed> {
        let members = named(1.., &message.members)?;
        let size = u32::try_from(members.len()).map_err(malformed(WHAT))?;
        let shape = Shape::new(size, message.threshold).map_err(malformed(WHAT))?;
        Ok(Self { request: message.request, shape, members })
    }
}

fn named(
    places: impl IntoIterator<Item = u32>,
    names: &[Vec<u8>],
) -> Result<BTreeMap<u32, Pseudonym>, Malformed> {
    let name = |(place, name): (u32, &Vec<u8>)| Ok((place, name.as_slice().try_into()?));
    let named = places.into_iter().zip(names).map(name);
    named.collect::<Result<_, consilium_hash::LengthError>>().map_err(malformed(WHAT))
}
