//! The shared decryption key: commitments for everyone, a share for each trustee (Feldman, FOCS 1987).
//!
//! a = 1/x and b = 1/y are shared with polynomials f, φ of degree t−1: trustee i holds a_i = f(i), b_i = φ(i). Public are
//! F_c = f_c·X1 and G_c = φ_c·X2. F_0 = G_0 = g ties them to the public key, since (1/x)·X1 = g, so a wrong dealing is seen
//! by everyone; A_i = a_i·X1 = Σ i^c·F_c and B_i = b_i·X2 follow. n ≥ 3t − 2.

use std::fmt;

use consilium_hash::CommitmentsHash;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::g as basepoint;
use crate::group::polynomial::powers;
use crate::transcript::{DEALING_HASH, labelled_hash};
use crate::{DecodeError, MAX_SUMMANDS, PublicKey, ShareError};

/// q = ⌊(n+t−1)/2⌋ + 1, the countersignatures that must agree before any share leaves a trustee: two such quorums share an
/// honest one.
pub fn countersign_quorum(trustees: u32, threshold: u32) -> u32 {
    (trustees + threshold.saturating_sub(1)) / 2 + 1
}

pub(crate) fn check_threshold(trustees: u32, threshold: u32) -> Result<(), ShareError> {
    let possible = (1..=MAX_SUMMANDS).contains(&trustees)
        && threshold >= 1
        && u64::from(trustees) + 2 >= 3 * u64::from(threshold);
    if possible { Ok(()) } else { Err(ShareError::Threshold { trustees, threshold }) }
}

/// F and G, the public commitments to a dealing; they are tied to a public key by [`KeyShare::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DealingCommitments {
    pub(crate) trustees: u32,
    pub(crate) f: Vec<RistrettoPoint>,
    pub(crate) g: Vec<RistrettoPoint>,
}

/// (A_i, B_i), the public half of a key share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicShare {
    pub(crate) a: RistrettoPoint,
    pub(crate) b: RistrettoPoint,
}

impl DealingCommitments {
    /// n ‖ t ‖ F_0..F_(t−1) ‖ G_0..G_(t−1).
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.trustees.to_be_bytes().to_vec();
        bytes.extend(self.threshold().to_be_bytes());
        bytes.extend(self.f.iter().chain(&self.g).flat_map(|point| point.compress().to_bytes()));
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes; refuses n < 3t − 2, commitments that do not open to a key, and a trustee whose
    /// public share is the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, ShareError> {
        const WHAT: &str = "dealing commitments";
        let head = bytes.get(..8).ok_or(DecodeError::Length {
            what: WHAT,
            expected: 8,
            found: bytes.len(),
        })?;
        let mut reader = Reader::new(WHAT, head, 8)?;
        let trustees = reader.u32()?;
        let threshold = reader.u32()?;
        check_threshold(trustees, threshold)?;
        let length = 8 + 2 * ELEMENT_LEN * threshold as usize;
        let mut reader = Reader::new(WHAT, bytes, length)?;
        reader.take(8)?;
        let mut points = || -> Result<Vec<RistrettoPoint>, DecodeError> {
            (0..threshold).map(|_| reader.points::<1>().map(|[point]| point)).collect()
        };
        Self::new(trustees, points()?, points()?)
    }

    /// Of n trustees, F and G of one length t that has been checked.
    pub(crate) fn new(
        trustees: u32,
        f: Vec<RistrettoPoint>,
        g: Vec<RistrettoPoint>,
    ) -> Result<Self, ShareError> {
        let opens = [&f, &g].iter().all(|points| points.first() == Some(&basepoint()));
        if !opens {
            return Err(ShareError::WrongDealing);
        }
        let commitments = Self { trustees, f, g };
        (1..=trustees).try_for_each(|index| commitments.public_share(index).map(drop))?;
        Ok(commitments)
    }

    /// The hash by which a resharing names the committee that it takes over from.
    pub fn hash(&self) -> CommitmentsHash {
        labelled_hash(DEALING_HASH, &self.encode())
    }

    /// t.
    pub fn threshold(&self) -> u32 {
        self.f.len() as u32
    }

    /// n.
    pub fn trustees(&self) -> u32 {
        self.trustees
    }

    /// (A_i, B_i); the identity is refused.
    pub fn public_share(&self, index: u32) -> Result<PublicShare, ShareError> {
        if !(1..=self.trustees).contains(&index) {
            return Err(ShareError::UnknownTrustee { index, trustees: self.trustees });
        }
        let powers = powers(index, self.f.len());
        let [a, b] = [&self.f, &self.g]
            .map(|points| RistrettoPoint::vartime_multiscalar_mul(&powers, points));
        if a.is_identity() || b.is_identity() {
            return Err(ShareError::WrongDealing);
        }
        Ok(PublicShare { a, b })
    }
}

/// (a_i, b_i), a trustee's share of the decryption key. Wiped when dropped, never shown, not clonable.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyShare {
    pub(crate) index: u32,
    pub(crate) a: Scalar,
    pub(crate) b: Scalar,
}

impl KeyShare {
    const LEN: usize = 4 + 2 * ELEMENT_LEN;

    /// i, from 1 to n.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// i ‖ a_i ‖ b_i, to be stored where only the trustee reads.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        bytes.extend(self.index.to_be_bytes());
        bytes.extend_from_slice(self.a.as_bytes());
        bytes.extend_from_slice(self.b.as_bytes());
        bytes
    }

    /// Reads [`to_bytes`](Self::to_bytes)'s bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ShareError> {
        let mut reader = Reader::new("key share", bytes, Self::LEN)?;
        let index = reader.u32()?;
        let [a, b] = reader.scalars()?;
        Ok(Self { index, a, b })
    }

    /// Whether the share is what the commitments say and the commitments are of this public key.
    pub fn verify(
        &self,
        key: &PublicKey,
        commitments: &DealingCommitments,
    ) -> Result<(), ShareError> {
        let public = commitments.public_share(self.index)?;
        let dealt = PublicShare { a: key.x1 * self.a, b: key.x2 * self.b };
        if dealt == public { Ok(()) } else { Err(ShareError::WrongKeyShare { index: self.index }) }
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyShare(of trustee {}, redacted)", self.index)
    }
}
