//! What a member has to say next: a function of the ceremony and of its own secrets.
//!
//! Two things a member says once, for ever, because two of them would give the key away or have two committees hold it:
//! which qualified dealings it answers for, and which committee it confirms. Both are an [`Oath`], which the caller makes
//! durable, or refuses, before the contribution exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use consilium_crypto::{
    KeyShare,
    dkg::{Dealer, DealerSecret, Dealing, DkgError, MemberSecret, OpeningKey},
};
use consilium_hash::{ConfirmationHash, Pseudonym, QualifiedHash, SecretsName};
use consilium_proto::v1::{
    Agreement, Answers, Complaints, Confirmation, Contribute, RevealedShare, contribute::Part,
};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Dealt, Keygen, Settled, Stage, committee::Committee};

/// A member's secrets of one attempt. Wiped when dropped, never shown, not clonable.
pub struct Secrets {
    number: u32,
    attempt: u32,
    opening: OpeningKey,
    dealer: DealerSecret,
}

impl Secrets {
    const LEN: usize = 4 + 4 + 32 + 32;

    /// Fresh ones for an attempt at a committee.
    pub fn generate(number: u32, attempt: u32, rng: &mut impl CryptoRngCore) -> Self {
        Self {
            number,
            attempt,
            opening: OpeningKey::generate(rng),
            dealer: DealerSecret::generate(rng),
        }
    }

    /// Committee and attempt that they are of.
    pub fn attempt(&self) -> (u32, u32) {
        (self.number, self.attempt)
    }

    /// Whether they are of the ceremony's present attempt.
    pub fn belong_to(&self, keygen: &Keygen) -> bool {
        (self.number, self.attempt) == (keygen.number(), keygen.attempt())
    }

    /// A name for them that gives nothing away.
    pub fn name(&self) -> SecretsName {
        SecretsName(Sha256::digest(self.opening.sealing_key().encode()).into())
    }

    /// The bytes, to be stored where only the member reads, before anything that follows from them is sent.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LEN));
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.attempt.to_be_bytes());
        bytes.extend_from_slice(&*self.opening.to_bytes());
        bytes.extend_from_slice(&*self.dealer.to_bytes());
        bytes
    }

    /// Reads [`to_bytes`](Self::to_bytes)'s bytes; `None` where there are more or fewer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (attempt, rest) = rest.split_first_chunk()?;
        let (first, second) = rest.split_at_checked(32)?;
        if second.len() != 32 {
            return None;
        }
        // Copied from buffer to buffer, so that no copy is left on the stack.
        let mut opening = Zeroizing::new([0; 32]);
        opening.copy_from_slice(first);
        let mut dealer = Zeroizing::new([0; 32]);
        dealer.copy_from_slice(second);
        Some(Self {
            number: u32::from_be_bytes(*number),
            attempt: u32::from_be_bytes(*attempt),
            opening: OpeningKey::from_bytes(&opening),
            dealer: DealerSecret::from_bytes(&dealer),
        })
    }
}

/// What is said once, for ever.
#[derive(Debug)]
pub enum Oath<'a> {
    /// In this attempt the member answers for these qualified dealings alone.
    Dealings {
        /// Number of the committee.
        number: u32,
        /// The attempt.
        attempt: u32,
        /// Hash of the qualified dealings.
        qualified: QualifiedHash,
    },
    /// The member confirms this committee of that number alone, holds this share of its key, and answers for the
    /// committee before no longer.
    Committee {
        /// Number of the committee.
        number: u32,
        /// The attempt that made it.
        attempt: u32,
        /// Hash of the whole ceremony.
        confirmation: ConfirmationHash,
        /// The member's share; none where it only hands over.
        share: Option<&'a KeyShare>,
    },
}

/// Why a member cannot go on.
#[derive(Debug, Error)]
pub enum MemberError<E> {
    /// The oath was refused, or could not be made durable.
    #[error(transparent)]
    Oath(E),
    /// The ceremony is not what this member can take part in.
    #[error(transparent)]
    Ceremony(#[from] DkgError),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets(of committee {}, attempt {}, redacted)", self.number, self.attempt)
    }
}

/// A member in a ceremony.
#[derive(Debug)]
pub struct Member {
    name: Pseudonym,
    /// None where it has taken part and has lost them: new ones would contradict what it has said.
    secrets: Option<Secrets>,
    /// What it holds of the qualified dealings with this hash.
    held: Option<(QualifiedHash, MemberSecret)>,
}

impl Member {
    /// The institution with this pseudonym.
    pub fn new(name: Pseudonym, secrets: Secrets) -> Self {
        Self { name, secrets: Some(secrets), held: None }
    }

    /// The institution with this pseudonym, without secrets: all that it can do is to hand over.
    pub fn without_secrets(name: Pseudonym) -> Self {
        Self { name, secrets: None, held: None }
    }

    /// Its secrets.
    pub fn secrets(&self) -> Option<&Secrets> {
        self.secrets.as_ref()
    }

    /// Whether it has the secrets of the ceremony's present attempt.
    pub fn is_of(&self, keygen: &Keygen) -> bool {
        self.secrets.as_ref().is_some_and(|secrets| secrets.belong_to(keygen))
    }

    /// What it has to say in the present stage; nothing where it has spoken, has no part in it, or cannot take part
    /// because a share or a secret of it is missing.
    ///
    /// `share` is its share of the key that is passed on; `may_hand_over` says whether it knows all that it has answered
    /// for as a member of the committee before. `swear` makes an oath durable and is called before what it is
    /// about is said.
    ///
    /// # Errors
    /// [`MemberError`].
    pub fn next<E>(
        &mut self,
        keygen: &Keygen,
        share: Option<&KeyShare>,
        may_hand_over: bool,
        rng: &mut impl CryptoRngCore,
        swear: impl FnMut(Oath<'_>) -> Result<(), E>,
    ) -> Result<Option<Contribute>, MemberError<E>> {
        if keygen.has_heard(&self.name) {
            return Ok(None);
        }
        // Secrets of another attempt are of no use in this one, and stay out of it.
        if !self.is_of(keygen) {
            self.secrets = None;
            self.held = None;
        }
        let part = self.part(keygen, share, may_hand_over, rng, swear)?;
        Ok(part.map(|part| Contribute {
            committee: keygen.number(),
            attempt: keygen.attempt(),
            basis: keygen.basis().to_vec(),
            part: Some(part),
        }))
    }

    fn part<E>(
        &mut self,
        keygen: &Keygen,
        share: Option<&KeyShare>,
        may_hand_over: bool,
        rng: &mut impl CryptoRngCore,
        mut swear: impl FnMut(Oath<'_>) -> Result<(), E>,
    ) -> Result<Option<Part>, MemberError<E>> {
        let number = keygen.number();
        let attempt = keygen.attempt();
        Ok(match keygen.stage() {
            Stage::Offering { .. } => {
                let (Some(secrets), Some(_)) = (&self.secrets, keygen.place_of(&self.name)) else {
                    return Ok(None);
                };
                Some(Part::Offer(secrets.opening.sealing_key().encode().to_vec()))
            }
            Stage::Dealing(dealt) => match self.dealer(keygen, dealt, share)? {
                Some(dealer) => Some(Part::Dealing(dealer.deal(rng)?.encode().to_vec())),
                None => None,
            },
            Stage::Checking { dealt, .. } => self.complaints(keygen, dealt),
            Stage::Answering { dealt, open } => self.answers(keygen, dealt, open, share)?,
            Stage::Agreeing { settled, .. } => {
                if self.hold(keygen.place_of(&self.name), settled)?.is_none() {
                    return Ok(None);
                }
                let qualified = *settled.qualified.hash();
                swear(Oath::Dealings { number, attempt, qualified }).map_err(MemberError::Oath)?;
                Some(Part::Agreement(Agreement {}))
            }
            Stage::Products { settled, .. } => {
                let Some(secret) = self.hold(keygen.place_of(&self.name), settled)? else {
                    return Ok(None);
                };
                // Who comes only now has not agreed in words, and is bound all the same.
                let qualified = *settled.qualified.hash();
                swear(Oath::Dealings { number, attempt, qualified }).map_err(MemberError::Oath)?;
                Some(Part::Product(secret.product(&settled.qualified, rng)?.encode()))
            }
            Stage::ShareKeys { settled, key, .. } => {
                match self.hold(keygen.place_of(&self.name), settled)? {
                    Some(secret) => Some(Part::ShareKey(secret.share_key(key, rng)?.encode())),
                    None => None,
                }
            }
            Stage::Confirming { settled, committee, .. } => {
                let held = self.share(settled, committee)?;
                let is_old = keygen.old().is_some_and(|old| old.place_of(&self.name).is_some());
                let hands_over = is_old && may_hand_over;
                if held.is_none() && !hands_over {
                    return Ok(None);
                }
                let confirmation =
                    settled.qualified.confirmation(&committee.public_key, &committee.dealing);
                let oath = Oath::Committee { number, attempt, confirmation, share: held.as_ref() };
                swear(oath).map_err(MemberError::Oath)?;
                Some(Part::Confirmation(Confirmation { hands_over, holds_share: held.is_some() }))
            }
        })
    }

    /// Its share of the key as a member of a committee that is being confirmed or stands; nothing where it has no place in
    /// it, or a share or a secret is missing.
    ///
    /// # Errors
    /// [`DkgError`] where the dealings are not those of the committee.
    pub fn share(
        &mut self,
        settled: &Settled,
        committee: &Committee,
    ) -> Result<Option<KeyShare>, DkgError> {
        let secret = self.hold(committee.place_of(&self.name), settled)?;
        secret.map(|secret| secret.key_share(&committee.public_key, &committee.dealing)).transpose()
    }

    /// The dealers whose dealings do not open.
    fn complaints(&self, keygen: &Keygen, dealt: &Dealt) -> Option<Part> {
        let place = self.recipient(keygen.place_of(&self.name), dealt)?;
        let secrets = self.secrets.as_ref()?;
        let is_wrong = |dealing: &&Dealing| dealing.open(place, &secrets.opening).is_err();
        let dealers = dealt.dealings.values().filter(is_wrong).map(|dealing| dealing.dealer());
        Some(Part::Complaints(Complaints { dealers: dealers.collect() }))
    }

    /// The shares that others have complained of. It answers for the dealing on the chain, and for no other one: a share
    /// of other polynomials would be a fault, silence only leaves the dealing out.
    fn answers(
        &self,
        keygen: &Keygen,
        dealt: &Dealt,
        open: &BTreeMap<u32, BTreeSet<u32>>,
        share: Option<&KeyShare>,
    ) -> Result<Option<Part>, DkgError> {
        let place = keygen.dealer_place_of(&self.name);
        let asked = place.and_then(|place| Some((dealt.dealings.get(&place)?, open.get(&place)?)));
        let (Some((recorded, recipients)), Some(dealer)) =
            (asked, self.dealer(keygen, dealt, share)?)
        else {
            return Ok(None);
        };
        if recipients.is_empty() || !dealer.has_dealt(recorded) {
            return Ok(None);
        }
        let reveal = |recipient: &u32| {
            let share = dealer.reveal(*recipient)?.encode();
            Ok(RevealedShare { recipient: *recipient, share })
        };
        let shares = recipients.iter().map(reveal).collect::<Result<_, DkgError>>()?;
        Ok(Some(Part::Answers(Answers { shares })))
    }

    /// Its place among those who get shares, if the key that they are sealed to is its own. Where it is not, it has lost
    /// its secrets, and must not complain: an answer would lay its shares open.
    fn recipient(&self, place: Option<u32>, dealt: &Dealt) -> Option<u32> {
        let place = place?;
        let offered = dealt.ceremony.recipients().get(&place)?;
        let secrets = self.secrets.as_ref()?;
        (*offered == secrets.opening.sealing_key()).then_some(place)
    }

    fn dealer(
        &self,
        keygen: &Keygen,
        dealt: &Dealt,
        share: Option<&KeyShare>,
    ) -> Result<Option<Dealer>, DkgError> {
        let Some(secrets) = &self.secrets else { return Ok(None) };
        if keygen.old().is_some() {
            let held =
                share.filter(|share| keygen.dealer_place_of(&self.name) == Some(share.index()));
            return held
                .map(|share| Dealer::of_share(&dealt.ceremony, share, &secrets.dealer))
                .transpose();
        }
        let place = self.recipient(keygen.place_of(&self.name), dealt);
        place.map(|place| Dealer::new(&dealt.ceremony, place, &secrets.dealer)).transpose()
    }

    /// What the member at this place holds of the qualified dealings; nothing where it has no share of one of them.
    fn hold(
        &mut self,
        place: Option<u32>,
        settled: &Settled,
    ) -> Result<Option<&MemberSecret>, DkgError> {
        let Settled { dealt, qualified } = settled;
        let Some(place) = self.recipient(place, dealt) else { return Ok(None) };
        let Some(secrets) = &self.secrets else { return Ok(None) };
        if self.held.as_ref().is_none_or(|(hash, _)| hash != qualified.hash()) {
            let mut shares = Vec::with_capacity(dealt.dealings.len());
            for (dealer, dealing) in &dealt.dealings {
                let opened = dealing.open(place, &secrets.opening).or_else(|error| {
                    match dealt.revealed.get(&(*dealer, place)) {
                        Some(revealed) => dealing.check_reveal(place, revealed),
                        None => Err(error),
                    }
                });
                // Its complaint was held back: it has no share, and says so by saying nothing.
                let Ok(share) = opened else { return Ok(None) };
                shares.push(share);
            }
            self.held = Some((*qualified.hash(), MemberSecret::new(qualified, place, shares)?));
        }
        Ok(self.held.as_ref().map(|(_, secret)| secret))
    }
}
