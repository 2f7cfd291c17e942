//! What every proof system has to do to be compared.

use super::system::System;
use crate::ExperimentError;

/// What is sent wherever an amount is.
pub(crate) const AMOUNT: u32 = 300;
/// What the sender has.
pub(crate) const BALANCE: u32 = 1_000_000;

/// A sender's message: a proof, with the points or numbers that it is about.
pub(crate) struct Message {
    /// Everything that the sender makes and the verifier has not got yet.
    pub(crate) bytes: Vec<u8>,
    /// How many of the bytes are the proof.
    pub(crate) proof_len: usize,
}

/// A proof system with a statement, its witness, and whatever is made once and for all.
///
/// `prove` and the two verifications are timed as they are: all that is done once belongs into the constructor. They work
/// on one core; `verify` starts from bytes, and everything that it needs besides them is what a ledger has already decoded.
pub(crate) trait Prover {
    /// Whose row this is.
    fn system(&self) -> System;

    /// Makes a proof, with fresh randomness.
    fn prove(&self) -> Result<Message, ExperimentError>;

    /// Reads a message and verifies it alone.
    fn verify(&self, message: &Message) -> Result<(), ExperimentError>;

    /// Reads many and verifies them together; `None` where the system has no such way.
    fn verify_folded(&self, _messages: &[Message]) -> Option<Result<(), ExperimentError>> {
        None
    }
}

/// Tests that hold for every system.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two proofs of one statement have nothing in common that is of the prover's making.
    pub(crate) fn check_randomness(prover: &impl Prover) {
        let [first, second] = [(); 2].map(|()| prover.prove().unwrap());
        assert_ne!(first.bytes, second.bytes, "two proofs share their randomness");
    }

    /// A proof verifies, alone and folded; with any of some bytes changed, or cut short, it does not.
    pub(crate) fn check_prover(prover: &impl Prover) {
        let message = prover.prove().unwrap();
        let other = prover.prove().unwrap();
        assert!(message.proof_len <= message.bytes.len());
        prover.verify(&message).unwrap();
        if let Some(folded) = prover.verify_folded(&[message.clone(), other.clone()]) {
            folded.unwrap();
        }
        let step = (message.bytes.len() / 40).max(1);
        for position in (0..message.bytes.len()).step_by(step) {
            let mut changed = message.clone();
            changed.bytes[position] ^= 1;
            assert!(prover.verify(&changed).is_err(), "byte {position} of a proof does not matter");
            if let Some(folded) = prover.verify_folded(&[other.clone(), changed]) {
                assert!(folded.is_err(), "byte {position} does not matter in a fold");
            }
        }
        let mut short = message.clone();
        short.bytes.pop();
        assert!(prover.verify(&short).is_err());
    }

    impl Clone for Message {
        fn clone(&self) -> Self {
            Self { bytes: self.bytes.clone(), proof_len: self.proof_len }
        }
    }
}
