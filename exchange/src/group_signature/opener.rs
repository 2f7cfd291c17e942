//! The opener's key, whole or shared among trustees.
//!
//! ζ with Z1 = ζ·k; or shares ζ_i = φ(i) of a polynomial of degree t − 1 with φ(0) = ζ, and Z_i = ζ_i·k public. That the
//! Z_i and Z1 lie on one polynomial, everyone verifies. A whole key is the case t = n = 1.

use std::fmt;

use blstrs::{G1Projective, Scalar};
use consilium_crypto::building_blocks::Reader;
use consilium_crypto::dkg::MAX_MEMBERS;
use ff::Field;
use group::Curve;
use group::prime::PrimeCurveAffine;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::curve::{G1_LEN, SCALAR_LEN, Secret, read_proper_g1};
use super::parameters::bases;
use super::{GroupError, OpenerPublicKey};

/// Most trustees that an opener's key is shared among: those of a committee.
const MAX_OPENERS: usize = MAX_MEMBERS as usize;

/// ζ, or a share of it. Wiped when dropped, never shown, not clonable.
pub struct OpenerKey {
    pub(super) place: u8,
    pub(super) zeta: Zeroizing<Secret>,
    public: OpenerPublicKey,
}

impl OpenerKey {
    /// A new key, whole.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self::new(1, Secret::random(rng))
    }

    /// The key of 32 secret bytes at a place, from 1; 1 for a whole key.
    pub fn from_bytes(place: u8, bytes: &Zeroizing<[u8; SCALAR_LEN]>) -> Result<Self, GroupError> {
        if place == 0 {
            return Err(GroupError::UnknownOpener { place });
        }
        Ok(Self::new(place, Secret::from_bytes("opener's secret key", bytes)?))
    }

    fn new(place: u8, zeta: Zeroizing<Secret>) -> Self {
        let public = OpenerPublicKey((bases().k * zeta.0).to_affine());
        Self { place, zeta, public }
    }

    /// The 32 secret bytes, to be stored where only the opener reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SCALAR_LEN]> {
        self.zeta.to_bytes()
    }

    /// Z1, or Z_i.
    pub fn public(&self) -> &OpenerPublicKey {
        &self.public
    }

    /// Divides a whole key among trustees, any `threshold` of whom can open. Whoever does it has the key for a moment.
    pub fn share(
        &self,
        threshold: u8,
        shares: u8,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<(Openers, Vec<Self>), GroupError> {
        if threshold == 0 || threshold > shares || usize::from(shares) > MAX_OPENERS {
            return Err(GroupError::Threshold { shares: shares.into(), threshold });
        }
        let coefficients: Vec<Zeroizing<Secret>> =
            (1..threshold).map(|_| Secret::random(rng)).collect();
        let share = |place: u8| {
            let x = Scalar::from(u64::from(place));
            let value = coefficients
                .iter()
                .rev()
                .fold(Scalar::ZERO, |sum, coefficient| (sum + coefficient.0) * x);
            Self::new(place, Zeroizing::new(Secret(self.zeta.0 + value)))
        };
        let keys: Vec<Self> = (1..=shares).map(share).collect();
        let publics = keys.iter().map(|key| key.public).collect();
        Ok((Openers::new(&self.public, threshold, publics)?, keys))
    }
}

impl fmt::Debug for OpenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenerKey({} of {:?})", self.place, self.public)
    }
}

/// Who can open: the public shares of an opener's key, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Openers {
    key: OpenerPublicKey,
    threshold: u8,
    shares: Vec<OpenerPublicKey>,
}

impl Openers {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = G1_LEN + 2 + MAX_OPENERS * G1_LEN;

    /// One opener, with the whole key.
    pub fn single(key: &OpenerPublicKey) -> Self {
        Self { key: *key, threshold: 1, shares: vec![*key] }
    }

    /// Shares of a key; refused if they do not lie on one polynomial of degree t − 1 whose value at 0 is the key.
    pub fn new(
        key: &OpenerPublicKey,
        threshold: u8,
        shares: Vec<OpenerPublicKey>,
    ) -> Result<Self, GroupError> {
        if threshold == 0 || usize::from(threshold) > shares.len() || shares.len() > MAX_OPENERS {
            return Err(GroupError::Threshold { shares: shares.len(), threshold });
        }
        // The first t determine the value everywhere.
        let (first, others) = shares.split_at(threshold.into());
        let places: Vec<u8> = (1..=threshold).collect();
        let at = |x| {
            let factors = lagrange(&places, x).into_iter();
            factors.zip(first).map(|(factor, share)| share.0 * factor).sum::<G1Projective>()
        };
        let consistent = at(0) == key.0.to_curve()
            && (threshold..u8::MAX)
                .zip(others)
                .all(|(before, share)| at(before + 1) == share.0.to_curve());
        if !consistent {
            return Err(GroupError::InconsistentShares);
        }
        Ok(Self { key: *key, threshold, shares })
    }

    /// Z1 ‖ t ‖ n ‖ Z_1 ‖ … ‖ Z_n.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.key.encode().to_vec();
        // At most 128.
        bytes.extend([self.threshold, self.shares.len() as u8]);
        self.shares.iter().for_each(|share| bytes.extend_from_slice(&share.encode()));
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes and verifies the shares.
    pub fn decode(bytes: &[u8]) -> Result<Self, GroupError> {
        const WHAT: &str = "openers";
        let mut reader = Reader::at_most(WHAT, bytes, Self::MAX_LEN)?;
        let key = OpenerPublicKey(read_proper_g1(WHAT, &mut reader)?);
        let [threshold, count] = reader.array()?;
        let share = |_| Ok(OpenerPublicKey(read_proper_g1(WHAT, &mut reader)?));
        let shares = (0..count).map(share).collect::<Result<_, GroupError>>()?;
        reader.end()?;
        Self::new(&key, threshold, shares)
    }

    /// The key that the shares are of.
    pub fn key(&self) -> &OpenerPublicKey {
        &self.key
    }

    /// t.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }

    /// Z_i.
    pub(super) fn share(&self, place: u8) -> Result<&OpenerPublicKey, GroupError> {
        let index = usize::from(place).checked_sub(1);
        index.and_then(|i| self.shares.get(i)).ok_or(GroupError::UnknownOpener { place })
    }
}

/// λ_i = Π (x − j)/(i − j) over the other places j. The places are distinct.
pub(super) fn lagrange(places: &[u8], x: u8) -> Vec<Scalar> {
    let scalar = |place: u8| Scalar::from(u64::from(place));
    let factor = |place: &u8| {
        let others = || places.iter().filter(|other| *other != place).copied();
        let numerator: Scalar = others().map(|other| scalar(x) - scalar(other)).product();
        let denominator: Scalar = others().map(|other| scalar(*place) - scalar(other)).product();
        // A product of differences of distinct places below 256 is not 0 modulo p.
        numerator * denominator.invert().unwrap_or(Scalar::ZERO)
    };
    places.iter().map(factor).collect()
}
