//! The qualified dealings, added up, and what a member holds of the sum.
//!
//! In a key generation the sum of all qualified dealings is one dealing, of keys that no dealer knows (Gennaro et al.,
//! J. Cryptology 2007). In a resharing f(0) = Σ λ_d·f(d) over the qualified dealers d, and so the sum under these λ_d of
//! their dealings of f(d) is a dealing of f(0) by new polynomials (Desmedt and Jajodia, 1997; Wong, Wang, Wing, 2002).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use consilium_hash::{ConfirmationHash, DealingHash, QualifiedHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use zeroize::Zeroizing;

use super::ceremony::{at_least, distinct};
use super::{Ceremony, Dealing, DkgError, PrivateShare};
use crate::group::polynomial::{lagrange, powers};
use crate::transcript::{CONFIRMATION, QUALIFIED, labelled_hash};
use crate::{DealingCommitments, KeyShare, PublicKey};

/// The dealings that count, once complaints are settled. From here on the set never changes.
#[derive(Clone)]
pub struct Qualified {
    ceremony: Ceremony,
    dealings: BTreeMap<u32, Counted>,
    /// Of each sharing, the commitments of the sum.
    sums: Vec<Vec<RistrettoPoint>>,
    pub(super) hash: QualifiedHash,
}

/// What is known of one dealing in the sum.
#[derive(Clone, Copy)]
struct Counted {
    hash: DealingHash,
    factor: Scalar,
}

impl Qualified {
    /// At least [`Ceremony::dealers_needed`] dealings of one ceremony, by distinct dealers, in any order.
    pub fn new<'a>(
        ceremony: &Ceremony,
        dealings: impl IntoIterator<Item = &'a Dealing>,
    ) -> Result<Self, DkgError> {
        let mut dealings: Vec<&Dealing> = dealings.into_iter().collect();
        dealings.sort_by_key(|dealing| dealing.dealer());
        let dealers = distinct(dealings.iter().map(|dealing| dealing.dealer()), "dealings")?;
        if dealings.iter().any(|dealing| dealing.ceremony().hash() != ceremony.hash()) {
            return Err(DkgError::OtherCeremony { what: "a dealing" });
        }
        at_least(ceremony.dealers_needed(), dealers.len(), "qualified dealings")?;
        let factors = if ceremony.is_resharing() {
            lagrange(&dealers, 0)
        } else {
            vec![Scalar::ONE; dealers.len()]
        };

        let sum = |points: Vec<&RistrettoPoint>| {
            if ceremony.is_resharing() {
                RistrettoPoint::vartime_multiscalar_mul(&factors, points)
            } else {
                points.into_iter().sum()
            }
        };
        let first = dealings.first().map_or(&[][..], |dealing| dealing.commitments());
        let of_sharing = |(sharing, points): (usize, &Vec<RistrettoPoint>)| {
            let of = |c: usize| {
                dealings
                    .iter()
                    .filter_map(|dealing| dealing.commitments().get(sharing)?.get(c))
                    .collect()
            };
            (0..points.len()).map(|c| sum(of(c))).collect()
        };
        let sums = first.iter().enumerate().map(of_sharing).collect();

        let hashes = dealings.iter().flat_map(|dealing| {
            [dealing.dealer().to_be_bytes().as_slice(), dealing.hash().as_slice()].concat()
        });
        let hash = labelled_hash(
            QUALIFIED,
            &ceremony.hash().0.into_iter().chain(hashes).collect::<Vec<u8>>(),
        );
        let counted = dealings
            .iter()
            .zip(factors)
            .map(|(dealing, factor)| Counted { hash: *dealing.hash(), factor });
        let dealings = dealers.into_iter().zip(counted).collect();
        Ok(Self { ceremony: ceremony.clone(), dealings, sums, hash })
    }

    /// Binds the ceremony, every offered key and every qualified dealing: what members agree on before a product leaves
    /// any of them.
    pub fn hash(&self) -> &QualifiedHash {
        &self.hash
    }

    /// The qualified dealers.
    pub fn dealers(&self) -> BTreeSet<u32> {
        self.dealings.keys().copied().collect()
    }

    /// The ceremony that they qualified in.
    pub fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }

    /// The commitments that a resharing ends with, to the same key.
    pub fn reshared(&self) -> Result<DealingCommitments, DkgError> {
        let ([f, g], true) = (self.sums.as_slice(), self.ceremony.is_resharing()) else {
            return Err(DkgError::WrongKind { expected: "a resharing" });
        };
        let members = self.ceremony.context().shape.members();
        // F_0 = G_0 = g by interpolation; a public share of nobody's is the identity but by chance.
        DealingCommitments::new(members, f.clone(), g.clone()).map_err(|_| DkgError::Degenerate)
    }

    /// What the members of the new committee (and in a resharing those of the old) sign at the end: binds the whole
    /// ceremony, the key and the commitments.
    pub fn confirmation(
        &self,
        key: &PublicKey,
        commitments: &DealingCommitments,
    ) -> ConfirmationHash {
        labelled_hash(
            CONFIRMATION,
            &[self.hash.as_slice(), &key.encode(), &commitments.encode()].concat(),
        )
    }

    /// For both halves of a key generation, what the sums commit to at this recipient's place: the first N of a, ϱ, z.
    pub(super) fn halves<const N: usize>(
        &self,
        place: u32,
    ) -> Result<[[RistrettoPoint; N]; 2], DkgError> {
        if !self.ceremony.recipients().contains_key(&place) {
            return Err(DkgError::UnknownPlace { place, role: "recipient" });
        }
        let ([first, second], []) = self.sums.as_chunks::<3>() else {
            return Err(DkgError::WrongKind { expected: "a key generation" });
        };
        let at = |points: &Vec<RistrettoPoint>| {
            RistrettoPoint::vartime_multiscalar_mul(powers(place, points.len()), points)
        };
        Ok([first, second].map(|half| {
            std::array::from_fn(|sharing| half.get(sharing).map_or_else(Default::default, at))
        }))
    }
}

impl fmt::Debug for Qualified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Qualified").field("dealers", &self.dealers()).finish_non_exhaustive()
    }
}

/// What a member holds of the qualified dealings. Wiped when dropped, never shown, not clonable.
pub struct MemberSecret {
    pub(super) place: u32,
    /// Hash of the qualified dealings.
    pub(super) qualified: QualifiedHash,
    pub(super) scalars: Zeroizing<Vec<Scalar>>,
}

impl MemberSecret {
    /// The sum of the member's shares, exactly one of every qualified dealing.
    pub fn new(
        qualified: &Qualified,
        place: u32,
        shares: impl IntoIterator<Item = PrivateShare>,
    ) -> Result<Self, DkgError> {
        let count = qualified.ceremony.revealed_share_len() / crate::group::encoding::ELEMENT_LEN;
        let mut scalars = Zeroizing::new(vec![Scalar::ZERO; count]);
        let mut missing = qualified.dealers();
        for share in shares {
            let dealer = share.dealer;
            let counted =
                qualified.dealings.get(&dealer).filter(|counted| counted.hash == share.dealing);
            let (Some(counted), true) = (counted, share.recipient == place) else {
                return Err(DkgError::OtherCeremony { what: "a share" });
            };
            if !missing.remove(&dealer) {
                return Err(DkgError::Duplicate { what: "shares", place: dealer });
            }
            scalars
                .iter_mut()
                .zip(share.scalars.iter())
                .for_each(|(sum, scalar)| *sum += counted.factor * scalar);
        }
        match missing.first() {
            Some(dealer) => Err(DkgError::MissingShare { dealer: *dealer }),
            None => Ok(Self { place, qualified: qualified.hash, scalars }),
        }
    }

    /// The member's share of the key, checked against the commitments that the ceremony ended with.
    pub fn key_share(
        &self,
        key: &PublicKey,
        commitments: &DealingCommitments,
    ) -> Result<KeyShare, DkgError> {
        // Each half begins with the share of the key.
        let mut halves =
            self.scalars.chunks((self.scalars.len() / 2).max(1)).filter_map(|half| half.first());
        let a = halves.next().copied().unwrap_or_default();
        let b = halves.next().copied().unwrap_or_default();
        let share = KeyShare { index: self.place, a, b };
        share.verify(key, commitments)?;
        Ok(share)
    }
}

impl fmt::Debug for MemberSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberSecret(of {}, redacted)", self.place)
    }
}
