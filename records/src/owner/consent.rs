//! Requests on the ledger, consents to them, and withdrawals.
//!
//! A consent is on the owner's disk, with what proxies and requester get, before it is said; that is released once its block
//! is sealed and followed, and then on disk as letters before any of them is sent. Whoever is stopped in between goes on with
//! the same consent.

use std::time::Duration;

use consilium_exchange::records::{
    Allowance, GivenConsent, Grant, KeywordKey, Named, Notice, OwnerKeys, Request, Selection,
    Standing, Withdrawal, give_consent,
};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::v1::{
    Delivery, GiveConsent, GrantDelivery, NoticeDelivery, WithdrawConsent, delivery::Kind,
    transaction::Action,
};
use prost::Message as _;
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::{held::Held, outbox::Outbox};
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

/// Consents to a request as far as `allowance` goes, and puts into the outbox what the parties get. On disk before it is said:
/// [`resume`] goes on with it.
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
    let given = give_consent(party.chain_id(), &keys, request, allowance, &mut OsRng)?;
    Held::of(&party.dir)?.put(&given, recipients)?;
    let hash = *given.hash();
    finish(following, me, given, recipients, patience).await?;
    Ok(hash)
}

/// Goes on with consents that were given by an owner who was stopped before their letters were in the outbox. The names of
/// those that are in force, and whether each answers `request`.
///
/// # Errors
/// As [`give`].
pub async fn resume(
    following: &Following,
    me: &Pseudonym,
    request: Option<&Request>,
    patience: Duration,
) -> Result<Vec<(ConsentHash, bool)>> {
    let party = following.party();
    let held = Held::of(&party.dir)?.all(party, &following.ledger())?;
    let mut resumed = Vec::new();
    for (given, recipients) in held {
        let hash = *given.hash();
        let answers = request.is_some_and(|request| given.answers(request));
        if finish(following, me, given, &recipients, patience).await? {
            resumed.push((hash, answers));
        }
    }
    Ok(resumed)
}

/// From a consent on disk to letters in the outbox, saying it as often as it takes; whether it is in force. What a crash
/// between these steps means: it is gone through again, and the ledger takes the same consent once.
async fn finish(
    following: &Following,
    me: &Pseudonym,
    given: GivenConsent,
    recipients: &Recipients,
    patience: Duration,
) -> Result<bool> {
    let party = following.party();
    let held = Held::of(&party.dir)?;
    let outbox = Outbox::of(&party.dir)?;
    let hash = *given.hash();
    let action = Action::GiveConsent(GiveConsent { consent: given.consent().encode() });
    match following.say(me, action, patience).await {
        Err(error @ RecordsError::Refused { .. }) => {
            // Nothing of it has become known, and nothing will.
            held.remove(&hash)?;
            return Err(error);
        }
        said => said?,
    }
    let known = |ledger: &Ledger| {
        Some(ledger.standing(&hash)).filter(|standing| *standing != Standing::NotSealed)
    };
    let standing = following.until("the consent on the ledger", patience, known).await?;
    if standing == Standing::InForce {
        let allowed = Allowed { selection: given.selection().clone(), until_ms: given.until_ms() };
        let (grants, notice) = given.release(standing)?;
        for (to, delivery) in letters(party, me, &hash, &allowed, recipients, &grants, &notice)? {
            outbox.put(&hash, to, delivery)?;
        }
    }
    held.remove(&hash)?;
    Ok(standing == Standing::InForce)
}

/// What the passes of a consent are for.
struct Allowed {
    selection: Selection,
    until_ms: u64,
}

/// A grant for each proxy, and last the notice: by then the proxies can serve it.
fn letters<'a>(
    party: &Party,
    me: &Pseudonym,
    consent: &ConsentHash,
    allowed: &Allowed,
    recipients: &'a Recipients,
    grants: &[Grant],
    notice: &Notice,
) -> Result<Vec<(&'a Card, Delivery)>> {
    let terms = Terms { consent, selection: &allowed.selection, until_ms: allowed.until_ms };
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
