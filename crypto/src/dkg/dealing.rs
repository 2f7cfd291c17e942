//! A dealing: commitments for everyone, and a sealed share for each recipient (Pedersen, CRYPTO 1991; Feldman, FOCS 1987).
//!
//! The share of recipient i is every polynomial's value at i. It is what the dealing commits to if for each sharing
//! f(i)·base + f'(i)·h = Σ i^c·C_c, all of which are one sum under weights that depend on dealing and share: an error passes
//! once in 2^128. Commitments to a degree too high do not fit the encoding.

use std::fmt;

use consilium_hash::DealingHash;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{MultiscalarMul, VartimeMultiscalarMul};
use merlin::Transcript;
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ceremony::Sharing;
use super::{Ceremony, DkgError, OpeningKey, SealingKey};
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::h;
use crate::group::polynomial::{evaluate, powers, random};
use crate::transcript::{CEREMONY_DEALING, Protocol, dealt_share, polynomials, witness_bytes};
use crate::{DecodeError, KeyShare};

/// 32 bytes from which everything secret about a member's dealings is expanded, so that a restart reveals the same shares.
/// Wiped when dropped, never shown, not clonable.
pub struct DealerSecret(Zeroizing<[u8; 32]>);

impl DealerSecret {
    /// A new secret.
    pub fn generate(rng: &mut impl CryptoRngCore) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        Self(bytes)
    }

    /// The secret of 32 bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 32]>) -> Self {
        Self(bytes.clone())
    }

    /// The 32 bytes, to be stored where only the member reads, before its first dealing is sent.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.clone()
    }
}

impl fmt::Debug for DealerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DealerSecret(redacted)")
    }
}

/// A dealer in one ceremony: its polynomials. Wiped when dropped, never shown, not clonable.
pub struct Dealer {
    ceremony: Ceremony,
    place: u32,
    sharings: Vec<Sharing>,
    /// One for each scalar of a share, coefficients in ascending order.
    pub(super) polynomials: Vec<Zeroizing<Vec<Scalar>>>,
}

impl Dealer {
    /// The dealer at this place in a key generation.
    pub fn new(ceremony: &Ceremony, place: u32, secret: &DealerSecret) -> Result<Self, DkgError> {
        if ceremony.is_resharing() {
            return Err(DkgError::WrongKind { expected: "a key generation" });
        }
        Self::expand(ceremony, place, secret, &[])
    }

    /// The holder of this share of the old key in a resharing.
    pub fn of_share(
        ceremony: &Ceremony,
        share: &KeyShare,
        secret: &DealerSecret,
    ) -> Result<Self, DkgError> {
        let (key, old) =
            ceremony.reshared().ok_or(DkgError::WrongKind { expected: "a resharing" })?;
        share.verify(key, old)?;
        Self::expand(ceremony, share.index(), secret, &[&share.a, &share.b])
    }

    /// `constants`: of the first sharings, in order; the others' are 0 where everyone knows them, and else drawn.
    fn expand(
        ceremony: &Ceremony,
        place: u32,
        secret: &DealerSecret,
        constants: &[&Scalar],
    ) -> Result<Self, DkgError> {
        let sharings = ceremony.sharings(place)?;
        let mut stream = polynomials(&secret.0, ceremony.hash(), place);
        let mut drawn = Vec::with_capacity(sharings.iter().map(Sharing::scalars).sum());
        for (index, sharing) in sharings.iter().enumerate() {
            let constant = match (sharing.constant, constants.get(index)) {
                (Some(_), Some(constant)) => **constant,
                (Some(_), None) => Scalar::ZERO,
                (None, _) => stream.challenge(b"coefficient"),
            };
            drawn.push(random(constant, sharing.degree, || stream.challenge(b"coefficient")));
            if sharing.blinded {
                let constant = stream.challenge(b"coefficient");
                drawn.push(random(constant, sharing.degree, || stream.challenge(b"coefficient")));
            }
        }
        Ok(Self { ceremony: ceremony.clone(), place, sharings, polynomials: drawn })
    }

    /// The dealing. Its commitments follow from secret and ceremony; the sealing is fresh, so that what is sent again is
    /// the stored bytes.
    pub fn deal(&self, rng: &mut impl CryptoRngCore) -> Result<Dealing, DkgError> {
        let commitments = self.commitments();
        let mut bytes = Vec::with_capacity(self.ceremony.dealing_len());
        for (sharing, points) in self.sharings.iter().zip(&commitments) {
            let unsent = points.len() - sharing.points_sent();
            bytes.extend(points.iter().skip(unsent).flat_map(|point| point.compress().to_bytes()));
        }
        for (recipient, key) in self.ceremony.recipients() {
            let associated = associated_data(&self.ceremony, self.place, *recipient);
            bytes.extend(key.seal(&associated, witness_bytes(&*self.share(*recipient)), rng)?);
        }
        Ok(Dealing::assemble(&self.ceremony, self.place, commitments, bytes))
    }

    /// Of each sharing, the commitments to all coefficients.
    fn commitments(&self) -> Vec<Vec<RistrettoPoint>> {
        let mut polynomials = self.polynomials.iter();
        let mut commitments = Vec::with_capacity(self.sharings.len());
        for sharing in &self.sharings {
            let values = polynomials.next().into_iter().flat_map(|values| values.iter());
            let mut blindings =
                sharing.blinded.then(|| polynomials.next()).flatten().map(|values| values.iter());
            let points = values
                .map(|value| sharing.commit(value, blindings.as_mut().and_then(Iterator::next)));
            commitments.push(points.collect());
        }
        commitments
    }

    /// Whether the dealing is of these polynomials. Whoever has lost what a dealing was expanded from has others, and must
    /// not answer for it.
    pub fn has_dealt(&self, dealing: &Dealing) -> bool {
        if self.place != dealing.dealer || self.ceremony.hash() != dealing.ceremony.hash() {
            return false;
        }
        self.commitments() == dealing.commitments
    }

    /// The share of this recipient in the open, in answer to its complaint.
    pub fn reveal(&self, recipient: u32) -> Result<RevealedShare, DkgError> {
        position(&self.ceremony, recipient)?;
        Ok(RevealedShare { scalars: self.share(recipient).to_vec() })
    }

    fn share(&self, recipient: u32) -> Zeroizing<Vec<Scalar>> {
        Zeroizing::new(self.polynomials.iter().map(|values| evaluate(values, recipient)).collect())
    }
}

impl fmt::Debug for Dealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealer({}, redacted)", self.place)
    }
}

/// Where the recipient's sealed share is among the others.
fn position(ceremony: &Ceremony, recipient: u32) -> Result<usize, DkgError> {
    let position = ceremony.recipients().keys().position(|place| *place == recipient);
    position.ok_or(DkgError::UnknownPlace { place: recipient, role: "recipient" })
}

fn associated_data(ceremony: &Ceremony, dealer: u32, recipient: u32) -> Vec<u8> {
    [ceremony.hash().as_slice(), &dealer.to_be_bytes(), &recipient.to_be_bytes()].concat()
}

/// A dealing that decodes. Whether its shares are what it commits to, each recipient finds out with [`open`](Self::open).
#[derive(Clone)]
pub struct Dealing {
    ceremony: Ceremony,
    dealer: u32,
    /// Of each sharing all of them, those that are not sent included.
    commitments: Vec<Vec<RistrettoPoint>>,
    bytes: Vec<u8>,
    hash: DealingHash,
}

impl Dealing {
    /// Reads [`encode`](Self::encode)'s bytes: [`Ceremony::dealing_len`] of them.
    pub fn decode(bytes: &[u8], ceremony: &Ceremony, dealer: u32) -> Result<Self, DkgError> {
        let sharings = ceremony.sharings(dealer)?;
        let commitments = || -> Result<Vec<Vec<RistrettoPoint>>, DecodeError> {
            let mut reader = Reader::new("dealing", bytes, ceremony.dealing_len())?;
            let mut points = |sharing: &Sharing| {
                let sent = (0..sharing.points_sent()).map(|_| reader.points().map(|[point]| point));
                sharing.constant.map(Ok).into_iter().chain(sent).collect()
            };
            sharings.iter().map(&mut points).collect()
        };
        let commitments =
            commitments().map_err(|error| DkgError::MalformedDealing { dealer, error })?;
        Ok(Self::assemble(ceremony, dealer, commitments, bytes.to_vec()))
    }

    fn assemble(
        ceremony: &Ceremony,
        dealer: u32,
        commitments: Vec<Vec<RistrettoPoint>>,
        bytes: Vec<u8>,
    ) -> Self {
        let hash = Sha256::new_with_prefix(CEREMONY_DEALING)
            .chain_update(ceremony.hash())
            .chain_update(dealer.to_be_bytes())
            .chain_update(&bytes);
        Self {
            ceremony: ceremony.clone(),
            dealer,
            commitments,
            bytes,
            hash: DealingHash(hash.finalize().into()),
        }
    }

    /// Commitments ‖ sealed shares, in the order of the recipients.
    pub fn encode(&self) -> &[u8] {
        &self.bytes
    }

    /// Its author's place among the dealers.
    pub fn dealer(&self) -> u32 {
        self.dealer
    }

    /// SHA-256 over ceremony, dealer and bytes.
    pub fn hash(&self) -> &DealingHash {
        &self.hash
    }

    /// The ceremony that it is of.
    pub(super) fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }

    /// Of each sharing, the commitments to all coefficients.
    pub(super) fn commitments(&self) -> &[Vec<RistrettoPoint>] {
        &self.commitments
    }

    /// Opens the share of this recipient and verifies it against the commitments. [`DkgError::WrongSealedShare`] is a reason
    /// to complain.
    pub fn open(&self, recipient: u32, key: &OpeningKey) -> Result<PrivateShare, DkgError> {
        let position = position(&self.ceremony, recipient)?;
        let wrong = || DkgError::WrongSealedShare { dealer: self.dealer, recipient };
        let message = self.ceremony.revealed_share_len();
        let length = SealingKey::sealed_len(message);
        let shares = self.bytes.len() - length * self.ceremony.recipients().len();
        let sealed =
            self.bytes.get(shares + position * length..).and_then(|rest| rest.get(..length));
        let associated = associated_data(&self.ceremony, self.dealer, recipient);
        let message = sealed.and_then(|sealed| key.open(&associated, sealed)).ok_or_else(wrong)?;
        let scalars = Zeroizing::new(read_scalars(&message, &self.ceremony).map_err(|_| wrong())?);
        self.confirm(recipient, scalars).ok_or_else(wrong)
    }

    /// Verifies a share that the dealer has revealed. What holds voids the complaint, and is the recipient's share.
    pub fn check_reveal(
        &self,
        recipient: u32,
        share: &RevealedShare,
    ) -> Result<PrivateShare, DkgError> {
        position(&self.ceremony, recipient)?;
        let wrong = || DkgError::WrongRevealedShare { dealer: self.dealer, recipient };
        self.confirm(recipient, Zeroizing::new(share.scalars.clone())).ok_or_else(wrong)
    }

    /// The share, if it is what the commitments say.
    fn confirm(&self, recipient: u32, scalars: Zeroizing<Vec<Scalar>>) -> Option<PrivateShare> {
        let sharings = self.ceremony.sharings(self.dealer).ok()?;
        let scalars_expected: usize = sharings.iter().map(Sharing::scalars).sum();
        if scalars.len() != scalars_expected {
            return None;
        }
        let mut transcript: Transcript = dealt_share(&self.hash, recipient);
        transcript.append_message(b"share", &witness_bytes(&*scalars));
        let weights = transcript.weights(b"fold", sharings.len());

        let mut rest = scalars.iter();
        let mut left = Zeroizing::new(Vec::with_capacity(sharings.len() + 1));
        let mut bases = Vec::with_capacity(sharings.len() + 1);
        let mut blinding = Zeroizing::new(Scalar::ZERO);
        let mut factors = Vec::new();
        let mut points = Vec::<RistrettoPoint>::new();
        for ((sharing, commitments), weight) in sharings.iter().zip(&self.commitments).zip(weights)
        {
            left.push(weight * rest.next()?);
            bases.push(sharing.base);
            if sharing.blinded {
                *blinding += weight * rest.next()?;
            }
            factors.extend(
                powers(recipient, commitments.len()).into_iter().map(|power| weight * power),
            );
            points.extend_from_slice(commitments);
        }
        left.push(*blinding);
        bases.push(*h());
        let shared = RistrettoPoint::multiscalar_mul(&*left, &bases);
        let committed = RistrettoPoint::vartime_multiscalar_mul(factors, points);
        (shared == committed).then(|| PrivateShare {
            dealer: self.dealer,
            recipient,
            dealing: self.hash,
            scalars,
        })
    }
}

impl fmt::Debug for Dealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dealing(of {}, {} bytes)", self.dealer, self.bytes.len())
    }
}

fn read_scalars(bytes: &[u8], ceremony: &Ceremony) -> Result<Vec<Scalar>, DecodeError> {
    let length = ceremony.revealed_share_len();
    Reader::new("share of a dealing", bytes, length)?.scalar_vec(length / ELEMENT_LEN)
}

/// A share in the open, in answer to a complaint. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevealedShare {
    pub(super) scalars: Vec<Scalar>,
}

impl RevealedShare {
    /// The scalars of the share in order.
    pub fn encode(&self) -> Vec<u8> {
        self.scalars.iter().flat_map(Scalar::to_bytes).collect()
    }

    /// Reads [`encode`](Self::encode)'s bytes: [`Ceremony::revealed_share_len`] of them.
    pub fn decode(bytes: &[u8], ceremony: &Ceremony) -> Result<Self, DecodeError> {
        read_scalars(bytes, ceremony).map(|scalars| Self { scalars })
    }
}

/// A recipient's share of one dealing, which its commitments confirm. Wiped when dropped, never shown, not clonable.
pub struct PrivateShare {
    pub(super) dealer: u32,
    pub(super) recipient: u32,
    pub(super) dealing: DealingHash,
    pub(super) scalars: Zeroizing<Vec<Scalar>>,
}

impl PrivateShare {
    /// The dealer that it is from.
    pub fn dealer(&self) -> u32 {
        self.dealer
    }
}

impl fmt::Debug for PrivateShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateShare(from {} for {}, redacted)", self.dealer, self.recipient)
    }
}
