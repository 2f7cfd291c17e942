//! Zero knowledge and soundness as programs: a simulator that programmes the challenges, and an extractor that rewinds.

use consilium_crypto::building_blocks::{
    CommittedVector, ELEMENT_LEN, g_times, inner, powers, random_scalar,
};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::CompressedRistretto;

use super::super::point::Point;
use super::super::proof::{Challenges, Committed, prove};
use super::forge::{Order, holds, holds_under};
use super::*;

fn random_point(rng: &mut ChaCha20Rng) -> RistrettoPoint {
    g_times(&random_scalar(rng))
}

fn random_challenges(rng: &mut ChaCha20Rng) -> Challenges {
    let [rho, tau, c] = [(); 3].map(|()| random_scalar(rng));
    Challenges { rho, tau, c }
}

/// z, z_δ, z_ε, D and E_1..E_3 uniform; T_D, T_R and E_0 from (V1), (V2) and (V3). No witness.
fn simulate(statement: &Statement, challenges: &Challenges, rng: &mut ChaCha20Rng) -> Vec<u8> {
    let Challenges { rho, tau, c } = challenges;
    let digits = statement.total_digits();
    let z: Vec<Scalar> = (0..statement.scalars + digits).map(|_| random_scalar(rng)).collect();
    // Opened under 0, a mask is its own response: Σ z_i·G_i + z_δ·g, z and z_δ.
    let nothing = CommittedVector::new(0, vec![Scalar::ZERO; z.len()], rng);
    let opening = nothing.open(CommittedVector::new(0, z.clone(), rng), &Scalar::ZERO);
    let (commitments, responses) = opening.split_at(2 * ELEMENT_LEN);
    let of_z = CompressedRistretto::from_slice(&commitments[ELEMENT_LEN..]).unwrap();

    let d = random_point(rng);
    let t_d = of_z.decompress().unwrap() - d * c;
    let (left, right) = (statement.left(rho, &z), statement.right(rho));
    let mut t_r = g_times(&(left.g - c * right.g)) + h_times(&(left.h - c * right.h));
    for (place, point) in statement.points.iter().enumerate() {
        t_r += point.element() * (left.points[place] - c * right.points[place]);
    }
    let product = |z: &Scalar| (0..4u64).map(|value| z - Scalar::from(value) * c).product();
    let products: Vec<Scalar> = z[statement.scalars..].iter().map(product).collect();
    let weights: Vec<Scalar> = powers(*tau).take(digits).collect();
    let z_epsilon = random_scalar(rng);
    let others = [(); 3].map(|()| random_point(rng));
    let mut e_0 = h_times(&inner(&weights, &products)) + g_times(&z_epsilon);
    for (power, e) in powers(*c).skip(1).zip(others) {
        e_0 -= e * power;
    }
    let encode = |point: RistrettoPoint| point.compress().to_bytes();
    let mut proof = [encode(d), encode(t_d)].concat();
    proof.extend(responses);
    proof.extend(encode(t_r));
    proof.extend([e_0].into_iter().chain(others).flat_map(encode));
    proof.extend(z_epsilon.as_bytes());
    proof
}

#[test]
fn a_simulator_that_programmes_the_challenges_proves_what_is_false() {
    let mut world = World::new(60, 2);
    world.fund(0, 5);
    // Points that have nothing to do with each other.
    let (mut statement, _) = world.stated(Scalar::ZERO);
    for point in &mut statement.points {
        *point = Point::new(random_point(&mut world.rng));
    }
    let challenges = random_challenges(&mut world.rng);
    let proof = simulate(&statement, &challenges, &mut world.rng);
    assert_eq!(proof.len(), Transfer::PROOF_LEN);
    assert!(holds_under(&statement, &proof, &challenges));
    assert!(!holds(&statement, &proof, Order::AfterD), "nobody can programme a hash");
}

/// Mean and variance of an element over many proofs: its last 8 bytes as a number from 0 to 1.
fn moments(proofs: &[Vec<u8>], element: usize) -> [f64; 2] {
    let value = |proof: &Vec<u8>| {
        let bytes = &proof[ELEMENT_LEN * element..][24..ELEMENT_LEN];
        u64::from_le_bytes(bytes.try_into().unwrap()) as f64 / 2f64.powi(64)
    };
    let mean = proofs.iter().map(value).sum::<f64>() / proofs.len() as f64;
    let square = |proof| (value(proof) - mean).powi(2);
    [mean, proofs.iter().map(square).sum::<f64>() / proofs.len() as f64]
}

/// The largest distance of two means, in standard deviations.
fn distance(left: &[Vec<u8>], right: &[Vec<u8>]) -> f64 {
    let of_element = |element| {
        let [[mean, variance], [other_mean, other_variance]] =
            [left, right].map(|proofs| moments(proofs, element));
        (mean - other_mean).abs() / ((variance + other_variance) / left.len() as f64).sqrt()
    };
    (0..left[0].len() / ELEMENT_LEN).map(of_element).fold(0.0, f64::max)
}

#[test]
fn first_moments_of_simulated_proofs_are_those_of_true_ones() {
    const PROOFS: usize = 400;
    let mut world = World::new(61, 2);
    world.fund(0, 1000);
    let (statement, witness) = world.true_statement(300);
    let rng = &mut world.rng;
    let mut prove_all =
        || (0..PROOFS).map(|_| prove(&statement, &witness, rng)).collect::<Vec<_>>();
    let [proofs, others] = [prove_all(), prove_all()];
    let simulated: Vec<_> = (0..PROOFS)
        .map(|_| simulate(&statement, &random_challenges(&mut world.rng), &mut world.rng))
        .collect();
    // 53 elements; one in two million of normal variables is beyond 5.
    assert!(distance(&proofs, &others) < 5.0);
    assert!(distance(&proofs, &simulated) < 5.0, "{}", distance(&proofs, &simulated));
    // The measure tells responses apart that a prover with masks of 250 bits would give: z below 2^250 in most of them.
    let mut leaking = simulated;
    for proof in &mut leaking {
        proof[ELEMENT_LEN * 10 + 31] &= 3;
    }
    assert!(distance(&proofs, &leaking) > 5.0);
}

#[test]
fn an_extractor_that_rewinds_gets_randomness_keys_and_every_digit() {
    let mut world = World::new(62, 2);
    world.fund(0, 1000);
    let (statement, witness) = world.true_statement(300);
    // The same coins, so the same first words; the oracle answers c anew.
    let commit = || Committed::new(&statement, &witness, &mut ChaCha20Rng::seed_from_u64(1)).0;
    let challenges: Vec<Scalar> = (0..5).map(|_| random_scalar(&mut world.rng)).collect();
    let answers: Vec<Vec<u8>> = challenges.iter().map(|c| commit().respond(c)).collect();
    let secrets = statement.scalars + statement.total_digits();
    let z = |answer: &[u8], place: usize| {
        let bytes: [u8; 32] = answer[ELEMENT_LEN * (2 + place)..][..32].try_into().unwrap();
        Scalar::from_canonical_bytes(bytes).unwrap()
    };
    let fixed = |answer: &[u8]| [&answer[..64], &answer[32 * (3 + secrets)..][..160]].concat();
    assert!(answers.iter().all(|answer| fixed(answer) == fixed(&answers[0])));
    let extract = |other: usize| -> Vec<Scalar> {
        let divisor = (challenges[0] - challenges[other]).invert();
        let secret = |place| (z(&answers[0], place) - z(&answers[other], place)) * divisor;
        (0..secrets).map(secret).collect()
    };
    let extracted = extract(1);
    for other in 2..5 {
        assert_eq!(extract(other), extracted, "one opening of D");
    }
    let (scalars, digits) = extracted.split_at(statement.scalars);
    assert_eq!(scalars, witness.scalars);
    assert!(digits.iter().all(|digit| (0..4u64).any(|value| *digit == Scalar::from(value))));
    let number =
        |digits: &[Scalar]| inner(&powers(Scalar::from(4u64)).take(24).collect::<Vec<_>>(), digits);
    assert_eq!(number(&digits[..16]), Scalar::from(300u64));
    assert_eq!(number(&digits[16..]), Scalar::from(700u64));
    // The witness makes every equation true: at w and v the left side is the right, whatever ρ.
    let rho = random_scalar(&mut world.rng);
    let (left, right) = (statement.left(&rho, &extracted), statement.right(&rho));
    let mut difference = g_times(&(left.g - right.g)) + h_times(&(left.h - right.h));
    for (place, point) in statement.points.iter().enumerate() {
        difference += point.element() * (left.points[place] - right.points[place]);
    }
    assert_eq!(difference, RistrettoPoint::default());
}

#[test]
fn proofs_repeat_only_where_randomness_and_witness_and_context_do() {
    let mut world = World::new(63, 2);
    world.fund(0, 1000);
    let (statement, witness) = world.true_statement(300);
    let same = || ChaCha20Rng::seed_from_u64(2);
    let proof = prove(&statement, &witness, &mut same());
    assert_eq!(prove(&statement, &witness, &mut same()), proof);
    let mut other = statement.clone();
    other.context.sequence += 1;
    // A generator that repeats itself gives no mask twice: D and T_D are others.
    let of_other = prove(&other, &witness, &mut same());
    assert_ne!(of_other[..32], proof[..32]);
    assert_ne!(of_other[32..64], proof[32..64]);
}
