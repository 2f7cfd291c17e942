//! Making a committee: the key is generated among its members, or passed on to them by the committee before, on the
//! ledger and without a dealer (docs/cryptography.md, section 3).
//!
//! ```text
//!  BeginKeygen
//!      │                           complaints
//!      ▼                          ┌───────────▶ Answering ─┐
//!  Offering ─▶ Dealing ─▶ Checking┤                        ├─▶ Agreeing ─▶ Products ─▶ ShareKeys ─▶ Confirming ─▶ committee
//!      ▲                          └────────────────────────┤                                            ▲
//!      │ too few in time: attempt + 1                      └──────────────── resharing ─────────────────┘
//! ```
//!
//! Making the first key waits for as long as it takes: without it there is no run. It waits while keys are offered, until
//! a quorum has; a later stage in which too few speak in time is begun again from there. Passing the key on is given up
//! after a number of attempts that the genesis names, and tried again after the next step: meanwhile the committee that
//! holds the key goes on.
//!
//! A [`Keygen`] is run by the contract and by every follower over the same transactions. It takes `Contribute`s of
//! institutions, and moves on when the coordinator says [`EndStage`]: not before everybody
//! has spoken, or enough have who are needed, or the time of the stage is over. So what it comes to is a function of the
//! chain.
//!
//! Why each stage is there:
//!
//! - **Agreeing.** A member says which qualified dealings it answers for, once an attempt, for ever, before its product
//!   leaves it; products are taken only after a quorum has said the same. A coordinator that showed different qualified
//!   dealings to two halves would otherwise get two products a·ϱ and (a−δ)·(ϱ−ε) with known δ and ε, and solve for a.
//! - **Confirming** is never abandoned. A member confirms one committee of a number, for ever; one of the committee before
//!   thereby hands over and countersigns nothing any more as its member, and does not where it has countersigned a step
//!   that the next one would answer for. Two quorums of a committee share an honest member, so either the old committee
//!   answers for a step or the new one does, whatever is shown to whom.
//! - **The basis** of a contribution is the hash of all that it answers. What answers something else is rejected and costs
//!   nothing: the coordinator may have shown its author another history. What answers this ceremony and does not hold is
//!   its author's fault.
//!
//! | file | concept |
//! | --- | --- |
//! | `stage` | what a ceremony has come to, stage by stage |
//! | `handlers` | what is said about the key and its committees, and what it changes |
//! | `contribution` | one contribution: who may say it, when, and what is a fault |
//! | `ending` | the end of a stage, and what follows |
//! | [`committee`] | who holds the key, and what everybody knows of them |
//! | `first` | who makes the first key |
//! | `succession` | which committee holds the key, and when the next one is due |
//! | [`member`] | what a member has to say next |
//! | `rehearsal` | all members in one process, for fixtures and measurements |

pub mod committee;
mod contribution;
mod ending;
mod first;
mod handlers;
pub mod member;
mod rehearsal;
mod stage;
mod succession;

use std::{collections::BTreeMap, sync::Arc};

use consilium_crypto::{
    VerifyingKey,
    dkg::{Context, Shape},
};
use consilium_hash::{Basis, ChainId, ContributionHash, Pseudonym};
use consilium_proto::v1::{self, BeginKeygen, ChangeCommittee, Contribute, EndStage};
use sha2::{Digest, Sha256};

pub use ending::{Made, StageEnd};
pub use first::first_members;
pub use rehearsal::Rehearsal;
pub use stage::{Dealt, Settled, Stage};
pub(crate) use succession::Ceremony;
pub use succession::{Change, Holder, Succession};

use crate::{
    handler::{Said, handle},
    parameters::Parameters,
    receipt::Receipt,
    state::State,
};
use committee::Committee;

const BASIS_LABEL: &[u8] = b"consilium/v1/keygen/basis";

/// What can be said about the key and its committees.
#[derive(Debug, Clone, Copy)]
pub enum Statement<'a> {
    /// The authority asks for another committee.
    ChangeCommittee(&'a ChangeCommittee),
    /// A committee begins to be made.
    Begin(&'a BeginKeygen),
    /// A stage ends.
    EndStage(&'a EndStage),
    /// A member's part in a stage.
    Contribute(&'a Contribute),
}

impl Statement<'_> {
    pub(crate) fn apply(self, said: &Said, state: &mut State) -> Receipt {
        match self {
            Self::ChangeCommittee(change) => handle(change, said, state),
            Self::Begin(begin) => handle(begin, said, state),
            Self::EndStage(end) => handle(end, said, state),
            Self::Contribute(contribution) => handle(contribution, said, state),
        }
    }
}

/// Where the key comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// It is generated; vk is the coordinator's.
    Generation(VerifyingKey),
    /// It is passed on by the committee before.
    Resharing(Arc<Committee>),
}

/// What a ceremony begins with.
struct Plan {
    origin: Origin,
    number: u32,
    attempt: u32,
    shape: Shape,
    members: BTreeMap<u32, Pseudonym>,
    time_ms: u64,
}

/// A ceremony in progress.
#[derive(Debug)]
pub struct Keygen {
    chain_id: ChainId,
    origin: Origin,
    /// Number of the committee that is being made.
    number: u32,
    /// The attempt that this ceremony began with: earlier ones may have been given up.
    first_attempt: u32,
    /// The try at it, from 0.
    attempt: u32,
    shape: Shape,
    /// Place to pseudonym of those who will hold the key.
    members: BTreeMap<u32, Pseudonym>,
    stage: Stage,
    /// When the stage began, in milliseconds since the epoch.
    since_ms: u64,
    /// What contributions of this stage answer.
    basis: Basis,
    /// What has been said in this stage: hash of each contribution by author.
    said: BTreeMap<Pseudonym, ContributionHash>,
}

impl Keygen {
    fn begin(parameters: &Parameters, plan: Plan) -> Self {
        let Plan { origin, number, attempt, shape, members, time_ms } = plan;
        let mut keygen = Self {
            chain_id: parameters.chain_id,
            origin,
            number,
            first_attempt: attempt,
            attempt,
            shape,
            members,
            stage: Stage::Offering { offers: BTreeMap::new() },
            since_ms: time_ms,
            basis: Basis::default(),
            said: BTreeMap::new(),
        };
        keygen.basis = keygen.first_basis();
        keygen
    }

    /// What the offers of an attempt answer: who is to hold which key.
    fn first_basis(&self) -> Basis {
        let mut hasher = Sha256::new_with_prefix(BASIS_LABEL);
        hasher.update(self.chain_id);
        for number in [self.number, self.attempt, self.shape.members(), self.shape.threshold()] {
            hasher.update(number.to_be_bytes());
        }
        match &self.origin {
            Origin::Generation(evaluation) => {
                hasher.update([0]);
                hasher.update(evaluation.encode());
            }
            Origin::Resharing(old) => {
                hasher.update([1]);
                hasher.update(old.key_hash);
                hasher.update(Sha256::digest(old.dealing.encode()));
            }
        }
        for (place, name) in &self.members {
            hasher.update(place.to_be_bytes());
            hasher.update(name);
        }
        Basis(hasher.finalize().into())
    }

    fn context(&self) -> Context {
        Context {
            chain_id: self.chain_id,
            ceremony: self.number,
            attempt: self.attempt,
            shape: self.shape,
        }
    }

    /// Number of the committee that is being made.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The try at it, from 0.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// n and t of that committee.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Place to pseudonym of those who will hold the key.
    pub fn members(&self) -> &BTreeMap<u32, Pseudonym> {
        &self.members
    }

    /// What the ceremony has come to.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// When the stage began, in milliseconds since the epoch.
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// The hash of all that contributions of this stage answer.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The committee before, where the key is passed on.
    pub fn old(&self) -> Option<&Arc<Committee>> {
        match &self.origin {
            Origin::Generation(_) => None,
            Origin::Resharing(old) => Some(old),
        }
    }

    /// The place that an institution will have in the committee.
    pub fn place_of(&self, pseudonym: &Pseudonym) -> Option<u32> {
        self.members.iter().find(|(_, member)| *member == pseudonym).map(|(place, _)| *place)
    }

    /// The place among the dealers: in the committee before, or in the new one where the key is generated.
    pub fn dealer_place_of(&self, pseudonym: &Pseudonym) -> Option<u32> {
        match &self.origin {
            Origin::Generation(_) => self.place_of(pseudonym),
            Origin::Resharing(old) => old.place_of(pseudonym),
        }
    }

    /// Whether the institution has said something in this stage.
    pub fn has_heard(&self, pseudonym: &Pseudonym) -> bool {
        self.said.contains_key(pseudonym)
    }

    /// Whether the chain holds something that the institution has said in this attempt for which it needed secrets.
    pub fn has_taken_part(&self, pseudonym: &Pseudonym) -> bool {
        let member = self.place_of(pseudonym);
        let dealer = self.dealer_place_of(pseudonym);
        let dealt = match &self.stage {
            Stage::Offering { offers } => {
                return member.is_some_and(|place| offers.contains_key(&place));
            }
            Stage::Dealing(dealt)
            | Stage::Checking { dealt, .. }
            | Stage::Answering { dealt, .. } => dealt,
            Stage::Agreeing { settled, .. }
            | Stage::Products { settled, .. }
            | Stage::ShareKeys { settled, .. }
            | Stage::Confirming { settled, .. } => &settled.dealt,
        };
        let has_offered =
            member.is_some_and(|place| dealt.ceremony.recipients().contains_key(&place));
        let has_dealt = dealer.is_some_and(|dealer| {
            dealt.dealings.contains_key(&dealer) || dealt.faulty.contains(&dealer)
        });
        has_offered || has_dealt
    }

    /// A name for what was said in this stage and where the ceremony stands.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(self.basis);
        hasher.update(self.first_attempt.to_be_bytes());
        hasher.update((self.stage.name() as i32).to_be_bytes());
        hasher.update(self.since_ms.to_be_bytes());
        for (author, said) in &self.said {
            hasher.update(author);
            hasher.update(said);
        }
        hasher.finalize().into()
    }
}

/// How a stage is named on the wire.
pub use v1::Stage as StageName;
