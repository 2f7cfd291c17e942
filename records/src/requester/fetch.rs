//! Reading what an owner has consented to: re-encryptions of t proxies, the body, and all checks.
//!
//! Every proxy is asked which records the consent opens: one that keeps some to itself is not believed. What is checked of
//! each record: its header's hash and both signatures against the ledger, every re-encryption against the consent, the
//! commitment to its key, every chunk, and the root over all.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use consilium_exchange::records::{
    AcceptedConsent, Notice, RecordError, Reencryption, VerifiedHeader, VerifiedReencryption,
};
use consilium_hash::{ConsentHash, Pseudonym, RecordHash};
use consilium_proto::{
    decode,
    v1::{NoticeDelivery, Pass, StoredHeader, delivery::Kind},
};

use super::ask::keys;
use crate::{
    RecordsError,
    call::MAX_CALL_BYTES,
    card::Card,
    error::Result,
    ledger::{Following, Ledger},
    mailbox::{Letter, Mailbox},
    party::Party,
    peer::Peer,
    receive::Received,
};

/// A consent that this requester can use.
#[derive(Debug)]
pub struct Usable {
    /// Its name.
    pub consent: ConsentHash,
    /// Whose it is.
    pub owner: Pseudonym,
    /// What it opens.
    pub accepted: AcceptedConsent,
    /// How many proxies are needed.
    pub threshold: u8,
    pass: Pass,
    custodian: Card,
    proxies: Vec<Card>,
}

/// All consents in the mailbox that verify against the ledger, the oldest first. What does not is logged.
///
/// # Errors
/// [`RecordsError::File`].
pub fn consents(party: &Party, ledger: &Ledger, me: &Pseudonym) -> Result<Vec<Usable>> {
    let mut usable = Vec::new();
    for letter in Mailbox::of(&party.dir)?.letters(party, me, Kind::Notice, None)? {
        match verify(party, ledger, me, &letter) {
            Ok(consent) => usable.push(consent),
            Err(error) => tracing::warn!(%error, "a notice is passed over"),
        }
    }
    Ok(usable)
}

fn verify(party: &Party, ledger: &Ledger, me: &Pseudonym, letter: &Letter) -> Result<Usable> {
    let who = letter.from.short();
    let untrue = |error: &dyn std::fmt::Display| RecordsError::untrue(who, "a notice", error);
    let message: NoticeDelivery =
        decode("notice", &letter.message, MAX_CALL_BYTES).map_err(|error| untrue(&error))?;
    let notice = Notice::decode(&message.notice).map_err(|error| untrue(&error))?;
    let consent =
        ledger.index().consent(notice.consent()).ok_or_else(|| untrue(&RecordError::NotSealed))?;
    if *consent.owner() != letter.from {
        return Err(untrue(&"it is of another owner's consent"));
    }
    // Which of its requests it answers, the notice does not say.
    let mut accepted = Err(RecordError::OtherRequester);
    for key in keys(&party.dir)? {
        accepted = notice.clone().verify(consent, me, key);
        if !matches!(accepted, Err(RecordError::OtherRequester)) {
            break;
        }
    }
    let accepted = accepted.map_err(|error| untrue(&error))?;
    let card = |message| Card::on(ledger, message).map_err(|error| untrue(&error));
    let custodian =
        card(message.custodian.ok_or_else(|| untrue(&"the custodian's card is missing"))?)?;
    let proxies = message.proxies.into_iter().map(card).collect::<Result<Vec<_>>>()?;
    let names: Vec<Pseudonym> = proxies.iter().map(|proxy| proxy.name).collect();
    if custodian.name != *accepted.selection().custodian() || names != accepted.proxies() {
        return Err(untrue(&"its cards are not those of the consent's parties"));
    }
    Ok(Usable {
        consent: *consent.hash(),
        owner: letter.from,
        threshold: consent.threshold(),
        accepted,
        pass: message.pass.ok_or_else(|| untrue(&"the pass is missing"))?,
        custodian,
        proxies,
    })
}

/// A record that was read.
#[derive(Debug)]
pub struct Read {
    /// The record.
    pub hash: RecordHash,
    /// Its header, verified.
    pub header: VerifiedHeader,
    /// The file that it was written to.
    pub file: PathBuf,
}

/// Reads every record that a consent opens into files of a folder, named by the records' hashes. One that is there already
/// was verified when it was written, and is not read again.
///
/// # Errors
/// [`RecordsError::Refused`] with every proxy's reason where fewer than t take part;
/// [`RecordsError::Untrue`] naming who delivered what does not hold.
pub async fn read_all(
    following: &Following,
    me: &Pseudonym,
    usable: &Usable,
    out: &Path,
) -> Result<Vec<Read>> {
    let party = following.party();
    let (proxies, mut reasons) = connect(party, me, usable).await;
    let mut found: BTreeMap<RecordHash, (StoredHeader, VerifiedHeader)> = BTreeMap::new();
    let mut answers = 0;
    for (_, proxy) in &proxies {
        match proxy.search(&usable.consent).await {
            Ok(headers) => {
                answers += 1;
                for stored in headers {
                    let header = following.ledger().verify_header(&stored);
                    let header = header
                        .map_err(|error| RecordsError::untrue(proxy.who(), "a header", error))?;
                    found.insert(*header.hash(), (stored, header));
                }
            }
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if answers == 0 {
        return Err(RecordsError::refused("every proxy of the consent", reasons.join("; ")));
    }
    let mut read = Vec::with_capacity(found.len());
    for (hash, (stored, header)) in found {
        let file = out.join(format!("{hash}.record"));
        if file.symlink_metadata().is_err() {
            read_one(party, me, usable, &proxies, (&stored, &header), &file).await?;
        }
        read.push(Read { hash, header, file });
    }
    Ok(read)
}

/// Connections to those proxies that can be reached, with their places, and why not to the others.
async fn connect<'a>(
    party: &'a Party,
    me: &Pseudonym,
    usable: &Usable,
) -> (Vec<(u8, Peer<'a>)>, Vec<String>) {
    let mut proxies = Vec::new();
    let mut reasons = Vec::new();
    for (place, card) in (1..).zip(&usable.proxies) {
        match Peer::connect(party, me, card, "proxy").await {
            Ok(proxy) => proxies.push((place, proxy)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    (proxies, reasons)
}

async fn read_one(
    party: &Party,
    me: &Pseudonym,
    usable: &Usable,
    proxies: &[(u8, Peer<'_>)],
    (stored, header): (&StoredHeader, &VerifiedHeader),
    file: &Path,
) -> Result<()> {
    let reencryptions = gather(usable, proxies, stored, header).await?;
    let mut decryptor = usable.accepted.open(header, &reencryptions)?;
    let custodian = Peer::connect(party, me, &usable.custodian, "custodian").await?;
    let mut received = Received::begin(Some(file))?;
    let mut body = custodian.body(header.hash(), Some(usable.pass.clone())).await?;
    received.fill(&mut body, &mut decryptor).await?;
    decryptor.finish().map_err(|error| RecordsError::untrue(custodian.who(), "a body", error))?;
    received.finish()
}

/// Re-encryptions of t proxies. One that refuses or cheats is passed over for the next, and named if too few are left.
async fn gather(
    usable: &Usable,
    proxies: &[(u8, Peer<'_>)],
    stored: &StoredHeader,
    header: &VerifiedHeader,
) -> Result<Vec<VerifiedReencryption>> {
    let mut gathered = Vec::new();
    let mut reasons = Vec::new();
    for (place, proxy) in proxies {
        if gathered.len() >= usable.threshold.into() {
            break;
        }
        let made = proxy.reencrypt(&usable.consent, stored.clone()).await.and_then(|bytes| {
            let untrue = |error| RecordsError::untrue(proxy.who(), "a re-encryption", error);
            let made = Reencryption::decode(&bytes).map_err(|error| untrue(error.into()))?;
            usable.accepted.verify(header, *place, &made).map_err(untrue)
        });
        match made {
            Ok(made) => gathered.push(made),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if gathered.len() < usable.threshold.into() {
        let too_few = RecordError::TooFew { expected: usable.threshold, found: gathered.len() };
        reasons.push(too_few.to_string());
        return Err(RecordsError::refused("too many of the consent's proxies", reasons.join("; ")));
    }
    Ok(gathered)
}
