//! Keys of an account: X1 = x1·g, X2 = x2·g; α = 1/x1, β = 1/x2 decrypt (mo2023, Definition 1).

use std::fmt;

use consilium_crypto::DecodeError;
use consilium_crypto::building_blocks::{ELEMENT_LEN, Reader, g_times, random_scalar};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::point::Point;

const WHAT: &str = "account keys";

/// X1 and X2, neither of them the identity, and distinct. That somebody knows x1 and x2 a registration proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountKeys {
    pub(super) x1: Point,
    pub(super) x2: Point,
}

impl AccountKeys {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 2 * ELEMENT_LEN;

    /// Reads X1 ‖ X2; refuses the identity, and equal halves.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new(WHAT, bytes, Self::LEN)?)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let x1 = Point::read(WHAT, reader)?;
        let x2 = Point::read(WHAT, reader)?;
        Self::new(x1, x2)
    }

    fn new(x1: Point, x2: Point) -> Result<Self, DecodeError> {
        if x1.element().is_identity() || x2.element().is_identity() || x1 == x2 {
            return Err(DecodeError::DegenerateKey { what: WHAT });
        }
        Ok(Self { x1, x2 })
    }

    /// X1 ‖ X2.
    pub fn encode(&self) -> Vec<u8> {
        [self.x1, self.x2].iter().flat_map(|point| *point.encoding()).collect()
    }
}

/// x1 and x2. Wiped when dropped, never shown, not clonable.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct AccountSecret {
    x1: Scalar,
    x2: Scalar,
    alpha: Scalar,
    beta: Scalar,
    #[zeroize(skip)]
    keys: AccountKeys,
}

impl AccountSecret {
    /// New keys.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Result<Self, DecodeError> {
        Self::new(random_scalar(rng), random_scalar(rng))
    }

    pub(super) fn new(x1: Scalar, x2: Scalar) -> Result<Self, DecodeError> {
        let keys = AccountKeys::new(Point::new(g_times(&x1)), Point::new(g_times(&x2)))?;
        Ok(Self { x1, x2, alpha: x1.invert(), beta: x2.invert(), keys })
    }

    /// The keys of x1 ‖ x2; refuses what is not reduced, 0, and equal halves.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 64]>) -> Result<Self, DecodeError> {
        let scalars = Zeroizing::new(Reader::new(WHAT, &**bytes, 64)?.scalars::<2>()?);
        let [x1, x2] = *scalars;
        Self::new(x1, x2)
    }

    /// x1 ‖ x2, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 64]> {
        let mut bytes = Zeroizing::new([0; 64]);
        let halves = bytes.as_chunks_mut::<ELEMENT_LEN>().0.iter_mut();
        halves.zip([&self.x1, &self.x2]).for_each(|(half, x)| half.copy_from_slice(x.as_bytes()));
        bytes
    }

    /// The public half.
    pub fn keys(&self) -> &AccountKeys {
        &self.keys
    }

    /// α.
    pub(super) fn alpha(&self) -> &Scalar {
        &self.alpha
    }

    /// β.
    pub(super) fn beta(&self) -> &Scalar {
        &self.beta
    }

    /// C3 − α·C1 − β·C2, in constant time: the amount times h.
    pub(super) fn open(&self, [c1, c2, c3]: [&Point; 3]) -> RistrettoPoint {
        c3.element() - c1.element() * self.alpha - c2.element() * self.beta
    }
}

impl fmt::Debug for AccountSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountSecret(of {:?})", self.keys)
    }
}
