//! A prover that cheats at one place and is consistent at every other: what it says is in the transcript, its responses are
//! those of what it committed to, and its hashes are right.

use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::Lattice;
use crate::group::signed;
use crate::lattice::EncryptedLatticeUpdate;
use crate::lattice::bases::FIRST_OF_KEY;
use crate::lattice::body_proof::{Choices, CommittedBody, Draws, Statement, projected_of};
use crate::lattice::header::{LatticeHeader, Part};
use crate::lattice::key::MaskKey;
use crate::lattice::key_part::base_transcript;
use crate::lattice::key_proof::{self, KeyStatement, KeyWitness};
use crate::lattice::mask;
use crate::lattice::projection::REPETITIONS;
use crate::lattice::ring::Q;
use crate::lattice::sample::Noise;
use crate::proof::shortness::{SUMS, Subsets, masks};
use crate::proof::squares::digits_of_rest;
use crate::proof::vector::CommittedVector;

type Change<'a, T> = Option<&'a dyn Fn(&mut T)>;

/// Where the prover cheats, stage by stage.
#[derive(Default)]
pub(super) struct Cheat<'a> {
    /// v as it is masked and projected.
    pub(super) v: Change<'a, Vec<i32>>,
    /// s as it makes c.
    pub(super) masking: Change<'a, Vec<i8>>,
    /// s as it is encrypted.
    pub(super) encrypted: Change<'a, Vec<i8>>,
    /// s as it is committed to and proven.
    pub(super) committed: Change<'a, Vec<i8>>,
    /// C_s and the coefficients of its cubic for an s that is no small integer.
    pub(super) fraction: Change<'a, Vec<Scalar>>,
    /// c, encoded.
    pub(super) c: Change<'a, Vec<u8>>,
    /// y as integers, before the digits of what is left follow from it.
    pub(super) y: Change<'a, Vec<i64>>,
    /// y and the digits as they are committed to.
    pub(super) y_entries: Change<'a, Vec<Scalar>>,
    /// The digits.
    pub(super) digits: Change<'a, Vec<i64>>,
    /// w and p as they are committed to. Before this, w is what makes the relation true modulo ℓ.
    pub(super) w: Change<'a, Vec<Scalar>>,
    /// F, encoded.
    pub(super) sums: Change<'a, Vec<u8>>,
    /// D as the key part says it.
    pub(super) digest: Change<'a, [u8; 32]>,
}

fn change<T>(value: &mut T, change: Change<'_, T>) {
    if let Some(change) = change {
        change(value);
    }
}

fn changed(mask_key: &MaskKey, by: Change<'_, Vec<i8>>) -> MaskKey {
    let mut s = mask_key.s().to_vec();
    change(&mut s, by);
    mask_key.with(&s)
}

/// w that makes the relation of these draws true modulo ℓ.
pub(super) fn exact(draws: &Draws, y: &[Scalar], s: &[Scalar]) -> Vec<Scalar> {
    let inverse = Scalar::from(Q).invert();
    let multiple = |r: usize| {
        let gamma = draws.combination.rows().iter().map(|row| Scalar::from(row[r]));
        let of_y: Scalar = gamma.zip(y).map(|(gamma, y)| gamma * y).sum();
        let alpha = draws.relation.alpha[r].iter().map(|alpha| Scalar::from(*alpha));
        let of_s: Scalar = alpha.zip(s).map(|(alpha, s)| alpha * s).sum();
        (of_y + of_s - Scalar::from(draws.relation.tau[r])) * inverse
    };
    (0..REPETITIONS).map(multiple).collect()
}

/// The low 15 bytes of F_j = p_j + Σ R_jt·(y ‖ w)_t modulo ℓ.
pub(super) fn sums_of(subsets: &Subsets, y: &[Scalar], w: &[Scalar]) -> Vec<u8> {
    let (w, p) = w.split_at(REPETITIONS);
    let sum = |(j, p): (usize, &Scalar)| {
        let mut unit = [0; SUMS];
        unit[j] = 1;
        let row = subsets.combine(&unit);
        let terms = row.iter().zip(y.iter().chain(w));
        let sum: Scalar = p + terms.map(|(bit, value)| bit * value).sum::<Scalar>();
        sum.to_bytes()[..15].to_vec()
    };
    p.iter().enumerate().flat_map(sum).collect()
}

pub(super) fn scalars(s: &[i8]) -> Vec<Scalar> {
    s.iter().map(|s| signed(i64::from(*s))).collect()
}

impl Lattice {
    /// An update whose author cheats.
    pub(super) fn cheat(
        &mut self,
        institution: u8,
        x: &[i64],
        cheat: &Cheat<'_>,
    ) -> EncryptedLatticeUpdate {
        let context = self.context(institution);
        let parameters = self.parameters;
        let key = self.federation.dealing.public_key.clone();
        let rng = &mut self.federation.rng;
        let matrix = mask::matrix_of(&context.round);
        let mut v = mask::hide(x, parameters.scale(), &Noise::draw(rng)).to_vec();
        change(&mut v, cheat.v);
        let mask_key = MaskKey::fresh(parameters.limbs(), rng);
        let mut c_bytes = mask::mask(&matrix, &changed(&mask_key, cheat.masking).transformed(), &v);
        change(&mut c_bytes, cheat.c);
        let mask_hash: [u8; 64] = Sha512::digest(&c_bytes).into();
        let c = mask::decode(&c_bytes).unwrap();

        let ciphertexts = changed(&mask_key, cheat.encrypted).encrypt(&key);
        let committed = changed(&mask_key, cheat.committed);
        let mut entries = scalars(committed.s());
        change(&mut entries, cheat.fraction);
        let s = CommittedVector::new(FIRST_OF_KEY, entries.clone(), rng);
        let mask_of_s = s.mask(rng);
        let base =
            base_transcript(&context, &key, &parameters, &ciphertexts, s.encoded(), &mask_hash);

        let mut y = projected_of(&base, &parameters, &v);
        change(&mut y, cheat.y);
        let mut digits = digits_of_rest(parameters.squares(), &y).to_vec();
        change(&mut digits, cheat.digits);
        let mut y_entries: Vec<Scalar> =
            y.iter().chain(&digits).map(|value| signed(*value)).collect();
        change(&mut y_entries, cheat.y_entries);
        let p = masks(rng);
        let w_entries = std::cell::RefCell::new(Vec::new());
        let of_y = y_entries[..y.len()].to_vec();
        let choices = Choices {
            y: y_entries,
            digits: Zeroizing::new(digits),
            w: &|draws| {
                let mut w = exact(draws, &of_y, &entries);
                w.extend(p.iter().map(|p| Scalar::from(*p)));
                change(&mut w, cheat.w);
                w_entries.replace(w.clone());
                w
            },
            sums: &|subsets| {
                let mut sums = sums_of(subsets, &of_y, &w_entries.borrow());
                change(&mut sums, cheat.sums);
                Some(Zeroizing::new(sums))
            },
        };
        let statement = Statement { base: &base, parameters: &parameters, matrix: &matrix, c: &c };
        let body = CommittedBody::with_choices(&statement, &mask_of_s, choices, rng).unwrap();

        let mut digest = *body.digest();
        change(&mut digest, cheat.digest);
        let statement = KeyStatement { base: &base, key: &key, limbs: parameters.limbs() };
        let witness = KeyWitness { s: &s, mask: mask_of_s, randomness: mask_key.randomness() };
        let (key_proof, e) = if cheat.fraction.is_some() {
            // What is left of Σχ·(n + e·s)·((n + e·s)² − e²) below e³.
            let coefficients = |chi: &[Scalar], n: &[Scalar]| {
                let sum = |term: &dyn Fn(&Scalar, &Scalar) -> Scalar| {
                    let terms = chi.iter().zip(n.iter().zip(&entries));
                    terms.map(|(chi, (n, s))| chi * term(n, s)).sum::<Scalar>()
                };
                let three = Scalar::from(3u64);
                Zeroizing::new(vec![
                    sum(&|n, _| n * n * n),
                    sum(&|n, s| three * n * n * s),
                    sum(&|n, s| three * n * s * s - n),
                ])
            };
            key_proof::prove_with(&statement, witness, &coefficients, &digest, rng)
        } else {
            key_proof::prove(&statement, witness, committed.s(), &digest, rng)
        };
        let key_part = [ciphertexts, key_proof].concat();
        let body = [c_bytes, body.respond(&e)].concat();
        let header = LatticeHeader::new(
            context,
            mask_hash,
            Part::of(&key_part),
            Part::of_all(&[&key_part, &body]),
        );
        EncryptedLatticeUpdate { header, key_part, bound_part: body }
    }
}
