//! The linear encryption of Boneh, Boyen and Shacham with the message in the exponent: keys and bare ciphertexts
//! (mo2023, Definition 1).
//!
//! - Gen: x, y ← Z_ℓ*; X1 = x·g, X2 = y·g; gpk = (X1, X2, g, h, vk); gsk = (1/x, 1/y).
//! - Enc(u; r, s): C = (C1, C2, C3) = (r·X1, s·X2, (r+s)·g + u·h).
//! - Dec: u·h = C3 − (1/x)·C1 − (1/y)·C2.
//!
//! A bare [`Ciphertext`] can be mauled by anyone. Only with a proof ([`header`](crate::CandidateHeader),
//! [`khpke`](crate::khpke)) is it a ciphertext of the scheme. mo2023 writes X2, X3 for what is X1, X2 here, as its own
//! Enc and Dec use two bases.

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, OnceLock};

use consilium_hash::KeyHash;
use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::{g_times, h_times, random_scalar};
use crate::transcript::{PUBLIC_KEY_HASH, labelled_hash};
use crate::{DecodeError, SigningKey, VerifyingKey};

/// gpk = (X1, X2, vk), with g and h implied.
#[derive(Clone)]
pub struct PublicKey {
    pub(crate) x1: RistrettoPoint,
    pub(crate) x2: RistrettoPoint,
    evaluation: VerifyingKey,
    encoding: [u8; Self::LEN],
    /// Of X1 and X2, made when somebody first encrypts.
    tables: Arc<OnceLock<[RistrettoBasepointTable; 2]>>,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.encoding == other.encoding
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 2 * ELEMENT_LEN + 32;

    pub(crate) fn new(
        x1: RistrettoPoint,
        x2: RistrettoPoint,
        evaluation: VerifyingKey,
    ) -> Result<Self, DecodeError> {
        if x1.is_identity() || x2.is_identity() || x1 == x2 {
            return Err(DecodeError::DegenerateKey { what: "public key" });
        }
        let mut encoding = [0; Self::LEN];
        let parts = [x1.compress().to_bytes(), x2.compress().to_bytes(), evaluation.encode()];
        for (slot, part) in encoding.as_chunks_mut().0.iter_mut().zip(parts) {
            *slot = part;
        }
        Ok(Self { x1, x2, evaluation, encoding, tables: Arc::default() })
    }

    /// (r·X1, s·X2) in constant time, by tables that a few encryptions pay for.
    pub(crate) fn times(&self, r: &Scalar, s: &Scalar) -> [RistrettoPoint; 2] {
        let tables = || [&self.x1, &self.x2].map(RistrettoBasepointTable::create);
        let [of_x1, of_x2] = self.tables.get_or_init(tables);
        [of_x1 * r, of_x2 * s]
    }

    /// X1 ‖ X2 ‖ vk.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.encoding
    }

    /// Reads [`encode`](Self::encode)'s bytes; identities are refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("public key", bytes, Self::LEN)?;
        let [x1, x2] = reader.points()?;
        Self::new(x1, x2, VerifyingKey::decode(reader.take(32)?)?)
    }

    /// The hash by which contexts name this key.
    pub fn hash(&self) -> KeyHash {
        labelled_hash(PUBLIC_KEY_HASH, &self.encoding)
    }

    /// vk, under which evaluations are certified.
    pub fn evaluation_key(&self) -> &VerifyingKey {
        &self.evaluation
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("x1", &self.x1.compress())
            .field("x2", &self.x2.compress())
            .finish()
    }
}

/// gsk = (1/x, 1/y). Exists only in the stand-alone scheme; in a federation it lives only as shares.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct DecryptionKey {
    a: Scalar,
    b: Scalar,
}

impl DecryptionKey {
    /// u·h of a bare ciphertext.
    pub(crate) fn open(&self, ciphertext: &Ciphertext) -> RistrettoPoint {
        ciphertext.c3 - ciphertext.c1 * self.a - ciphertext.c2 * self.b
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecryptionKey(redacted)")
    }
}

/// sk_h: lets its holder certify sums, and nothing else.
#[derive(Debug)]
pub struct EvaluationKey(pub(crate) SigningKey);

impl EvaluationKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        Self(SigningKey::generate(rng))
    }

    /// The key of 32 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The 32 secret bytes, to be stored where only the owner reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.to_bytes()
    }

    /// vk, which goes into the public key.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }
}

/// (X1, X2) with 1/x and 1/y, the four values that Gen makes before anybody shares them.
pub(crate) struct KeyMaterial {
    pub(crate) x1: RistrettoPoint,
    pub(crate) x2: RistrettoPoint,
    pub(crate) secret: DecryptionKey,
}

impl KeyMaterial {
    pub(crate) fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let x = Zeroizing::new(nonzero(rng));
        let y = Zeroizing::new(nonzero(rng));
        let secret = DecryptionKey { a: x.invert(), b: y.invert() };
        Self { x1: g_times(&x), x2: g_times(&y), secret }
    }

    #[cfg(any(test, feature = "dealer"))]
    pub(crate) fn secrets(&self) -> (&Scalar, &Scalar) {
        (&self.secret.a, &self.secret.b)
    }
}

fn nonzero(rng: &mut impl CryptoRngCore) -> Scalar {
    loop {
        let scalar = random_scalar(rng);
        if scalar != Scalar::ZERO {
            return scalar;
        }
    }
}

/// (C1, C2, C3) without a proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ciphertext {
    pub(crate) c1: RistrettoPoint,
    pub(crate) c2: RistrettoPoint,
    pub(crate) c3: RistrettoPoint,
}

impl Ciphertext {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 3 * ELEMENT_LEN;

    /// Enc(u; r, s), in constant time.
    pub(crate) fn encrypt(key: &PublicKey, u: &Scalar, r: &Scalar, s: &Scalar) -> Self {
        let [c1, c2] = key.times(r, s);
        Self { c1, c2, c3: g_times(&(r + s)) + h_times(u) }
    }

    /// C1 ‖ C2 ‖ C3.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (slot, point) in bytes.as_chunks_mut().0.iter_mut().zip([self.c1, self.c2, self.c3]) {
            *slot = point.compress().to_bytes();
        }
        bytes
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let [c1, c2, c3] = reader.points()?;
        Ok(Self { c1, c2, c3 })
    }
}

impl AddAssign<&Self> for Ciphertext {
    fn add_assign(&mut self, other: &Self) {
        self.c1 += other.c1;
        self.c2 += other.c2;
        self.c3 += other.c3;
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn key(rng: &mut ChaCha20Rng) -> (PublicKey, DecryptionKey) {
        let material = KeyMaterial::generate(rng);
        let evaluation = EvaluationKey::generate(rng).verifying_key();
        (PublicKey::new(material.x1, material.x2, evaluation).unwrap(), material.secret)
    }

    #[test]
    fn decryption_inverts_encryption_and_respects_sums() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let (public, secret) = key(&mut rng);
        let mut sum = Ciphertext::default();
        for u in [0u64, 1, 65535] {
            let [r, s] = std::array::from_fn(|_| random_scalar(&mut rng));
            let ciphertext = Ciphertext::encrypt(&public, &u.into(), &r, &s);
            assert_eq!(secret.open(&ciphertext), h_times(&u.into()));
            sum += &ciphertext;
        }
        assert_eq!(secret.open(&sum), h_times(&65536u64.into()));
    }

    #[test]
    fn identities_and_equal_halves_are_no_public_key() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let (public, _) = key(&mut rng);
        let bytes = public.encode();
        assert_eq!(PublicKey::decode(&bytes), Ok(public.clone()));
        for half in 0..2 {
            let mut changed = bytes;
            changed[32 * half..32 * (half + 1)].fill(0);
            assert!(matches!(PublicKey::decode(&changed), Err(DecodeError::DegenerateKey { .. })));
        }
        assert!(PublicKey::new(public.x1, public.x1, *public.evaluation_key()).is_err());
        assert!(PublicKey::decode(&bytes[..95]).is_err());
    }

    #[test]
    fn points_that_are_not_canonical_are_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let mut bytes = key(&mut rng).0.encode();
        // p itself, a second way to write the identity; then a negative field element.
        bytes[..32].fill(0xff);
        bytes[0] = 0xed;
        bytes[31] = 0x7f;
        assert_eq!(
            PublicKey::decode(&bytes),
            Err(DecodeError::Point { what: "public key", index: 0 })
        );
        bytes[..32].fill(0);
        bytes[0] = 1;
        assert_eq!(
            PublicKey::decode(&bytes),
            Err(DecodeError::Point { what: "public key", index: 0 })
        );
    }

    #[test]
    fn secrets_are_wiped_when_dropped() {
        // Holds by compiling.
        fn wiped<Secret: ZeroizeOnDrop>() {}
        wiped::<DecryptionKey>();
        wiped::<crate::KeyShare>();
        wiped::<crate::QuantisedUpdate>();
        wiped::<crate::UnprovenUpdate>();
        wiped::<crate::proof::limbs::LimbWitness>();
        wiped::<crate::proof::link::LinkWitness>();
        wiped::<ed25519_dalek::SigningKey>();
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        assert_eq!(format!("{:?}", key(&mut rng).1), "DecryptionKey(redacted)");
    }
}
