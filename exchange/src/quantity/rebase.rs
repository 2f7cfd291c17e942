//! Proving that a balance is below 2^32, so that an account's credits count from one again.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use rand_core::CryptoRngCore;

use super::ciphertext::Ciphertext;
use super::clauses;
use super::deposit::AMOUNT_DIGITS;
use super::keys::{AccountKeys, AccountSecret};
use super::proof::{Proof, Witness, prove};
use super::statement::Statement;
use super::transcript::Context;

/// A rebase, as it came. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebase {
    pub(super) sequence: u64,
    pub(super) proof: Vec<u8>,
}

impl Rebase {
    const PROOF_LEN: usize = Proof::length(2, AMOUNT_DIGITS as usize);
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8 + Self::PROOF_LEN;

    /// Proves a balance, which is what C̃ holds.
    pub(super) fn new(
        context: Context,
        secret: &AccountSecret,
        encrypted_balance: &Ciphertext,
        balance: u32,
        rng: &mut impl CryptoRngCore,
    ) -> Self {
        let statement = statement(context, secret.keys(), encrypted_balance);
        let scalars = vec![*secret.alpha(), *secret.beta()];
        let witness = Witness { scalars, numbers: vec![u64::from(balance)] };
        Self { sequence: context.sequence, proof: prove(&statement, &witness, rng) }
    }

    /// Sequence ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        [self.sequence.to_be_bytes().as_slice(), &self.proof].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("rebase", bytes, Self::LEN)?;
        let sequence = reader.u64()?;
        Ok(Self { sequence, proof: reader.take(Self::PROOF_LEN)?.to_vec() })
    }
}

/// α·C̃1 + β·C̃2 + v·h = C̃3, (K), v below 2^32.
pub(super) fn statement(context: Context, keys: &AccountKeys, balance: &Ciphertext) -> Statement {
    let mut statement = Statement::new(context);
    let inverses = [(); 2].map(|()| statement.scalar());
    let value = statement.number(AMOUNT_DIGITS);
    let keys = clauses::keys(&mut statement, keys);
    let balance = clauses::ciphertext(&mut statement, balance);
    clauses::opened(&mut statement, inverses, value, balance);
    clauses::known(&mut statement, inverses, keys);
    statement
}
