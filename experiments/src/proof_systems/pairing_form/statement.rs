//! What a transfer states, in this form's group.

use blstrs::{G1Affine, G1Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use group::{Curve, Group};
use merlin::Transcript;
use rand_core::{CryptoRng, RngCore};

use super::curve::{G1_LEN, affine, random_invertible, read_point};
use super::digit_key::DigitKey;
use super::error::PairingFormError;

/// An institution's secret keys x1 and x2, inverted.
pub(crate) struct Secret {
    pub(super) alpha: Scalar,
    pub(super) beta: Scalar,
    pub(super) keys: Keys,
}

/// X_1 and X_2.
#[derive(Clone, Copy)]
pub(crate) struct Keys(pub(super) [G1Affine; 2]);

/// An amount under somebody's keys: (y1·X_1, y2·X_2, (y1+y2)·P + t·h).
#[derive(Clone, Copy)]
pub(crate) struct Ciphertext(pub(super) [G1Affine; 3]);

impl Secret {
    pub(crate) fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let (x_1, alpha) = random_invertible(rng);
        let (x_2, beta) = random_invertible(rng);
        let keys = [x_1, x_2].map(|x| (G1Projective::generator() * x).to_affine());
        Self { alpha, beta, keys: Keys(keys) }
    }
}

impl Ciphertext {
    /// Encrypts `amount`, with randomness y.
    pub(crate) fn new(key: &DigitKey, keys: &Keys, amount: u32, y: [Scalar; 2]) -> Self {
        let Keys([x_1, x_2]) = keys;
        let [y_1, y_2] = y;
        let amount = Scalar::from(u64::from(amount));
        let third = G1Projective::generator() * (y_1 + y_2) + key.h * amount;
        Self::from_projective([x_1 * y_1, x_2 * y_2, third])
    }

    fn from_projective(points: [G1Projective; 3]) -> Self {
        let mut all = [G1Affine::default(); 3];
        all.copy_from_slice(&affine(&points));
        Self(all)
    }
}

/// What the sender makes: C, Ĉ1 and Ĉ2.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(super) own: Ciphertext,
    pub(super) received: [G1Affine; 2],
}

impl Sent {
    /// Length of the encoding, in bytes.
    pub(crate) const LEN: usize = 5 * G1_LEN;

    /// Encrypts an amount for sender and receiver with the same randomness.
    pub(crate) fn new(
        key: &DigitKey,
        sender: &Keys,
        receiver: &Keys,
        amount: u32,
        y: [Scalar; 2],
    ) -> Self {
        let own = Ciphertext::new(key, sender, amount, y);
        let Keys([x_1, x_2]) = receiver;
        let [y_1, y_2] = y;
        let mut received = [G1Affine::default(); 2];
        received.copy_from_slice(&affine(&[x_1 * y_1, x_2 * y_2]));
        Self { own, received }
    }

    fn points(&self) -> impl Iterator<Item = &G1Affine> {
        self.own.0.iter().chain(&self.received)
    }

    /// C ‖ Ĉ1 ‖ Ĉ2.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.points().flat_map(G1Affine::to_compressed).collect()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    ///
    /// # Errors
    /// [`PairingFormError::Point`] for a point outside the subgroup.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, PairingFormError> {
        let mut point = || read_point("ciphertext", reader);
        let own = Ciphertext([point()?, point()?, point()?]);
        Ok(Self { own, received: [point()?, point()?] })
    }
}

/// What a ledger has before a transfer comes.
#[derive(Clone, Copy)]
pub(crate) struct Ledger {
    /// Chain, parties and sequence number, hashed.
    pub(super) context: [u8; 32],
    pub(super) sender: Keys,
    pub(super) receiver: Keys,
    /// C̃.
    pub(super) balance: Ciphertext,
}

/// Everything that a proof is about.
#[derive(Clone, Copy)]
pub(crate) struct Statement {
    pub(super) ledger: Ledger,
    pub(super) sent: Sent,
}

/// What makes it true.
pub(crate) struct Witness {
    pub(super) y: [Scalar; 2],
    pub(super) alpha: Scalar,
    pub(super) beta: Scalar,
    pub(super) amount: u32,
    pub(super) rest: u32,
}

impl Statement {
    /// A transcript that has said all of it, and under which key digits are signed.
    pub(super) fn begin(&self, key: &DigitKey) -> Transcript {
        let mut transcript = Transcript::new(b"consilium v1 figure 4, mo2023 repaired");
        transcript.append_u64(b"u", key.size.bits().into());
        transcript.append_message(b"gvk", &key.gvk.to_compressed());
        let Ledger { context, sender, receiver, balance } = &self.ledger;
        transcript.append_message(b"context", context);
        for points in [sender.0.as_slice(), &receiver.0, &balance.0] {
            let bytes: Vec<u8> = points.iter().flat_map(G1Affine::to_compressed).collect();
            transcript.append_message(b"points", &bytes);
        }
        transcript.append_message(b"sent", &self.sent.encode());
        transcript
    }
}
