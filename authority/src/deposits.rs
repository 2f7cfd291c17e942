//! Deposits that the authority vouches for: units come into an account by its signature alone.

use consilium_exchange::quantity::{Deposit, DepositRequest, QuantityError};
use consilium_hash::Pseudonym;

use crate::{AuthorityError, AuthorityFiles};

impl AuthorityFiles {
    /// Signs for a deposit of an institution, if it is the one that the authority has seen: of this institution, of this
    /// run, and of this amount.
    ///
    /// # Errors
    /// [`AuthorityError::Deposit`] for a request of somebody else, of another run, or of another amount.
    pub fn approve_deposit(
        &self,
        institution: &str,
        amount: u32,
        request: DepositRequest,
    ) -> Result<Deposit, AuthorityError> {
        let refused = |problem: String| AuthorityError::Deposit {
            institution: institution.to_owned(),
            problem,
        };
        let expected: Pseudonym = self.pseudonym_of(institution)?;
        if *request.author() != expected {
            let name = self.name_of(&request.author().to_string());
            return Err(refused(format!("the request is of {name}; ask whom it is from")));
        }
        if *request.chain_id() != self.parameters.chain_id {
            return Err(refused("the request is for another run".to_owned()));
        }
        let found = request.amount();
        if found != amount {
            return Err(refused(format!(
                "the request is for {found} units, not the {amount} that are to be vouched for; ask for a new one"
            )));
        }
        request.approve(&self.signing).map_err(|error: QuantityError| refused(error.to_string()))
    }
}
