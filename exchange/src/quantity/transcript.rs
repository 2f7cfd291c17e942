//! All labels of this module, and what proofs are bound to.

use std::sync::OnceLock;

use consilium_crypto::building_blocks::{g, h};
use consilium_hash::{BalanceHash, ChainId, Pseudonym};
use merlin::Transcript;
use sha2::{Digest, Sha256};

/// Label of the authority's signature under a deposit.
pub(super) const DEPOSIT: &str = "consilium v1 deposit of a quantity";
/// Label of the weights that fold the equations of many proofs.
pub(super) const WEIGHTS: &[u8] = b"consilium v1 fold of quantity proofs";
/// Label of the hash of what an account has.
const BALANCE_HASH: &[u8] = b"consilium v1 balance of an account";
/// Label of the hash of the public bases.
const PARAMETERS: &[u8] = b"consilium v1 bases of quantity proofs";

/// What an action is; part of every context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Registration = 1,
    Deposit = 2,
    Transfer = 3,
    Rebase = 4,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Deposit => "deposit",
            Self::Transfer => "transfer",
            Self::Rebase => "rebase",
        }
    }
}

/// What a proof is bound to besides its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) chain_id: ChainId,
    pub(super) kind: Kind,
    pub(super) author: Pseudonym,
    /// Of a transfer.
    pub(super) receiver: Option<Pseudonym>,
    pub(super) sequence: u64,
    /// Of the author's account.
    pub(super) balance: BalanceHash,
}

impl Context {
    fn encode(&self) -> Vec<u8> {
        let receiver = self.receiver.unwrap_or_default();
        [
            self.chain_id.as_slice(),
            &[self.kind as u8, u8::from(self.receiver.is_some())],
            self.author.as_slice(),
            receiver.as_slice(),
            &self.sequence.to_be_bytes(),
            self.balance.as_slice(),
        ]
        .concat()
    }

    /// The transcript of a proof before anything of its statement is said.
    pub(super) fn begin(&self) -> Transcript {
        let mut transcript = Transcript::new(b"consilium v1 hidden quantity");
        transcript.append_message(b"parameters", parameters());
        transcript.append_message(b"context", &self.encode());
        transcript
    }
}

/// g and h; the generators of the vectors are named by the version in the label.
fn parameters() -> &'static [u8; 32] {
    static HASH: OnceLock<[u8; 32]> = OnceLock::new();
    HASH.get_or_init(|| {
        let bases = [g(), *h()].map(|base| base.compress().to_bytes());
        Sha256::new().chain_update(PARAMETERS).chain_update(bases.as_flattened()).finalize().into()
    })
}

/// The hash of C̃, in the encoding that it has, and of how often it was credited.
pub(super) fn balance_hash(balance: &[u8], credits: u32) -> BalanceHash {
    let hash = Sha256::new().chain_update(BALANCE_HASH).chain_update(balance);
    let digest: [u8; 32] = hash.chain_update(credits.to_be_bytes()).finalize().into();
    digest.into()
}
