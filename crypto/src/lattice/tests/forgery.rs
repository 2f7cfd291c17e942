//! Why y and w are two commitments, each opened by itself: where only their sum is opened, entries of y are chosen after γ, and
//! whatever is masked passes.

use curve25519_dalek::scalar::Scalar;
use rand_core::RngCore;
use sha2::{Digest, Sha512};

use super::Lattice;
use super::prover::{exact, scalars, sums_of};
use crate::fold::{Folded, Weights};
use crate::group::{commit_to_vector, signed};
use crate::lattice::bases::{FIRST_OF_KEY, FIRST_OF_MULTIPLES, FIRST_OF_PROJECTIONS};
use crate::lattice::body_proof::{BodyWeights, Draws, Equation, digest, projection, subsets};
use crate::lattice::header::{LatticeHeader, Part};
use crate::lattice::key::MaskKey;
use crate::lattice::key_part::base_transcript;
use crate::lattice::key_proof::{self, KeyStatement, KeyWitness};
use crate::lattice::projection::REPETITIONS;
use crate::lattice::ring::{Q, centred};
use crate::lattice::{
    CandidateLatticeUpdate, EncryptedLatticeUpdate, mask, verify_lattice_updates,
};
use crate::proof::coefficients::CommittedCoefficients;
use crate::proof::shortness::masks;
use crate::proof::squares::{self, DIGITS, digits_of_rest};
use crate::proof::vector::CommittedVector;
use crate::transcript::LATTICE_BODY_WEIGHTS;
use crate::{PublicKey, UpdateError};

fn inverse(number: u64) -> u64 {
    let mut product = 1;
    for bit in (0..32).rev() {
        product = product * product % Q;
        if (Q - 2) >> bit & 1 == 1 {
            product = product * number % Q;
        }
    }
    product
}

/// The solutions of four equations modulo q in four unknowns, for several right sides.
fn solve(mut rows: Vec<Vec<u64>>) -> Vec<Vec<u64>> {
    for column in 0..REPETITIONS {
        let pivot = (column..REPETITIONS).find(|row| rows[*row][column] != 0).unwrap();
        rows.swap(column, pivot);
        let factor = inverse(rows[column][column]);
        rows[column].iter_mut().for_each(|value| *value = *value * factor % Q);
        for row in (0..REPETITIONS).filter(|row| *row != column) {
            let factor = rows[row][column];
            for place in 0..rows[row].len() {
                let less = rows[column][place] * factor % Q;
                rows[row][place] = (rows[row][place] + Q - less) % Q;
            }
        }
    }
    rows.iter().map(|row| row[REPETITIONS..].to_vec()).collect()
}

/// Short y with ⟨γ, y⟩ = τ − ⟨α, s⟩ modulo q for all repetitions, found among a million by one free entry.
fn short_solution(draws: &Draws, s: &[i8], rows: usize, most: i64) -> Vec<i64> {
    let gamma = draws.combination.rows();
    let system = (0..REPETITIONS).map(|r| {
        let of_s: i128 = (draws.relation.alpha[r].iter().zip(s))
            .map(|(alpha, s)| i128::from(*alpha) * i128::from(*s))
            .sum();
        let right = (i128::from(draws.relation.tau[r]) - of_s).rem_euclid(i128::from(Q)) as u64;
        let mut row: Vec<u64> = gamma[..=REPETITIONS].iter().map(|gamma| gamma[r]).collect();
        row.push(right);
        row
    });
    // Four entries as a line: start − step·(the fifth).
    let lines = solve(system.collect());
    let entries =
        |free: u64| lines.iter().map(move |line| centred((line[1] + (Q - line[0]) * free % Q) % Q));
    let free = (0..1 << 22).find(|free| entries(*free).all(|y| y.abs() < most)).unwrap();
    let mut y: Vec<i64> = entries(free).collect();
    y.push(free as i64);
    y.resize(rows, 0);
    y
}

/// Masks 4,096 random numbers, and proves that they are short to whoever opens the sum of the commitments.
fn forge(lattice: &mut Lattice) -> EncryptedLatticeUpdate {
    let context = lattice.context(1);
    let parameters = lattice.parameters;
    let key = lattice.federation.dealing.public_key.clone();
    let rng = &mut lattice.federation.rng;
    let matrix = mask::matrix_of(&context.round);
    let c: Vec<u32> = (0..4096).map(|_| rng.next_u32() >> 1).collect();
    let c_bytes: Vec<u8> = c.iter().flat_map(|c| c.to_le_bytes()).collect();
    let mask_hash: [u8; 64] = Sha512::digest(&c_bytes).into();
    let mask_key = MaskKey::fresh(parameters.limbs(), rng);
    let ciphertexts = mask_key.encrypt(&key);
    let s = CommittedVector::new(FIRST_OF_KEY, scalars(mask_key.s()), rng);
    let mask_of_s = s.mask(rng);
    let base = base_transcript(&context, &key, &parameters, &ciphertexts, s.encoded(), &mask_hash);

    // C_y commits to nothing; γ; then a y that suits γ goes into C_w, over the bases of y.
    let (mut transcript, projection) = projection(&base, &parameters);
    let rows = projection.rows();
    let empty = vec![Scalar::ZERO; rows + DIGITS];
    let nothing = CommittedVector::new(FIRST_OF_PROJECTIONS, empty, rng);
    let draws = Draws::after(&mut transcript, nothing.encoded(), &matrix, &projection, &c);
    let most = (parameters.squares() / 5).isqrt() as i64;
    let y = short_solution(&draws, mask_key.s(), rows, most);
    let digits = digits_of_rest(parameters.squares(), &y);
    let late: Vec<Scalar> = y.iter().chain(digits.iter()).map(|value| signed(*value)).collect();
    let mut entries = exact(&draws, &late[..rows], s.entries());
    entries.extend(masks(rng).iter().map(|p| Scalar::from(*p)));
    let w = CommittedVector::new(FIRST_OF_MULTIPLES, entries, rng);
    let [point] =
        crate::group::encoding::Reader::new("C_w", w.encoded(), 32).unwrap().points().unwrap();
    let late_point = commit_to_vector(FIRST_OF_PROJECTIONS, &late, &Scalar::ZERO);
    let commitment = (point + late_point).compress().to_bytes();
    let subsets = subsets(&mut transcript, &commitment, rows);
    let sums = sums_of(&subsets, &late[..rows], w.entries());
    let equation = Equation::draw(&mut transcript, &sums, &draws, &subsets);

    let mask_of_y = nothing.mask(rng);
    let mask_of_w = w.mask(rng);
    let of_s = mask_of_s.entries();
    let a0 = equation.left(mask_of_y.entries(), mask_of_w.entries(), of_s).to_bytes();
    let (of_y, of_digits) = mask_of_y.entries().split_at(rows);
    let q = squares::coefficients(&draws.chi, &late[..rows], &digits, of_y, of_digits);
    let q = CommittedCoefficients::new(&q, rng);
    let masks: [&[u8]; 2] = [mask_of_y.encoded(), mask_of_w.encoded()];
    let digest = digest(transcript, masks, &a0, q.encoded());

    let statement = KeyStatement { base: &base, key: &key, limbs: parameters.limbs() };
    let witness = KeyWitness { s: &s, mask: mask_of_s, randomness: mask_key.randomness() };
    let (key_proof, e) = key_proof::prove(&statement, witness, mask_key.s(), &digest, rng);
    let mut of_y = nothing.open(mask_of_y, &e);
    for (f, late) in of_y[64..].as_chunks_mut::<32>().0.iter_mut().zip(&late) {
        *f = (Scalar::from_canonical_bytes(*f).unwrap() + e * late).to_bytes();
    }
    let mut of_w = w.open(mask_of_w, &e);
    of_w[..32].copy_from_slice(&commitment);
    let key_part = [ciphertexts, key_proof].concat();
    let body = [&*c_bytes, &of_y, &of_w, &sums, &a0, &q.respond(&e)].concat();
    let header = LatticeHeader::new(
        context,
        mask_hash,
        Part::of(&key_part),
        Part::of_all(&[&key_part, &body]),
    );
    EncryptedLatticeUpdate { header, key_part, bound_part: body }
}

/// With one weight for both openings only their sum is checked.
fn careless_verifier_accepts(update: &CandidateLatticeUpdate, key: &PublicKey) -> bool {
    let Some(challenges) = update.prepare() else { return false };
    let key_part = update.key_part();
    let [one, of_equation, of_squares] =
        Weights::new(LATTICE_BODY_WEIGHTS, 1, key, None, []).take();
    let of_squares = Some(of_squares);
    let weights = BodyWeights { of_y: one, of_w: one, of_equation, of_squares };
    let mut folded = Folded::default();
    let answer = (key_part.challenge(), key_part.responses());
    update.proof().fold_weighted(&challenges, key_part.parameters(), answer, &weights, &mut folded);
    folded.holds(key)
}

#[test]
fn projections_chosen_after_the_weights_are_rejected_because_each_commitment_is_opened_by_itself() {
    let mut lattice = Lattice::new(21, 4096, 24_000, 512, 10);
    let forged = forge(&mut lattice);
    let key = &lattice.federation.dealing.public_key;
    let key_part = lattice.verify_key_part(&forged).unwrap();
    let candidate = CandidateLatticeUpdate::parse(key_part, &forged.body()).unwrap();
    assert!(careless_verifier_accepts(&candidate, key), "the attack works on the sum alone");
    let verdict = verify_lattice_updates(key, vec![candidate]).remove(0);
    assert_eq!(verdict.err(), Some(UpdateError::BadLinkProof));
}
