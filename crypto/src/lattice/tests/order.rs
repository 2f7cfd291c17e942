//! Everything that is drawn depends on everything that must have been said before it.

use curve25519_dalek::scalar::Scalar;
use merlin::Transcript;

use super::Lattice;
use super::prover::Cheat;
use crate::lattice::body_proof::{Draws, Equation, digest, projection, subsets};
use crate::lattice::mask;
use crate::lattice::projection::REPETITIONS;
use crate::proof::shortness::{SUMS, SUMS_LEN};

const COMMITMENT: [u8; 32] = [1; 32];

struct Steps {
    lattice: Lattice,
    base: Transcript,
}

/// All that a verifier draws for a body, from what is said.
#[derive(Debug, PartialEq)]
struct Drawn {
    gamma: Vec<[u64; REPETITIONS]>,
    chi: Vec<Scalar>,
    alpha: Vec<u64>,
    tau: [u64; REPETITIONS],
    subsets: Vec<Scalar>,
    omega: Vec<u128>,
    digest: [u8; 32],
}

/// What is said, in its order.
#[derive(Clone)]
struct Said {
    base: u8,
    c_y: [u8; 32],
    c_w: [u8; 32],
    sums: Vec<u8>,
    m_y: [u8; 32],
    m_w: [u8; 32],
    a0: [u8; 32],
    q: Vec<u8>,
}

type Change = fn(&mut Said);

impl Steps {
    fn draw(&self, said: &Said) -> Drawn {
        let mut base = self.base.clone();
        base.append_u64(b"base", said.base.into());
        let (mut transcript, projection) = projection(&base, &self.lattice.parameters);
        let matrix = mask::matrix_of(&self.lattice.federation.round);
        let c = vec![7; 30];
        let draws = Draws::after(&mut transcript, &said.c_y, &matrix, &projection, &c);
        let drawn = subsets(&mut transcript, &said.c_w, projection.rows());
        let equation = Equation::draw(&mut transcript, &said.sums, &draws, &drawn);
        let digest = digest(transcript, [&said.m_y, &said.m_w], &said.a0, &said.q);
        let mut one = [0; SUMS];
        one[5] = 1;
        Drawn {
            gamma: draws.combination.rows().to_vec(),
            chi: draws.chi,
            alpha: draws.relation.alpha.as_flattened().to_vec(),
            tau: draws.relation.tau,
            subsets: drawn.combine(&one),
            omega: equation.omega().to_vec(),
            digest,
        }
    }
}

#[test]
fn whatever_is_drawn_for_a_body_comes_after_what_it_must_not_be_known_before() {
    let lattice = Lattice::new(81, 30, 5600, 512, 10);
    let steps = Steps { lattice, base: Transcript::new(b"test") };
    let honest = Said {
        base: 0,
        c_y: COMMITMENT,
        c_w: COMMITMENT,
        sums: vec![3; SUMS_LEN],
        m_y: COMMITMENT,
        m_w: COMMITMENT,
        a0: COMMITMENT,
        q: vec![4; 64],
    };
    let first = steps.draw(&honest);
    assert_eq!(first, steps.draw(&honest));
    // One word after another is changed; all that is drawn after it is another, all before it the same.
    let changes: [(&str, Change); 8] = [
        ("base", |said| said.base = 1),
        ("C_y", |said| said.c_y[0] ^= 1),
        ("C_w", |said| said.c_w[31] ^= 1),
        ("F", |said| said.sums[SUMS_LEN - 1] ^= 1),
        ("M_y", |said| said.m_y[0] ^= 1),
        ("M_w", |said| said.m_w[0] ^= 1),
        ("a0", |said| said.a0[0] ^= 1),
        ("Q", |said| said.q[63] ^= 1),
    ];
    for (place, (what, change)) in changes.into_iter().enumerate() {
        let mut said = honest.clone();
        change(&mut said);
        let drawn = steps.draw(&said);
        let before_y = place <= 1;
        assert_eq!(drawn.gamma != first.gamma, before_y, "γ after {what}");
        assert_eq!(drawn.chi != first.chi, before_y, "χ after {what}");
        assert_eq!(drawn.alpha != first.alpha, before_y, "α after {what}");
        assert_eq!(drawn.tau != first.tau, before_y, "τ after {what}");
        assert_eq!(drawn.subsets != first.subsets, place <= 2, "R after {what}");
        assert_eq!(drawn.omega != first.omega, place <= 3, "ω after {what}");
        assert_ne!(drawn.digest, first.digest, "D after {what}");
    }
}

/// The seed of the projection, too: it is a function of C, C_s and h_c, which the base transcript has.
#[test]
fn the_seed_of_the_projection_and_the_challenge_come_after_all_of_the_key_part() {
    let mut lattice = Lattice::new(82, 30, 5600, 512, 10);
    let x = lattice.federation.values(1);
    let state = lattice.federation.rng.clone();
    let honest = lattice.cheat(1, &x, &Cheat::default());
    let honest = lattice.verify_key_part(&honest).unwrap();
    let seed = |base: &Transcript| {
        let (mut transcript, projection) = projection(base, &lattice.parameters);
        let mut next = [0; 32];
        transcript.challenge_bytes(b"next", &mut next);
        let mut y = vec![0; projection.rows()];
        projection.project(0, &[1], &mut y);
        (next, y)
    };
    let first = seed(honest.base());
    // The same numbers again with one bit of c, then with another key.
    let c = |c: &mut Vec<u8>| c[0] ^= 1;
    let negated = |s: &mut Vec<i8>| s.iter_mut().for_each(|s| *s = -*s);
    let other_c = Cheat { c: Some(&c), ..Cheat::default() };
    let other_key = Cheat {
        masking: Some(&negated),
        encrypted: Some(&negated),
        committed: Some(&negated),
        ..Cheat::default()
    };
    let mut others = Vec::new();
    let parameters = lattice.parameters;
    for cheat in [other_c, other_key] {
        let mut again = Lattice::new(82, 30, 5600, 512, 10);
        again.federation.rng = state.clone();
        assert_eq!(again.parameters, parameters);
        let update = again.cheat(1, &x, &cheat);
        others.push(again.verify_key_part(&update).unwrap());
    }
    for other in others {
        assert_ne!(seed(other.base()), first);
        assert_ne!(other.challenge(), honest.challenge());
        assert_ne!(other.digest(), honest.digest());
    }
}
