//! What a member has to say next: a function of the ceremony and of its own secrets.
//!
//! Two things a member says once, for ever, because two of them would give the key away or have two committees hold it:
//! which qualified dealings it answers for, and which committee it confirms. Both are an [`Oath`], which the caller makes
//! durable, or refuses, before the contribution exists.

use consilium_hash::Pseudonym;
use std::{collections::BTreeSet, fmt};

use consilium_crypto::{
    Hash, KeyShare,
    dkg::{Dealer, DealerSecret, DkgError, MemberSecret, OpeningKey},
};
use consilium_proto::v1::{
    Agreement, Answers, Complaints, Confirmation, Contribute, RevealedShare, contribute::Part,
};
use rand_core::CryptoRngCore;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Dealt, Keygen, Settled, Stage};

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

    /// Whether they are of the ceremony's present attempt.
    pub fn belong_to(&self, keygen: &Keygen) -> bool {
        (self.number, self.attempt) == (keygen.number(), keygen.attempt())
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
        let (opening, dealer) = rest.split_first_chunk()?;
        let dealer: [u8; 32] = dealer.try_into().ok()?;
        Some(Self {
            number: u32::from_be_bytes(*number),
            attempt: u32::from_be_bytes(*attempt),
            opening: OpeningKey::from_bytes(&Zeroizing::new(*opening)),
            dealer: DealerSecret::from_bytes(&Zeroizing::new(dealer)),
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
        qualified: Hash,
    },
    /// The member confirms this committee of that number alone, holds this share of its key, and answers for the
    /// committee before no longer.
    Committee {
        /// Number of the committee.
        number: u32,
        /// Hash of the whole ceremony.
        confirmation: Hash,
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
    secrets: Secrets,
    /// What it holds of the qualified dealings with this hash.
    held: Option<(Hash, MemberSecret)>,
}

impl Member {
    /// The institution with this pseudonym.
    pub fn new(name: Pseudonym, secrets: Secrets) -> Self {
        Self { name, secrets, held: None }
    }

    /// Its secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// What it has to say in the present stage; nothing where it has spoken, has no part in it, or cannot take part
    /// because a share or a secret of it is missing.
    ///
    /// `share` is its share of the key that is passed on. `swear` makes an oath durable and is called before what it is
    /// about is said.
    ///
    /// # Errors
    /// [`MemberError`].
    pub fn next<E>(
        &mut self,
        keygen: &Keygen,
        share: Option<&KeyShare>,
        rng: &mut impl CryptoRngCore,
        swear: impl FnMut(Oath<'_>) -> Result<(), E>,
    ) -> Result<Option<Contribute>, MemberError<E>> {
        if keygen.has_heard(&self.name) || !self.secrets.belong_to(keygen) {
            return Ok(None);
        }
        let part = self.part(keygen, share, rng, swear)?;
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
        rng: &mut impl CryptoRngCore,
        mut swear: impl FnMut(Oath<'_>) -> Result<(), E>,
    ) -> Result<Option<Part>, MemberError<E>> {
        let number = keygen.number();
        let attempt = keygen.attempt();
        Ok(match keygen.stage() {
            Stage::Offering { .. } => {
                let key = self.secrets.opening.sealing_key().encode().to_vec();
                keygen.place_of(&self.name).map(|_| Part::Offer(key))
            }
            Stage::Dealing(dealt) => match self.dealer(keygen, dealt, share)? {
                Some(dealer) => Some(Part::Dealing(dealer.deal(rng)?.encode().to_vec())),
                None => None,
            },
            Stage::Checking { dealt, .. } => self.recipient(keygen, dealt).map(|place| {
                let wrong = |dealing: &&_| {
                    consilium_crypto::dkg::Dealing::open(dealing, place, &self.secrets.opening)
                        .is_err()
                };
                let dealers = dealt.dealings.values().filter(wrong).map(|dealing| dealing.dealer());
                Part::Complaints(Complaints { dealers: dealers.collect() })
            }),
            Stage::Answering { dealt, open } => {
                let place = keygen.dealer_place_of(&self.name);
                let recipients =
                    place.and_then(|place| open.get(&place)).cloned().unwrap_or_else(BTreeSet::new);
                match self.dealer(keygen, dealt, share)? {
                    Some(dealer) if !recipients.is_empty() => {
                        let reveal = |recipient: u32| {
                            dealer
                                .reveal(recipient)
                                .map(|share| RevealedShare { recipient, share: share.encode() })
                        };
                        let shares =
                            recipients.into_iter().map(reveal).collect::<Result<_, _>>()?;
                        Some(Part::Answers(Answers { shares }))
                    }
                    _ => None,
                }
            }
            Stage::Agreeing { settled, .. } => {
                if self.hold(keygen, settled)?.is_none() {
                    return Ok(None);
                }
                let qualified = *settled.qualified.hash();
                swear(Oath::Dealings { number, attempt, qualified }).map_err(MemberError::Oath)?;
                Some(Part::Agreement(Agreement {}))
            }
            Stage::Products { settled, .. } => {
                let Some(secret) = self.hold(keygen, settled)? else { return Ok(None) };
                // Who comes only now has not agreed in words, and is bound all the same.
                let qualified = *settled.qualified.hash();
                swear(Oath::Dealings { number, attempt, qualified }).map_err(MemberError::Oath)?;
                Some(Part::Product(secret.product(&settled.qualified, rng)?.encode()))
            }
            Stage::ShareKeys { settled, key, .. } => match self.hold(keygen, settled)? {
                Some(secret) => Some(Part::ShareKey(secret.share_key(key, rng)?.encode())),
                None => None,
            },
            Stage::Confirming { settled, committee, .. } => {
                let key = &committee.public_key;
                let dealing = &committee.dealing;
                let held = match self.hold(keygen, settled)? {
                    Some(secret) => Some(secret.key_share(key, dealing)?),
                    None => None,
                };
                let hands_over = keygen.old().is_some_and(|old| old.place_of(&self.name).is_some());
                if held.is_none() && !hands_over {
                    return Ok(None);
                }
                let confirmation = settled.qualified.confirmation(key, dealing);
                let oath = Oath::Committee { number, confirmation, share: held.as_ref() };
                swear(oath).map_err(MemberError::Oath)?;
                Some(Part::Confirmation(Confirmation { hands_over, holds_share: held.is_some() }))
            }
        })
    }

    /// Its place among those who get shares, if the key that they are sealed to is its own. Where it is not, it has lost
    /// its secrets, and must not complain: an answer would lay its shares open.
    fn recipient(&self, keygen: &Keygen, dealt: &Dealt) -> Option<u32> {
        let place = keygen.place_of(&self.name)?;
        let offered = dealt.ceremony.recipients().get(&place)?;
        (*offered == self.secrets.opening.sealing_key()).then_some(place)
    }

    fn dealer(
        &self,
        keygen: &Keygen,
        dealt: &Dealt,
        share: Option<&KeyShare>,
    ) -> Result<Option<Dealer>, DkgError> {
        if keygen.old().is_some() {
            let held =
                share.filter(|share| keygen.dealer_place_of(&self.name) == Some(share.index()));
            return held
                .map(|share| Dealer::of_share(&dealt.ceremony, share, &self.secrets.dealer))
                .transpose();
        }
        let place = self.recipient(keygen, dealt);
        place.map(|place| Dealer::new(&dealt.ceremony, place, &self.secrets.dealer)).transpose()
    }

    /// What it holds of the qualified dealings; nothing where it has no share of one of them.
    fn hold(
        &mut self,
        keygen: &Keygen,
        settled: &Settled,
    ) -> Result<Option<&MemberSecret>, DkgError> {
        let Settled { dealt, qualified } = settled;
        let Some(place) = self.recipient(keygen, dealt) else { return Ok(None) };
        if self.held.as_ref().is_none_or(|(hash, _)| hash != qualified.hash()) {
            let mut shares = Vec::with_capacity(dealt.dealings.len());
            for (dealer, dealing) in &dealt.dealings {
                let opened =
                    dealing.open(place, &self.secrets.opening).or_else(|error| {
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
