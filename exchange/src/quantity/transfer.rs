//! Sending a hidden amount: encrypted for sender and receiver alike, from a balance that keeps enough (mo2023, section 5.1).
//!
//! (A) y1·X_A1 = C1, y2·X_A2 = C2; (B) y1·X_B1 = Ĉ1, y2·X_B2 = Ĉ2; (C) (y1+y2)·g + t·h = C3;
//! (D) α·C̃1 + β·C̃2 − (y1+y2)·g + t'·h = C̃3 − C3; (K) α·X_A1 = g, β·X_A2 = g; (E) t below 2^32, t' below 2^48.
//!
//! (K) is added to the paper's clauses: with X_A1 = κ·h a balance of 5 sends 1000 without it. (F) is dropped: it makes log_g h
//! a forging key. t' has 48 bits, not 32, so that no account locks. t + t' is the balance modulo ℓ, and both are small: so it is.

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{ELEMENT_LEN, Reader};
use consilium_hash::Pseudonym;
use rand_core::CryptoRngCore;

use super::ciphertext::{Ciphertext, Randomness};
use super::clauses;
use super::deposit::AMOUNT_DIGITS;
use super::keys::{AccountKeys, AccountSecret};
use super::point::Point;
use super::proof::{Proof, Witness, prove};
use super::statement::Statement;
use super::transcript::Context;

/// Digits of what is left of a balance: 48 bits.
pub(super) const REST_DIGITS: u32 = 24;

/// A transfer, as it came. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub(super) sequence: u64,
    pub(super) receiver: Pseudonym,
    /// C, under the sender's keys.
    pub(super) sent: Ciphertext,
    /// Ĉ1 and Ĉ2, under the receiver's; C3 is the third of both.
    pub(super) received: [Point; 2],
    pub(super) proof: Vec<u8>,
}

impl Transfer {
    /// Length of the proof, in bytes.
    pub const PROOF_LEN: usize = Proof::length(4, (AMOUNT_DIGITS + REST_DIGITS) as usize);
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 8 + 32 + Ciphertext::LEN + 2 * ELEMENT_LEN + Self::PROOF_LEN;

    /// Encrypts an amount for both and proves it; the balance is what C̃ holds and is not below the amount.
    pub(super) fn new(
        context: Context,
        secret: &AccountSecret,
        receiver: (&Pseudonym, &AccountKeys),
        encrypted_balance: &Ciphertext,
        (amount, rest): (u32, u64),
        rng: &mut impl CryptoRngCore,
    ) -> Self {
        let (name, keys) = receiver;
        let randomness = Randomness::fresh(&context, secret, amount, rng);
        let sent = randomness.encrypt(secret.keys(), amount);
        let received = randomness.blind(keys);
        let proof = Vec::new();
        let mut transfer =
            Self { sequence: context.sequence, receiver: *name, sent, received, proof };
        let statement = transfer.statement(context, secret.keys(), keys, encrypted_balance);
        let scalars = vec![randomness.y1, randomness.y2, *secret.alpha(), *secret.beta()];
        let witness = Witness { scalars, numbers: vec![u64::from(amount), rest] };
        transfer.proof = prove(&statement, &witness, rng);
        transfer
    }

    /// To whom it goes.
    pub fn receiver(&self) -> &Pseudonym {
        &self.receiver
    }

    /// What the receiver is credited with: (Ĉ1, Ĉ2, C3).
    pub(super) fn credited(&self) -> Ciphertext {
        let [c1, c2] = self.received;
        Ciphertext { c1, c2, c3: self.sent.c3 }
    }

    /// Sequence ‖ receiver ‖ C ‖ Ĉ1 ‖ Ĉ2 ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        let received = self.received.map(|point| *point.encoding());
        [
            self.sequence.to_be_bytes().as_slice(),
            self.receiver.as_slice(),
            &self.sent.encode(),
            received.as_flattened(),
            &self.proof,
        ]
        .concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        const WHAT: &str = "transfer";
        let mut reader = Reader::new(WHAT, bytes, Self::LEN)?;
        let sequence = reader.u64()?;
        let receiver = Pseudonym(reader.array()?);
        let sent = Ciphertext::read(&mut reader)?;
        let c1 = Point::read(WHAT, &mut reader)?;
        let c2 = Point::read(WHAT, &mut reader)?;
        let proof = reader.take(Self::PROOF_LEN)?.to_vec();
        Ok(Self { sequence, receiver, sent, received: [c1, c2], proof })
    }

    /// (A) to (E) and (K), in the order in which their weights are powers of ρ.
    pub(super) fn statement(
        &self,
        context: Context,
        sender: &AccountKeys,
        receiver: &AccountKeys,
        encrypted_balance: &Ciphertext,
    ) -> Statement {
        let mut statement = Statement::new(context);
        let y = [(); 2].map(|()| statement.scalar());
        let inverses = [(); 2].map(|()| statement.scalar());
        let amount = statement.number(AMOUNT_DIGITS);
        let rest = statement.number(REST_DIGITS);
        let sender = clauses::keys(&mut statement, sender);
        let receiver = clauses::keys(&mut statement, receiver);
        let [c1, c2, c3] = clauses::ciphertext(&mut statement, &self.sent);
        let received = self.received.map(|point| statement.point(&point));
        let balance = clauses::ciphertext(&mut statement, encrypted_balance);
        clauses::blinded(&mut statement, y, sender, [c1, c2]);
        clauses::blinded(&mut statement, y, receiver, received);
        clauses::hidden(&mut statement, y, amount, c3);
        clauses::left_over(&mut statement, inverses, y, rest, balance, c3);
        clauses::known(&mut statement, inverses, sender);
        statement
    }
}
