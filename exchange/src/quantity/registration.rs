//! Registering keys, with a proof that their owner knows them: (K) alone, no digits.
//!
//! It makes one y1, y2 under two keys safe: in the multi-recipient setting every holder has to know its key (Kurosawa, PKC
//! 2002).

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::{ChainId, Pseudonym};
use rand_core::CryptoRngCore;

use super::clauses;
use super::keys::{AccountKeys, AccountSecret};
use super::proof::{Proof, Witness, prove};
use super::statement::Statement;
use super::transcript::{Context, Kind};

/// Keys of an account and a proof of them, as they came. Nothing is verified but that the keys are no degenerate ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub(super) keys: AccountKeys,
    pub(super) proof: Vec<u8>,
}

impl Registration {
    const PROOF_LEN: usize = Proof::length(2, 0);
    /// Length of the encoding, in bytes.
    pub const LEN: usize = AccountKeys::LEN + Self::PROOF_LEN;

    /// Proves one's own keys.
    pub fn new(
        chain_id: &ChainId,
        author: &Pseudonym,
        secret: &AccountSecret,
        rng: &mut impl CryptoRngCore,
    ) -> Self {
        let keys = *secret.keys();
        let statement = statement(context(chain_id, author), &keys);
        let witness = Witness { scalars: vec![*secret.alpha(), *secret.beta()], numbers: vec![] };
        Self { keys, proof: prove(&statement, &witness, rng) }
    }

    /// X1 ‖ X2 ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        [self.keys.encode(), self.proof.clone()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("registration", bytes, Self::LEN)?;
        let keys = AccountKeys::read(&mut reader)?;
        Ok(Self { keys, proof: reader.take(Self::PROOF_LEN)?.to_vec() })
    }
}

/// There is no account yet, so nothing of one is in the context.
pub(super) fn context(chain_id: &ChainId, author: &Pseudonym) -> Context {
    Context {
        chain_id: *chain_id,
        kind: Kind::Registration,
        author: *author,
        receiver: None,
        sequence: 0,
        balance: Default::default(),
    }
}

pub(super) fn statement(context: Context, keys: &AccountKeys) -> Statement {
    let mut statement = Statement::new(context);
    let inverses = [(); 2].map(|()| statement.scalar());
    let keys = clauses::keys(&mut statement, keys);
    clauses::known(&mut statement, inverses, keys);
    statement
}
