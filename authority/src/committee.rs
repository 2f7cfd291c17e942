//! Another committee to hold the decryption key.

use std::collections::BTreeSet;

use consilium_contract::parameters::Parameters;
use consilium_crypto::dkg::Shape;
use consilium_proto::v1::{ChangeCommittee, SignedTransaction, transaction::Action};

use crate::{AuthorityError, AuthorityFiles};

impl AuthorityFiles {
    /// Asks for committee `number`, one more than that of the committee that holds the key: `members`, in the order of
    /// their places, of whom `threshold` open a sum. `request` is larger than that of every request before, and takes
    /// their place: milliseconds since the epoch serve.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] for a member that is unknown or named twice, [`AuthorityError::Spec`] for numbers
    /// that no committee of this run can have.
    pub fn change_committee(
        &self,
        number: u32,
        members: &[String],
        threshold: u32,
        request: u64,
    ) -> Result<SignedTransaction, AuthorityError> {
        let invalid = |field, actual: u32, expected: String| AuthorityError::Spec {
            field,
            actual: actual.to_string(),
            expected,
        };
        let mut named = BTreeSet::new();
        let mut places = Vec::with_capacity(members.len());
        for name in members {
            let pseudonym = self.pseudonym_of(name)?;
            if !named.insert(pseudonym) {
                let problem = "is named twice; a member has one place".to_owned();
                return Err(AuthorityError::Institution { name: name.clone(), problem });
            }
            places.push(pseudonym.to_vec());
        }
        if number == 0 {
            let expected = "1 or more: the first committee is made when the run begins".to_owned();
            return Err(invalid("number of the committee", number, expected));
        }
        let Parameters { institutions, min_updates, min_threshold, .. } = self.parameters;
        let size = u32::try_from(places.len()).unwrap_or(u32::MAX);
        if size > institutions {
            let expected = format!("at most {institutions}, as the genesis allows");
            return Err(invalid("number of members", size, expected));
        }
        if threshold < min_threshold {
            let expected = format!(
                "{min_threshold} or more: the genesis lets the key be passed on to no fewer"
            );
            return Err(invalid("threshold", threshold, expected));
        }
        if threshold >= min_updates {
            let expected = format!("less than {min_updates}, the updates that a sum needs");
            return Err(invalid("threshold", threshold, expected));
        }
        Shape::new(size, threshold)
            .map_err(|error| invalid("threshold", threshold, error.to_string()))?;
        let change = ChangeCommittee { committee: number, members: places, threshold, request };
        Ok(self.sign(Action::ChangeCommittee(change)))
    }
}
