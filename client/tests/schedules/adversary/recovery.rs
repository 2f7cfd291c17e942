//! A coordinator that does what it should, with whoever can follow it: how keys are made at first, and how a run goes on
//! once it is left alone.

use consilium_audit::follow::Phase;

use super::Adversary;
use crate::{
    observer::Violation,
    operation::{Op, Order, Sum, Twist},
    trustee::Trustee,
    world::Start,
};

impl Adversary<'_> {
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

    /// Shows everyone who can take it the whole branch.
    pub(super) fn show_all(&mut self, branch: usize) -> Result<(), Violation> {
        for trustee in self.trustees.keys().copied().collect::<Vec<_>>() {
            if !self.absent.contains(&trustee) && self.common(trustee, branch).is_some() {
                self.show(trustee, branch, usize::MAX)?;
            }
        }
        Ok(())
    }

    /// One thing that an honest coordinator would do in this branch, with everybody who can follow it.
    pub(super) fn go_on(&mut self, branch: usize) -> Result<(), Violation> {
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
            Phase::Keygen(_) => vec![Order::EndStage],
            Phase::Collecting(_) => {
                let inputs: Vec<usize> = (0..own.track().submitted.len()).collect();
                let enough = inputs.len() >= self.world.ceremony.parameters.min_updates as usize;
                vec![if enough { Order::Close { inputs, sum: Sum::Right } } else { Order::Abandon }]
            }
            Phase::Sealed(_) => vec![Order::Result { right: true }],
            Phase::Sealing(..) | Phase::Finished => Vec::new(),
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
    pub(super) fn recover(&mut self) -> Result<bool, Violation> {
        let mut best = (0, 0);
        let trustees: Vec<usize> = self.trustees.keys().copied().collect();
        for own in self.trustees.values_mut().filter(|own| own.height().is_none()) {
            let _ = own.start();
        }
        for branch in 0..self.branches.len() {
            let followers =
                trustees.iter().filter(|trustee| self.common(**trustee, branch).is_some()).count();
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
            if follower.step() > begun
                || (!self.opens && !had_committee && follower.committee().is_some())
            {
                return Ok(true);
            }
            if self.standing(branch) == before {
                break;
            }
        }
        Ok(false)
    }

    /// Where a branch stands: as long as it does not change nothing goes on there.
    pub(super) fn standing(&self, branch: usize) -> (&'static str, u64, u32, usize) {
        let follower = &self.branches[branch].follower;
        let said = match follower.phase() {
            Phase::Sealed(sealed) => sealed.countersignatures().count() + sealed.shares().count(),
            Phase::Keygen(keygen) => keygen.attempt() as usize,
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
        // It has come to the handover, and no further.
        assert_eq!(self.branches[1].follower.phase().name(), "confirming");
        Ok(())
    }
}
