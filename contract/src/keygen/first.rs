//! Who makes the first key: all who have enrolled by then.

use std::collections::BTreeMap;

use consilium_hash::Pseudonym;

use crate::{enrolment::roster::Roster, parameters::Parameters};

/// Those who may be members of the first committee, by place: the number of their certificate.
pub fn first_members(parameters: &Parameters, roster: &Roster) -> BTreeMap<u32, Pseudonym> {
    let enrolled = roster.iter().filter(|(_, institution)| !institution.revoked);
    enrolled
        .map(|(name, institution)| (institution.certificate.trustee_index, *name))
        .filter(|(place, _)| (1..=parameters.institutions).contains(place))
        .collect()
}
