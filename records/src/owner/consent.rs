//! Requests on the ledger, consents to them, and withdrawals.
//!
//! What proxies and requester get is made with the consent and released once the consent's block is sealed and followed;
//! then it is on the owner's disk before any of it is sent. Whoever is stopped in between has a consent on the ledger that
//! nobody can serve, which is withdrawn and given again.

use std::time::Duration;

use consilium_exchange::records::{
    Allowance, Grant, KeywordKey, Named, Notice, OwnerKeys, Request, Selection, Standing,
    Withdrawal, give_consent,
};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::v1::{
    Delivery, GiveConsent, GrantDelivery, NoticeDelivery, WithdrawConsent, delivery::Kind,
    transaction::Action,
};
use prost::Message as _;
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::outbox::Outbox;
use crate::{
    RecordsError,
    card::Card,
    error::Result,
    ledger::{Following, Ledger, Posted},
    party::Party,
    pass::{self, Terms},
    seal::seal,
};

/// A request to this owner.
#[derive(Debug)]
pub struct Asked {
    /// SHA-256 of the sealed request.
    pub name: [u8; 32],
    /// The block that it stands in.
    pub height: u64,
    /// What it says; an error where it was not sealed to this owner after all.
    pub request: std::result::Result<Request, String>,
}

/// All requests to this owner, in the order of the ledger.
pub fn requests(party: &Party, ledger: &Ledger, me: &Pseudonym) -> Vec<Asked> {
    let to_me = ledger.index().requests().iter().filter(|posted| posted.sealed.owner() == me);
    let open = |posted: &Posted| {
        let request = posted.sealed.open(party.chain_id(), &party.opening);
        let request = request.map_err(|error| error.to_string());
        Asked { name: posted.name, height: posted.height, request }
    };
    to_me.map(open).collect()
}

/// To whom a consent goes, and through whom.
#[derive(Debug)]
pub struct Recipients {
    /// Who has asked.
    pub requester: Card,
    /// Who keeps the records.
    pub custodian: Card,
    /// Who re-encrypts, in the order of their places.
    pub proxies: Vec<Card>,
}

/// Consents to a request as far as `allowance` goes, and puts into the outbox what the parties get.
///
/// # Errors
/// [`RecordsError::Unusable`] for an allowance that cannot be or cards that do not belong to it;
/// [`RecordsError::Refused`] by the ledger.
pub async fn give(
    following: &Following,
    me: &Pseudonym,
    request: &Request,
    allowance: &Allowance,
    recipients: &Recipients,
    patience: Duration,
) -> Result<ConsentHash> {
    let party = following.party();
    if *request.requester() != recipients.requester.name {
        let problem = format!(
            "the request is by {}, the card is of {}",
            request.requester().short(),
            recipients.requester.name.short()
        );
        return Err(RecordsError::Unusable(problem));
    }
    let custodian = &recipients.custodian;
    if *allowance.selection.custodian() != custodian.name {
        return Err(RecordsError::unusable(
            "the request is for records of another custodian than the card's",
        ));
    }
    let named = Named { name: &custodian.name, key: custodian.exchange_key()? };
    let keyword_key = KeywordKey::of_owner(me, party.exchange()?, named);
    let keys = OwnerKeys {
        name: me,
        signing: &party.signing,
        seed: party.seed()?,
        keyword_key: &keyword_key,
    };
    let outbox = Outbox::of(&party.dir)?;
    let given = give_consent(party.chain_id(), &keys, request, allowance, &mut OsRng)?;
    let hash = *given.hash();
    let action = Action::GiveConsent(GiveConsent { consent: given.consent().encode() });
    following.say(me, action, patience).await?;
    let in_force = |ledger: &Ledger| (ledger.standing(&hash) == Standing::InForce).then_some(());
    following.until("the consent on the ledger", patience, in_force).await?;
    let standing = following.ledger().standing(&hash);
    let (grants, notice) = given.release(standing)?;
    let letters = letters(party, me, &hash, allowance, recipients, &grants, &notice)?;
    for (to, delivery) in letters {
        outbox.put(&hash, to, delivery)?;
    }
    Ok(hash)
}

/// A grant for each proxy, and last the notice: by then the proxies can serve it.
fn letters<'a>(
    party: &Party,
    me: &Pseudonym,
    consent: &ConsentHash,
    allowance: &Allowance,
    recipients: &'a Recipients,
    grants: &[Grant],
    notice: &Notice,
) -> Result<Vec<(&'a Card, Delivery)>> {
    let terms = Terms { consent, selection: &allowance.selection, until_ms: allowance.until_ms };
    let custodian = Some(recipients.custodian.message().clone());
    let mut letters = Vec::with_capacity(grants.len() + 1);
    for (proxy, grant) in recipients.proxies.iter().zip(grants) {
        let message = GrantDelivery {
            grant: grant.encode().to_vec(),
            pass: Some(pass::issue(party, me, &proxy.name, &terms, false)),
            custodian: custodian.clone(),
        };
        let encoded = Zeroizing::new(message.encode_to_vec());
        // The copy in the message is as secret as the grant.
        drop(Zeroizing::new(message.grant));
        letters.push((proxy, seal(party.chain_id(), me, proxy, Kind::Grant, encoded)?));
    }
    let requester = &recipients.requester;
    let message = NoticeDelivery {
        notice: notice.encode(),
        pass: Some(pass::issue(party, me, &requester.name, &terms, true)),
        custodian,
        proxies: recipients.proxies.iter().map(|proxy| proxy.message().clone()).collect(),
    };
    let encoded = Zeroizing::new(message.encode_to_vec());
    letters.push((requester, seal(party.chain_id(), me, requester, Kind::Notice, encoded)?));
    Ok(letters)
}

/// Fewer months and keywords than were asked for, or all of them.
///
/// # Errors
/// [`RecordsError::Unusable`] for what was not asked for.
pub fn narrow(
    request: &Request,
    months: &[consilium_exchange::records::Period],
    keywords: &[consilium_exchange::records::Keyword],
) -> Result<(Selection, Vec<consilium_exchange::records::Keyword>)> {
    let asked = request.selection();
    let is_asked = months.iter().all(|month| asked.periods().contains(month))
        && keywords.iter().all(|keyword| request.keywords().contains(keyword));
    if !is_asked {
        return Err(RecordsError::unusable("a month or a keyword was not asked for"));
    }
    let months = if months.is_empty() { asked.periods().to_vec() } else { months.to_vec() };
    let keywords = if keywords.is_empty() { request.keywords() } else { keywords }.to_vec();
    let selection = Selection::new(*asked.custodian(), asked.category().clone(), months)?;
    Ok((selection, keywords))
}

/// Takes a consent back, for ever; returns once that is on the ledger.
///
/// # Errors
/// [`RecordsError::Refused`] by the ledger.
pub async fn withdraw(
    following: &Following,
    me: &Pseudonym,
    consent: &ConsentHash,
    patience: Duration,
) -> Result<()> {
    let party = following.party();
    let withdrawal = Withdrawal::sign(party.chain_id(), consent, &party.signing).encode();
    following.say(me, Action::WithdrawConsent(WithdrawConsent { withdrawal }), patience).await?;
    let withdrawn =
        |ledger: &Ledger| (ledger.standing(consent) == Standing::Withdrawn).then_some(());
    following.until("the withdrawal on the ledger", patience, withdrawn).await
}
