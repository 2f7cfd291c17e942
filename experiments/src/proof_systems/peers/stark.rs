//! A STARK by winterfell, as the paper's reference [31] is one: no setup, no group, and no zero knowledge.
//!
//! Three columns of 64 rows: a bit of either number, highest first, and the sum of both so far. Bits are 0 but in the last 32
//! rows that count, so that neither number has more.

use winterfell::crypto::hashers::Blake3_256;
use winterfell::crypto::{DefaultRandomCoin, MerkleTree};
use winterfell::math::fields::f128::BaseElement;
use winterfell::math::{FieldElement, ToElements};
use winterfell::matrix::ColMatrix;
use winterfell::{
    AcceptableOptions, Air, AirContext, Assertion, AuxRandElements, BatchingMethod,
    CompositionPoly, CompositionPolyTrace, ConstraintCompositionCoefficients,
    DefaultConstraintCommitment, DefaultConstraintEvaluator, DefaultTraceLde, EvaluationFrame,
    FieldExtension, PartitionOptions, Proof, ProofOptions, Prover as WinterfellProver, StarkDomain,
    TraceInfo, TracePolyTable, TraceTable, TransitionConstraintDegree,
};

use super::{BITS, NUMBERS, caught, message, parts, sum};
use crate::ExperimentError;
use crate::proof_systems::prover::{Message, Prover};
use crate::proof_systems::system::System;

const WHAT: &str = "winterfell";
const ROWS: usize = 64;
/// The last row takes up the sum alone.
const FIRST_BIT: usize = ROWS - 1 - BITS;

type Hash = Blake3_256<BaseElement>;
type Coin = DefaultRandomCoin<Hash>;
type Tree = MerkleTree<Hash>;

/// 40 queries at a blow-up of 8, no grinding: 119 conjectured bits, as the field of 128 allows no more.
const fn options() -> ProofOptions {
    let batching = BatchingMethod::Linear;
    ProofOptions::new(40, 8, 0, FieldExtension::None, 8, 31, batching, batching)
}

/// The sum, which everyone sees.
#[derive(Clone, Copy)]
struct Sum(BaseElement);

impl ToElements<BaseElement> for Sum {
    fn to_elements(&self) -> Vec<BaseElement> {
        vec![self.0]
    }
}

struct Numbers {
    context: AirContext<BaseElement>,
    sum: Sum,
}

impl Air for Numbers {
    type BaseField = BaseElement;
    type PublicInputs = Sum;

    fn new(trace: TraceInfo, sum: Sum, options: ProofOptions) -> Self {
        let unless_live = || TransitionConstraintDegree::with_cycles(1, vec![ROWS]);
        let is_bit = || TransitionConstraintDegree::new(2);
        let degrees = vec![
            is_bit(),
            is_bit(),
            unless_live(),
            unless_live(),
            TransitionConstraintDegree::new(1),
        ];
        Self { context: AirContext::new(trace, degrees, 2, options), sum }
    }

    fn context(&self) -> &AirContext<BaseElement> {
        &self.context
    }

    fn evaluate_transition<E: FieldElement + From<BaseElement>>(
        &self,
        frame: &EvaluationFrame<E>,
        periodic: &[E],
        result: &mut [E],
    ) {
        let [first, second, total] = *frame.current() else { return };
        let [_, _, next] = *frame.next() else { return };
        let [is_idle] = *periodic else { return };
        let constraints = [
            first * (first - E::ONE),
            second * (second - E::ONE),
            first * is_idle,
            second * is_idle,
            next - (total.double() + first + second),
        ];
        for (result, constraint) in result.iter_mut().zip(constraints) {
            *result = constraint;
        }
    }

    fn get_periodic_column_values(&self) -> Vec<Vec<BaseElement>> {
        let is_idle = |row| BaseElement::from(u32::from(row < FIRST_BIT));
        vec![(0..ROWS).map(is_idle).collect()]
    }

    fn get_assertions(&self) -> Vec<Assertion<BaseElement>> {
        let Sum(sum) = self.sum;
        vec![Assertion::single(2, 0, BaseElement::ZERO), Assertion::single(2, ROWS - 1, sum)]
    }
}

/// Columns of both numbers' bits and of the sum, and what the sum ends with.
fn trace(digits: [[BaseElement; BITS]; 2]) -> (TraceTable<BaseElement>, Sum) {
    let mut columns = vec![vec![BaseElement::ZERO; ROWS]; 3];
    let mut total = BaseElement::ZERO;
    let [first, second] = digits;
    if let [first_column, second_column, totals] = columns.as_mut_slice() {
        let rows = first_column.iter_mut().zip(second_column).skip(FIRST_BIT);
        let digits = first.into_iter().zip(second).rev();
        // What a row adds is seen in the next.
        let totals = totals.iter_mut().skip(FIRST_BIT + 1);
        for (((first_cell, second_cell), (first, second)), cell) in rows.zip(digits).zip(totals) {
            *first_cell = first;
            *second_cell = second;
            total = total.double() + first + second;
            *cell = total;
        }
    }
    (TraceTable::init(columns), Sum(total))
}

fn digits(number: u32) -> [BaseElement; BITS] {
    std::array::from_fn(|bit| BaseElement::from(number >> bit & 1))
}

struct Work {
    options: ProofOptions,
    sum: Sum,
}

impl WinterfellProver for Work {
    type BaseField = BaseElement;
    type Air = Numbers;
    type Trace = TraceTable<BaseElement>;
    type HashFn = Hash;
    type VC = Tree;
    type RandomCoin = Coin;
    type TraceLde<E: FieldElement<BaseField = BaseElement>> = DefaultTraceLde<E, Hash, Tree>;
    type ConstraintCommitment<E: FieldElement<BaseField = BaseElement>> =
        DefaultConstraintCommitment<E, Hash, Tree>;
    type ConstraintEvaluator<'a, E: FieldElement<BaseField = BaseElement>> =
        DefaultConstraintEvaluator<'a, Numbers, E>;

    fn get_pub_inputs(&self, _trace: &Self::Trace) -> Sum {
        self.sum
    }

    fn options(&self) -> &ProofOptions {
        &self.options
    }

    fn new_trace_lde<E: FieldElement<BaseField = BaseElement>>(
        &self,
        info: &TraceInfo,
        columns: &ColMatrix<BaseElement>,
        domain: &StarkDomain<BaseElement>,
        partitions: PartitionOptions,
    ) -> (Self::TraceLde<E>, TracePolyTable<E>) {
        DefaultTraceLde::new(info, columns, domain, partitions)
    }

    fn build_constraint_commitment<E: FieldElement<BaseField = BaseElement>>(
        &self,
        composition: CompositionPolyTrace<E>,
        columns: usize,
        domain: &StarkDomain<BaseElement>,
        partitions: PartitionOptions,
    ) -> (Self::ConstraintCommitment<E>, CompositionPoly<E>) {
        DefaultConstraintCommitment::new(composition, columns, domain, partitions)
    }

    fn new_evaluator<'a, E: FieldElement<BaseField = BaseElement>>(
        &self,
        air: &'a Numbers,
        random: Option<AuxRandElements<E>>,
        coefficients: ConstraintCompositionCoefficients<E>,
    ) -> Self::ConstraintEvaluator<'a, E> {
        DefaultConstraintEvaluator::new(air, random, coefficients)
    }
}

/// Options that a verifier accepts.
pub(crate) struct Stark {
    acceptable: AcceptableOptions,
}

impl Stark {
    pub(crate) fn new() -> Self {
        Self { acceptable: AcceptableOptions::OptionSet(vec![options()]) }
    }

    fn prove_digits(digits: [[BaseElement; BITS]; 2]) -> Result<Vec<u8>, ExperimentError> {
        let (trace, sum) = trace(digits);
        let work = Work { options: options(), sum };
        let proof = work.prove(trace).map_err(ExperimentError::bench(WHAT))?;
        Ok(proof.to_bytes())
    }
}

impl Prover for Stark {
    fn system(&self) -> System {
        System::Winterfell
    }

    fn prove(&self) -> Result<Message, ExperimentError> {
        Ok(message(sum(NUMBERS), &Self::prove_digits(NUMBERS.map(digits))?))
    }

    fn verify(&self, message: &Message) -> Result<(), ExperimentError> {
        let (sum, bytes) = parts(WHAT, message)?;
        let sum = Sum(BaseElement::from(sum));
        let proof = caught(WHAT, || Proof::from_bytes(bytes))?;
        caught(WHAT, || {
            winterfell::verify::<Numbers, Hash, Coin, Tree>(proof, sum, &self.acceptable)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof_systems::prover::tests::check_prover;

    #[test]
    fn a_proof_is_verified_and_no_byte_of_it_can_change() {
        check_prover(&Stark::new());
    }

    #[test]
    fn a_proof_has_as_many_conjectured_bits_as_the_page_says_and_is_always_the_same() {
        let bytes = Stark::prove_digits(NUMBERS.map(digits)).unwrap();
        let proof = Proof::from_bytes(&bytes).unwrap();
        let security = proof.conjectured_security::<Hash>();
        assert!(security.is_at_least(119) && !security.is_at_least(120));
        // Whoever guesses both numbers sees whether it was right: nothing of this is hidden.
        assert_eq!(bytes, Stark::prove_digits(NUMBERS.map(digits)).unwrap());
    }

    #[test]
    fn numbers_at_the_edges_are_proven_and_a_wrong_sum_or_a_digit_that_is_no_bit_is_refused() {
        let stark = Stark::new();
        let verified = |digits, claimed| {
            let bytes = Stark::prove_digits(digits)?;
            stark.verify(&message(claimed, &bytes))
        };
        // Columns of equal values give polynomials of a degree below the one that is stated.
        for numbers in [[1, 0x8000_0000], [u32::MAX, u32::MAX - 1]] {
            verified(numbers.map(digits), sum(numbers)).unwrap();
            assert!(verified(numbers.map(digits), sum(numbers) + 1).is_err());
        }
        let mut two = digits(0);
        two[0] = BaseElement::from(2u32);
        assert!(verified([two, digits(5)], 7).is_err());
    }
}
