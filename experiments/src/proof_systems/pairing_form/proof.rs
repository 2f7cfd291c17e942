//! Making a proof, and its encoding.

use blstrs::{G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use group::Group;
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};

use super::curve::{
    G1_LEN, SCALAR_LEN, affine, challenge, number, random, random_invertible, read_point,
    read_proper_point, read_scalar,
};
use super::digit_key::{DigitBits, DigitKey};
use super::error::PairingFormError;
use super::statement::{Ciphertext, Keys, Statement, Witness};

/// R_1, R_2, R̂_1, R̂_2, L_1, L_2, D_1, D_2.
const ANNOUNCEMENTS: usize = 8;
/// z_1, z_2, z_ℓ, z_k.
const RESPONSES: usize = 4;
/// V_j, V̄_j, a_j, z_(t_j), z_(v_j).
const DIGIT_LEN: usize = 3 * G1_LEN + 2 * SCALAR_LEN;

/// What stands for a digit.
#[derive(Clone, Copy)]
pub(super) struct Digit {
    /// V_j: the signature of the digit, blinded.
    pub(super) signature: G1Affine,
    /// V̄_j = x·V_j.
    pub(super) image: G1Affine,
    /// a_j.
    pub(super) announcement: G1Affine,
    /// z_(t_j).
    pub(super) digit_response: Scalar,
    /// z_(v_j).
    pub(super) factor_response: Scalar,
}

/// A proof, as it was read: its points are in G1, no V_j is the identity, and nothing else is known of it.
#[derive(Clone)]
pub(crate) struct Proof {
    /// Of the amount, then of the rest; the least first.
    pub(super) digits: Vec<Digit>,
    pub(super) announcements: [G1Affine; ANNOUNCEMENTS],
    pub(super) responses: [Scalar; RESPONSES],
}

impl Proof {
    /// Length of the encoding, in bytes.
    pub(crate) fn length(size: DigitBits) -> usize {
        2 * size.digits() * DIGIT_LEN + ANNOUNCEMENTS * G1_LEN + RESPONSES * SCALAR_LEN
    }

    /// Digits ‖ announcements ‖ responses.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for digit in &self.digits {
            for point in [digit.signature, digit.image, digit.announcement] {
                bytes.extend(point.to_compressed());
            }
            bytes.extend(digit.digit_response.to_bytes_le());
            bytes.extend(digit.factor_response.to_bytes_le());
        }
        bytes.extend(self.announcements.iter().flat_map(G1Affine::to_compressed));
        bytes.extend(self.responses.iter().flat_map(Scalar::to_bytes_le));
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    ///
    /// # Errors
    /// [`PairingFormError`] for points outside the subgroup, scalars that are not reduced, and a V_j that is the identity.
    pub(super) fn read(size: DigitBits, reader: &mut Reader<'_>) -> Result<Self, PairingFormError> {
        let mut digits = Vec::with_capacity(2 * size.digits());
        for _ in 0..2 * size.digits() {
            digits.push(Digit {
                signature: read_proper_point("signature of a digit", reader)?,
                image: read_point("image of a digit's signature", reader)?,
                announcement: read_point("announcement of a digit", reader)?,
                digit_response: read_scalar("response of a digit", reader)?,
                factor_response: read_scalar("response of a blinding factor", reader)?,
            });
        }
        let mut announcements = [G1Affine::default(); ANNOUNCEMENTS];
        for announcement in &mut announcements {
            *announcement = read_point("announcement", reader)?;
        }
        let mut responses = [Scalar::default(); RESPONSES];
        for response in &mut responses {
            *response = read_scalar("response", reader)?;
        }
        Ok(Self { digits, announcements, responses })
    }

    /// c, which follows from everything but the responses.
    pub(super) fn challenge(&self, statement: &Statement, key: &DigitKey) -> Scalar {
        let mut transcript = statement.begin(key);
        for digit in &self.digits {
            say(&mut transcript, &[digit.signature, digit.image, digit.announcement]);
        }
        say(&mut transcript, &self.announcements);
        challenge(&mut transcript)
    }
}

fn say(transcript: &mut Transcript, points: &[G1Affine]) {
    let bytes: Vec<u8> = points.iter().flat_map(G1Affine::to_compressed).collect();
    transcript.append_message(b"points", &bytes);
}

/// A digit, as its prover knows it.
pub(super) struct SecretDigit {
    /// t_j.
    pub(super) digit: Scalar,
    /// v_j.
    pub(super) factor: Scalar,
    /// V_j.
    pub(super) signature: G1Projective,
    /// V̄_j.
    pub(super) image: G1Projective,
    /// s_j, the mask of the digit.
    pub(super) digit_mask: Scalar,
    /// q_j, the mask of the factor.
    pub(super) factor_mask: Scalar,
    /// a_j = q_j·P − s_j·V_j.
    pub(super) announcement: G1Projective,
}

impl SecretDigit {
    /// Blinds the signature of a digit.
    fn new(key: &DigitKey, digit: u32, rng: &mut (impl RngCore + CryptoRng)) -> Option<Self> {
        let (factor, _) = random_invertible(rng);
        let signature = key.signatures.get(digit as usize)? * factor;
        let small = small_times(&signature, digit, key.size);
        let image = G1Projective::generator() * factor - small;
        let digit = Scalar::from(u64::from(digit));
        Some(Self::masked([digit, factor], [signature, image], rng))
    }

    /// With fresh masks, for t_j and v_j, V_j and V̄_j of whatever kind.
    pub(super) fn masked(
        [digit, factor]: [Scalar; 2],
        [signature, image]: [G1Projective; 2],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let digit_mask = random(rng);
        let factor_mask = random(rng);
        let announcement = G1Projective::generator() * factor_mask - signature * digit_mask;
        Self { digit, factor, signature, image, digit_mask, factor_mask, announcement }
    }
}

/// digit·point, by as many doublings as a digit has bits.
fn small_times(point: &G1Projective, digit: u32, size: DigitBits) -> G1Projective {
    (0..size.bits()).rev().fold(G1Projective::identity(), |sum, bit| {
        let doubled = sum.double();
        if digit >> bit & 1 == 1 { doubled + point } else { doubled }
    })
}

/// Proves a statement that `witness` makes true.
///
/// `None` where a digit has no signature, which digits of numbers of 32 bits all have.
pub(crate) fn prove(
    key: &DigitKey,
    statement: &Statement,
    witness: &Witness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Option<Proof> {
    let digits = [witness.amount, witness.rest].map(|number| key.size.of(number)).concat();
    let digits = digits.into_iter().map(|digit| SecretDigit::new(key, digit, rng));
    let digits = digits.collect::<Option<Vec<_>>>()?;
    Some(respond(key, statement, witness, &digits, rng))
}

/// Announcements, challenge and responses, for digits of whatever kind.
pub(super) fn respond(
    key: &DigitKey,
    statement: &Statement,
    witness: &Witness,
    digits: &[SecretDigit],
    rng: &mut (impl RngCore + CryptoRng),
) -> Proof {
    // In the order of the responses: of y1, y2, α and β.
    let masks = [(); RESPONSES].map(|()| random(rng));
    let mut points = announcements(key, statement, masks, digits).to_vec();
    for digit in digits {
        points.extend([digit.signature, digit.image, digit.announcement]);
    }
    let points = affine(&points);
    let (first, rest) = points.split_at(ANNOUNCEMENTS);
    let mut announcements = [G1Affine::default(); ANNOUNCEMENTS];
    announcements.copy_from_slice(first);
    let (triples, _) = rest.as_chunks::<3>();
    let digit = |[signature, image, announcement]: &[G1Affine; 3]| Digit {
        signature: *signature,
        image: *image,
        announcement: *announcement,
        digit_response: Scalar::default(),
        factor_response: Scalar::default(),
    };
    let responses = [Scalar::default(); RESPONSES];
    let mut proof = Proof { digits: triples.iter().map(digit).collect(), announcements, responses };

    let c = proof.challenge(statement, key);
    let secrets = [witness.y[0], witness.y[1], witness.alpha, witness.beta];
    for ((response, mask), secret) in proof.responses.iter_mut().zip(masks).zip(secrets) {
        *response = mask - c * secret;
    }
    for (digit, secret) in proof.digits.iter_mut().zip(digits) {
        digit.digit_response = secret.digit_mask - c * secret.digit;
        digit.factor_response = secret.factor_mask - c * secret.factor;
    }
    proof
}

/// The equations at the masks.
fn announcements(
    key: &DigitKey,
    statement: &Statement,
    [mask_1, mask_2, mask_alpha, mask_beta]: [Scalar; RESPONSES],
    digits: &[SecretDigit],
) -> [G1Projective; ANNOUNCEMENTS] {
    let Keys([x_a1, x_a2]) = statement.ledger.sender;
    let Keys([x_b1, x_b2]) = statement.ledger.receiver;
    let Ciphertext([balance_1, balance_2, _]) = statement.ledger.balance;
    let (amount, rest) = digits.split_at(digits.len() / 2);
    let mask = |digits: &[SecretDigit]| {
        number(digits.iter().map(|digit| digit.digit_mask), key.size.bits())
    };
    let randomness = G1Projective::generator() * (mask_1 + mask_2);
    [
        x_a1 * mask_1,
        x_a2 * mask_2,
        x_b1 * mask_1,
        x_b2 * mask_2,
        x_a1 * mask_alpha,
        x_a2 * mask_beta,
        key.h * mask(amount) + randomness,
        key.h * mask(rest) + balance_1 * mask_alpha + balance_2 * mask_beta - randomness,
    ]
}
