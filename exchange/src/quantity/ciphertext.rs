//! Amounts under an account's keys: (y1·X1, y2·X2, (y1 + y2)·g + t·h), which can be added up (mo2023, Definition 1).

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{
    ELEMENT_LEN, Protocol, Reader, g_times, h_times, random_scalar, witness_bytes,
};
use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::keys::{AccountKeys, AccountSecret};
use super::point::Point;
use super::transcript::Context;

/// y1 and y2, fresh for every amount.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct Randomness {
    pub(super) y1: Scalar,
    pub(super) y2: Scalar,
}

impl Randomness {
    /// It depends on the context, the keys and the amount, too: a generator that repeats itself gives none twice.
    pub(super) fn fresh(
        context: &Context,
        secret: &AccountSecret,
        amount: u32,
        rng: &mut impl CryptoRngCore,
    ) -> Self {
        let amount = Zeroizing::new(Scalar::from(amount));
        let secrets = witness_bytes([secret.alpha(), secret.beta(), &amount]);
        let mut rng = context.begin().witness_rng(&secrets, rng);
        Self { y1: random_scalar(&mut *rng), y2: random_scalar(&mut *rng) }
    }

    /// (y1·X1, y2·X2): what only the holder of these keys takes off again.
    pub(super) fn blind(&self, keys: &AccountKeys) -> [Point; 2] {
        [keys.x1.element() * self.y1, keys.x2.element() * self.y2].map(Point::new)
    }

    /// (y1 + y2)·g + t·h.
    pub(super) fn hide(&self, amount: u32) -> Point {
        let sum = Zeroizing::new(self.y1 + self.y2);
        let amount = Zeroizing::new(Scalar::from(amount));
        Point::new(g_times(&sum) + h_times(&amount))
    }

    pub(super) fn encrypt(&self, keys: &AccountKeys, amount: u32) -> Ciphertext {
        let [c1, c2] = self.blind(keys);
        Ciphertext { c1, c2, c3: self.hide(amount) }
    }
}

/// A hidden amount, or a sum of some. The default is the sum of none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ciphertext {
    pub(super) c1: Point,
    pub(super) c2: Point,
    pub(super) c3: Point,
}

impl Ciphertext {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 3 * ELEMENT_LEN;

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const WHAT: &str = "hidden amount";
        let c1 = Point::read(WHAT, reader)?;
        let c2 = Point::read(WHAT, reader)?;
        let c3 = Point::read(WHAT, reader)?;
        Ok(Self { c1, c2, c3 })
    }

    /// C1 ‖ C2 ‖ C3.
    pub fn encode(&self) -> Vec<u8> {
        [self.c1, self.c2, self.c3].iter().flat_map(|point| *point.encoding()).collect()
    }

    pub(super) fn points(&self) -> [&Point; 3] {
        [&self.c1, &self.c2, &self.c3]
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let sum = |left: &Point, right: &Point| Point::new(left.element() + right.element());
        Self {
            c1: sum(&self.c1, &other.c1),
            c2: sum(&self.c2, &other.c2),
            c3: sum(&self.c3, &other.c3),
        }
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        let difference = |left: &Point, right: &Point| Point::new(left.element() - right.element());
        Self {
            c1: difference(&self.c1, &other.c1),
            c2: difference(&self.c2, &other.c2),
            c3: difference(&self.c3, &other.c3),
        }
    }
}
