//! Which committee answers for a sum, without following the ceremonies that make committees.
//!
//! Enrolments, revocations and requests for committees are read as the contract reads them, by the same rules. Of a
//! ceremony only its beginning and its end are looked at: that it ends with the committee that was due is for a quorum of
//! that committee to answer for, and for whoever executes the chain to verify. A member that was absent from the ceremony
//! holds no share, which only the ceremony shows; here it counts among the members.

use std::{collections::BTreeMap, sync::Arc};

use consilium_crypto::dkg::Shape;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{Reason, Stage, transaction::Action};

use super::statements::{enrolled, judge_signer};
use crate::{
    enrolment::roster::Roster,
    keygen::{Holder, Succession},
    parameters::Parameters,
    transaction::CandidateTransaction,
};

/// A committee, as far as its seats go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seats {
    number: u32,
    shape: Shape,
    members: BTreeMap<u32, Pseudonym>,
}

impl Seats {
    /// How many members must have countersigned a sum.
    pub fn quorum(&self) -> u32 {
        self.shape.quorum()
    }

    /// Whether the institution has a seat.
    pub fn has(&self, pseudonym: &Pseudonym) -> bool {
        self.members.values().any(|member| member == pseudonym)
    }
}

impl Holder for Seats {
    fn number(&self) -> u32 {
        self.number
    }

    fn shape(&self) -> Result<Shape, Reason> {
        Ok(self.shape)
    }

    fn members(&self) -> &BTreeMap<u32, Pseudonym> {
        &self.members
    }
}

/// The committees of a run, as its chain is read.
#[derive(Debug, Default)]
pub struct Committees {
    roster: Roster,
    succession: Succession<Seats>,
    /// The committee whose ceremony has begun and not ended.
    making: Option<Seats>,
    /// Closed rounds.
    step: u64,
}

impl Committees {
    /// Who answers for a sum that is sealed now; nobody before the key has been made.
    pub fn current(&self) -> Option<&Arc<Seats>> {
        self.succession.committee()
    }

    /// Who is enrolled by the authority's certificate.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Reads the next entry. What the contract refuses changes nothing.
    ///
    /// Signatures are verified of what institutions and the authority say, and of the orders about a committee. Orders
    /// about rounds are the coordinator's by the seal over the block.
    pub fn read(&mut self, transaction: &CandidateTransaction, parameters: &Parameters) {
        let is_signed = || judge_signer(transaction, parameters).is_ok();
        match transaction.action() {
            Action::Enrol(enrol) => {
                if let Ok(certificate) = enrolled(transaction, enrol, parameters) {
                    // An enrolment for which there is no place has no effect.
                    let _ = self.roster.enrol(certificate, parameters.institutions);
                }
            }
            Action::Revoke(revoke) if is_signed() => {
                if let Ok(pseudonym) = revoke.pseudonym.as_slice().try_into() {
                    self.roster.revoke(&pseudonym);
                }
            }
            Action::ChangeCommittee(change) if is_signed() => {
                // A request that may not be made has no effect.
                let _ = self.succession.ask(change, parameters, &self.roster);
            }
            Action::BeginKeygen(begin) if is_signed() => {
                self.give_up(parameters);
                let next = self.succession.judge_next(begin, self.step, parameters, &self.roster);
                if let Ok(next) = next {
                    self.succession.begun();
                    let (number, shape, members) = next.into_parts();
                    self.making = Some(Seats { number, shape, members });
                }
            }
            Action::EndStage(end) if end.stage() == Stage::Confirming && is_signed() => {
                let is_its = |seats: &Seats| seats.number == end.committee;
                if let Some(seats) = self.making.take_if(|seats| is_its(seats)) {
                    self.succession.succeed(Arc::new(seats), self.step);
                }
            }
            Action::OpenRound(_) => self.give_up(parameters),
            Action::CloseRound(close) => {
                self.step = close.step.saturating_add(1);
                self.succession.answer();
            }
            _ => {}
        }
    }

    /// Nothing else is ordered while a ceremony goes on: one that was not ended was given up.
    fn give_up(&mut self, parameters: &Parameters) {
        if self.making.take().is_some() {
            self.succession.give_up(self.step, 0, parameters);
        }
    }
}
