//! Two institutions, of which one has a balance, to be timed.

use blstrs::Scalar;
use rand_core::{OsRng, RngCore as _};

use super::curve::random;
use super::digit_key::{DigitBits, DigitKey};
use super::error::PairingFormError;
use super::proof::{Proof, prove};
use super::statement::{Ciphertext, Ledger, Secret, Sent, Statement, Witness};
use super::verify::{Claim, verify};
use crate::ExperimentError;
use crate::proof_systems::prover::{AMOUNT, BALANCE, Message, Prover};
use crate::proof_systems::system::System;

/// A sender with a balance, and what a ledger knows of both.
pub(crate) struct Repaired {
    pub(super) key: DigitKey,
    pub(super) sender: Secret,
    pub(super) balance: u32,
    pub(super) ledger: Ledger,
}

impl Repaired {
    /// A balance of [`BALANCE`], with digits of 4 or 8 bits under a key that is dealt here and forgotten.
    pub(crate) fn new(size: DigitBits) -> Self {
        Self::with(DigitKey::deal(size, &mut OsRng), BALANCE)
    }

    pub(super) fn with(key: DigitKey, balance: u32) -> Self {
        let sender = Secret::generate(&mut OsRng);
        let receiver = Secret::generate(&mut OsRng);
        let encrypted = Ciphertext::new(&key, &sender.keys, balance, Self::randomness());
        let mut context = [0; 32];
        OsRng.fill_bytes(&mut context);
        let ledger =
            Ledger { context, sender: sender.keys, receiver: receiver.keys, balance: encrypted };
        Self { key, sender, balance, ledger }
    }

    pub(super) fn randomness() -> [Scalar; 2] {
        [(); 2].map(|()| random(&mut OsRng))
    }

    /// What is stated where an amount is sent with randomness y.
    pub(super) fn statement(&self, amount: u32, y: [Scalar; 2]) -> Statement {
        let Ledger { sender, receiver, .. } = &self.ledger;
        let sent = Sent::new(&self.key, sender, receiver, amount, y);
        Statement { ledger: self.ledger, sent }
    }

    pub(super) fn witness(&self, amount: u32, rest: u32, y: [Scalar; 2]) -> Witness {
        Witness { y, alpha: self.sender.alpha, beta: self.sender.beta, amount, rest }
    }

    /// Encrypts an amount and proves it.
    ///
    /// # Errors
    /// [`PairingFormError::Overspent`].
    pub(super) fn transfer(&self, amount: u32) -> Result<Vec<u8>, PairingFormError> {
        let rest = self.balance.checked_sub(amount).ok_or(PairingFormError::Overspent)?;
        let y = Self::randomness();
        let statement = self.statement(amount, y);
        let proof = prove(&self.key, &statement, &self.witness(amount, rest, y), &mut OsRng);
        let proof = proof.ok_or(PairingFormError::Overspent)?;
        Ok([statement.sent.encode(), proof.encode()].concat())
    }

    /// Reads messages, and verifies them together.
    pub(super) fn verify_all<'a>(
        &self,
        messages: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PairingFormError> {
        let claims = messages.map(|bytes| Claim::read(&self.key, &self.ledger, bytes));
        let claims = claims.collect::<Result<Vec<_>, _>>()?;
        verify(&self.key, &claims, &mut OsRng).into_iter().collect()
    }
}

impl Prover for Repaired {
    fn system(&self) -> System {
        match self.key.size {
            DigitBits::Four => System::Repaired4,
            DigitBits::Eight => System::Repaired8,
        }
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        let bytes = self.transfer(AMOUNT).map_err(ExperimentError::bench("mo2023 repaired"))?;
        Ok(Message { bytes, proof_len: Proof::length(self.key.size) })
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        let verified = self.verify_all(std::iter::once(message.bytes.as_slice()));
        verified.map_err(ExperimentError::bench("mo2023 repaired"))
    }

    fn verify_folded(&self, messages: &[Message]) -> Option<Result<(), ExperimentError>> {
        let verified = self.verify_all(messages.iter().map(|message| message.bytes.as_slice()));
        Some(verified.map_err(ExperimentError::bench("mo2023 repaired, folded")))
    }
}
