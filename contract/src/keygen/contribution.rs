//! One contribution: who may say it, when, and what is a fault.
//!
//! The order is that of every fault: the signature (judged by the caller), then committee, attempt, stage and basis, which
//! the coordinator may have shown differently and which cost nothing; then what the author alone answers for.

use std::collections::BTreeSet;

use consilium_crypto::{
    Hash,
    dkg::{Dealing, Product, RevealedShare, SealingKey, ShareKey},
};
use consilium_proto::v1::{
    self, Answers, Complaints, Confirmation, Contribute, Reason, contribute::Part,
};
use prost::Message as _;
use sha2::{Digest, Sha256};

use super::{Keygen, Stage, StageName};

/// Why a contribution has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The cause.
    pub reason: Reason,
    /// Whether the author's own signature proves a fault of its own.
    pub is_fault: bool,
}

fn refused(reason: Reason) -> Refusal {
    Refusal { reason, is_fault: false }
}

fn fault(reason: Reason) -> Refusal {
    Refusal { reason, is_fault: true }
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

impl Keygen {
    /// Takes a contribution whose signature by `author` has been verified.
    ///
    /// # Errors
    /// [`Refusal`], saying whether it is the author's fault.
    pub fn contribute(&mut self, author: &Hash, message: &Contribute) -> Result<(), Refusal> {
        if (message.committee, message.attempt) != (self.number, self.attempt) {
            return Err(refused(Reason::WrongStep));
        }
        let Some(part) = &message.part else { return Err(fault(Reason::MalformedEncoding)) };
        match (stage_of(part) as i32).cmp(&(self.stage.name() as i32)) {
            std::cmp::Ordering::Less => return Err(refused(Reason::TooLate)),
            std::cmp::Ordering::Greater => return Err(refused(Reason::TooEarly)),
            std::cmp::Ordering::Equal => {}
        }
        if message.basis != self.basis {
            return Err(refused(Reason::WrongContext));
        }
        if self.has_heard(author) {
            return Err(refused(Reason::Duplicate));
        }
        self.take(author, part)?;
        self.said.insert(*author, Sha256::digest(message.encode_to_vec()).into());
        Ok(())
    }

    fn take(&mut self, author: &Hash, part: &Part) -> Result<(), Refusal> {
        let member = self.place_of(author);
        let dealer = self.dealer_place_of(author);
        let stranger = || refused(Reason::NotAMember);
        let malformed = || fault(Reason::MalformedEncoding);
        match (&mut self.stage, part) {
            (Stage::Offering { offers }, Part::Offer(key)) => {
                let place = member.ok_or_else(stranger)?;
                offers.insert(place, SealingKey::decode(key).map_err(|_| malformed())?);
            }
            (Stage::Dealing(dealt), Part::Dealing(bytes)) => {
                let dealer = dealer.ok_or_else(stranger)?;
                // Where the key is generated only those deal who get shares.
                if !dealt.ceremony.is_resharing()
                    && !dealt.ceremony.recipients().contains_key(&dealer)
                {
                    return Err(stranger());
                }
                if dealt.faulty.contains(&dealer) {
                    return Err(refused(Reason::Duplicate));
                }
                let Ok(dealing) = Dealing::decode(bytes, &dealt.ceremony, dealer) else {
                    dealt.faulty.insert(dealer);
                    return Err(malformed());
                };
                dealt.dealings.insert(dealer, dealing);
            }
            (Stage::Checking { dealt, complaints }, Part::Complaints(Complaints { dealers })) => {
                let place = member.filter(|place| dealt.ceremony.recipients().contains_key(place));
                let named: BTreeSet<u32> = dealers.iter().copied().collect();
                let known = named.iter().all(|dealer| dealt.dealings.contains_key(dealer));
                let place = place.ok_or_else(stranger)?;
                if !known || !named.iter().eq(dealers) {
                    return Err(malformed());
                }
                complaints.insert(place, named);
            }
            (Stage::Answering { dealt, open }, Part::Answers(Answers { shares })) => {
                let dealer = dealer.ok_or_else(stranger)?;
                let (Some(dealing), Some(recipients)) =
                    (dealt.dealings.get(&dealer), open.get(&dealer))
                else {
                    return Err(stranger());
                };
                let reveal = |share: &v1::RevealedShare| {
                    let revealed = RevealedShare::decode(&share.share, &dealt.ceremony)
                        .map_err(|_| malformed())?;
                    let held = dealing.check_reveal(share.recipient, &revealed);
                    held.map_err(|_| fault(Reason::BadKeygenProof))?;
                    Ok(((dealer, share.recipient), revealed))
                };
                // All that were asked for, in order: half an answer is none.
                let is_whole = shares.iter().map(|share| &share.recipient).eq(recipients);
                let revealed = match is_whole {
                    true => shares.iter().map(reveal).collect::<Result<Vec<_>, _>>(),
                    false => Err(malformed()),
                };
                open.remove(&dealer);
                match revealed {
                    Ok(revealed) => dealt.revealed.extend(revealed),
                    Err(refusal) => {
                        dealt.faulty.insert(dealer);
                        return Err(refusal);
                    }
                }
            }
            (Stage::Agreeing { settled, agreed }, Part::Agreement(_)) => {
                let recipients = settled.dealt.ceremony.recipients();
                agreed.insert(
                    member.filter(|place| recipients.contains_key(place)).ok_or_else(stranger)?,
                );
            }
            (Stage::Products { settled, products }, Part::Product(bytes)) => {
                let recipients = settled.dealt.ceremony.recipients();
                let place =
                    member.filter(|place| recipients.contains_key(place)).ok_or_else(stranger)?;
                let product = Product::decode(bytes).map_err(|_| malformed())?;
                let product = product.verify(&settled.qualified, place);
                products.insert(place, product.map_err(|_| fault(Reason::BadKeygenProof))?);
            }
            (Stage::ShareKeys { settled, key, share_keys }, Part::ShareKey(bytes)) => {
                let recipients = settled.dealt.ceremony.recipients();
                let place =
                    member.filter(|place| recipients.contains_key(place)).ok_or_else(stranger)?;
                let share_key = ShareKey::decode(bytes).map_err(|_| malformed())?;
                let share_key = share_key.verify(key, place);
                share_keys.insert(place, share_key.map_err(|_| fault(Reason::BadKeygenProof))?);
            }
            (
                Stage::Confirming { settled, held, handed_over, .. },
                Part::Confirmation(confirmation),
            ) => {
                let Confirmation { hands_over, holds_share } = *confirmation;
                let recipients = settled.dealt.ceremony.recipients();
                let held_at = member.filter(|place| holds_share && recipients.contains_key(place));
                let left = dealer.filter(|_| hands_over && settled.dealt.ceremony.is_resharing());
                if held_at.is_none() && left.is_none() {
                    return Err(stranger());
                }
                held.extend(held_at);
                handed_over.extend(left);
            }
            // The stage of the part was compared before.
            _ => return Err(refused(Reason::TooEarly)),
        }
        Ok(())
    }
}
