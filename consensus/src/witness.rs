//! What validators have said at one height, each statement verified once; and who has said two things at one place.
//!
//! Everything signed that comes in, whether alone or within what a quorum has signed, is asked of [`Witness::holds`]. So a
//! contradiction is noticed wherever its halves were carried, and so is a statement of this node's own key that this node
//! has not made: another process has, or this one forgot it.

use std::collections::BTreeMap;

use consilium_hash::ChainId;

use crate::{
    conviction::Conviction,
    statement::{Place, Signed},
    validators::{Seat, ValidatorSet},
};

/// How many rounds ahead of this node's a statement is kept, and its sender listened to.
pub(crate) const ROUNDS_AHEAD: u32 = 10;

pub(crate) struct Witness {
    chain_id: ChainId,
    validators: ValidatorSet,
    own: Option<Seat>,
    /// Statements that hold, at each place at most two: the first, and one that contradicts it.
    heard: BTreeMap<(Seat, Place), Vec<Signed>>,
    /// The last round whose statements are kept.
    horizon: u32,
    convictions: Vec<Conviction>,
    usurped: bool,
}

impl Witness {
    pub(crate) fn new(chain_id: ChainId, validators: ValidatorSet, own: Option<Seat>) -> Self {
        Self {
            chain_id,
            validators,
            own,
            heard: BTreeMap::new(),
            horizon: ROUNDS_AHEAD,
            convictions: Vec::new(),
            usurped: false,
        }
    }

    pub(crate) fn validators(&self) -> &ValidatorSet {
        &self.validators
    }

    pub(crate) fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// Forgets everything that was said, for the next height.
    pub(crate) fn begin(&mut self) {
        self.heard.clear();
        self.horizon = ROUNDS_AHEAD;
    }

    /// This node has come to this round.
    pub(crate) fn enter(&mut self, round: u32) {
        self.horizon = round.saturating_add(ROUNDS_AHEAD);
    }

    /// Whether statements of this round are kept.
    pub(crate) fn is_near(&self, round: u32) -> bool {
        round <= self.horizon
    }

    /// Whether its author has signed this. A statement that is known costs nothing.
    pub(crate) fn holds(&mut self, signed: &Signed) -> bool {
        let place = signed.statement.place;
        if self.keeps(signed) {
            return true;
        }
        if !signed.holds(&self.chain_id, &self.validators) {
            return false;
        }
        if self.own == Some(signed.seat)
            && self.own(place).is_none_or(|own| own.statement != signed.statement)
        {
            self.usurped = true;
        }
        if self.is_near(place.round) {
            self.keep(*signed);
        }
        true
    }

    /// Whether it is among those that are kept: what a validator says at a place beyond two contradictions is not worth hearing.
    pub(crate) fn keeps(&self, signed: &Signed) -> bool {
        let key = (signed.seat, signed.statement.place);
        self.heard.get(&key).is_some_and(|heard| heard.contains(signed))
    }

    fn keep(&mut self, signed: Signed) {
        let heard = self.heard.entry((signed.seat, signed.statement.place)).or_default();
        match heard.as_slice() {
            [] => heard.push(signed),
            [first] => {
                if let Some(conviction) = Conviction::new(*first, signed) {
                    heard.push(signed);
                    self.convictions.push(conviction);
                }
            }
            _ => {}
        }
    }

    /// This node has said this, now or before a restart.
    pub(crate) fn say(&mut self, signed: Signed) {
        self.keep(signed);
    }

    /// What this node has said at a place.
    pub(crate) fn own(&self, place: Place) -> Option<&Signed> {
        self.heard.get(&(self.own?, place))?.first()
    }

    /// Whether somebody else speaks with this node's key.
    pub(crate) fn is_usurped(&self) -> bool {
        self.usurped
    }

    /// New evidence.
    pub(crate) fn take_convictions(&mut self) -> Vec<Conviction> {
        std::mem::take(&mut self.convictions)
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::BlockHash;

    use super::*;
    use crate::{
        message::tests::say,
        statement::{Kind, SignatureBytes},
        testing::{CHAIN, set_of},
    };

    fn vote(round: u32, value: u8, seat: u8) -> Signed {
        say(Kind::Prevote, round, Some(BlockHash([value; 32])), seat)
    }

    fn witness() -> Witness {
        Witness::new(CHAIN, set_of(4), Some(Seat(0)))
    }

    #[test]
    fn a_contradiction_is_noticed_once_and_the_same_statement_again_is_none() {
        let mut witness = witness();
        for _ in 0..2 {
            assert!(witness.holds(&vote(0, 1, 1)) && witness.holds(&vote(1, 2, 1)));
        }
        assert!(witness.take_convictions().is_empty());
        for value in [2, 3, 2] {
            assert!(witness.holds(&vote(0, value, 1)));
        }
        let convictions = witness.take_convictions();
        assert_eq!(convictions.len(), 1);
        assert!(witness.keeps(&vote(0, 1, 1)) && witness.keeps(&vote(0, 2, 1)));
        assert!(!witness.keeps(&vote(0, 3, 1)));
        assert!(convictions[0].verify(&CHAIN, &set_of(4)).is_some());
        assert!(!witness.is_usurped());
    }

    #[test]
    fn what_does_not_hold_is_not_kept() {
        let mut witness = witness();
        let forged = Signed { signature: SignatureBytes([7; 64]), ..vote(0, 1, 1) };
        assert!(!witness.holds(&forged) && !witness.holds(&forged));
        assert!(witness.heard.is_empty());
    }

    #[test]
    fn rounds_far_ahead_are_verified_and_take_no_memory() {
        let mut witness = witness();
        for round in ROUNDS_AHEAD + 1..ROUNDS_AHEAD + 4 {
            assert!(witness.holds(&vote(round, 1, 1)) && witness.heard.is_empty());
        }
        witness.enter(1);
        assert!(witness.holds(&vote(ROUNDS_AHEAD + 1, 1, 1)));
        assert_eq!(witness.heard.len(), 1);
    }

    #[test]
    fn its_own_statements_are_its_own_and_others_under_its_key_are_usurped() {
        let mut witness = witness();
        witness.say(vote(0, 1, 0));
        assert!(witness.holds(&vote(0, 1, 0)) && !witness.is_usurped());
        assert!(witness.holds(&vote(1, 1, 0)) && witness.is_usurped());
    }
}
