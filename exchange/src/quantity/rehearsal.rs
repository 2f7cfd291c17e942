//! What a stretch of a ledger claims, collected before any of it is verified, so that all its proofs are one sum.
//!
//! A proof speaks of the balance that the actions before it have left, and these wait for their own proofs. So a rehearsal
//! takes every proof for true and goes on; what it comes to is thrown away, and nothing but verdicts on proofs leaves it. A
//! verdict is on one statement, and [`Accounts::apply`] takes it for no other. After a false proof the accounts are not
//! those that later claims of the stretch speak of: their verdicts are [`Outdated`](super::QuantityError::Outdated), and
//! whoever applies them verifies them alone. A rehearsal may save time and can change no outcome.

use consilium_hash::Pseudonym;
use rand_core::CryptoRngCore;

use super::QuantityError;
use super::accounts::Accounts;
use super::claim::{Action, Claim, VerifiedAction, verify_claims};
use super::roll::Roll;

/// Accounts as they would be if every proof held, and the proofs.
pub struct Rehearsal {
    accounts: Accounts,
    claims: Vec<Claim>,
}

impl Rehearsal {
    /// Begins where these accounts are.
    pub fn of(accounts: &Accounts) -> Self {
        Self { accounts: accounts.clone(), claims: Vec::new() }
    }

    /// Takes an action whose proof is to be verified with the others.
    ///
    /// # Errors
    /// The rule of an account that refuses it, or bytes that are no proof; it changes nothing and asks for no verdict.
    pub fn take(&mut self, author: &Pseudonym, action: Action) -> Result<(), QuantityError> {
        let claim = self.accounts.claim(author, action)?;
        self.accounts.take_effect(author, claim.action())?;
        self.claims.push(claim);
        Ok(())
    }

    /// Takes a roll, which proves nothing, but changes what later proofs speak of.
    ///
    /// # Errors
    /// The rule that refuses it.
    pub fn roll(&mut self, author: &Pseudonym, roll: &Roll) -> Result<(), QuantityError> {
        self.accounts.roll(author, roll)
    }

    /// Verifies the proofs of all actions taken, folded, and gives a verdict on each, in order.
    pub fn verify(
        self,
        rng: &mut impl CryptoRngCore,
    ) -> Vec<Result<VerifiedAction, QuantityError>> {
        verify_claims(self.claims, rng)
    }
}
