//! A prover of an adversary's: any scalars for digits, and ρ and τ where it wants them or not at all. Written for itself, from the formulas.

use consilium_crypto::building_blocks::{CommittedCoefficients, CommittedVector, Folded, Protocol};
use curve25519_dalek::{RistrettoPoint, Scalar};
use merlin::Transcript;
use rand_core::CryptoRngCore;

use super::super::point::Point;
use super::super::proof::{Challenges, Proof, draw_challenge, draw_weights};
use super::super::statement::Statement;
use super::h_times;

/// When ρ and τ are drawn.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Order {
    /// After D and T_D.
    AfterD,
    /// Before, so that a prover knows them when it chooses its witness.
    BeforeD,
    /// ρ after D, and no τ: digits that are none are added up as they are.
    WithoutTau,
}

fn weights(order: Order, transcript: &mut Transcript, d: &[u8], t_d: &[u8]) -> (Scalar, Scalar) {
    match order {
        Order::AfterD => draw_weights(transcript, d, t_d),
        Order::BeforeD => {
            let early = (transcript.challenge(b"rho"), transcript.challenge(b"tau"));
            transcript.append_message(b"D", d);
            transcript.append_message(b"T_D", t_d);
            early
        }
        Order::WithoutTau => (draw_weights(transcript, d, t_d).0, Scalar::ONE),
    }
}

/// ρ as a prover knows it that draws it before D.
pub(super) fn early_rho(statement: &Statement) -> Scalar {
    statement.begin().challenge(b"rho")
}

/// Multiplies a polynomial in X, lowest coefficient first, by a·X + b.
fn times(polynomial: &[Scalar], a: Scalar, b: Scalar) -> Vec<Scalar> {
    let mut product = vec![Scalar::ZERO; polynomial.len() + 1];
    for (power, coefficient) in polynomial.iter().enumerate() {
        product[power] += coefficient * b;
        product[power + 1] += coefficient * a;
    }
    product
}

/// A proof of whatever the scalars and digits are, in the encoding of a true one.
pub(super) fn forge(
    statement: &Statement,
    scalars: &[Scalar],
    digits: &[Scalar],
    order: Order,
    rng: &mut impl CryptoRngCore,
) -> Vec<u8> {
    let mut transcript = statement.begin();
    let vector = CommittedVector::new(0, [scalars, digits].concat(), rng);
    let mask = vector.mask(rng);
    let (rho, tau) = weights(order, &mut transcript, vector.encoded(), mask.encoded());

    let left = statement.left(&rho, mask.entries());
    let points = left.points.iter().zip(&statement.points);
    let points: RistrettoPoint = points.map(|(scalar, point)| point.element() * scalar).sum();
    let t_r = Point::new(h_times(&left.h) + RistrettoPoint::mul_base(&left.g) + points);
    let mut sum = [Scalar::ZERO; 5];
    let mut weight = Scalar::ONE;
    for (digit, mask) in digits.iter().zip(&mask.entries()[scalars.len()..]) {
        let mut product = vec![weight];
        for value in 0..4u64 {
            product = times(&product, digit - Scalar::from(value), *mask);
        }
        sum.iter_mut().zip(product).for_each(|(sum, more)| *sum += more);
        weight *= tau;
    }
    // The fifth coefficient is what an honest prover does not have.
    let coefficients = (!digits.is_empty()).then(|| CommittedCoefficients::new(&sum[..4], rng));
    let e = coefficients.as_ref().map(|coefficients| coefficients.encoded()).unwrap_or_default();
    let c = draw_challenge(&mut transcript, t_r.encoding(), e);
    let mut proof = vector.open(mask, &c);
    proof.extend(t_r.encoding());
    proof.extend(coefficients.iter().flat_map(|coefficients| coefficients.respond(&c)));
    proof
}

/// Which of (V1), (V2) and (V3) hold for a verifier who draws ρ and τ in this order.
pub(super) fn equations(statement: &Statement, bytes: &[u8], order: Order) -> [bool; 3] {
    let Ok(proof) = Proof::decode(statement, bytes) else { return [false; 3] };
    let mut transcript = statement.begin();
    let vector = &proof.vector;
    let (rho, tau) =
        weights(order, &mut transcript, vector.commitment_bytes(), vector.mask_bytes());
    let e = proof.coefficients.as_ref().map(|e| e.q_bytes()).unwrap_or_default();
    let c = draw_challenge(&mut transcript, proof.t_r.encoding(), e);
    equations_under(statement, bytes, &Challenges { rho, tau, c })
}

/// The same under these challenges.
pub(super) fn equations_under(
    statement: &Statement,
    bytes: &[u8],
    challenges: &Challenges,
) -> [bool; 3] {
    let proof = Proof::decode(statement, bytes).unwrap();
    [0, 1, 2].map(|equation| {
        let mut weights = [Scalar::ZERO; 3];
        weights[equation] = Scalar::ONE;
        let mut folded = Folded::default();
        proof.fold(statement, challenges, weights, &mut folded);
        folded.vanishes()
    })
}

/// Whether a verifier who draws ρ and τ in this order takes a proof.
pub(super) fn holds(statement: &Statement, bytes: &[u8], order: Order) -> bool {
    equations(statement, bytes, order) == [true; 3]
}

/// Whether one takes it under these challenges.
pub(super) fn holds_under(statement: &Statement, bytes: &[u8], challenges: &Challenges) -> bool {
    equations_under(statement, bytes, challenges) == [true; 3]
}

/// So many base-4 digits of a number, as scalars.
pub(super) fn digits(number: u64, count: u32) -> Vec<Scalar> {
    (0..count).map(|place| Scalar::from(number.unbounded_shr(2 * place) & 3)).collect()
}
