//! What an institution does besides training: as a member of committees and as a trustee, in the order in which it may.
//!
//! Nothing here connects to anybody. A session hands in blocks and sends what comes out; so do tests in which the
//! coordinator is the adversary.

use std::{path::Path, sync::Arc};

use consilium_audit::{
    follow::{Follower, Phase},
    judge::Judged,
};
use consilium_contract::{Keygen, Parameters, transaction::sign};
use consilium_crypto::{KeyShare, RoundContext};
use consilium_hash::{ChainId, Checksum, OathHash, Pseudonym};
use consilium_identity::InstitutionFiles;
use consilium_ledger::Block;
use consilium_proto::v1::{SignedTransaction, transaction::Action};
use rand_core::CryptoRngCore;
use tracing::{info, warn};

use super::{
    member::Membership,
    recollection,
    trustee::{self, Countersigned},
};
use crate::{
    ClientError,
    state::memory::{About, Memory, Place},
};

/// An institution as a member and a trustee.
#[derive(Debug)]
pub struct Duties {
    files: Arc<InstitutionFiles>,
    memory: Memory,
    membership: Membership,
    /// What the blocks read so far hold under its name, and its memory does not.
    missing: Vec<(About, OathHash)>,
}

impl Duties {
    /// Reads what the state directory holds.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`], naming the file.
    pub fn open(
        directory: &Path,
        files: Arc<InstitutionFiles>,
        parameters: &Parameters,
    ) -> Result<Self, ClientError> {
        let memory = Memory::open(directory, parameters.chain_id)?;
        let membership = Membership::open(directory, files.identity.pseudonym)?;
        Ok(Self { files, memory, membership, missing: Vec::new() })
    }

    fn name(&self) -> &Pseudonym {
        &self.files.identity.pseudonym
    }

    /// What it has said.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Takes a block that the follower has just read, and which is durable where it makes a committee.
    ///
    /// # Errors
    /// [`ClientError::State`]; [`ClientError::Memory`] where it has confirmed another committee of that number.
    pub fn read(&mut self, block: &Block, follower: &mut Follower) -> Result<(), ClientError> {
        let chain = follower.parameters().chain_id;
        let key = self.files.signing.verifying_key();
        let said = recollection::statements(block, &chain, self.name(), &key);
        let memory = &self.memory;
        self.missing.extend(said.into_iter().filter(|(about, said)| !memory.holds(*about, said)));
        let step = follower.step();
        let Some(made) = follower.take_made() else { return Ok(()) };
        self.membership.settle(&made, step, &mut self.memory)?;
        let committee = &made.committee;
        let place = committee.place_of(self.name());
        let number = committee.number;
        match (place, self.membership.share(committee)) {
            (Some(place), Some(_)) => info!(committee = number, place, "a member of the committee"),
            (Some(place), None) => warn!(
                committee = number,
                place,
                "a member of the committee without its share of the key: no part in opening sums until the key is passed on again"
            ),
            (None, _) => info!(committee = number, "not a member of the committee"),
        }
        Ok(())
    }

    /// How far its memory reaches; `None` where blocks that it has read hold something that the memory does not.
    pub(crate) fn reach(&self) -> Option<(u64, Checksum)> {
        self.missing.is_empty().then(|| self.memory.reach())
    }

    /// Whether its memory reaches as far as it did then, so that blocks which were compared with it need not be again.
    pub(crate) fn reaches(&mut self, records: u64, hash: &Checksum) -> Result<bool, ClientError> {
        self.memory.reaches(records, hash)
    }

    /// Compares what the chain says about this institution with what it remembers, once it has read all that there is.
    /// `update` is the round of the update on its disk.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn catch_up(
        &mut self,
        follower: &Follower,
        update: Option<&RoundContext>,
    ) -> Result<(), ClientError> {
        let through = standing(follower);
        let is_known = follower.roster().get(self.name()).is_some();
        let missing = std::mem::take(&mut self.missing);
        if let Some(loss) = self.memory.catch_up(is_known, through, &missing)? {
            self.warn(follower, loss.explanation());
        }
        let said = match follower.phase() {
            Phase::Collecting(collection) if collection.has_update_of(self.name()) => {
                Some(collection.round())
            }
            Phase::Sealed(sealed) if sealed.sum.has_update_of(self.name()) => {
                Some(sealed.sum.round())
            }
            _ => None,
        };
        if let (Some(round), Some(through)) = (said, through)
            && update != Some(round)
            && !self.memory.has_lost_through(through)
        {
            self.memory.lose(through)?;
            self.warn(
                follower,
                "the chain holds an update of this institution that is not on this disk",
            );
        }
        if !matches!(follower.phase(), Phase::Keygen(_)) && self.membership.has_secrets() {
            self.membership.forget()?;
        }
        Ok(())
    }

    fn warn(&self, follower: &Follower, cause: &str) {
        warn!(
            height = follower.height(),
            cause,
            "what this institution has said as a trustee is not known any more: it goes on training, and is silent as a trustee until it has helped to make another committee; if the directory with its whole memory still exists, stop this program and start it there"
        );
    }

    /// What it has to say in the present stage of a ceremony, signed. The history on which it is said is durable.
    ///
    /// # Errors
    /// As [`Membership::next`].
    pub fn contribute(
        &mut self,
        keygen: &Keygen,
        step: u64,
        chain: &ChainId,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Option<SignedTransaction>, ClientError> {
        let said = self.membership.next(keygen, step, &mut self.memory, rng)?;
        let files = &self.files;
        Ok(said.map(|said| {
            let name = Some(&files.identity.pseudonym);
            sign(&files.signing, chain, name, Action::Contribute(said))
        }))
    }

    /// Remembers and countersigns a judged sum; nothing where it has no share of the key, or does not know that it answers
    /// for its committee. The history on which it is said is durable.
    ///
    /// # Errors
    /// [`ClientError::Memory`] where another block of this step is remembered.
    pub fn countersign(&mut self, judged: &Judged) -> Result<Option<Countersigned>, ClientError> {
        let Some(share) = self.key_share(judged).map(Arc::clone) else { return Ok(None) };
        let files = &self.files;
        let name = &files.identity.pseudonym;
        trustee::countersign(judged, &share, &mut self.memory, &files.signing, name).map(Some)
    }

    /// Its share of the key that a sum is encrypted for, where it knows that it answers for that committee.
    pub fn key_share(&self, judged: &Judged) -> Option<&Arc<KeyShare>> {
        let committee = judged.committee();
        let answers = self.memory.answers_for(committee.number);
        self.membership.share(committee).filter(|_| answers)
    }
}

/// Up to where this institution may have spoken about the key, as the chain stands; nothing before a committee is made.
fn standing(follower: &Follower) -> Option<Place> {
    match follower.phase() {
        Phase::Keygen(keygen) => Some(Place { number: keygen.number(), attempt: keygen.attempt() }),
        _ => follower.committee().map(|committee| Place::standing(committee.number)),
    }
}

#[cfg(test)]
mod tests;
