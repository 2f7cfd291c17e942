//! Whoever pools everything that the adversary holds, and says whether it opens what it must not.
//!
//! It counts the hostile institutions' shares as given, whatever they do; a trustee whose directory was rolled back is one
//! of them from then on, because nothing that it has sworn binds it any more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use consilium_audit::follow::{Follower, Phase};
use consilium_contract::{Committee, keygen::Stage};
use consilium_crypto::{DecryptionShare, VerifiedEvaluation, verify_share};
use consilium_hash::{
    BlockHash, CommitteeHash, ConfirmationHash, HeaderHash, Pseudonym, QualifiedHash,
};
use consilium_proto::v1::{SignedTransaction, contribute::Part, transaction::Action};

use crate::world::{World, read};

/// What must never be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Two sums of one step are openable.
    TwoSums { step: u64 },
    /// A sum of fewer than min_updates is openable.
    TooFew { step: u64, updates: usize },
    /// A sum that holds one honest update alone is openable.
    OneUpdate { step: u64 },
    /// A share was given for what is no sum.
    NoSum,
    /// One trustee has given shares for two sums of a step.
    TwoShares { trustee: usize, step: u64 },
    /// A trustee has answered for a committee of before it lost its state.
    SpeaksAfterLoss { trustee: usize },
    /// An honest member has answered for two sets of dealings in one attempt.
    TwoDealings { member: usize, number: u32, attempt: u32 },
    /// Two sets of dealings of one attempt have enough products for a key.
    TwoProducts { number: u32, attempt: u32 },
    /// An honest member has confirmed two committees of a number.
    TwoConfirmations { member: usize, number: u32 },
    /// Two committees of a number stand, or could.
    TwoCommittees { number: u32 },
}

/// A sum that the coordinator has sealed in a block.
pub struct SealedSum {
    pub committee: Arc<Committee>,
    /// Headers in it, with their authors; nothing where it is no sum.
    pub inputs: Option<BTreeMap<HeaderHash, usize>>,
    pub evaluation: Option<VerifiedEvaluation>,
    pub step: u64,
}

/// Headers of a sum.
type Inputs = BTreeMap<HeaderHash, usize>;

/// Who has given shares, by committee.
type Shares = BTreeMap<CommitteeHash, (Arc<Committee>, BTreeSet<usize>)>;

/// Whose word there is, by what it is about.
type Given<K, H> = BTreeMap<K, BTreeMap<H, BTreeSet<usize>>>;

pub struct Observer<'a> {
    world: &'a World,
    /// All who give the adversary everything, rolled back ones included.
    pub hostile: BTreeSet<usize>,
    sealed: HashMap<BlockHash, Arc<SealedSum>>,
    /// Shares of others that verify: step, inputs, committee, who.
    shares: BTreeMap<(u64, Inputs), Shares>,
    dealings: Given<(u32, u32), QualifiedHash>,
    products: Given<(u32, u32), QualifiedHash>,
    confirmations: Given<u32, ConfirmationHash>,
    /// By hash of the qualified dealings: products that make a key.
    needed: HashMap<QualifiedHash, usize>,
    /// By confirmation: the committee, and the one before it.
    committees: HashMap<ConfirmationHash, Vec<Arc<Committee>>>,
}

impl<'a> Observer<'a> {
    pub fn new(world: &'a World, hostile: BTreeSet<usize>) -> Self {
        Self {
            world,
            hostile,
            sealed: HashMap::new(),
            shares: BTreeMap::new(),
            dealings: Given::new(),
            products: Given::new(),
            confirmations: Given::new(),
            needed: HashMap::new(),
            committees: HashMap::new(),
        }
    }

    /// The coordinator has sealed a sum in this block.
    pub fn seals(&mut self, block: BlockHash, sum: SealedSum) {
        self.sealed.insert(block, Arc::new(sum));
    }

    /// An institution has said something; `view` is the chain as it knows it.
    pub fn hears(
        &mut self,
        from: usize,
        signed: &SignedTransaction,
        view: &Follower,
    ) -> Result<(), Violation> {
        match read(signed).action() {
            Action::SubmitShare(share) => self.hears_share(from, &share.share)?,
            Action::Contribute(said) => {
                let Phase::Keygen(keygen) = view.phase() else { return Ok(()) };
                let Some(settled) = keygen.stage().settled() else { return Ok(()) };
                let number = keygen.number();
                let attempt = keygen.attempt();
                let qualified = *settled.qualified.hash();
                self.needed.insert(qualified, keygen.shape().honest() as usize);
                if let (Stage::Confirming { committee, .. }, Some(Part::Confirmation(_))) =
                    (keygen.stage(), &said.part)
                {
                    let confirmation =
                        settled.qualified.confirmation(&committee.public_key, &committee.dealing);
                    self.confirmations
                        .entry(number)
                        .or_default()
                        .entry(confirmation)
                        .or_default()
                        .insert(from);
                    let both =
                        keygen.old().into_iter().chain([committee]).map(Arc::clone).collect();
                    self.committees.insert(confirmation, both);
                } else if matches!(said.part, Some(Part::Agreement(_) | Part::Product(_))) {
                    // Public keys of shares follow products and show nothing that these have not.
                    let key = (number, attempt);
                    self.dealings
                        .entry(key)
                        .or_default()
                        .entry(qualified)
                        .or_default()
                        .insert(from);
                    if matches!(said.part, Some(Part::Product(_))) {
                        self.products
                            .entry(key)
                            .or_default()
                            .entry(qualified)
                            .or_default()
                            .insert(from);
                    }
                }
            }
            _ => {}
        }
        self.check()
    }

    fn hears_share(&mut self, from: usize, bytes: &[u8]) -> Result<(), Violation> {
        let share = DecryptionShare::decode(bytes).map_err(|_| Violation::NoSum)?;
        let sum = self.sealed.get(share.sealed_block()).ok_or(Violation::NoSum)?;
        let (Some(evaluation), Some(inputs)) = (&sum.evaluation, &sum.inputs) else {
            return Err(Violation::NoSum);
        };
        let Committee { public_key, dealing, .. } = &*sum.committee;
        if verify_share(&share, public_key, dealing, evaluation, share.sealed_block()).is_ok() {
            let by_committee = self.shares.entry((sum.step, inputs.clone())).or_default();
            let (_, from_whom) = by_committee
                .entry(sum.committee.hash())
                .or_insert_with(|| (Arc::clone(&sum.committee), BTreeSet::new()));
            from_whom.insert(from);
        }
        Ok(())
    }

    /// Members of a committee that are among these or hostile.
    fn known(&self, committee: &Committee, from: &BTreeSet<usize>) -> usize {
        let is_known = |name: &&Pseudonym| {
            let institution = self.world.institution(name);
            from.contains(&institution) || self.hostile.contains(&institution)
        };
        committee.members().values().filter(is_known).count()
    }

    /// Whether these shares of others, with those of the hostile members, open what they are of.
    fn opens(&self, committee: &Committee, from: &BTreeSet<usize>) -> bool {
        self.known(committee, from) >= committee.threshold() as usize
    }

    /// Sums that are openable, by step.
    pub fn openable(&self) -> impl Iterator<Item = (u64, &Inputs)> {
        let opens = |committees: &Shares| {
            committees.values().any(|(committee, from)| self.opens(committee, from))
        };
        self.shares
            .iter()
            .filter(move |(_, committees)| opens(committees))
            .map(|((step, inputs), _)| (*step, inputs))
    }

    /// Whether anything is as it must not be.
    pub fn check(&self) -> Result<(), Violation> {
        let min_updates = self.world.ceremony.parameters.min_updates as usize;
        let mut steps = BTreeSet::new();
        for (step, inputs) in self.openable() {
            if !steps.insert(step) {
                return Err(Violation::TwoSums { step });
            }
            if inputs.len() < min_updates {
                return Err(Violation::TooFew { step, updates: inputs.len() });
            }
            if inputs.values().filter(|author| !self.hostile.contains(author)).count() < 2 {
                return Err(Violation::OneUpdate { step });
            }
        }
        let mut given = BTreeSet::new();
        for ((step, _), committees) in &self.shares {
            let from: BTreeSet<usize> =
                committees.values().flat_map(|(_, from)| from).copied().collect();
            for trustee in from.difference(&self.hostile).copied() {
                if !given.insert((*step, trustee)) {
                    return Err(Violation::TwoShares { trustee, step: *step });
                }
            }
        }
        for ((number, attempt), sets) in &self.dealings {
            if let Some(member) = self.speaks_twice(sets) {
                return Err(Violation::TwoDealings { member, number: *number, attempt: *attempt });
            }
        }
        for ((number, attempt), sets) in &self.products {
            let make_a_key = |(qualified, from): &(&QualifiedHash, &BTreeSet<usize>)| {
                from.union(&self.hostile).count() >= self.needed[*qualified]
            };
            if sets.iter().filter(make_a_key).count() > 1 {
                return Err(Violation::TwoProducts { number: *number, attempt: *attempt });
            }
        }
        for (number, committees) in &self.confirmations {
            if let Some(member) = self.speaks_twice(committees) {
                return Err(Violation::TwoConfirmations { member, number: *number });
            }
            // A committee stands when a quorum of it and of the one before have confirmed it.
            let stands = |(confirmation, from): &(&ConfirmationHash, &BTreeSet<usize>)| {
                let has_quorum = |committee: &Arc<Committee>| {
                    self.known(committee, from) >= committee.quorum() as usize
                };
                self.committees[*confirmation].iter().all(has_quorum)
            };
            if committees.iter().filter(stands).count() > 1 {
                return Err(Violation::TwoCommittees { number: *number });
            }
        }
        Ok(())
    }

    /// An honest one that has said two things.
    fn speaks_twice<H>(&self, said: &BTreeMap<H, BTreeSet<usize>>) -> Option<usize> {
        let mut spoken = BTreeSet::new();
        said.values()
            .flatten()
            .copied()
            .find(|from| !self.hostile.contains(from) && !spoken.insert(*from))
    }
}
