//! What a ceremony has come to, stage by stage. Each stage holds what the ones before it settled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use consilium_crypto::dkg::{
    Ceremony, Dealing, GeneratedKey, Qualified, RevealedShare, SealingKey, VerifiedProduct,
    VerifiedShareKey,
};
use consilium_hash::Pseudonym;

use super::{Keygen, StageName, committee::Committee};

/// The dealings of a ceremony.
#[derive(Debug)]
pub struct Dealt {
    /// The ceremony: whoever has offered a key gets shares.
    pub ceremony: Ceremony,
    /// By dealer.
    pub dealings: BTreeMap<u32, Dealing>,
    /// Dealers whose own signature proves a fault: left out.
    pub faulty: BTreeSet<u32>,
    /// Shares revealed in answer to complaints, by dealer and recipient; each verifies.
    pub revealed: BTreeMap<(u32, u32), RevealedShare>,
}

/// Dealings that count, for good.
#[derive(Debug)]
pub struct Settled {
    /// All that was dealt.
    pub dealt: Dealt,
    /// Those that count.
    pub qualified: Qualified,
}

/// A stage.
#[derive(Debug)]
pub enum Stage {
    /// Members offer keys that shares are sealed to.
    Offering {
        /// By place.
        offers: BTreeMap<u32, SealingKey>,
    },
    /// Dealers deal.
    Dealing(Dealt),
    /// Members complain of dealings whose shares contradict them.
    Checking {
        /// The dealings.
        dealt: Dealt,
        /// Dealers that each member complains of, by its place.
        complaints: BTreeMap<u32, BTreeSet<u32>>,
    },
    /// Dealers reveal the shares that were complained of.
    Answering {
        /// The dealings.
        dealt: Dealt,
        /// Recipients whose complaints are open, by dealer.
        open: BTreeMap<u32, BTreeSet<u32>>,
    },
    /// Members say which qualified dealings they answer for.
    Agreeing {
        /// The qualified dealings.
        settled: Settled,
        /// Places of those who have.
        agreed: BTreeSet<u32>,
    },
    /// Members open the products that make the public key.
    Products {
        /// The qualified dealings.
        settled: Settled,
        /// By place.
        products: BTreeMap<u32, VerifiedProduct>,
    },
    /// Members publish the public halves of their shares.
    ShareKeys {
        /// The qualified dealings.
        settled: Settled,
        /// The public key.
        key: Box<GeneratedKey>,
        /// By place.
        share_keys: BTreeMap<u32, VerifiedShareKey>,
    },
    /// Members confirm the committee. Never abandoned.
    Confirming {
        /// The qualified dealings.
        settled: Settled,
        /// The committee.
        committee: Arc<Committee>,
        /// Places of members that hold a share.
        held: BTreeSet<u32>,
        /// Places of the committee before that have handed over.
        handed_over: BTreeSet<u32>,
    },
}

impl Stage {
    /// Its name on the wire.
    pub fn name(&self) -> StageName {
        match self {
            Self::Offering { .. } => StageName::Offering,
            Self::Dealing(_) => StageName::Dealing,
            Self::Checking { .. } => StageName::Checking,
            Self::Answering { .. } => StageName::Answering,
            Self::Agreeing { .. } => StageName::Agreeing,
            Self::Products { .. } => StageName::Products,
            Self::ShareKeys { .. } => StageName::ShareKeys,
            Self::Confirming { .. } => StageName::Confirming,
        }
    }

    /// In lower case, for people.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Offering { .. } => "offering keys",
            Self::Dealing(_) => "dealing",
            Self::Checking { .. } => "checking dealings",
            Self::Answering { .. } => "answering complaints",
            Self::Agreeing { .. } => "agreeing on dealings",
            Self::Products { .. } => "opening products",
            Self::ShareKeys { .. } => "publishing share keys",
            Self::Confirming { .. } => "confirming",
        }
    }

    /// The dealings that count, once they are settled.
    pub fn settled(&self) -> Option<&Settled> {
        match self {
            Self::Agreeing { settled, .. }
            | Self::Products { settled, .. }
            | Self::ShareKeys { settled, .. }
            | Self::Confirming { settled, .. } => Some(settled),
            Self::Offering { .. }
            | Self::Dealing(_)
            | Self::Checking { .. }
            | Self::Answering { .. } => None,
        }
    }
}

/// How many have spoken, and how many a stage needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many have.
    pub present: usize,
    /// So many are needed: the stage fails with fewer when its time is over.
    pub needed: usize,
    /// So many end it at once.
    pub awaited: usize,
}

impl Progress {
    /// Whether the stage may end before its time is over.
    pub fn is_complete(&self) -> bool {
        self.present >= self.awaited
    }

    /// Whether the stage succeeds when its time is over.
    pub fn is_enough(&self) -> bool {
        self.present >= self.needed
    }
}

impl Keygen {
    /// Dealings without which a ceremony is none: a quorum of the members' where the key is generated, so that honest ones
    /// are among them whoever is left out; as many as determine the key where it is passed on.
    pub(super) fn needed_dealings(&self) -> usize {
        let needed = self.old().map_or(self.shape.quorum(), |old| old.threshold());
        needed as usize
    }

    /// Who has spoken in this stage, who is needed and who is waited for.
    pub fn progress(&self) -> Progress {
        let shape = &self.shape;
        let exactly = |present: usize, needed: u32| Progress {
            present,
            needed: needed as usize,
            awaited: needed as usize,
        };
        match &self.stage {
            Stage::Offering { offers } => Progress {
                present: offers.len(),
                needed: shape.quorum() as usize,
                awaited: self.members.len().max(shape.quorum() as usize),
            },
            Stage::Dealing(dealt) => {
                let dealers =
                    self.old().map_or(dealt.ceremony.recipients().len(), |old| old.members().len());
                let awaited = dealers.saturating_sub(dealt.faulty.len());
                let needed = self.needed_dealings();
                Progress { present: dealt.dealings.len(), needed, awaited: awaited.max(needed) }
            }
            Stage::Checking { dealt, complaints } => Progress {
                present: complaints.len(),
                needed: shape.quorum() as usize,
                awaited: dealt.ceremony.recipients().len(),
            },
            // Whoever does not answer is left out; there is nobody to wait for when all have.
            Stage::Answering { open, .. } => Progress {
                present: 0,
                needed: 0,
                awaited: open.values().filter(|recipients| !recipients.is_empty()).count(),
            },
            Stage::Agreeing { agreed, .. } => exactly(agreed.len(), shape.quorum()),
            Stage::Products { products, .. } => exactly(products.len(), shape.honest()),
            Stage::ShareKeys { share_keys, .. } => exactly(share_keys.len(), shape.threshold()),
            Stage::Confirming { held, handed_over, .. } => {
                let missing =
                    |present: usize, quorum: u32| (quorum as usize).saturating_sub(present);
                let old = self.old().map_or(0, |old| missing(handed_over.len(), old.quorum()));
                let needed =
                    shape.quorum() as usize + self.old().map_or(0, |old| old.quorum() as usize);
                Progress {
                    present: needed - missing(held.len(), shape.quorum()) - old,
                    needed,
                    awaited: needed,
                }
            }
        }
    }

    /// Pseudonyms of those who have a say in this stage and have not spoken.
    pub fn absent(&self) -> BTreeSet<Pseudonym> {
        let silent = |name: &&Pseudonym| !self.has_heard(name);
        let old = || self.old().into_iter().flat_map(|old| old.members());
        match &self.stage {
            Stage::Offering { .. } => self.members.values().filter(silent).copied().collect(),
            Stage::Dealing(dealt) => {
                let dealers = self.old().map_or(&self.members, |old| old.members());
                let missing = dealers.iter().filter(|(place, _)| {
                    !dealt.dealings.contains_key(place) && !dealt.faulty.contains(place)
                });
                missing.map(|(_, name)| *name).filter(|name| silent(&name)).collect()
            }
            Stage::Answering { open, .. } => {
                let dealers = self.old().map_or(&self.members, |old| old.members());
                open.keys().filter_map(|place| dealers.get(place)).copied().collect()
            }
            Stage::Confirming { settled, held, handed_over, .. } => {
                let recipients = settled.dealt.ceremony.recipients().keys();
                let holders = recipients.filter(|place| !held.contains(place));
                let holders = holders.filter_map(|place| self.members.get(place));
                let leaving = old().filter(|(place, _)| !handed_over.contains(place));
                holders.chain(leaving.map(|(_, name)| name)).copied().collect()
            }
            Stage::Checking { dealt, .. } => self.silent_recipients(dealt),
            Stage::Agreeing { settled, .. }
            | Stage::Products { settled, .. }
            | Stage::ShareKeys { settled, .. } => self.silent_recipients(&settled.dealt),
        }
    }

    /// Those who have been dealt shares and have not spoken.
    fn silent_recipients(&self, dealt: &Dealt) -> BTreeSet<Pseudonym> {
        let recipients = dealt.ceremony.recipients().keys();
        let names = recipients.filter_map(|place| self.members.get(place));
        names.filter(|name| !self.has_heard(name)).copied().collect()
    }
}
