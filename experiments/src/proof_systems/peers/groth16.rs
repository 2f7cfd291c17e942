//! ark-groth16 over BLS12-381, as it comes: 64 constraints of a bit and one of the sum. Whoever keeps the randomness of the
//! setup proves anything.

use ark_bls12_381::{Bls12_381, Fr};
use ark_ff::Field as _;
use ark_groth16::{PreparedVerifyingKey, Proof, ProvingKey, prepare_verifying_key};
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use rand_core::OsRng;

use super::{NUMBERS, bits, caught, message, parts, sum, weights};
use crate::ExperimentError;
use crate::proof_systems::prover::{Message, Prover};
use crate::proof_systems::system::System;

/// Over BLS12-381.
type Scheme = ark_groth16::Groth16<Bls12_381>;

const WHAT: &str = "ark-groth16";

/// Two numbers, their bits and their sum.
#[derive(Clone, Copy)]
struct Circuit([u32; 2]);

impl ConstraintSynthesizer<Fr> for Circuit {
    fn generate_constraints(self, system: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let sum = system.new_input_variable(|| Ok(Fr::from(sum(self.0))))?;
        let mut total = LinearCombination::new();
        for (bit, weight) in bits(self.0).zip(weights()) {
            let bit = system.new_witness_variable(|| Ok(Fr::from(bit)))?;
            let one_less = || LinearCombination::from(bit) - (Fr::ONE, Variable::one());
            system.enforce_r1cs_constraint(|| bit.into(), one_less, LinearCombination::new)?;
            total += (Fr::from(weight), bit);
        }
        system.enforce_r1cs_constraint(|| total, || Variable::one().into(), || sum.into())
    }
}

/// Both keys of the circuit.
pub(crate) struct Groth16 {
    proving: ProvingKey<Bls12_381>,
    verifying: PreparedVerifyingKey<Bls12_381>,
}

impl Groth16 {
    /// Sets the circuit up.
    ///
    /// # Errors
    /// [`ExperimentError::Bench`].
    pub(crate) fn new() -> Result<Self, ExperimentError> {
        let circuit = Circuit(NUMBERS);
        let proving = Scheme::generate_random_parameters_with_reduction(circuit, &mut OsRng);
        let proving = proving.map_err(ExperimentError::bench(WHAT))?;
        let verifying = prepare_verifying_key(&proving.vk);
        Ok(Self { proving, verifying })
    }

    fn prove_numbers(&self, circuit: Circuit, claimed: u64) -> Result<Message, ExperimentError> {
        let proof = Scheme::create_random_proof_with_reduction(circuit, &self.proving, &mut OsRng);
        let mut bytes = Vec::new();
        let proof = proof.map_err(ExperimentError::bench(WHAT))?;
        proof.serialize_compressed(&mut bytes).map_err(ExperimentError::bench(WHAT))?;
        Ok(message(claimed, &bytes))
    }
}

impl Prover for Groth16 {
    fn system(&self) -> System {
        System::Groth16
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        self.prove_numbers(Circuit(NUMBERS), sum(NUMBERS))
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        let (sum, bytes) = parts(WHAT, message)?;
        // Points are checked to be in their subgroups.
        let proof = caught(WHAT, || Proof::deserialize_compressed(bytes))?;
        let holds = Scheme::verify_proof(&self.verifying, &proof, &[Fr::from(sum)]);
        if !holds.map_err(ExperimentError::bench(WHAT))? {
            return Err(ExperimentError::bench(WHAT)("the proof does not hold"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_systems::prover::tests::{check_prover, check_randomness};

    #[test]
    fn a_proof_is_verified_and_no_byte_of_it_can_change() {
        let groth16 = Groth16::new().unwrap();
        check_prover(&groth16);
        check_randomness(&groth16);
        assert_eq!(groth16.prove().unwrap().proof_len, 192);
    }

    #[test]
    fn another_sum_than_that_of_the_numbers_is_refused() {
        let groth16 = Groth16::new().unwrap();
        let edges = [[0, 0], [u32::MAX, u32::MAX]];
        for numbers in edges {
            let proven = |claimed| groth16.prove_numbers(Circuit(numbers), claimed).unwrap();
            groth16.verify(&proven(sum(numbers))).unwrap();
            assert!(groth16.verify(&proven(sum(numbers) + 1)).is_err());
        }
    }
}
