//! The proxy: follows the ledger, acts on nothing but a consent in force, and touches no body.
//!
//! Its grants lie in its mailbox as they were sealed, and are opened and verified for each call: what is on its disk is of
//! no use without its key. It answers nobody but the requester whom the consent names; what it makes is of no use to
//! anyone else anyway.

use std::{sync::Arc, time::Duration};

use consilium_exchange::records::{Grant, RecordError, Standing, VerifiedGrant};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::{
    decode,
    v1::{
        Done, GrantDelivery, Pass, PostRequest, ReencryptCall, Reencrypted, SignedCall,
        StoredHeader, call::What, delivery::Kind, proxy_server,
    },
};
use rand_core::OsRng;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, async_trait};

use crate::{
    RecordsError,
    calendar::now_ms,
    call::{CallError, Heard, MAX_CALL_BYTES, hear},
    card::Card,
    error::Result,
    ledger::{Following, Ledger, blocking},
    mailbox::{Letter, Mailbox},
    party::Party,
    peer::Peer,
    relay,
    status::{call_refused, internal, not_allowed, too_many},
    stream::{Items, Streams},
};

/// Requests that are put on the ledger for others at once.
const MOST_RELAYED: usize = 64;
const PATIENCE: Duration = Duration::from_secs(170);

/// A grant with what came beside it.
struct Held {
    grant: VerifiedGrant,
    /// For the custodian's headers.
    pass: Pass,
    custodian: Card,
}

/// Verifies a grant that an owner has sent: its consent is on the ledger and this proxy is named in it.
fn verify(ledger: &Ledger, me: &Pseudonym, letter: &Letter) -> Result<Held> {
    let who = letter.from.short();
    let untrue = |error: &dyn std::fmt::Display| RecordsError::untrue(who, "a grant", error);
    let message: GrantDelivery =
        decode("grant", &letter.message, MAX_CALL_BYTES).map_err(|error| untrue(&error))?;
    let grant = Grant::decode(&message.grant).map_err(|error| untrue(&error))?;
    let consent = ledger.index().consent(grant.consent()).ok_or_else(|| {
        RecordsError::refused(
            "the proxy",
            "the consent is not in a sealed block yet; wait for the block",
        )
    })?;
    if *consent.owner() != letter.from {
        return Err(untrue(&"it belongs to another owner's consent"));
    }
    let grant = grant.verify(consent, me).map_err(|error| untrue(&error))?;
    let card = message.custodian.ok_or_else(|| untrue(&"the custodian's card is missing"))?;
    let custodian = Card::on(ledger, card).map_err(|error| untrue(&error))?;
    let pass = message.pass.ok_or_else(|| untrue(&"the pass is missing"))?;
    Ok(Held { grant, pass, custodian })
}

/// Refuses what is no grant to this proxy, before it is kept.
///
/// # Errors
/// [`RecordsError::Untrue`], [`RecordsError::Refused`].
pub fn screen(me: Pseudonym) -> Arc<crate::mailbox::Screen> {
    Arc::new(move |following, letter| verify(&following.ledger(), &me, letter).map(drop))
}

/// See the .proto file.
pub struct Proxy {
    following: Arc<Following>,
    name: Pseudonym,
    mailbox: Mailbox,
    streams: Streams,
    relayed: Semaphore,
}

type Answer<T> = std::result::Result<Response<T>, Status>;

impl Proxy {
    /// A proxy of this name, whose grants are in a mailbox.
    pub fn new(
        following: Arc<Following>,
        name: Pseudonym,
        mailbox: Mailbox,
        streams: Streams,
    ) -> Self {
        let relayed = Semaphore::new(MOST_RELAYED);
        Self { following, name, mailbox, streams, relayed }
    }

    fn hear(&self, request: &SignedCall) -> std::result::Result<Heard, Status> {
        hear(&self.following.ledger(), &self.name, request, now_ms()).map_err(call_refused)
    }

    /// The grant of a consent, for the requester whom it names.
    async fn held(
        &self,
        consent: ConsentHash,
        requester: Pseudonym,
    ) -> std::result::Result<Held, Status> {
        let (following, me, mailbox) =
            (Arc::clone(&self.following), self.name, self.mailbox.clone());
        let found = blocking(move || {
            // Only its owner's letters can hold it.
            let owner = following.ledger().index().consent(&consent).map(|it| *it.owner());
            let Some(owner) = owner else { return Ok(None) };
            let letters = mailbox.letters(following.party(), &me, Kind::Grant, Some(&owner))?;
            let ledger = following.ledger();
            let held = letters.iter().filter_map(|letter| verify(&ledger, &me, letter).ok());
            let mut held = held.filter(|held| *held.grant.consent() == consent);
            Ok::<_, RecordsError>(held.next())
        });
        let held = found.await.and_then(|found| found).map_err(internal)?;
        // Whether there is a grant for somebody else is nobody's business.
        held.filter(|held| *held.grant.requester() == requester).ok_or_else(|| {
            not_allowed(
                "no owner has consented to this requester through this proxy under this consent",
            )
        })
    }

    /// Refuses what the ledger does not hold to be in force now, and what has ended.
    fn check_in_force(&self, held: &Held) -> std::result::Result<(), Status> {
        let standing = self.following.current().map_err(internal)?.standing(held.grant.consent());
        let until_ms = held.grant.until_ms();
        let now_ms = now_ms();
        match standing {
            Standing::NotSealed => Err(not_allowed(RecordError::NotSealed)),
            Standing::Withdrawn => Err(not_allowed(RecordError::Withdrawn)),
            Standing::InForce if now_ms >= until_ms => {
                Err(not_allowed(RecordError::Expired { until_ms, now_ms }))
            }
            Standing::InForce => Ok(()),
        }
    }
}

#[async_trait]
impl proxy_server::Proxy for Proxy {
    type SearchStream = Items<StoredHeader>;

    async fn search(&self, request: Request<SignedCall>) -> Answer<Self::SearchStream> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Search(consent) = what else { return Err(call_refused(CallError::Other)) };
        let consent: ConsentHash = consent.as_slice().try_into().map_err(not_allowed)?;
        let held = self.held(consent, from).await?;
        self.check_in_force(&held)?;
        let party: &Party = self.following.party();
        let custodian = Peer::connect(party, &self.name, &held.custodian, "the custodian").await;
        let stored =
            custodian.map_err(internal)?.headers(held.pass.clone()).await.map_err(internal)?;
        let ledger = self.following.ledger();
        let opens = |stored: &StoredHeader| {
            let header = ledger.verify_header(stored).ok();
            header.is_some_and(|header| held.grant.check(&header).is_ok())
        };
        let found = stored.into_iter().filter(opens).collect();
        Ok(Response::new(self.streams.items(found)?))
    }

    async fn reencrypt(&self, request: Request<SignedCall>) -> Answer<Reencrypted> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Reencrypt(ReencryptCall { consent, header: Some(stored) }) = what else {
            return Err(call_refused(CallError::Other));
        };
        let consent: ConsentHash = consent.as_slice().try_into().map_err(not_allowed)?;
        let held = self.held(consent, from).await?;
        let ledger = self.following.current().map_err(internal)?;
        let header = ledger.verify_header(&stored).map_err(not_allowed)?;
        let standing = ledger.standing(&consent);
        let made = held.grant.reencrypt(&header, standing, now_ms(), &mut OsRng);
        let made = made.map_err(not_allowed)?;
        tracing::info!(consent = %consent.short(), record = %header.hash().short(), "re-encrypted");
        Ok(Response::new(Reencrypted { reencryption: made.encode().to_vec() }))
    }

    async fn relay(&self, request: Request<PostRequest>) -> Answer<Done> {
        let post = request.into_inner();
        let _held = self.relayed.try_acquire().map_err(|_| {
            too_many("as many requests as this proxy relays at once are on their way; try again")
        })?;
        relay::put(&self.following, &self.name, post, PATIENCE).await.map_err(internal)?;
        Ok(Response::new(Done {}))
    }
}
