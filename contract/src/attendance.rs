//! Who of a committee has been heard of lately.
//!
//! A member says something in every step: an update, a countersignature, a share. One of whom the chain has nothing is
//! not there, or cannot reach the coordinator, or is not let through by it: the chain does not say which. A committee of
//! which fewer than a quorum are heard will not countersign the next sum, and this can be said before it is due.

use std::collections::BTreeMap;

use consilium_hash::Pseudonym;

use crate::{committee::Committee, roster::Roster};

/// The step in which each institution was heard last: a function of the chain.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    heard: BTreeMap<Pseudonym, u64>,
}

impl Attendance {
    /// Takes note of an institution's transaction that was accepted while `step` was being made. What was rejected may be
    /// a late word on an earlier step.
    pub fn hear(&mut self, author: &Pseudonym, step: u64) {
        self.heard.insert(*author, step);
    }

    /// Who was heard, and in which step last, in the order of pseudonyms.
    pub fn heard(&self) -> impl Iterator<Item = (&Pseudonym, u64)> {
        self.heard.iter().map(|(name, step)| (name, *step))
    }

    /// Pseudonyms of the members who have said nothing since `step` began, in order. Those whose updates are taken no
    /// longer speak only once a sum is sealed, and have a step more.
    pub fn silent(&self, committee: &Committee, roster: &Roster, step: u64) -> Vec<Pseudonym> {
        let is_silent = |name: &&Pseudonym| {
            let submits = roster.get(name).is_some_and(|institution| institution.may_submit());
            let since = if submits { step } else { step.saturating_sub(1) };
            self.heard.get(*name).is_none_or(|heard| *heard < since)
        };
        let mut silent: Vec<Pseudonym> =
            committee.members().values().filter(is_silent).copied().collect();
        silent.sort_unstable();
        silent
    }
}

impl FromIterator<(Pseudonym, u64)> for Attendance {
    fn from_iter<I: IntoIterator<Item = (Pseudonym, u64)>>(heard: I) -> Self {
        Self { heard: heard.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use consilium_crypto::{EvaluationKey, SigningKey, deal};
    use rand_core::OsRng;

    use super::*;
    use crate::certificate::Certificate;

    #[test]
    fn a_member_is_silent_that_said_nothing_in_the_step_and_one_that_no_longer_submits_has_a_step_more()
     {
        let dealing =
            deal(4, 2, &EvaluationKey::generate(&mut OsRng).verifying_key(), &mut OsRng).unwrap();
        let names: BTreeMap<u32, Pseudonym> =
            (1..=4).map(|place| (place, Pseudonym([place as u8; 32]))).collect();
        let committee = Committee::new(0, dealing.public_key, dealing.commitments, names.clone());
        let mut roster = Roster::default();
        let mut attendance = Attendance::default();
        for (place, name) in &names {
            let certificate = Certificate {
                pseudonym: *name,
                signing_key: SigningKey::generate(&mut OsRng).verifying_key(),
                tls_key: None,
                trustee_index: *place,
                rows: 1,
            };
            roster.enrol(certificate, 4).unwrap();
        }
        assert_eq!(attendance.silent(&committee, &roster, 0).len(), 4, "nobody has said anything");
        names.values().for_each(|name| attendance.hear(name, 4));
        attendance.hear(&Pseudonym([9; 32]), 5);
        attendance.hear(&names[&1], 5);
        assert_eq!(attendance.silent(&committee, &roster, 4), Vec::<Pseudonym>::new());
        assert_eq!(attendance.silent(&committee, &roster, 5), [names[&2], names[&3], names[&4]]);
        roster.revoke(&names[&3]);
        assert_eq!(attendance.silent(&committee, &roster, 5), [names[&2], names[&4]]);
        assert_eq!(
            attendance.silent(&committee, &roster, 6),
            [names[&1], names[&2], names[&3], names[&4]]
        );
    }
}
