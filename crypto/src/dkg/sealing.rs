//! Shares sealed to their recipients: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
//! ChaCha20Poly1305.
//!
//! Who sealed a share, its transaction's signature says; what for, the associated data.

use std::convert::Infallible;
use std::fmt;

use curve25519_dalek::montgomery::MontgomeryPoint;
use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::DecodeError;
use crate::group::encoding::Reader;

const WHAT: &str = "sealing key";
/// Length of an encapsulated key, in bytes.
const ENCAPSULATED_LEN: usize = 32;
/// Length of an authentication tag, in bytes.
const TAG_LEN: usize = 16;

type Tag = AeadTag<ChaCha20Poly1305>;
type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// The public key to which shares are sealed, new in every attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SealingKey([u8; Self::LEN]);

impl SealingKey {
    /// Length of the encoding, in bytes.
    pub const LEN: usize = 32;

    /// Reads 32 bytes; refuses what is not canonical (RFC 7748 would mask a bit and reduce) or of low order.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes: [u8; Self::LEN] = Reader::new(WHAT, bytes, Self::LEN)?.array()?;
        if !below_field_order(&bytes) {
            return Err(DecodeError::Point { what: WHAT, index: 0 });
        }
        // A clamped scalar is a multiple of the cofactor and of no other order: only low orders vanish.
        if MontgomeryPoint(bytes).mul_clamped([0; 32]) == MontgomeryPoint([0; 32]) {
            return Err(DecodeError::DegenerateKey { what: WHAT });
        }
        Ok(Self(bytes))
    }

    /// The 32 bytes.
    pub fn encode(&self) -> [u8; Self::LEN] {
        self.0
    }

    /// Length of a sealed message of this length, in bytes.
    pub const fn sealed_len(message: usize) -> usize {
        ENCAPSULATED_LEN + message + TAG_LEN
    }

    /// Encapsulated key ‖ ciphertext ‖ tag. The message is encrypted where it stands, so that no copy is left. The label,
    /// HPKE's info, says what is sealed.
    pub fn seal(
        &self,
        label: &'static [u8],
        associated: &[u8],
        mut message: Zeroizing<Vec<u8>>,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8>, DecodeError> {
        // What is of low order or not 32 bytes long fails here, too; there is no such key.
        let refused = |_| DecodeError::DegenerateKey { what: WHAT };
        let sealed = hpke::single_shot_seal_inout_detached_with_rng::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(
            &OpModeS::Base,
            &Deserializable::from_bytes(&self.0).map_err(refused)?,
            label,
            message.as_mut_slice().into(),
            associated,
            &mut Adapted(rng),
        );
        let (encapsulated, tag) = sealed.map_err(refused)?;
        let mut bytes = Vec::with_capacity(Self::sealed_len(message.len()));
        bytes.extend_from_slice(&encapsulated.to_bytes());
        bytes.extend_from_slice(&message);
        bytes.extend_from_slice(&tag.to_bytes());
        Ok(bytes)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(")?;
        self.encode().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Whether these are the bytes of an integer below 2^255 − 19, the least first.
fn below_field_order(bytes: &[u8; 32]) -> bool {
    let mut order = [0xff; 32];
    (order[0], order[31]) = (0xed, 0x7f);
    bytes.iter().rev().lt(order.iter().rev())
}

/// The secret half of a [`SealingKey`]. Wiped when dropped, never shown, not clonable.
pub struct OpeningKey {
    bytes: Zeroizing<[u8; 32]>,
    key: <X25519HkdfSha256 as Kem>::PrivateKey,
}

impl OpeningKey {
    /// A new key.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self::from_bytes(&bytes)
    }

    /// The key of 32 secret bytes, expanded as RFC 9180's DeriveKeyPair does.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self { bytes: bytes.clone(), key: X25519HkdfSha256::derive_keypair(&**bytes).0 }
    }

    /// The 32 secret bytes, to be stored where only the member reads.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.bytes.clone()
    }

    /// The public half.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey(X25519HkdfSha256::sk_to_pk(&self.key).to_bytes().into())
    }

    /// The message, if it was sealed to this key with this label and associated data.
    pub fn open(
        &self,
        label: &'static [u8],
        associated: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (encapsulated, rest) = sealed.split_at_checked(ENCAPSULATED_LEN)?;
        let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_LEN)?)?;
        let mut message = Zeroizing::new(ciphertext.to_vec());
        hpke::single_shot_open_inout_detached::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.key,
            &Encapsulated::from_bytes(encapsulated).ok()?,
            label,
            message.as_mut_slice().into(),
            associated,
            &Tag::from_bytes(tag).ok()?,
        )
        .ok()?;
        Some(message)
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKey(of {:?})", self.sealing_key())
    }
}

/// The generators of this crate, as HPKE's crate expects them.
struct Adapted<'a, R>(&'a mut R);

impl<R: CryptoRngCore> TryRng for Adapted<'_, R> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: CryptoRngCore> TryCryptoRng for Adapted<'_, R> {}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    const LABEL: &[u8] = b"a label";

    fn rng(seed: u64) -> ChaCha20Rng {
        ChaCha20Rng::seed_from_u64(seed)
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_associated_data_and_unchanged_only() {
        let key = OpeningKey::generate(&mut rng(1));
        let other = OpeningKey::generate(&mut rng(2));
        let message = || Zeroizing::new(b"a share".to_vec());
        let sealed = key.sealing_key().seal(LABEL, b"for", message(), &mut rng(3)).unwrap();
        assert_eq!(sealed.len(), SealingKey::sealed_len(message().len()));
        assert_eq!(key.open(LABEL, b"for", &sealed), Some(message()));
        assert_eq!(key.open(LABEL, b"fox", &sealed), None);
        assert_eq!(other.open(LABEL, b"for", &sealed), None);
        assert_eq!(key.open(b"another label", b"for", &sealed), None);
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(key.open(LABEL, b"for", &changed), None, "byte {position}");
            assert_eq!(key.open(LABEL, b"for", &sealed[..position]), None, "cut to {position}");
        }
        let again = key.sealing_key().seal(LABEL, b"for", message(), &mut rng(4)).unwrap();
        assert_ne!(sealed[..32], again[..32], "a fresh key every time");
    }

    #[test]
    fn sealing_keys_have_one_encoding_and_no_low_order() {
        let key = OpeningKey::generate(&mut rng(5)).sealing_key();
        let bytes = key.encode();
        assert_eq!(SealingKey::decode(&bytes), Ok(key));
        assert!(SealingKey::decode(&bytes[..31]).is_err());
        let mut masked = bytes;
        masked[31] |= 0x80;
        assert_eq!(SealingKey::decode(&masked), Err(DecodeError::Point { what: WHAT, index: 0 }));
        // p + 9 is the basepoint, written differently.
        let mut reduced = [0xff; 32];
        (reduced[0], reduced[31]) = (0xf6, 0x7f);
        assert_eq!(SealingKey::decode(&reduced), Err(DecodeError::Point { what: WHAT, index: 0 }));
        // Orders 4, 1 and 2 (0, 1), 8 and 8 (RFC 7748's list of them), p − 1.
        let one = {
            let mut one = [0; 32];
            one[0] = 1;
            one
        };
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        let eighth = crate::tests::vectors::from_hex(
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        );
        for low in [[0; 32].as_slice(), &one, &minus_one, &eighth] {
            assert_eq!(
                SealingKey::decode(low),
                Err(DecodeError::DegenerateKey { what: WHAT }),
                "{low:?}"
            );
        }
    }

    #[test]
    fn an_opening_key_comes_back_from_its_bytes_and_is_not_shown() {
        let bytes = Zeroizing::new([7; 32]);
        let key = OpeningKey::from_bytes(&bytes);
        assert_eq!(OpeningKey::from_bytes(&key.to_bytes()).sealing_key(), key.sealing_key());
        assert_eq!(format!("{key:?}"), format!("OpeningKey(of {:?})", key.sealing_key()));
    }
}
