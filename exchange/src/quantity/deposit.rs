//! Putting units into an account: the institution encrypts and proves, the authority signs for what it has seen.
//!
//! Without the authority's signature anybody makes units from nothing, and every later proof is about nothing. It is given
//! the amount with y1 and y2, and makes the ciphertext again.

use std::fmt;

use consilium_crypto::building_blocks::Reader;
use consilium_crypto::{DecodeError, SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
use consilium_hash::{ChainId, Pseudonym};
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::QuantityError;
use super::ciphertext::{Ciphertext, Randomness};
use super::clauses;
use super::keys::{AccountKeys, AccountSecret};
use super::proof::{Proof, Witness, prove};
use super::statement::Statement;
use super::transcript::{Context, DEPOSIT};

/// Digits of an amount: 32 bits.
pub(super) const AMOUNT_DIGITS: u32 = 16;

/// A deposit that the authority has not signed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnapprovedDeposit {
    pub(super) sequence: u64,
    pub(super) ciphertext: Ciphertext,
    pub(super) proof: Vec<u8>,
}

impl UnapprovedDeposit {
    const PROOF_LEN: usize = Proof::length(4, AMOUNT_DIGITS as usize);
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8 + Ciphertext::LEN + Self::PROOF_LEN;

    /// Encrypts and proves an amount, and opens it for the authority.
    pub(super) fn new(
        context: Context,
        secret: &AccountSecret,
        amount: u32,
        rng: &mut impl CryptoRngCore,
    ) -> (Self, DepositOpening) {
        let randomness = Randomness::fresh(&context, secret, amount, rng);
        let ciphertext = randomness.encrypt(secret.keys(), amount);
        let statement = statement(context, secret.keys(), &ciphertext);
        let scalars = vec![randomness.y1, randomness.y2, *secret.alpha(), *secret.beta()];
        let witness = Witness { scalars, numbers: vec![u64::from(amount)] };
        let proof = prove(&statement, &witness, rng);
        let deposit = Self { sequence: context.sequence, ciphertext, proof };
        (deposit, DepositOpening { amount, randomness })
    }

    /// The authority's signature, once it has seen the amount that the opening says; refuses a ciphertext of anything else.
    /// The keys are those of the author's account.
    pub fn approve(
        self,
        chain_id: &ChainId,
        author: &Pseudonym,
        keys: &AccountKeys,
        opening: &DepositOpening,
        authority: &SigningKey,
    ) -> Result<Deposit, QuantityError> {
        if opening.randomness.encrypt(keys, opening.amount) != self.ciphertext {
            return Err(QuantityError::WrongOpening);
        }
        let [sequence, ciphertext] = self.signed();
        let parts = [chain_id.as_slice(), author.as_slice(), &sequence, &ciphertext];
        let signature = authority.sign(DEPOSIT, &parts);
        Ok(Deposit { content: self, signature })
    }

    /// The sequence number and the ciphertext as they are signed.
    fn signed(&self) -> [Vec<u8>; 2] {
        [self.sequence.to_be_bytes().to_vec(), self.ciphertext.encode()]
    }

    /// Sequence ‖ C ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        [self.signed().concat(), self.proof.clone()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new("deposit", bytes, Self::LEN)?)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sequence = reader.u64()?;
        let ciphertext = Ciphertext::read(reader)?;
        Ok(Self { sequence, ciphertext, proof: reader.take(Self::PROOF_LEN)?.to_vec() })
    }
}

/// What a deposit holds, for the authority alone. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DepositOpening {
    amount: u32,
    randomness: Randomness,
}

impl DepositOpening {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 4 + 64;

    /// The amount, which the authority compares with what it has seen.
    pub fn amount(&self) -> u32 {
        self.amount
    }

    /// Amount ‖ y1 ‖ y2, secret.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        bytes.extend(self.amount.to_be_bytes());
        bytes.extend(self.randomness.y1.as_bytes());
        bytes.extend(self.randomness.y2.as_bytes());
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("opening of a deposit", bytes, Self::LEN)?;
        let amount = reader.u32()?;
        let [y1, y2] = reader.scalars()?;
        Ok(Self { amount, randomness: Randomness { y1, y2 } })
    }
}

impl fmt::Debug for DepositOpening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DepositOpening(redacted)")
    }
}

/// A deposit with a signature, as it came. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposit {
    pub(super) content: UnapprovedDeposit,
    signature: Signature,
}

impl Deposit {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = UnapprovedDeposit::LEN + SIGNATURE_LEN;

    /// The number that its author's account must have.
    pub fn sequence(&self) -> u64 {
        self.content.sequence
    }

    /// Sequence ‖ C ‖ proof ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        [self.content.encode(), self.signature.encode().to_vec()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("deposit", bytes, Self::LEN)?;
        let content = UnapprovedDeposit::read(&mut reader)?;
        let signature = Signature::decode(reader.take(SIGNATURE_LEN)?)?;
        Ok(Self { content, signature })
    }

    /// Verifies the authority's signature.
    pub(super) fn check_approval(
        &self,
        chain_id: &ChainId,
        author: &Pseudonym,
        authority: &VerifyingKey,
    ) -> Result<(), QuantityError> {
        let [sequence, ciphertext] = self.content.signed();
        let parts = [chain_id.as_slice(), author.as_slice(), &sequence, &ciphertext];
        let verified = authority.verify(DEPOSIT, &parts, &self.signature);
        verified.map_err(|_| QuantityError::NotApproved)
    }
}

/// (A), (C), (K), t below 2^32.
pub(super) fn statement(context: Context, keys: &AccountKeys, c: &Ciphertext) -> Statement {
    let mut statement = Statement::new(context);
    let y = [(); 2].map(|()| statement.scalar());
    let inverses = [(); 2].map(|()| statement.scalar());
    let amount = statement.number(AMOUNT_DIGITS);
    let keys = clauses::keys(&mut statement, keys);
    let [c1, c2, c3] = clauses::ciphertext(&mut statement, c);
    clauses::blinded(&mut statement, y, keys, [c1, c2]);
    clauses::hidden(&mut statement, y, amount, c3);
    clauses::known(&mut statement, inverses, keys);
    statement
}
