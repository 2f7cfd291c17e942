//! Verifying one proof, or many by one sum and two pairings.

use blstrs::{Bls12, G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::{Reader, sift};
use ff::Field;
use group::{Curve, Group};
use merlin::Transcript;
use pairing::{MillerLoopResult, MultiMillerLoop};
use rand_core::{CryptoRng, RngCore};

use super::curve::{number, weight};
use super::digit_key::DigitKey;
use super::error::PairingFormError;
use super::proof::Proof;
use super::statement::{Ciphertext, Keys, Ledger, Sent, Statement};

/// What came, read, next to what a ledger has.
pub(crate) struct Claim {
    pub(super) statement: Statement,
    pub(super) proof: Proof,
    /// Everything that came, for the weights.
    pub(super) bytes: Vec<u8>,
}

impl Claim {
    /// Reads a message, [`Sent`] ‖ [`Proof`].
    ///
    /// # Errors
    /// [`PairingFormError`] for anything that cannot be read strictly.
    pub(crate) fn read(
        key: &DigitKey,
        ledger: &Ledger,
        bytes: &[u8],
    ) -> Result<Self, PairingFormError> {
        let length = Sent::LEN + Proof::length(key.size);
        let mut reader = Reader::new("transfer in the paper's form", bytes, length)?;
        let statement = Statement { ledger: *ledger, sent: Sent::read(&mut reader)? };
        let proof = Proof::read(key.size, &mut reader)?;
        Ok(Self { statement, proof, bytes: bytes.to_vec() })
    }
}

/// Verifies claims together; a fold that fails is halved until the bad ones are named.
pub(crate) fn verify(
    key: &DigitKey,
    claims: &[Claim],
    rng: &mut (impl RngCore + CryptoRng),
) -> Vec<Result<(), PairingFormError>> {
    let mut fresh = [0; 32];
    rng.fill_bytes(&mut fresh);
    let parts: Vec<&Claim> = claims.iter().collect();
    let verdicts = sift(&parts, &|part| hold(key, part, &fresh));
    let verdict = |holds| if holds { Ok(()) } else { Err(PairingFormError::BadProof) };
    verdicts.into_iter().map(verdict).collect()
}

fn hold(key: &DigitKey, claims: &[&Claim], fresh: &[u8; 32]) -> bool {
    // Weights follow from every byte, and from what nobody knew before.
    let mut weights = Transcript::new(b"consilium v1 figure 4, weights");
    weights.append_message(b"fresh", fresh);
    for claim in claims {
        weights.append_message(b"context", &claim.statement.ledger.context);
        weights.append_message(b"message", &claim.bytes);
    }
    let mut folded = Folded::new(key);
    claims.iter().for_each(|claim| folded.add(claim, &mut weights));
    folded.vanishes()
}

/// A sum that is the identity if all equations hold, and the two sides of the pairing equation.
struct Folded<'a> {
    key: &'a DigitKey,
    /// Coefficients of P and h.
    generator: Scalar,
    h: Scalar,
    points: Vec<G1Projective>,
    scalars: Vec<Scalar>,
    images: Vec<G1Projective>,
    signatures: Vec<G1Projective>,
    digit_weights: Vec<Scalar>,
}

impl<'a> Folded<'a> {
    fn new(key: &'a DigitKey) -> Self {
        Self {
            key,
            generator: Scalar::ZERO,
            h: Scalar::ZERO,
            points: Vec::new(),
            scalars: Vec::new(),
            images: Vec::new(),
            signatures: Vec::new(),
            digit_weights: Vec::new(),
        }
    }

    fn term(&mut self, scalar: Scalar, point: &G1Affine) {
        self.points.push(point.into());
        self.scalars.push(scalar);
    }

    /// Every equation as right side minus left side, times a weight.
    fn add(&mut self, claim: &Claim, weights: &mut Transcript) {
        let Claim { statement, proof, .. } = claim;
        let c = proof.challenge(statement, self.key);
        let Keys([x_a1, x_a2]) = &statement.ledger.sender;
        let Keys([x_b1, x_b2]) = &statement.ledger.receiver;
        let Ciphertext([balance_1, balance_2, balance_3]) = &statement.ledger.balance;
        let Ciphertext([sent_1, sent_2, sent_3]) = &statement.sent.own;
        let [received_1, received_2] = &statement.sent.received;
        let [z_1, z_2, z_alpha, z_beta] = proof.responses;
        let drawn = proof.announcements.map(|_| weight(weights));
        for (weight, announcement) in drawn.iter().zip(&proof.announcements) {
            self.term(-weight, announcement);
        }
        let [w_r1, w_r2, w_rh1, w_rh2, w_l1, w_l2, w_d1, w_d2] = drawn;
        // Terms of one point are put together: a multiplication for each point, not for each equation.
        self.term(w_r1 * c, sent_1);
        self.term(w_r2 * c, sent_2);
        self.term(w_rh1 * c, received_1);
        self.term(w_rh2 * c, received_2);
        self.term(w_r1 * z_1 + w_l1 * z_alpha, x_a1);
        self.term(w_r2 * z_2 + w_l2 * z_beta, x_a2);
        self.term(w_rh1 * z_1, x_b1);
        self.term(w_rh2 * z_2, x_b2);
        self.term((w_d1 - w_d2) * c, sent_3);
        self.term(w_d2 * c, balance_3);
        self.term(w_d2 * z_alpha, balance_1);
        self.term(w_d2 * z_beta, balance_2);
        self.generator += (w_l1 + w_l2) * c + (w_d1 - w_d2) * (z_1 + z_2);
        let bits = self.key.size.bits();
        let (amount, rest) = proof.digits.split_at(proof.digits.len() / 2);
        for (weight, digits) in [(w_d1, amount), (w_d2, rest)] {
            self.h += weight * number(digits.iter().map(|digit| digit.digit_response), bits);
        }
        for digit in &proof.digits {
            let of_announcement = weight(weights);
            self.term(-of_announcement, &digit.announcement);
            self.term(of_announcement * c, &digit.image);
            self.term(-(of_announcement * digit.digit_response), &digit.signature);
            self.generator += of_announcement * digit.factor_response;
            self.images.push(digit.image.into());
            self.signatures.push(digit.signature.into());
            self.digit_weights.push(weight(weights));
        }
    }

    fn vanishes(mut self) -> bool {
        self.points.extend([G1Projective::generator(), self.key.h]);
        self.scalars.extend([self.generator, self.h]);
        let sum = G1Projective::multi_exp(&self.points, &self.scalars);
        let images = G1Projective::multi_exp(&self.images, &self.digit_weights);
        let signatures = G1Projective::multi_exp(&self.signatures, &self.digit_weights);
        let terms = [
            (&images.to_affine(), &self.key.generator_prepared),
            (&(-signatures).to_affine(), &self.key.gvk_prepared),
        ];
        let paired = Bls12::multi_miller_loop(&terms).final_exponentiation();
        bool::from(sum.is_identity()) && bool::from(paired.is_identity())
    }
}
