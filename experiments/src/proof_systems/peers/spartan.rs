//! Spartan's NIZK over ristretto255, without setup; it stands for Hyrax, of which there is no maintained crate.
//!
//! The highest bit of the second number is what is left of the sum, so that 64 constraints are enough: a 65th would have all
//! of them padded to 128.

use curve25519_dalek_4::Scalar;
use libspartan::{InputsAssignment, Instance, NIZK, NIZKGens, VarsAssignment};
use merlin::Transcript;

use super::{NUMBERS, bits, caught, message, parts, sum, weights};
use crate::ExperimentError;
use crate::proof_systems::prover::{Message, Prover};
use crate::proof_systems::system::System;

const WHAT: &str = "spartan";
/// Bits but the highest.
const VARIABLES: usize = 63;
const CONSTRAINTS: usize = VARIABLES + 1;
/// Columns of the constant 1 and of the sum.
const ONE: usize = VARIABLES;
const SUM: usize = VARIABLES + 1;

type Entry = (usize, usize, [u8; 32]);

/// The constraints, and the generators.
pub(crate) struct Spartan {
    instance: Instance,
    generators: NIZKGens,
}

impl Spartan {
    /// # Errors
    /// [`ExperimentError::Bench`].
    pub(crate) fn new() -> Result<Self, ExperimentError> {
        let minus_one = (-Scalar::ONE).to_bytes();
        let mut left: Vec<Entry> = Vec::new();
        let mut right: Vec<Entry> = Vec::new();
        for bit in 0..VARIABLES {
            left.push((bit, bit, Scalar::ONE.to_bytes()));
        }
        // (sum − Σ 2^j·bit)/2^31 is the bit that has no variable.
        let highest = Scalar::from(1u64 << 31).invert();
        for (bit, weight) in weights().take(VARIABLES).enumerate() {
            left.push((VARIABLES, bit, (-Scalar::from(weight) * highest).to_bytes()));
        }
        left.push((VARIABLES, SUM, highest.to_bytes()));
        // b·(b − 1) = 0 in each row.
        right.extend(left.iter().copied());
        right.extend((0..CONSTRAINTS).map(|row| (row, ONE, minus_one)));
        let instance = Instance::new(CONSTRAINTS, VARIABLES, 1, &left, &right, &[]);
        let instance = instance.map_err(|error| failed(format!("{error:?}")))?;
        Ok(Self { instance, generators: NIZKGens::new(CONSTRAINTS, VARIABLES, 1) })
    }

    fn transcript() -> Transcript {
        Transcript::new(b"two numbers and a sum")
    }

    fn inputs(sum: u64) -> Result<InputsAssignment, ExperimentError> {
        InputsAssignment::new(&[Scalar::from(sum).to_bytes()])
            .map_err(|error| failed(format!("{error:?}")))
    }

    fn prove_bits(
        &self,
        bits: impl Iterator<Item = Scalar>,
        claimed: u64,
    ) -> Result<Message, ExperimentError> {
        let variables: Vec<_> = bits.take(VARIABLES).map(|bit| bit.to_bytes()).collect();
        let variables =
            VarsAssignment::new(&variables).map_err(|error| failed(format!("{error:?}")))?;
        let inputs = Self::inputs(claimed)?;
        let transcript = &mut Self::transcript();
        let proof = NIZK::prove(&self.instance, variables, &inputs, &self.generators, transcript);
        let bytes = bincode::serialize(&proof).map_err(failed)?;
        Ok(message(claimed, &bytes))
    }
}

fn failed(reason: impl std::fmt::Display) -> ExperimentError {
    ExperimentError::bench(WHAT)(reason)
}

fn scalars(numbers: [u32; 2]) -> impl Iterator<Item = Scalar> {
    bits(numbers).map(|bit| Scalar::from(u64::from(bit)))
}

impl Prover for Spartan {
    fn system(&self) -> System {
        System::Spartan
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        self.prove_bits(scalars(NUMBERS), sum(NUMBERS))
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        let (sum, bytes) = parts(WHAT, message)?;
        let inputs = Self::inputs(sum)?;
        let transcript = &mut Self::transcript();
        let proof: NIZK = caught(WHAT, || bincode::deserialize(bytes))?;
        caught(WHAT, || proof.verify(&self.instance, &inputs, transcript, &self.generators))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_systems::prover::tests::{check_prover, check_randomness};

    #[test]
    fn a_proof_is_verified_and_no_byte_of_it_can_change() {
        let spartan = Spartan::new().unwrap();
        check_prover(&spartan);
        check_randomness(&spartan);
    }

    #[test]
    fn numbers_at_the_edges_are_proven_and_a_wrong_sum_or_a_digit_that_is_no_bit_is_refused() {
        let spartan = Spartan::new().unwrap();
        let verified = |bits: Vec<Scalar>, claimed| {
            spartan.prove_bits(bits.into_iter(), claimed).and_then(|proof| spartan.verify(&proof))
        };
        for numbers in [[0, 0], [u32::MAX, u32::MAX]] {
            let bits: Vec<_> = scalars(numbers).collect();
            verified(bits.clone(), sum(numbers)).unwrap();
            assert!(verified(bits, sum(numbers) + 1).is_err());
        }
        let mut two = vec![Scalar::ZERO; 64];
        two[0] = Scalar::from(2u64);
        assert!(verified(two, 2).is_err());
    }
}
