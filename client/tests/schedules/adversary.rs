//! The coordinator as the adversary: it seals what it wants in as many histories as it wants, shows whom it wants what it
//! wants, and speaks for the hostile institutions, which have given it everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use consilium_client::follow::{Follower, Phase};
use consilium_contract::{
    Committee, Model, SealedBlock,
    model::encode_sums,
    sharing::{
        Sharing, Stage,
        member::{Member, Oath, Secrets},
    },
    transaction::entry,
};
use consilium_crypto::{
    Evaluation, Hash, KeyShare, MaskedSum, MaskedUpdate, VerifiedEvaluation, VerifiedHeader, combine, mask_length,
    verify_share,
};
use consilium_ledger::{Block, HeaderChain, sha256};
use consilium_proto::v1::{
    Abandon, BeginSharing, BlobRef, ChangeCommittee, CloseCollection, CloseRound, Complaints, Contribute, EndStage,
    OpenRound, SignedTransaction, SubmitShare, SubmitUpdate, contribute::Part, transaction::Action,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{
    observer::{Observer, SealedSum, Violation},
    trustee::{Flaw, Trustee},
    world::{Pooled, Start, TIMEOUT_MS, World, read},
};

/// Histories that a schedule has at most.
const BRANCHES: usize = 4;

/// What a hostile member says in the place of what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    Honest,
    Silent,
    /// It complains of everybody.
    Complains,
    /// Its dealing does not open for the last recipient.
    Garbles,
}

/// A certified sum of what was submitted, or what looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// Of the inputs.
    Right,
    /// One of them stands twice.
    Twice,
    /// One of them is replaced by an update that is on no chain.
    Unseen,
    /// Of updates of an earlier attempt.
    Old,
    /// Added up over other inputs than it names.
    Other,
}

/// What the coordinator has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Of what others have said and fits, the transactions at these places; the hostile institutions speak with a twist.
    Gather {
        said: Vec<usize>,
        twist: Twist,
    },
    Begin,
    EndStage,
    Open,
    /// Positions among the updates submitted.
    Close {
        inputs: Vec<usize>,
        sum: Sum,
    },
    Abandon,
    Result {
        right: bool,
    },
    /// The authority's request for a committee: members in the order of their places, and t.
    Change {
        members: Vec<usize>,
        threshold: u32,
    },
}

/// One operation of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Another history with the first blocks of this one. Hostile members deal anew there.
    Fork {
        of: usize,
        blocks: usize,
        deals_anew: bool,
    },
    Seal {
        branch: usize,
        order: Order,
    },
    /// So many of the next blocks of a history; the trustee then believes that it has caught up.
    Show {
        trustee: usize,
        branch: usize,
        blocks: usize,
    },
    /// Everyone but these is shown all of the history that is meant for it.
    ShowAll {
        except: Vec<usize>,
    },
    /// A block that it knows, or one that is not the next.
    ShowAgain {
        trustee: usize,
        branch: usize,
        block: usize,
    },
    /// The receipt for its last update says that it was accepted.
    Receipt {
        trustee: usize,
    },
    Restart {
        trustee: usize,
    },
    /// The file of blocks is lost, and the process begins again.
    LoseHistory {
        trustee: usize,
    },
    BackUp {
        trustee: usize,
    },
    /// Its directory is that of an earlier time: from now on it counts as hostile.
    RollBack {
        trustee: usize,
    },
}

/// What the adversary remembers of a history beside its blocks, after each of them.
#[derive(Clone)]
struct Track {
    model: Model,
    submitted: Vec<Arc<Pooled>>,
    sealed: Option<Arc<Sealed>>,
}

struct Sealed {
    block: SealedBlock,
    committee: Arc<Committee>,
    evaluation: Option<VerifiedEvaluation>,
    inputs: Vec<Arc<Pooled>>,
}

/// A hostile institution in one history.
#[derive(Default)]
struct Puppet {
    member: Option<Member>,
    /// By committee, encoded.
    shares: BTreeMap<u32, Vec<u8>>,
}

impl Puppet {
    fn copy(&self, name: Hash, deals_anew: bool, rng: &mut ChaCha20Rng) -> Self {
        let copy = |member: &Member| {
            let mut bytes = member.secrets().to_bytes();
            if deals_anew {
                let dealer = bytes.len() - 32;
                rng.fill_bytes(&mut bytes[dealer..]);
            }
            Member::new(name, Secrets::from_bytes(&bytes).unwrap())
        };
        Self { member: self.member.as_ref().map(copy), shares: self.shares.clone() }
    }

    fn contribution(
        &mut self,
        name: Hash,
        sharing: &Sharing,
        twist: Twist,
        rng: &mut ChaCha20Rng,
    ) -> Option<Contribute> {
        if twist == Twist::Silent {
            return None;
        }
        if !self.member.as_ref().is_some_and(|member| member.secrets().belong_to(sharing)) {
            self.member = Some(Member::new(name, Secrets::generate(sharing.number(), sharing.attempt(), rng)));
        }
        let old = sharing.old().and_then(|old| self.shares.get(&old.number));
        let old = old.map(|bytes| KeyShare::from_bytes(bytes).unwrap());
        let shares = &mut self.shares;
        let swear = |oath: Oath<'_>| {
            if let Oath::Committee { number, share: Some(share), .. } = oath {
                shares.insert(number, share.to_bytes().to_vec());
            }
            Ok::<_, std::convert::Infallible>(())
        };
        let mut said = self.member.as_mut()?.next(sharing, old.as_ref(), rng, swear).ok().flatten()?;
        match (twist, &mut said.part) {
            (Twist::Complains, Some(Part::Complaints(Complaints { dealers }))) => {
                let Stage::Checking { dealt, .. } = sharing.stage() else { return None };
                *dealers = dealt.dealings.keys().copied().collect();
            }
            (Twist::Garbles, Some(Part::Dealing(bytes))) => *bytes.last_mut()? ^= 1,
            _ => {}
        }
        Some(said)
    }
}

struct Branch {
    blocks: Vec<Arc<Block>>,
    chain: HeaderChain,
    follower: Follower,
    tracks: Vec<Track>,
    puppets: BTreeMap<usize, Puppet>,
    time_ms: u64,
}

impl Branch {
    fn track(&self) -> &Track {
        self.tracks.last().unwrap()
    }
}

/// What a schedule came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub operations: usize,
    /// Sums that the adversary can open.
    pub opened: usize,
    /// Committees that some trustee saw standing.
    pub committees: usize,
    /// The honest continuation closed a step.
    pub recovered: bool,
    pub forks: usize,
    pub reshared: bool,
}

/// A failed schedule.
#[derive(Debug)]
pub struct Failure {
    pub violation: Violation,
    pub operations: Vec<Op>,
}

pub struct Adversary<'a> {
    world: &'a World,
    trustees: BTreeMap<usize, Trustee<'a>>,
    pub observer: Observer<'a>,
    branches: Vec<Branch>,
    /// Which history a trustee is meant to see.
    meant: BTreeMap<usize, usize>,
    /// All that honest institutions have said.
    heard: Vec<(usize, SignedTransaction)>,
    /// Committees that the authority has asked for: members and t.
    asked: Vec<(BTreeSet<usize>, usize)>,
    begins: usize,
    /// Whether rounds are opened: with a key of the schedule's own its updates are no others' and cost the most.
    opens: bool,
    /// Whom an honest continuation does not reach.
    absent: BTreeSet<usize>,
    rng: ChaCha20Rng,
    pub operations: Vec<Op>,
    tally: Tally,
}

impl<'a> Adversary<'a> {
    pub fn new(
        world: &'a World,
        start: &Start,
        directory: &Path,
        hostile: BTreeSet<usize>,
        flaw: Flaw,
        seed: u64,
    ) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut trustees = BTreeMap::new();
        let mut puppets = BTreeMap::new();
        for (index, state) in start.states.iter().enumerate() {
            if hostile.contains(&index) {
                let mut puppet = Puppet::default();
                let share = state.iter().find(|(name, _)| name.as_os_str() == "share-0.key");
                puppet.shares.extend(share.map(|(_, bytes)| (0, bytes.clone())));
                puppets.insert(index, puppet);
            } else {
                let own = ChaCha20Rng::seed_from_u64(rng.next_u64());
                trustees.insert(index, Trustee::new(world, index, directory, state, flaw, own));
            }
        }
        let model = Model::from_bytes(&world.ceremony.initial_model, world.ceremony.parameters.dimension).unwrap();
        let mut branch = Branch {
            blocks: Vec::new(),
            chain: world.chain(),
            follower: follower(world),
            tracks: Vec::new(),
            puppets,
            time_ms: 1,
        };
        for block in &start.blocks {
            let header = branch.chain.append_block(block).unwrap().clone();
            let _ = branch.follower.read(block, &header).unwrap();
            branch.blocks.push(Arc::clone(block));
            branch.tracks.push(Track { model: model.clone(), submitted: Vec::new(), sealed: None });
            branch.time_ms = header.time_ms;
        }
        Self {
            world,
            meant: trustees.keys().map(|index| (*index, 0)).collect(),
            trustees,
            observer: Observer::new(world, hostile),
            branches: vec![branch],
            heard: Vec::new(),
            asked: Vec::new(),
            begins: start.blocks.len(),
            opens: true,
            absent: BTreeSet::new(),
            rng,
            operations: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Blocks and states after all has been said that makes the first committee.
    pub fn key(mut self) -> Start {
        for _ in 0..20 {
            if self.branches[0].follower.committee().is_some() {
                break;
            }
            self.go_on(0).unwrap();
        }
        assert!(self.branches[0].follower.committee().is_some(), "no key");
        self.show_all(0).unwrap();
        let states = self.trustees.values().map(Trustee::state).collect();
        Start { blocks: self.branches.remove(0).blocks, states }
    }

    /// Only keys are made, and passed on.
    pub fn keys_only(self) -> Self {
        Self { opens: false, ..self }
    }

    /// A schedule of so many operations, and then a coordinator that stops interfering.
    pub fn play(mut self, operations: usize) -> Result<Tally, Failure> {
        let outcome = (0..operations).try_for_each(|_| {
            let Some(op) = self.draw() else { return Ok(()) };
            self.apply(op)
        });
        let outcome = outcome.and_then(|()| self.recover());
        match outcome {
            Err(violation) => Err(Failure { violation, operations: self.operations }),
            Ok(recovered) => {
                let committees = self.branches.iter().filter_map(|branch| branch.follower.committee());
                let numbers: BTreeSet<u32> = committees.map(|committee| committee.number).collect();
                Ok(Tally {
                    operations: self.operations.len(),
                    opened: self.observer.openable().count(),
                    committees: numbers.len(),
                    reshared: numbers.iter().any(|number| *number > 0),
                    recovered,
                    ..self.tally
                })
            }
        }
    }

    fn below(&mut self, n: usize) -> usize {
        (self.rng.next_u64() % n.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn subset(&mut self, of: usize, percent: usize) -> Vec<usize> {
        (0..of).filter(|_| self.chance(percent)).collect()
    }

    fn some_trustee(&mut self) -> usize {
        let at = self.below(self.trustees.len());
        *self.trustees.keys().nth(at).unwrap()
    }

    /// Whether the institution may turn hostile and none of the committees is then lost.
    fn may_fall(&self, trustee: usize) -> bool {
        let fallen: BTreeSet<usize> = self.observer.hostile.iter().copied().chain([trustee]).collect();
        fallen.len() < self.world.shape.threshold as usize
            && self.asked.iter().all(|(members, threshold)| members.intersection(&fallen).count() < *threshold)
    }

    fn draw(&mut self) -> Option<Op> {
        let trustee = self.some_trustee();
        Some(match self.below(100) {
            0..=5 if self.branches.len() < BRANCHES => {
                let of = self.below(self.branches.len());
                if !self.is_worth_two(of) {
                    return None;
                }
                let all = self.branches[of].blocks.len();
                let back = 1 + self.below(4);
                let deals_anew = self.chance(50);
                Op::Fork { of, blocks: all.saturating_sub(back).max(self.begins), deals_anew }
            }
            0..=5 => Op::Restart { trustee },
            6 | 7 if self.branches.len() > 1 => Op::LoseHistory { trustee },
            8 => Op::BackUp { trustee },
            9 => {
                let fallible = self.trustees[&trustee].has_backup() && self.may_fall(trustee);
                fallible.then_some(Op::RollBack { trustee })?
            }
            10 => Op::Receipt { trustee },
            11 => {
                let branch = self.below(self.branches.len());
                let block = self.below(self.branches[branch].blocks.len());
                Op::ShowAgain { trustee, branch, block }
            }
            12..=41 => {
                let except = if self.chance(60) { Vec::new() } else { vec![trustee] };
                Op::ShowAll { except }
            }
            42..=51 => {
                let branch = if self.chance(98) { self.meant[&trustee] } else { self.below(self.branches.len()) };
                let all = self.branches[branch].blocks.len();
                let left = all - self.common(trustee, branch).unwrap_or(0);
                let blocks = if self.chance(80) { left } else { self.below(left + 1) };
                if blocks == 0 && self.trustees[&trustee].height().is_some() {
                    return None;
                }
                Op::Show { trustee, branch, blocks }
            }
            _ => {
                let branch = self.below(self.branches.len());
                let order = self.order(branch)?;
                Op::Seal { branch, order }
            }
        })
    }

    /// Whether two continuations of a branch could come to different things.
    fn is_worth_two(&self, branch: usize) -> bool {
        match self.branches[branch].follower.phase() {
            Phase::Idle => self.branches[branch].follower.committee().is_some(),
            Phase::Sharing(sharing) => !matches!(sharing.stage(), Stage::Offering { .. }),
            Phase::Collecting(_) => {
                self.branches[branch].track().submitted.len() >= self.world.shape.threshold as usize
            }
            Phase::Sealed(_) => true,
            Phase::Sealing(..) | Phase::Finished | Phase::Stopped => false,
        }
    }

    /// Another branch is meant for the trustee, of those that it can follow.
    fn redirect(&mut self, trustee: usize) {
        let able: Vec<usize> = (0..self.branches.len()).filter(|at| self.common(trustee, *at).is_some()).collect();
        if !able.is_empty() {
            let branch = able[self.below(able.len())];
            self.meant.insert(trustee, branch);
        }
    }

    /// Blocks of the branch that the trustee has; nothing where it has others.
    fn common(&mut self, trustee: usize, branch: usize) -> Option<usize> {
        let trustee = self.trustees.get_mut(&trustee)?;
        let height = trustee.height()?;
        let Some(last) = height.checked_sub(1) else { return Some(0) };
        let block = self.branches[branch].blocks.get(last as usize)?;
        (trustee.block(last)? == block.hash()).then_some(height as usize)
    }

    /// What others have said that fits in the next block of a branch.
    fn fitting(&self, branch: usize) -> Vec<(usize, &SignedTransaction)> {
        let branch = &self.branches[branch];
        let fits = |(from, signed): &&(usize, SignedTransaction)| {
            let name = self.world.name(*from);
            match (read(signed).action(), branch.follower.phase()) {
                (Action::Contribute(said), Phase::Sharing(sharing)) => {
                    said.basis == sharing.basis() && !sharing.has_heard(&name)
                }
                (Action::SubmitUpdate(update), Phase::Collecting(collection)) => {
                    let pooled = self.world.pooled(&sha256(&update.header)).unwrap();
                    pooled.header.context().round == *collection.round() && !collection.has_update_of(&name)
                }
                (Action::Countersign(said), Phase::Sealed(sealed)) => {
                    let place = branch.follower.committee().and_then(|committee| committee.place_of(&name));
                    said.sealed_block == sealed.sum.block() && place.is_some_and(|at| !sealed.is_countersigned_by(at))
                }
                (Action::SubmitShare(said), Phase::Sealed(sealed)) => {
                    let place = branch.follower.committee().and_then(|committee| committee.place_of(&name));
                    said.sealed_block == sealed.sum.block() && place.is_some_and(|at| !sealed.has_share_of(at))
                }
                _ => false,
            }
        };
        let mut seen = BTreeSet::new();
        let fitting = self.heard.iter().filter(fits).map(|(from, signed)| (*from, signed));
        // Said twice, it counts once; countersignatures come before shares.
        let mut fitting: Vec<_> = fitting
            .filter(|(from, signed)| seen.insert((*from, matches!(read(signed).action(), Action::SubmitShare(_)))))
            .collect();
        fitting.sort_by_key(|(from, signed)| (matches!(read(signed).action(), Action::SubmitShare(_)), *from));
        fitting
    }

    fn order(&mut self, branch: usize) -> Option<Order> {
        let parameters = &self.world.ceremony.parameters;
        let fitting = self.fitting(branch).len();
        let min_updates = parameters.min_updates as usize;
        let gather = |own: &mut Self| {
            let percent = if own.chance(60) { 100 } else { 60 };
            let twist = match own.below(10) {
                0 | 1 => Twist::Silent,
                2 => Twist::Complains,
                3 => Twist::Garbles,
                _ => Twist::Honest,
            };
            Order::Gather { said: own.subset(fitting, percent), twist }
        };
        enum Where {
            Idle,
            Sharing(bool),
            Collecting(usize),
            Sealed,
            Over,
        }
        let place = match self.branches[branch].follower.phase() {
            Phase::Idle => Where::Idle,
            Phase::Sharing(sharing) => Where::Sharing(sharing.progress().is_complete()),
            Phase::Collecting(_) => Where::Collecting(self.branches[branch].track().submitted.len()),
            Phase::Sealed(_) => Where::Sealed,
            Phase::Sealing(..) | Phase::Finished | Phase::Stopped => Where::Over,
        };
        Some(match place {
            Where::Over => return None,
            Where::Idle if self.branches[branch].follower.committee().is_none() => Order::Begin,
            Where::Idle => match self.below(10) {
                0 => self.change()?,
                1..=3 => Order::Begin,
                _ if self.opens => Order::Open,
                _ => self.change()?,
            },
            Where::Sharing(is_complete) if fitting == 0 && (is_complete || self.chance(10)) => Order::EndStage,
            Where::Sharing(true) if self.chance(40) => Order::EndStage,
            Where::Sharing(_) => gather(self),
            Where::Collecting(submitted) => match self.below(10) {
                0 => Order::Abandon,
                1..=4 if submitted >= min_updates => {
                    let sum = match self.below(60) {
                        0 => Sum::Twice,
                        1 => Sum::Unseen,
                        2 => Sum::Old,
                        3 => Sum::Other,
                        _ => Sum::Right,
                    };
                    let mut inputs: Vec<usize> = (0..submitted).collect();
                    let least = if self.chance(2) { min_updates - 1 } else { min_updates };
                    while inputs.len() > least && self.chance(40) {
                        let leave = self.below(inputs.len());
                        inputs.remove(leave);
                    }
                    Order::Close { inputs, sum }
                }
                _ => gather(self),
            },
            Where::Sealed => match self.below(60) {
                0 => Order::Result { right: false },
                1..=20 => Order::Result { right: true },
                _ => gather(self),
            },
        })
    }

    /// The authority asks for another committee, of which not too many are hostile.
    fn change(&mut self) -> Option<Order> {
        let all = self.world.shape.institutions;
        let mut members: Vec<usize> = (0..all).collect();
        for last in (1..all).rev() {
            let other = self.below(last + 1);
            members.swap(last, other);
        }
        let (size, threshold) = if all > 4 && self.chance(60) { (4, 2) } else { (all, self.world.shape.threshold) };
        members.truncate(size);
        let hostile = members.iter().filter(|member| self.observer.hostile.contains(member)).count();
        (hostile < threshold as usize).then_some(Order::Change { members, threshold })
    }

    fn apply(&mut self, op: Op) -> Result<(), Violation> {
        self.operations.push(op.clone());
        match op {
            Op::Fork { of, blocks, deals_anew } => self.fork(of, blocks, deals_anew),
            Op::Seal { branch, order } => self.seal(branch, &order),
            Op::Show { trustee, branch, blocks } => self.show(trustee, branch, blocks)?,
            Op::ShowAll { except } => {
                let meant: Vec<_> = self.meant.iter().map(|(trustee, branch)| (*trustee, *branch)).collect();
                for (trustee, branch) in meant.into_iter().filter(|(trustee, _)| !except.contains(trustee)) {
                    if self.common(trustee, branch).is_some() {
                        self.show(trustee, branch, usize::MAX)?;
                    }
                }
            }
            Op::ShowAgain { trustee, branch, block } => {
                let block = Arc::clone(&self.branches[branch].blocks[block]);
                let _ = self.trustees.get_mut(&trustee).unwrap().show(&block);
            }
            Op::Receipt { trustee } => {
                let updates = self.heard.iter().rev().filter(|(from, _)| *from == trustee);
                let header = updates.filter_map(|(_, signed)| match read(signed).action() {
                    Action::SubmitUpdate(update) => Some(sha256(&update.header)),
                    _ => None,
                });
                let last = header.take(1).next();
                self.trustees.get_mut(&trustee).unwrap().receipted = last;
            }
            Op::Restart { trustee } => {
                let _ = self.trustees.get_mut(&trustee).unwrap().start();
                self.redirect(trustee);
            }
            Op::LoseHistory { trustee } => {
                let own = self.trustees.get_mut(&trustee).unwrap();
                own.lose_history();
                let _ = own.start();
                self.redirect(trustee);
            }
            Op::BackUp { trustee } => self.trustees.get_mut(&trustee).unwrap().back_up(),
            Op::RollBack { trustee } => {
                self.observer.hostile.insert(trustee);
                let own = self.trustees.get_mut(&trustee).unwrap();
                own.roll_back();
                let _ = own.start();
                self.redirect(trustee);
            }
        }
        self.observer.check()
    }

    fn fork(&mut self, of: usize, blocks: usize, deals_anew: bool) {
        let mut puppets = BTreeMap::new();
        for (index, puppet) in &self.branches[of].puppets {
            puppets.insert(*index, puppet.copy(self.world.name(*index), deals_anew, &mut self.rng));
        }
        let of = &self.branches[of];
        let mut branch = Branch {
            blocks: of.blocks[..blocks].to_vec(),
            chain: self.world.chain(),
            follower: follower(self.world),
            tracks: of.tracks[..blocks].to_vec(),
            puppets,
            // Blocks of the same content would be the same blocks.
            time_ms: of.time_ms + self.branches.len() as u64,
        };
        for block in &branch.blocks {
            let header = branch.chain.append_block(block).unwrap().clone();
            let _ = branch.follower.read(block, &header).unwrap();
        }
        self.branches.push(branch);
        self.tally.forks += 1;
        let fork = self.branches.len() - 1;
        for trustee in self.trustees.keys().copied().collect::<Vec<_>>() {
            if self.chance(50) && self.common(trustee, fork).is_some() {
                self.meant.insert(trustee, fork);
            }
        }
    }

    /// Shows the next blocks, and hears what the trustee says then.
    fn show(&mut self, trustee: usize, branch: usize, blocks: usize) -> Result<(), Violation> {
        let from = self.common(trustee, branch).unwrap_or(0);
        let own = self.trustees.get_mut(&trustee).unwrap();
        if own.height().is_none() && own.start().is_err() {
            return Ok(());
        }
        for block in self.branches[branch].blocks.iter().skip(from).take(blocks) {
            if own.show(block).is_err() {
                return Ok(());
            }
        }
        let Ok(said) = own.act() else { return Ok(()) };
        for signed in said {
            self.observer.hears(trustee, &signed, own.follower().unwrap())?;
            self.heard.push((trustee, signed));
        }
        Ok(())
    }

    /// What the hostile institutions say in the present phase of a branch.
    fn hostile_words(&mut self, at: usize, twist: Twist) -> Vec<SignedTransaction> {
        let (world, branch) = (self.world, &mut self.branches[at]);
        let mut said = Vec::new();
        let mut shares = Vec::new();
        for (index, puppet) in &mut branch.puppets {
            let name = world.name(*index);
            match branch.follower.phase() {
                Phase::Sharing(sharing) => {
                    let own = puppet.contribution(name, sharing, twist, &mut self.rng);
                    said.extend(own.map(|own| world.says(*index, Action::Contribute(own))));
                }
                Phase::Collecting(collection) if twist != Twist::Silent && !collection.has_update_of(&name) => {
                    // Another one in every history.
                    let pooled = world.update(collection.committee(), collection.round(), *index, at);
                    let header = pooled.update.header.clone();
                    said.push(world.says(*index, Action::SubmitUpdate(SubmitUpdate { header })));
                }
                Phase::Sealed(sealed) => {
                    let Some(sum) = branch.tracks.last().and_then(|track| track.sealed.clone()) else { continue };
                    let Some(place) = sum.committee.place_of(&name) else { continue };
                    let step = sealed.sum.round().step;
                    if !sealed.is_countersigned_by(place) {
                        let answer = sum.block.countersign(step, &world.files(*index).signing);
                        said.push(world.says(*index, Action::Countersign(answer)));
                    }
                    let share =
                        puppet.shares.get(&sum.committee.number).map(|bytes| KeyShare::from_bytes(bytes).unwrap());
                    if let (Some(share), Some(evaluation)) = (share, &sum.evaluation)
                        && twist == Twist::Honest
                        && sealed.countersignatures().count() >= sum.committee.quorum() as usize
                        && !sealed.has_share_of(place)
                    {
                        let key = &sum.committee.public_key;
                        let share = share.decryption_share(key, evaluation, &sum.block.hash).encode();
                        let sealed_block = sum.block.hash.to_vec();
                        let action = Action::SubmitShare(SubmitShare { step, sealed_block, share });
                        shares.push(world.says(*index, action));
                    }
                }
                _ => {}
            }
        }
        said.extend(shares);
        said
    }

    fn seal(&mut self, at: usize, order: &Order) {
        let mut track = self.branches[at].track().clone();
        let (step, attempt) = (self.branches[at].follower.step(), self.branches[at].follower.attempt());
        let mut closing = None;
        let is_late = matches!(order, Order::EndStage | Order::Abandon);
        self.branches[at].time_ms += if is_late { TIMEOUT_MS } else { 1 };
        let time_ms = self.branches[at].time_ms;
        let orders = |action| vec![self.world.orders(action)];
        let transactions = match order {
            Order::Gather { said, twist } => {
                let own = self.hostile_words(at, *twist);
                let fitting = self.fitting(at);
                let others = said.iter().filter_map(|place| fitting.get(*place)).map(|(_, signed)| (*signed).clone());
                let is_share = |signed: &SignedTransaction| matches!(read(signed).action(), Action::SubmitShare(_));
                let mut all: Vec<_> = others.chain(own).collect();
                all.sort_by_key(is_share);
                for signed in &all {
                    if let Action::SubmitUpdate(update) = read(signed).action() {
                        track.submitted.push(self.world.pooled(&sha256(&update.header)).unwrap());
                    }
                }
                all
            }
            Order::Begin => {
                let next = self.branches[at].follower.committee().map_or(0, |committee| committee.number + 1);
                orders(Action::BeginSharing(BeginSharing { committee: next, time_ms }))
            }
            Order::EndStage => {
                let Phase::Sharing(sharing) = self.branches[at].follower.phase() else { return };
                let stage = sharing.stage().name().into();
                let (committee, attempt) = (sharing.number(), sharing.attempt());
                orders(Action::EndStage(EndStage { committee, attempt, stage, time_ms }))
            }
            Order::Open => {
                (track.submitted, track.sealed) = (Vec::new(), None);
                let model_sha256 = track.model.hash().to_vec();
                orders(Action::OpenRound(OpenRound { step, attempt, model_sha256, time_ms }))
            }
            Order::Close { inputs, sum } => {
                let Some((evaluation, inputs)) = self.sum(at, inputs, *sum) else { return };
                let encoded = evaluation.encode();
                closing = Some((evaluation, inputs));
                orders(Action::CloseCollection(CloseCollection { step, attempt, evaluation: encoded, time_ms }))
            }
            Order::Abandon => orders(Action::Abandon(Abandon { step, attempt, time_ms })),
            Order::Result { right } => {
                let Some((close, sums, model)) = self.result(at, *right, step, time_ms) else { return };
                let hash = sha256(&sums);
                self.trustees.values_mut().for_each(|trustee| {
                    trustee.blobs.insert(hash, sums.clone());
                });
                track.model = model;
                orders(Action::CloseRound(close))
            }
            Order::Change { members, threshold } => {
                let Some(committee) = self.branches[at].follower.committee() else { return };
                let committee = committee.number + 1;
                self.asked.push((members.iter().copied().collect(), *threshold as usize));
                let members = members.iter().map(|member| self.world.name(*member).to_vec()).collect();
                let change = ChangeCommittee { committee, members, threshold: *threshold };
                vec![self.world.decrees(Action::ChangeCommittee(change))]
            }
        };
        if transactions.is_empty() {
            return;
        }
        let entries = transactions.into_iter().map(|signed| entry(signed, false)).collect();
        let branch = &mut self.branches[at];
        let block = Arc::new(self.world.seal(&branch.chain, entries, time_ms));
        // What nobody would take is not shown to anybody: it would only stop them.
        let committee = branch.follower.committee().map(Arc::clone);
        let mut chain = branch.chain.clone();
        let header = chain.append_block(&block).unwrap().clone();
        if branch.follower.read(&block, &header).is_err() {
            // The follower has read the transactions before the one that it refuses; there is only one.
            branch.follower = follower(self.world);
            for (block, header) in branch.blocks.iter().zip(branch.chain.headers()) {
                let _ = branch.follower.read(block, header).unwrap();
            }
            return;
        }
        branch.chain = chain;
        if let (Some((evaluation, inputs)), Some(committee)) = (closing, committee) {
            track.sealed = Some(Arc::new(self.seals(evaluation, inputs, committee, &header)));
        }
        let branch = &mut self.branches[at];
        branch.blocks.push(block);
        branch.tracks.push(track);
    }

    /// Tells the observer of a sealed sum.
    fn seals(
        &mut self,
        evaluation: Evaluation,
        inputs: Vec<Arc<Pooled>>,
        committee: Arc<Committee>,
        header: &consilium_ledger::VerifiedHeader,
    ) -> Sealed {
        let headers: Vec<&VerifiedHeader> = inputs.iter().map(|pooled| &pooled.header).collect();
        let (round, step) = (evaluation.round().clone(), evaluation.round().step);
        let verified = evaluation.verify(&committee.public_key, &round, &headers).ok();
        let names = inputs.iter().map(|pooled| (pooled.header.hash(), pooled.author));
        let sum = SealedSum {
            committee: Arc::clone(&committee),
            inputs: verified.is_some().then(|| names.collect()),
            evaluation: verified.clone(),
            step,
        };
        self.observer.seals(*header.hash(), sum);
        Sealed { block: header.into(), committee, evaluation: verified, inputs }
    }

    /// The certified sum of these submissions, or what goes for one.
    fn sum(&self, at: usize, inputs: &[usize], sum: Sum) -> Option<(Evaluation, Vec<Arc<Pooled>>)> {
        let branch = &self.branches[at];
        let Phase::Collecting(collection) = branch.follower.phase() else { return None };
        let mut round = collection.round().clone();
        let mut inputs: Vec<Arc<Pooled>> =
            inputs.iter().filter_map(|input| branch.track().submitted.get(*input)).cloned().collect();
        let unseen = |inputs: &[Arc<Pooled>]| {
            let author = inputs.first()?.author;
            Some(self.world.update(collection.committee(), &round, author, BRANCHES))
        };
        let mut named = None;
        match sum {
            Sum::Right => {}
            Sum::Twice => named = Some((inputs.get(1)?.header.hash(), inputs.first()?.header.hash())),
            Sum::Unseen => {
                let other = unseen(&inputs)?;
                *inputs.first_mut()? = other;
            }
            Sum::Other => named = Some((inputs.first()?.header.hash(), unseen(&inputs)?.header.hash())),
            Sum::Old => {
                round.attempt = round.attempt.checked_sub(1)?;
                let old = |input: &Arc<Pooled>| {
                    let which = if self.observer.hostile.contains(&input.author) { at } else { 0 };
                    self.world.update(collection.committee(), &round, input.author, which)
                };
                inputs = inputs.iter().map(old).collect();
            }
        }
        let headers: Vec<&VerifiedHeader> = inputs.iter().map(|pooled| &pooled.header).collect();
        let evaluation = self.world.ceremony.coordinator.evaluation.evaluate(&round, &headers).ok()?;
        let Some((old, new)) = named else { return Some((evaluation, inputs)) };
        let mut bytes = evaluation.encode();
        let place = bytes.windows(32).position(|window| window == old)?;
        bytes[place..place + 32].copy_from_slice(&new);
        Some((Evaluation::decode(&bytes).ok()?, inputs))
    }

    /// The coordinator's result of a sealed sum that it can open, or a wrong one of any.
    fn result(&self, at: usize, right: bool, step: u64, time_ms: u64) -> Option<(CloseRound, Vec<u8>, Model)> {
        let branch = &self.branches[at];
        let Phase::Sealed(_) = branch.follower.phase() else { return None };
        let sealed = branch.track().sealed.as_ref()?;
        let parameters = &self.world.ceremony.parameters;
        let blob = |bytes: &[u8]| Some(BlobRef { sha256: sha256(bytes).to_vec(), length: bytes.len() as u64 });
        let close = |mask_key_sum: Vec<u8>, sums: Vec<u8>, model: Model| {
            let close = CloseRound { step, mask_key_sum, sums: blob(&sums), model: blob(&model.to_bytes()), time_ms };
            Some((close, sums, model))
        };
        let opened = || {
            let (evaluation, committee) = (sealed.evaluation.as_ref()?, &sealed.committee);
            let Phase::Sealed(answers) = branch.follower.phase() else { return None };
            let verify = |share: &consilium_crypto::DecryptionShare| {
                verify_share(share, &committee.public_key, &committee.dealing, evaluation, &sealed.block.hash).ok()
            };
            let shares = answers.shares().filter_map(|share| verify(share.share()));
            let shares: Vec<_> = shares.take(committee.threshold() as usize).collect();
            let key = combine(evaluation, &shares, &committee.dealing, &self.world.table).ok()?;
            let update_parameters = parameters.update_parameters();
            let mut sum = MaskedSum::new(&update_parameters);
            for input in &sealed.inputs {
                let masked = &input.update.body[..mask_length(&update_parameters)];
                sum.add_masked(&MaskedUpdate::parse(masked, input.header.mask_hash(), &update_parameters).ok()?)
                    .ok()?;
            }
            let sums = sum.open(&key, &self.world.table).ok()?;
            let names = sealed.inputs.iter().map(|input| &input.header.context().pseudonym);
            let weight = branch.follower.roster().weight_sum(names, parameters.max_rows);
            let model = branch.track().model.step(parameters, &sums, evaluation.summands(), weight)?;
            Some((key, encode_sums(&sums)?, model))
        };
        match (opened(), right) {
            (Some((key, sums, model)), true) => close(key.encode().to_vec(), sums, model),
            (None, true) => None,
            (opened, false) => {
                let model = Model::new(vec![0.125; parameters.dimension as usize])?;
                let (key, sums) =
                    opened.map_or((vec![0; 32], vec![0; 8]), |(key, sums, _)| (key.encode().to_vec(), sums));
                close(key, sums, model)
            }
        }
    }

    /// Shows everyone who can take it the whole branch.
    fn show_all(&mut self, branch: usize) -> Result<(), Violation> {
        for trustee in self.trustees.keys().copied().collect::<Vec<_>>() {
            if !self.absent.contains(&trustee) && self.common(trustee, branch).is_some() {
                self.show(trustee, branch, usize::MAX)?;
            }
        }
        Ok(())
    }

    /// One thing that an honest coordinator would do in this branch, with everybody who can follow it.
    fn go_on(&mut self, branch: usize) -> Result<(), Violation> {
        self.show_all(branch)?;
        let all = (0..self.fitting(branch).len()).collect();
        self.seal(branch, &Order::Gather { said: all, twist: Twist::Honest });
        self.show_all(branch)?;
        let all: Vec<usize> = (0..self.fitting(branch).len()).collect();
        if !all.is_empty() {
            self.seal(branch, &Order::Gather { said: all, twist: Twist::Honest });
        }
        let own = &self.branches[branch];
        let has_committee = own.follower.committee().is_some();
        let orders = match own.follower.phase() {
            Phase::Idle if !has_committee => vec![Order::Begin],
            // Where a committee is due the round does not open.
            Phase::Idle => vec![Order::Open, Order::Begin],
            Phase::Sharing(_) => vec![Order::EndStage],
            Phase::Collecting(_) => {
                let inputs: Vec<usize> = (0..own.track().submitted.len()).collect();
                let enough = inputs.len() >= self.world.ceremony.parameters.min_updates as usize;
                vec![if enough { Order::Close { inputs, sum: Sum::Right } } else { Order::Abandon }]
            }
            Phase::Sealed(_) => vec![Order::Result { right: true }],
            Phase::Sealing(..) | Phase::Finished | Phase::Stopped => Vec::new(),
        };
        for order in orders {
            let before = self.branches[branch].blocks.len();
            self.seal(branch, &order);
            if self.branches[branch].blocks.len() > before {
                break;
            }
        }
        self.observer.check()
    }

    /// The coordinator stops interfering: with the branch that most can follow it goes on until a step is closed there.
    fn recover(&mut self) -> Result<bool, Violation> {
        let mut best = (0, 0);
        let trustees: Vec<usize> = self.trustees.keys().copied().collect();
        for own in self.trustees.values_mut().filter(|own| own.height().is_none()) {
            let _ = own.start();
        }
        for branch in 0..self.branches.len() {
            let followers = trustees.iter().filter(|trustee| self.common(**trustee, branch).is_some()).count();
            best = best.max((followers, branch));
        }
        let branch = best.1;
        let (begun, had_committee) = {
            let follower = &self.branches[branch].follower;
            (follower.step(), follower.committee().is_some())
        };
        for _ in 0..40 {
            let before = self.standing(branch);
            self.go_on(branch)?;
            let follower = &self.branches[branch].follower;
            if follower.step() > begun || (!self.opens && !had_committee && follower.committee().is_some()) {
                return Ok(true);
            }
            if self.standing(branch) == before {
                break;
            }
        }
        Ok(false)
    }

    /// Where a branch stands: as long as it does not change nothing goes on there.
    fn standing(&self, branch: usize) -> (&'static str, u64, u32, usize) {
        let follower = &self.branches[branch].follower;
        let said = match follower.phase() {
            Phase::Sealed(sealed) => sealed.countersignatures().count() + sealed.shares().count(),
            Phase::Sharing(sharing) => sharing.attempt() as usize,
            _ => 0,
        };
        (follower.phase().name(), follower.step(), follower.attempt(), said)
    }

    /// An attack by hand: a sum is opened by the committee, one of whose members then loses its blocks, and hands over in
    /// another history to a committee that has not heard of the sum.
    pub fn hands_over_after_answering(mut self) -> Result<(), Violation> {
        self.absent = [3, 4].into();
        while self.observer.openable().next().is_none() {
            self.go_on(0)?;
        }
        self.absent = [0, 1].into();
        self.apply(Op::Fork { of: 0, blocks: self.begins, deals_anew: false })?;
        self.apply(Op::LoseHistory { trustee: 2 })?;
        let change = Order::Change { members: vec![3, 4, 5, 0], threshold: 2 };
        self.apply(Op::Seal { branch: 1, order: change })?;
        for _ in 0..20 {
            self.go_on(1)?;
        }
        Ok(())
    }
}

fn follower(world: &World) -> Follower {
    Follower::new(Arc::new(world.ceremony.parameters.clone()), world.ceremony.genesis_entry.clone())
}
