//! Which operation comes next: drawn from the seed, and from where the histories stand, so that few come to nothing.

use std::collections::BTreeSet;

use consilium_audit::follow::Phase;
use consilium_contract::keygen::Stage;
use rand_core::RngCore;

use super::{Adversary, BRANCHES};
use crate::operation::{Op, Order, Sum, Twist};

impl Adversary<'_> {
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.rng.next_u64() % n.max(1) as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn subset(&mut self, of: usize, percent: usize) -> Vec<usize> {
        (0..of).filter(|_| self.chance(percent)).collect()
    }

    pub(super) fn some_trustee(&mut self) -> usize {
        let at = self.below(self.trustees.len());
        *self.trustees.keys().nth(at).unwrap()
    }

    /// Whether the institution may turn hostile and none of the committees is then lost.
    pub(super) fn may_fall(&self, trustee: usize) -> bool {
        let fallen: BTreeSet<usize> =
            self.observer.hostile.iter().copied().chain([trustee]).collect();
        fallen.len() < self.world.shape.threshold as usize
            && self
                .asked
                .iter()
                .all(|(members, threshold)| members.intersection(&fallen).count() < *threshold)
    }

    pub(super) fn draw(&mut self) -> Option<Op> {
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
            10 if self.chance(10) => Op::Expel { trustee },
            10 if self.chance(40) => self.loss(trustee)?,
            10 => Op::Receipt { trustee },
            11 => {
                let branch = self.below(self.branches.len());
                let block = self.below(self.branches[branch].blocks.len());
                Op::ShowAgain { trustee, branch, block }
            }
            12..=41 => {
                let is_confirmed = self.branches.iter().any(|branch| {
                    matches!(branch.follower.phase(), Phase::Keygen(keygen)
                        if matches!(keygen.stage(), Stage::Confirming { .. }))
                });
                let percent = if is_confirmed { 30 } else { 60 };
                let except = if self.chance(percent) { Vec::new() } else { vec![trustee] };
                Op::ShowAll { except }
            }
            42..=51 => {
                let branch = if self.chance(98) {
                    self.meant[&trustee]
                } else {
                    self.below(self.branches.len())
                };
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

    /// A trustee loses its state: nothing is hidden from it afterwards that it was ever shown, or it counts as hostile.
    fn loss(&mut self, trustee: usize) -> Option<Op> {
        let own = &self.trustees[&trustee];
        let is_shown = own.is_whole && own.height().is_some_and(|height| height > 0);
        let is_known = (0..self.branches.len()).any(|at| self.common(trustee, at).is_some());
        if is_shown && is_known && self.chance(70) {
            return Some(Op::LoseState { trustee, is_hidden: false });
        }
        self.may_fall(trustee).then_some(Op::LoseState { trustee, is_hidden: true })
    }

    /// Whether two continuations of a branch could come to different things.
    pub(super) fn is_worth_two(&self, branch: usize) -> bool {
        match self.branches[branch].follower.phase() {
            Phase::Idle => self.branches[branch].follower.committee().is_some(),
            Phase::Keygen(keygen) => !matches!(keygen.stage(), Stage::Offering { .. }),
            Phase::Collecting(_) => {
                self.branches[branch].track().submitted.len() >= self.world.shape.threshold as usize
            }
            Phase::Sealed(_) => true,
            Phase::Sealing(..) | Phase::Finished => false,
        }
    }

    pub(super) fn order(&mut self, branch: usize) -> Option<Order> {
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
            Keygen(bool),
            Collecting(usize),
            Sealed,
            Over,
        }
        let place = match self.branches[branch].follower.phase() {
            Phase::Idle => Where::Idle,
            Phase::Keygen(keygen) => Where::Keygen(keygen.progress().is_complete()),
            Phase::Collecting(_) => {
                Where::Collecting(self.branches[branch].track().submitted.len())
            }
            Phase::Sealed(_) => Where::Sealed,
            Phase::Sealing(..) | Phase::Finished => Where::Over,
        };
        Some(match place {
            Where::Over => return None,
            Where::Idle if self.branches[branch].follower.committee().is_none() => Order::Begin,
            Where::Idle => match self.below(10) {
                0 if self.chance(20) => Order::Revoke { institution: self.revocable(branch)? },
                0 => self.change()?,
                1..=3 => Order::Begin,
                _ if self.opens => Order::Open,
                _ => self.change()?,
            },
            Where::Keygen(is_complete) if fitting == 0 && (is_complete || self.chance(10)) => {
                Order::EndStage
            }
            Where::Keygen(true) if self.chance(40) => Order::EndStage,
            Where::Keygen(_) => gather(self),
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

    /// An institution without which a sum is still possible.
    fn revocable(&mut self, branch: usize) -> Option<usize> {
        let institutions = self.world.shape.institutions;
        let roster = self.branches[branch].follower.roster();
        let left = roster.iter().filter(|(_, institution)| !institution.revoked).count();
        let min_updates = self.world.ceremony.parameters.min_updates as usize;
        (left > min_updates).then(|| self.below(institutions))
    }

    /// The authority asks for another committee, of which not too many are hostile.
    pub(super) fn change(&mut self) -> Option<Order> {
        let all = self.world.shape.institutions;
        let mut members: Vec<usize> = (0..all).collect();
        for last in (1..all).rev() {
            let other = self.below(last + 1);
            members.swap(last, other);
        }
        let (size, threshold) =
            if all > 4 && self.chance(60) { (4, 2) } else { (all, self.world.shape.threshold) };
        members.truncate(size);
        let hostile =
            members.iter().filter(|member| self.observer.hostile.contains(member)).count();
        (hostile < threshold as usize).then_some(Order::Change { members, threshold })
    }
}
