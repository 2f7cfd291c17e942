//! One contribution: who may say it, when, and what is a fault.
//!
//! The order is that of every fault: the signature (judged by the caller), then committee, attempt, stage and basis, which
//! the coordinator may have shown differently and which cost nothing; then what the author alone answers for.

use std::{cmp::Ordering, collections::BTreeSet};

use consilium_crypto::dkg::{
    Dealing, Product, RevealedShare, SealingKey, ShareKey, VerifiedProduct, VerifiedShareKey,
};
use consilium_hash::{ContributionHash, Pseudonym};
use consilium_proto::v1::{
    self, Answers, Complaints, Confirmation, Contribute, Reason, contribute::Part,
};
use prost::Message as _;
use sha2::{Digest, Sha256};

use super::{Dealt, Keygen, Settled, Stage, StageName};
use crate::handler::Refusal;

/// A contribution that holds, with the place of its author.
#[derive(Debug)]
pub(crate) struct Contribution {
    said: ContributionHash,
    part: Judged,
}

/// A part of the ceremony that holds.
#[derive(Debug)]
enum Judged {
    Offer(u32, SealingKey),
    Dealing(u32, Box<Dealing>),
    Complaints(u32, BTreeSet<u32>),
    Answers(u32, Vec<((u32, u32), RevealedShare)>),
    Agreement(u32),
    Product(u32, Box<VerifiedProduct>),
    ShareKey(u32, Box<VerifiedShareKey>),
    /// Places of the new committee's member that holds its share, and of the old one's that hands over.
    Confirmation(Option<u32>, Option<u32>),
}

fn stage_of(part: &Part) -> StageName {
    match part {
        Part::Offer(_) => StageName::Offering,
        Part::Dealing(_) => StageName::Dealing,
        Part::Complaints(_) => StageName::Checking,
        Part::Answers(_) => StageName::Answering,
        Part::Agreement(_) => StageName::Agreeing,
        Part::Product(_) => StageName::Products,
        Part::ShareKey(_) => StageName::ShareKeys,
        Part::Confirmation(_) => StageName::Confirming,
    }
}

fn stranger() -> Refusal {
    Refusal::rejected(Reason::NotAMember)
}

fn malformed() -> Refusal {
    Refusal::fault(Reason::MalformedEncoding)
}

fn unproven() -> Refusal {
    Refusal::fault(Reason::BadKeygenProof)
}

impl Keygen {
    /// Takes a contribution whose signature by `author` has been verified.
    ///
    /// # Errors
    /// [`Refusal`], saying whether it is the author's fault.
    pub fn contribute(&mut self, author: &Pseudonym, message: &Contribute) -> Result<(), Refusal> {
        match self.judge(author, message) {
            Ok(contribution) => {
                self.take(*author, contribution);
                Ok(())
            }
            Err(refusal) => {
                if refusal.is_fault {
                    self.leave_out(author, message);
                }
                Err(refusal)
            }
        }
    }

    /// Judges a contribution whose signature by `author` has been verified.
    pub(crate) fn judge(
        &self,
        author: &Pseudonym,
        message: &Contribute,
    ) -> Result<Contribution, Refusal> {
        // What the coordinator may have shown its author differently: it costs nothing.
        if (message.committee, message.attempt) != (self.number, self.attempt) {
            return Err(Reason::WrongStep.into());
        }
        let Some(part) = &message.part else { return Err(malformed()) };
        match (stage_of(part) as i32).cmp(&(self.stage.name() as i32)) {
            Ordering::Less => return Err(Reason::TooLate.into()),
            Ordering::Greater => return Err(Reason::TooEarly.into()),
            Ordering::Equal => {}
        }
        if message.basis != self.basis.as_slice() {
            return Err(Reason::WrongContext.into());
        }
        if self.has_heard(author) {
            return Err(Reason::Duplicate.into());
        }
        // From here on the author alone answers for what it says.
        let part = self.judge_part(author, part)?;
        let said = ContributionHash(Sha256::digest(message.encode_to_vec()).into());
        Ok(Contribution { said, part })
    }

    fn judge_part(&self, author: &Pseudonym, part: &Part) -> Result<Judged, Refusal> {
        let member = self.place_of(author);
        let dealer = self.dealer_place_of(author);
        match (&self.stage, part) {
            (Stage::Offering { .. }, Part::Offer(key)) => {
                let place = member.ok_or_else(stranger)?;
                Ok(Judged::Offer(place, SealingKey::decode(key).map_err(|_| malformed())?))
            }
            (Stage::Dealing(dealt), Part::Dealing(bytes)) => judge_dealing(dealt, dealer, bytes),
            (Stage::Checking { dealt, .. }, Part::Complaints(complaints)) => {
                judge_complaints(dealt, member, complaints)
            }
            (Stage::Answering { dealt, open }, Part::Answers(answers)) => {
                let dealer = dealer.ok_or_else(stranger)?;
                let recipients = open.get(&dealer).ok_or_else(stranger)?;
                judge_answers(dealt, dealer, recipients, answers)
            }
            (Stage::Agreeing { settled, .. }, Part::Agreement(_)) => {
                Ok(Judged::Agreement(settled.place_of(member)?))
            }
            (Stage::Products { settled, .. }, Part::Product(bytes)) => {
                let place = settled.place_of(member)?;
                let product = Product::decode(bytes).map_err(|_| malformed())?;
                let product = product.verify(&settled.qualified, place).map_err(|_| unproven())?;
                Ok(Judged::Product(place, Box::new(product)))
            }
            (Stage::ShareKeys { settled, key, .. }, Part::ShareKey(bytes)) => {
                let place = settled.place_of(member)?;
                let share_key = ShareKey::decode(bytes).map_err(|_| malformed())?;
                let share_key = share_key.verify(key, place).map_err(|_| unproven())?;
                Ok(Judged::ShareKey(place, Box::new(share_key)))
            }
            (Stage::Confirming { settled, .. }, Part::Confirmation(confirmation)) => {
                let Confirmation { hands_over, holds_share } = *confirmation;
                let held = settled.place_of(member).ok().filter(|_| holds_share);
                let left = dealer.filter(|_| hands_over && self.old().is_some());
                if held.is_none() && left.is_none() {
                    return Err(stranger());
                }
                Ok(Judged::Confirmation(held, left))
            }
            // The stage of the part was compared before.
            _ => Err(Reason::TooEarly.into()),
        }
    }

    /// Takes a contribution that [`judge`](Self::judge) found to hold.
    pub(crate) fn take(&mut self, author: Pseudonym, Contribution { said, part }: Contribution) {
        self.said.insert(author, said);
        match (&mut self.stage, part) {
            (Stage::Offering { offers }, Judged::Offer(place, key)) => {
                offers.insert(place, key);
            }
            (Stage::Dealing(dealt), Judged::Dealing(dealer, dealing)) => {
                dealt.dealings.insert(dealer, *dealing);
            }
            (Stage::Checking { complaints, .. }, Judged::Complaints(place, named)) => {
                complaints.insert(place, named);
            }
            (Stage::Answering { dealt, open }, Judged::Answers(dealer, revealed)) => {
                open.remove(&dealer);
                dealt.revealed.extend(revealed);
            }
            (Stage::Agreeing { agreed, .. }, Judged::Agreement(place)) => {
                agreed.insert(place);
            }
            (Stage::Products { products, .. }, Judged::Product(place, product)) => {
                products.insert(place, *product);
            }
            (Stage::ShareKeys { share_keys, .. }, Judged::ShareKey(place, share_key)) => {
                share_keys.insert(place, *share_key);
            }
            (
                Stage::Confirming { held, handed_over, .. },
                Judged::Confirmation(holder, leaving),
            ) => {
                held.extend(holder);
                handed_over.extend(leaving);
            }
            // Judged in this very stage.
            _ => {}
        }
    }

    /// Leaves a dealer out whose dealing or answer is a fault: it has no other try in this attempt.
    pub(crate) fn leave_out(&mut self, author: &Pseudonym, message: &Contribute) {
        let Some(dealer) = self.dealer_place_of(author) else { return };
        match (&mut self.stage, &message.part) {
            (Stage::Dealing(dealt), Some(Part::Dealing(_))) => {
                dealt.faulty.insert(dealer);
            }
            (Stage::Answering { dealt, open }, Some(Part::Answers(_))) => {
                open.remove(&dealer);
                dealt.faulty.insert(dealer);
            }
            _ => {}
        }
    }
}

impl Settled {
    /// The place of a member that has been dealt shares.
    fn place_of(&self, member: Option<u32>) -> Result<u32, Refusal> {
        let recipients = self.dealt.ceremony.recipients();
        member.filter(|place| recipients.contains_key(place)).ok_or_else(stranger)
    }
}

fn judge_dealing(dealt: &Dealt, dealer: Option<u32>, bytes: &[u8]) -> Result<Judged, Refusal> {
    let dealer = dealer.ok_or_else(stranger)?;
    // Where the key is generated only those deal who get shares.
    if !dealt.ceremony.is_resharing() && !dealt.ceremony.recipients().contains_key(&dealer) {
        return Err(stranger());
    }
    if dealt.faulty.contains(&dealer) {
        return Err(Reason::Duplicate.into());
    }
    let dealing = Dealing::decode(bytes, &dealt.ceremony, dealer).map_err(|_| malformed())?;
    Ok(Judged::Dealing(dealer, Box::new(dealing)))
}

fn judge_complaints(
    dealt: &Dealt,
    member: Option<u32>,
    Complaints { dealers }: &Complaints,
) -> Result<Judged, Refusal> {
    let place = member.filter(|place| dealt.ceremony.recipients().contains_key(place));
    let place = place.ok_or_else(stranger)?;
    let named: BTreeSet<u32> = dealers.iter().copied().collect();
    let is_known = named.iter().all(|dealer| dealt.dealings.contains_key(dealer));
    // Ascending and each once: there is one encoding of a set.
    if !is_known || !named.iter().eq(dealers) {
        return Err(malformed());
    }
    Ok(Judged::Complaints(place, named))
}

fn judge_answers(
    dealt: &Dealt,
    dealer: u32,
    recipients: &BTreeSet<u32>,
    Answers { shares }: &Answers,
) -> Result<Judged, Refusal> {
    let dealing = dealt.dealings.get(&dealer).ok_or_else(stranger)?;
    // All that were asked for, in order: half an answer is none.
    if !shares.iter().map(|share| &share.recipient).eq(recipients) {
        return Err(malformed());
    }
    let reveal = |share: &v1::RevealedShare| {
        let revealed =
            RevealedShare::decode(&share.share, &dealt.ceremony).map_err(|_| malformed())?;
        dealing.check_reveal(share.recipient, &revealed).map_err(|_| unproven())?;
        Ok(((dealer, share.recipient), revealed))
    };
    Ok(Judged::Answers(dealer, shares.iter().map(reveal).collect::<Result<Vec<_>, Refusal>>()?))
}
