//! What a ceremony is about: its committee, its place on the chain, the keys that its members have offered; and what its
//! dealings consist of.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use consilium_hash::{CeremonyHash, ChainId};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;

use super::{DkgError, SealingKey};
use crate::context::MAX_MEMBERS;
use crate::group::encoding::ELEMENT_LEN;
use crate::group::{g, g_times, h_times};
use crate::transcript::{CEREMONY, labelled_hash};
use crate::{DealingCommitments, PublicKey, countersign_quorum};

/// n and t of the committee that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    members: u32,
    threshold: u32,
}

impl Shape {
    /// n ≥ 3t − 2, t ≥ 1, n ≤ [`MAX_MEMBERS`]; everything else is [`DkgError::Shape`].
    pub fn new(members: u32, threshold: u32) -> Result<Self, DkgError> {
        let possible = members <= MAX_MEMBERS
            && threshold >= 1
            && u64::from(members) + 2 >= 3 * u64::from(threshold);
        if possible {
            Ok(Self { members, threshold })
        } else {
            Err(DkgError::Shape { members, threshold })
        }
    }

    /// n.
    pub fn members(&self) -> u32 {
        self.members
    }

    /// t.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// 2t − 1: so many products make the key, and so many honest members there are at least while t − 1 are not.
    pub fn honest(&self) -> u32 {
        2 * self.threshold - 1
    }

    /// q = ⌊(n+t−1)/2⌋ + 1: two sets of so many members share an honest one.
    pub fn quorum(&self) -> u32 {
        countersign_quorum(self.members, self.threshold)
    }
}

/// Where a ceremony stands: no message of one is of any use in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Hash of the genesis.
    pub chain_id: ChainId,
    /// Number of the ceremony on this chain, from 0.
    pub ceremony: u32,
    /// Number of the attempt at it, from 0.
    pub attempt: u32,
    /// The committee that is being made.
    pub shape: Shape,
}

/// A ceremony whose members have offered their keys. Every proof, every sealed share and every hash that follows is bound
/// to all of it. Clones share what they hold.
#[derive(Clone, Debug)]
pub struct Ceremony(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    context: Context,
    recipients: BTreeMap<u32, SealingKey>,
    /// Of a resharing only.
    old: Option<Box<Old>>,
    hash: CeremonyHash,
}

/// What a resharing hands on.
#[derive(Debug)]
struct Old {
    key: PublicKey,
    commitments: DealingCommitments,
}

impl Ceremony {
    /// A key generation. `offers`: place (1..=n) → sealing key of everyone who has offered one, at least 2t − 1.
    pub fn generation(
        context: Context,
        offers: BTreeMap<u32, SealingKey>,
    ) -> Result<Self, DkgError> {
        Self::new(context, offers, None)
    }

    /// A resharing of `key`, whose shares belong to `old`, to the committee of `context`, of whom `offers` are ready.
    pub fn resharing(
        context: Context,
        offers: BTreeMap<u32, SealingKey>,
        key: &PublicKey,
        old: &DealingCommitments,
    ) -> Result<Self, DkgError> {
        Self::new(context, offers, Some(Old { key: key.clone(), commitments: old.clone() }))
    }

    fn new(
        context: Context,
        recipients: BTreeMap<u32, SealingKey>,
        old: Option<Old>,
    ) -> Result<Self, DkgError> {
        let shape = context.shape;
        if let Some(place) = recipients.keys().find(|place| !(1..=shape.members()).contains(place))
        {
            return Err(DkgError::UnknownPlace { place: *place, role: "recipient" });
        }
        at_least(shape.honest(), recipients.len(), "offered keys")?;
        let mut bytes = context.chain_id.to_vec();
        let numbers = [context.ceremony, context.attempt, shape.members(), shape.threshold()];
        bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        bytes.push(u8::from(old.is_some()));
        bytes.extend(
            old.iter().flat_map(|old| [old.key.hash().0, old.commitments.hash().0].concat()),
        );
        for (place, key) in &recipients {
            bytes.extend(place.to_be_bytes());
            bytes.extend(key.encode());
        }
        let hash = labelled_hash(CEREMONY, &bytes);
        Ok(Self(Arc::new(Parts { context, recipients, old: old.map(Box::new), hash })))
    }

    /// Its place.
    pub fn context(&self) -> &Context {
        &self.0.context
    }

    /// Place → key of everyone who gets shares.
    pub fn recipients(&self) -> &BTreeMap<u32, SealingKey> {
        &self.0.recipients
    }

    /// Places of those who may deal: 1 to n, in a resharing the old committee's.
    pub fn dealers(&self) -> RangeInclusive<u32> {
        1..=self.reshared().map_or(self.context().shape.members(), |(_, old)| old.trustees())
    }

    /// t, of the committee that deals: so many qualified dealings there must be, so that one of them is honest or, in a
    /// resharing, so that they hold the key.
    pub fn dealers_needed(&self) -> u32 {
        self.reshared().map_or(self.context().shape.threshold(), |(_, old)| old.threshold())
    }

    /// Whether an existing key is reshared.
    pub fn is_resharing(&self) -> bool {
        self.reshared().is_some()
    }

    /// SHA-256 over all of it.
    pub fn hash(&self) -> &CeremonyHash {
        &self.0.hash
    }

    /// Length of the encoding of every [`Dealing`](super::Dealing) of this ceremony, in bytes.
    pub fn dealing_len(&self) -> usize {
        let points: usize = self.layout().iter().map(Sharing::points_sent).sum();
        points * ELEMENT_LEN
            + self.recipients().len() * SealingKey::sealed_len(self.revealed_share_len())
    }

    /// Length of the encoding of every [`RevealedShare`](super::RevealedShare) of this ceremony, in bytes.
    pub fn revealed_share_len(&self) -> usize {
        self.layout().iter().map(Sharing::scalars).sum::<usize>() * ELEMENT_LEN
    }

    /// The key that is reshared, and the commitments to its shares.
    pub(super) fn reshared(&self) -> Option<(&PublicKey, &DealingCommitments)> {
        self.0.old.as_ref().map(|old| (&old.key, &old.commitments))
    }

    /// What every dealing consists of, with no dealer's constants in it yet.
    fn layout(&self) -> Vec<Sharing> {
        let degree = self.context().shape.threshold() as usize - 1;
        if let Some((key, _)) = self.reshared() {
            // F_0 = G_0 = g is what the constants of all dealings add up to.
            let of = |base| Sharing { degree, base, blinded: false, constant: Some(g()) };
            return vec![of(key.x1), of(key.x2)];
        }
        let pedersen = Sharing { degree, base: g(), blinded: true, constant: None };
        let identity = RistrettoPoint::identity();
        let zero =
            Sharing { degree: 2 * degree, base: g(), blinded: false, constant: Some(identity) };
        let half = [pedersen, pedersen, zero];
        [half, half].concat()
    }

    /// What this dealer's dealing consists of.
    pub(super) fn sharings(&self, dealer: u32) -> Result<Vec<Sharing>, DkgError> {
        if !self.dealers().contains(&dealer) {
            return Err(DkgError::UnknownPlace { place: dealer, role: "dealer" });
        }
        let mut layout = self.layout();
        if let Some((_, old)) = self.reshared() {
            let public = old.public_share(dealer)?;
            for (sharing, constant) in layout.iter_mut().zip([public.a, public.b]) {
                sharing.constant = Some(constant);
            }
        }
        Ok(layout)
    }
}

/// One polynomial f of a dealing, as everyone sees it: commitments f_c·base, or f_c·base + f'_c·h with a blinding
/// polynomial f'.
///
/// | ceremony | sharings |
/// | --- | --- |
/// | generation, for each half | a and ϱ of degree t−1 in g and h, z of degree 2(t−1) in g with f_0 = 0 |
/// | resharing | a_i of degree t−1 in X1 with f_0·X1 = A_i; b_i in X2 with f_0·X2 = B_i |
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharing {
    pub(super) degree: usize,
    pub(super) base: RistrettoPoint,
    pub(super) blinded: bool,
    /// f_0·base where everyone knows it; it is not sent.
    pub(super) constant: Option<RistrettoPoint>,
}

impl Sharing {
    /// How many commitments are sent.
    pub(super) fn points_sent(&self) -> usize {
        self.degree + usize::from(self.constant.is_none())
    }

    /// How many scalars a recipient gets.
    pub(super) fn scalars(&self) -> usize {
        1 + usize::from(self.blinded)
    }

    /// The commitment to a coefficient, in constant time.
    pub(super) fn commit(&self, value: &Scalar, blinding: Option<&Scalar>) -> RistrettoPoint {
        let value = if self.base == g() { g_times(value) } else { self.base * value };
        blinding.map_or(value, |blinding| value + h_times(blinding))
    }
}

/// [`DkgError::TooFew`] unless as many are there as are needed.
pub(super) fn at_least(expected: u32, found: usize, what: &'static str) -> Result<(), DkgError> {
    let expected = expected as usize;
    if found >= expected { Ok(()) } else { Err(DkgError::TooFew { what, expected, found }) }
}

/// The places in order of appearance; [`DkgError::Duplicate`] where one comes twice.
pub(super) fn distinct(
    places: impl IntoIterator<Item = u32>,
    what: &'static str,
) -> Result<Vec<u32>, DkgError> {
    let places: Vec<u32> = places.into_iter().collect();
    let mut seen = std::collections::HashSet::new();
    match places.iter().find(|place| !seen.insert(**place)) {
        Some(place) => Err(DkgError::Duplicate { what, place: *place }),
        None => Ok(places),
    }
}
