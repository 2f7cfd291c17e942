//! Verifying actions, alone or many at once.
//!
//! The equations of many proofs are one multiscalar multiplication, with weights that follow from every byte of every
//! statement and proof. If it is not zero, halving finds the proofs that do not hold; the verdict on each is its own.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{Folded, Weights, sift};
use rand_core::CryptoRngCore;

use super::QuantityError;
use super::deposit::Deposit;
use super::proof::{Challenges, Proof};
use super::rebase::Rebase;
use super::registration::Registration;
use super::statement::Statement;
use super::transcript::WEIGHTS;
use super::transfer::Transfer;

/// What an institution does with its account and has to prove.
#[expect(
    clippy::large_enum_variant,
    reason = "an action is passed on, not collected by the million"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first: an account.
    Registration(Registration),
    /// Units into the author's account.
    Deposit(Deposit),
    /// Units to somebody else's.
    Transfer(Transfer),
    /// The author's credits count from one again.
    Rebase(Rebase),
}

impl Action {
    pub(super) fn proof(&self) -> &[u8] {
        match self {
            Self::Registration(registration) => &registration.proof,
            Self::Deposit(deposit) => &deposit.content.proof,
            Self::Transfer(transfer) => &transfer.proof,
            Self::Rebase(rebase) => &rebase.proof,
        }
    }
}

/// An action that no rule refuses, with what its proof has to state. The proof is not verified.
pub struct Claim {
    action: Action,
    statement: Statement,
    proof: Proof,
    challenges: Challenges,
    digest: [u8; 32],
}

impl Claim {
    pub(super) fn new(action: Action, statement: Statement) -> Result<Self, DecodeError> {
        let proof = Proof::decode(&statement, action.proof())?;
        let (challenges, digest) = proof.challenges(&statement, action.proof());
        Ok(Self { action, statement, proof, challenges, digest })
    }

    /// Verifies this proof alone.
    pub fn verify(self) -> Result<VerifiedAction, QuantityError> {
        let holds = hold(&[&self], None);
        self.decide(holds)
    }

    /// The action whose proof is not verified.
    pub(super) fn action(&self) -> &Action {
        &self.action
    }

    fn decide(self, holds: bool) -> Result<VerifiedAction, QuantityError> {
        if !holds {
            return Err(QuantityError::BadProof { what: self.statement.context.kind.name() });
        }
        Ok(VerifiedAction { statement: self.statement, action: self.action })
    }

    pub(super) fn fold(&self, weights: [curve25519_dalek::Scalar; 3], folded: &mut Folded) {
        self.proof.fold(&self.statement, &self.challenges, weights, folded);
    }
}

/// Verifies many proofs together. `rng` is the operating system's where there is one: nobody can then search for proofs that
/// cancel under the weights.
pub fn verify_claims(
    claims: Vec<Claim>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedAction, QuantityError>> {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    let parts: Vec<&Claim> = claims.iter().collect();
    let verdicts = sift(&parts, &|part| hold(part, Some(&fresh)));
    claims.into_iter().zip(verdicts).map(|(claim, holds)| claim.decide(holds)).collect()
}

fn hold(claims: &[&Claim], fresh: Option<&[u8; 32]>) -> bool {
    fold(claims, &mut weights(claims, fresh)).vanishes()
}

/// Weights that follow from every byte of these claims; their digests say on which chain they are.
pub(super) fn weights(claims: &[&Claim], fresh: Option<&[u8; 32]>) -> Weights {
    let digests = claims.iter().map(|claim| &claim.digest);
    Weights::bound_to(WEIGHTS, claims.len() as u64, &[], fresh, digests)
}

pub(super) fn fold(claims: &[&Claim], weights: &mut Weights) -> Folded {
    let mut folded = Folded::default();
    claims.iter().for_each(|claim| claim.fold(weights.take(), &mut folded));
    folded
}

/// An action whose statement is proven; [`Accounts::apply`](super::Accounts::apply) sees to it that it still is the one to prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAction {
    pub(super) statement: Statement,
    pub(super) action: Action,
}

impl VerifiedAction {
    /// The action.
    pub fn action(&self) -> &Action {
        &self.action
    }
}
