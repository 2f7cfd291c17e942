//! The coordinator as the adversary: it seals what it wants in as many histories as it wants, shows whom it wants what it
//! wants, and speaks for the hostile institutions, which have given it everything.

mod draw;
mod recovery;
mod sealing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use consilium_contract::Model;
use consilium_hash::HeaderHash;
use consilium_ledger::sha256;
use consilium_proto::v1::{SignedTransaction, transaction::Action};
use consilium_testkit::Parties as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{
    branch::{Branch, Puppet, Track, follower},
    observer::{Observer, Violation},
    operation::Op,
    trustee::{Flaw, Trustee},
    world::{Start, World, read},
};

/// Histories that a schedule has at most.
const BRANCHES: usize = 4;

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
    /// Trustees that have lost their state, and been shown all that they knew before.
    pub losses: usize,
    pub revocations: usize,
    /// Committees that became complete on the disk of a trustee that was away while they were confirmed.
    pub late_shares: usize,
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
        let model =
            Model::initial(&world.ceremony.initial_model, &world.ceremony.parameters).unwrap();
        let mut branch = Branch {
            blocks: Vec::new(),
            chain: world.empty_chain(),
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
                let committees =
                    self.branches.iter().filter_map(|branch| branch.follower.committee());
                let numbers: BTreeSet<u32> = committees.map(|committee| committee.number).collect();
                Ok(Tally {
                    operations: self.operations.len(),
                    opened: self.observer.openable().count(),
                    committees: numbers.len(),
                    reshared: numbers.iter().any(|number| *number > 0),
                    recovered,
                    late_shares: self.trustees.values().map(|own| own.late_shares).sum(),
                    ..self.tally
                })
            }
        }
    }

    fn apply(&mut self, op: Op) -> Result<(), Violation> {
        self.operations.push(op.clone());
        match op {
            Op::Fork { of, blocks, deals_anew } => self.fork(of, blocks, deals_anew),
            Op::Seal { branch, order } => self.seal(branch, &order),
            Op::Show { trustee, branch, blocks } => self.show(trustee, branch, blocks)?,
            Op::ShowAll { except } => {
                let meant: Vec<_> =
                    self.meant.iter().map(|(trustee, branch)| (*trustee, *branch)).collect();
                for (trustee, branch) in
                    meant.into_iter().filter(|(trustee, _)| !except.contains(trustee))
                {
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
                    Action::SubmitUpdate(update) => Some(HeaderHash(sha256(&update.header))),
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
            Op::LoseState { trustee, is_hidden } => self.lose_state(trustee, is_hidden)?,
            Op::Expel { trustee } => self.trustees.get_mut(&trustee).unwrap().is_expelled = true,
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
            chain: self.world.empty_chain(),
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
        let standing =
            own.follower().and_then(|follower| follower.committee()).map(|own| own.number);
        let is_silent = own.silent_through.is_some() && standing <= own.silent_through;
        for signed in said {
            let answers =
                matches!(read(&signed).action(), Action::Countersign(_) | Action::SubmitShare(_));
            if is_silent && answers {
                return Err(Violation::SpeaksAfterLoss { trustee });
            }
            self.observer.hears(trustee, &signed, own.follower().unwrap())?;
            self.heard.push((trustee, signed));
        }
        Ok(())
    }

    /// A trustee loses its state. Where nothing is hidden from it, it is shown all that it knew before it says anything.
    fn lose_state(&mut self, trustee: usize, is_hidden: bool) -> Result<(), Violation> {
        let known = (0..self.branches.len()).find(|at| self.common(trustee, *at).is_some());
        let own = self.trustees.get_mut(&trustee).unwrap();
        own.lose_state();
        let _ = own.start();
        if is_hidden {
            self.observer.hostile.insert(trustee);
            self.redirect(trustee);
            return Ok(());
        }
        self.tally.losses += 1;
        let branch = known.unwrap_or(0);
        self.meant.insert(trustee, branch);
        self.show(trustee, branch, usize::MAX)
    }

    /// Another branch is meant for the trustee, of those that it can follow.
    fn redirect(&mut self, trustee: usize) {
        let able: Vec<usize> =
            (0..self.branches.len()).filter(|at| self.common(trustee, *at).is_some()).collect();
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
}
