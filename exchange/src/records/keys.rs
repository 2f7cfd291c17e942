//! Keys of the parties: pairs over ristretto255, and an owner's seed of delegator keys.
//!
//! Owners and custodians have one static pair each, from which their keyword key follows; a requester has a fresh pair for
//! each request. An owner's delegator keys are expanded from a seed, one for each [`Scope`]. No public derivation links
//! them: a proxy and a requester who tell each other everything know one of them (`tests/collusion.rs`).

use std::fmt;

use consilium_crypto::building_blocks::{ELEMENT_LEN, Reader, random_scalar};
use consilium_crypto::{DecodeError, Signature, SigningKey, VerifyingKey};
use consilium_hash::ChainId;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_core::{CryptoRng, RngCore};
use zeroize::{Zeroize, Zeroizing};

use super::transcript::{DELEGATOR_KEY, delegator_scalar};
use super::{Party, RecordError, Scope};

/// The public half of a pair, or another point that must not be the identity. It keeps its encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    point: RistrettoPoint,
    encoding: [u8; ELEMENT_LEN],
}

impl PublicKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = ELEMENT_LEN;

    pub(super) fn of(secret: &Scalar) -> Self {
        Self::from_point(RistrettoPoint::mul_base(secret))
    }

    pub(super) fn from_point(point: RistrettoPoint) -> Self {
        Self { point, encoding: point.compress().to_bytes() }
    }

    /// Reads 32 bytes; refuses the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::read(&mut Reader::new("public key", bytes, Self::LEN)?)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let encoding = reader.array()?;
        let [point] = Reader::new("public key", &encoding, Self::LEN)?.points()?;
        if point.is_identity() {
            return Err(DecodeError::DegenerateKey { what: "public key" });
        }
        Ok(Self { point, encoding })
    }

    /// The 32 bytes.
    pub fn encoding(&self) -> &[u8; ELEMENT_LEN] {
        &self.encoding
    }

    pub(super) fn point(&self) -> &RistrettoPoint {
        &self.point
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.encoding.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The secret half of a pair. Wiped when dropped, never shown, not clonable.
pub struct SecretKey {
    scalar: Scalar,
    public: PublicKey,
}

impl SecretKey {
    /// A new key.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        Self::new(random_scalar(rng))
    }

    fn new(scalar: Scalar) -> Self {
        Self { scalar, public: PublicKey::of(&scalar) }
    }

    /// The key of 32 secret bytes; refuses what is not reduced, and 0.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Result<Self, DecodeError> {
        const WHAT: &str = "secret key";
        let [scalar] = Reader::new(WHAT, &**bytes, ELEMENT_LEN)?.scalars()?;
        if scalar == Scalar::ZERO {
            return Err(DecodeError::DegenerateKey { what: WHAT });
        }
        Ok(Self::new(scalar))
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.scalar.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The Diffie–Hellman value with a peer, in constant time.
    pub(super) fn agree(&self, peer: &PublicKey) -> Zeroizing<RistrettoPoint> {
        Zeroizing::new(peer.point * self.scalar)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.scalar.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public)
    }
}

/// From which an owner's delegator keys are expanded. Wiped when dropped, never shown, not clonable.
pub struct OwnerSeed(Zeroizing<[u8; 32]>);

impl OwnerSeed {
    /// A new seed.
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self(bytes)
    }

    /// The seed of 32 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(bytes.clone())
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }

    /// The delegator key of a scope: a and A = a·g.
    pub fn delegator_key(&self, scope: &Scope) -> DelegatorKey {
        DelegatorKey {
            key: SecretKey::new(delegator_scalar(&self.0, &scope.encode())),
            scope: scope.clone(),
        }
    }
}

impl fmt::Debug for OwnerSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerSeed(redacted)")
    }
}

/// The owner's key for all records of one scope.
#[derive(Debug)]
pub struct DelegatorKey {
    key: SecretKey,
    scope: Scope,
}

impl DelegatorKey {
    /// A.
    pub fn public(&self) -> &PublicKey {
        &self.key.public
    }

    /// What the key is for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(super) fn scalar(&self) -> &Scalar {
        &self.key.scalar
    }

    /// A with the owner's signature, for the custodian.
    pub fn publish(&self, chain_id: &ChainId, owner: &SigningKey) -> PublishedDelegatorKey {
        let public = self.key.public;
        let parts = [chain_id.as_slice(), &self.scope.encode(), public.encoding()];
        let signature = owner.sign(DELEGATOR_KEY, &parts);
        PublishedDelegatorKey { scope: self.scope.clone(), public, signature }
    }
}

/// A delegator key as an owner sends it to a custodian. Its signature is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedDelegatorKey {
    scope: Scope,
    public: PublicKey,
    signature: Signature,
}

impl PublishedDelegatorKey {
    /// Longest encoding, in bytes.
    pub const MAX_LEN: usize = Scope::MAX_LEN + PublicKey::LEN + consilium_crypto::SIGNATURE_LEN;

    /// Scope ‖ A ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        [&self.scope.encode(), self.public.encoding().as_slice(), &self.signature.encode()].concat()
    }

    /// Reads [`encode`](Self::encode)'s bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::at_most("delegator key", bytes, Self::MAX_LEN)?;
        let scope = Scope::read(&mut reader)?;
        let public = PublicKey::read(&mut reader)?;
        let signature = Signature::decode(reader.take(consilium_crypto::SIGNATURE_LEN)?)?;
        reader.end()?;
        Ok(Self { scope, public, signature })
    }

    /// Verifies the owner's signature. That `owner` is the key of the scope's owner, the caller looks up.
    pub fn verify(
        self,
        chain_id: &ChainId,
        owner: &VerifyingKey,
    ) -> Result<VerifiedDelegatorKey, RecordError> {
        let parts = [chain_id.as_slice(), &self.scope.encode(), self.public.encoding()];
        owner
            .verify(DELEGATOR_KEY, &parts, &self.signature)
            .map_err(|_| RecordError::BadSignature { what: "delegator key", by: Party::Owner })?;
        Ok(VerifiedDelegatorKey { chain_id: *chain_id, scope: self.scope, public: self.public })
    }
}

/// A delegator key that its owner has signed, to which a custodian encrypts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDelegatorKey {
    pub(super) chain_id: ChainId,
    pub(super) scope: Scope,
    pub(super) public: PublicKey,
}

impl VerifiedDelegatorKey {
    /// What the key is for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}
