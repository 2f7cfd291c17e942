//! The end of a stage, and what follows from what was said in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use consilium_crypto::dkg::{Ceremony, DkgError, Qualified};
use consilium_hash::{Basis, ContributionHash, Pseudonym};
use consilium_proto::v1::{EndStage, Reason};
use sha2::{Digest, Sha256};

use super::{
    BASIS_LABEL, Keygen, Origin, Settled, Stage, committee::Committee, first::first_members,
    stage::Dealt,
};
use crate::{enrolment::roster::Roster, parameters::Parameters};

/// What the end of a stage has brought.
#[derive(Debug)]
pub enum StageEnd {
    /// The next stage.
    Next,
    /// Too few have spoken, or the key was degenerate: another attempt begins.
    Again,
    /// As above, and the old committee keeps the key until passing it on is tried again after the next round.
    GivenUp {
        /// The attempt that would have been next.
        attempt: u32,
    },
    /// The committee stands.
    Complete(Box<Made>),
}

/// A committee that stands, with the dealings that its shares are made of: a member that was not there when it was
/// confirmed works its share out from them.
#[derive(Debug)]
pub struct Made {
    /// The committee.
    pub committee: Arc<Committee>,
    /// The dealings that count.
    pub settled: Settled,
}

impl Keygen {
    /// Ends the stage where it may end at that time.
    ///
    /// # Errors
    /// The reason of the rejection; nothing has changed then.
    pub fn end_stage(
        &mut self,
        message: &EndStage,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<StageEnd, Reason> {
        self.judge_end(message, parameters, roster)?;
        Ok(self.end(message.time_ms, parameters, roster))
    }

    /// Whether the stage may end.
    pub(crate) fn judge_end(
        &self,
        message: &EndStage,
        parameters: &Parameters,
        roster: &Roster,
    ) -> Result<(), Reason> {
        if (message.committee, message.attempt) != (self.number, self.attempt) {
            return Err(Reason::WrongStep);
        }
        if message.stage != self.stage.name() as i32 {
            return Err(Reason::WrongContext);
        }
        let deadline_ms = self.since_ms.saturating_add(parameters.collection_timeout_ms);
        let is_over = message.time_ms >= deadline_ms && self.may_end_late(parameters, roster);
        if self.progress().is_complete() || is_over { Ok(()) } else { Err(Reason::TooEarly) }
    }

    /// Whether the stage may end once its time is over, although it is not complete.
    pub(crate) fn may_end_late(&self, parameters: &Parameters, roster: &Roster) -> bool {
        let is_enough = self.progress().is_enough();
        match &self.stage {
            // What members have confirmed they have confirmed for good: nothing else may come in its place.
            Stage::Confirming { .. } => false,
            // Too few wait for others, but for as long as others are the same; beginning again changes nothing else.
            Stage::Offering { .. } if self.old().is_none() => {
                is_enough || first_members(parameters, roster) != self.members
            }
            _ => true,
        }
    }

    /// Ends a stage that may end.
    pub(crate) fn end(
        &mut self,
        time_ms: u64,
        parameters: &Parameters,
        roster: &Roster,
    ) -> StageEnd {
        self.since_ms = time_ms;
        if !self.progress().is_enough() {
            return self.again(parameters, roster);
        }
        let said = mem::take(&mut self.said);
        let stage = mem::replace(&mut self.stage, Stage::Offering { offers: BTreeMap::new() });
        let name = stage.name();
        match self.next(stage) {
            Ok(Following::Stage(next, binding)) => {
                self.basis = self.next_basis(name as i32, &said, &binding);
                self.stage = *next;
                StageEnd::Next
            }
            Ok(Following::Committee(made)) => StageEnd::Complete(made),
            Err(_) => self.again(parameters, roster),
        }
    }

    /// Begins another attempt, with nothing of this one. Who has enrolled meanwhile takes part in making the first key.
    fn again(&mut self, parameters: &Parameters, roster: &Roster) -> StageEnd {
        self.attempt += 1;
        self.said.clear();
        self.stage = Stage::Offering { offers: BTreeMap::new() };
        if self.old().is_none() {
            self.members = first_members(parameters, roster);
        }
        self.basis = self.first_basis();
        let tries = self.attempt.saturating_sub(self.first_attempt);
        if self.old().is_some() && tries >= parameters.max_attempts {
            StageEnd::GivenUp { attempt: self.attempt }
        } else {
            StageEnd::Again
        }
    }

    fn next_basis(
        &self,
        stage: i32,
        said: &BTreeMap<Pseudonym, ContributionHash>,
        binding: &[u8; 32],
    ) -> Basis {
        let mut hasher = Sha256::new_with_prefix(BASIS_LABEL);
        hasher.update(self.basis);
        hasher.update(stage.to_be_bytes());
        for (author, said) in said {
            hasher.update(author);
            hasher.update(said);
        }
        hasher.update(binding);
        Basis(hasher.finalize().into())
    }

    /// The stage that follows, with a hash of what it is about; nothing where what was said determines it.
    fn next(&self, stage: Stage) -> Result<Following, DkgError> {
        let nothing = [0; 32];
        let stage = match stage {
            Stage::Offering { offers } => {
                let ceremony = match &self.origin {
                    Origin::Generation(_) => Ceremony::generation(self.context(), offers)?,
                    Origin::Resharing(old) => {
                        Ceremony::resharing(self.context(), offers, &old.public_key, &old.dealing)?
                    }
                };
                let dealings = BTreeMap::new();
                let faulty = BTreeSet::new();
                let revealed = BTreeMap::new();
                Stage::Dealing(Dealt { ceremony, dealings, faulty, revealed })
            }
            Stage::Dealing(dealt) => Stage::Checking { dealt, complaints: BTreeMap::new() },
            Stage::Checking { dealt, complaints } => {
                let mut open: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
                for (recipient, dealers) in complaints {
                    dealers.into_iter().for_each(|dealer| {
                        open.entry(dealer).or_default().insert(recipient);
                    });
                }
                if open.is_empty() {
                    return self.settle(dealt);
                }
                Stage::Answering { dealt, open }
            }
            Stage::Answering { mut dealt, open } => {
                // Whoever has not answered is left out, and not blamed: the answer may have been held back.
                open.keys().for_each(|dealer| {
                    dealt.dealings.remove(dealer);
                });
                return self.settle(dealt);
            }
            Stage::Agreeing { settled, .. } => {
                Stage::Products { settled, products: BTreeMap::new() }
            }
            Stage::Products { settled, products } => {
                let Origin::Generation(evaluation_key) = &self.origin else {
                    return Err(DkgError::WrongKind { expected: "key generation" });
                };
                let products: Vec<_> = products.into_values().collect();
                let key = Box::new(settled.qualified.generate(&products, evaluation_key)?);
                let binding = key.public_key().hash().0;
                return Ok(following(
                    Stage::ShareKeys { settled, key, share_keys: BTreeMap::new() },
                    binding,
                ));
            }
            Stage::ShareKeys { settled, key, share_keys } => {
                let share_keys: Vec<_> = share_keys.into_values().collect();
                let dealing = key.commitments(&share_keys)?;
                let members = self.holders(&settled);
                return Ok(self.confirming(
                    settled,
                    Committee::new(self.number, key.public_key().clone(), dealing, members),
                ));
            }
            Stage::Confirming { settled, committee, .. } => {
                return Ok(Following::Committee(Box::new(Made { committee, settled })));
            }
        };
        Ok(following(stage, nothing))
    }

    /// The dealings that count are those that nobody has anything against.
    fn settle(&self, mut dealt: Dealt) -> Result<Following, DkgError> {
        dealt.faulty.iter().for_each(|dealer| {
            dealt.dealings.remove(dealer);
        });
        let expected = self.needed_dealings();
        let found = dealt.dealings.len();
        if found < expected {
            return Err(DkgError::TooFew { what: "dealings", expected, found });
        }
        let qualified = Qualified::new(&dealt.ceremony, dealt.dealings.values())?;
        let binding = qualified.hash().0;
        let settled = Settled { dealt, qualified };
        match &self.origin {
            Origin::Generation(_) => {
                Ok(following(Stage::Agreeing { settled, agreed: BTreeSet::new() }, binding))
            }
            Origin::Resharing(old) => {
                let dealing = settled.qualified.reshared()?;
                let members = self.holders(&settled);
                let committee =
                    Committee::new(self.number, old.public_key.clone(), dealing, members);
                Ok(self.confirming(settled, committee))
            }
        }
    }

    fn confirming(&self, settled: Settled, committee: Committee) -> Following {
        let binding = settled.qualified.confirmation(&committee.public_key, &committee.dealing).0;
        let held = BTreeSet::new();
        let handed_over = BTreeSet::new();
        following(
            Stage::Confirming { settled, committee: Arc::new(committee), held, handed_over },
            binding,
        )
    }

    /// Those of the members who have been dealt shares.
    fn holders(&self, settled: &Settled) -> BTreeMap<u32, Pseudonym> {
        let recipients = settled.dealt.ceremony.recipients();
        let members = self.members.iter().filter(|(place, _)| recipients.contains_key(place));
        members.map(|(place, name)| (*place, *name)).collect()
    }
}

fn following(stage: Stage, binding: [u8; 32]) -> Following {
    Following::Stage(Box::new(stage), binding)
}

enum Following {
    Stage(Box<Stage>, [u8; 32]),
    Committee(Box<Made>),
}
