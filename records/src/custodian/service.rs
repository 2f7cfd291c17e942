//! What owners, proxies and requesters call a custodian for.

use std::sync::Arc;

use consilium_exchange::records::{PublishedDelegatorKey, Record};
use consilium_hash::{Pseudonym, RecordHash};
use consilium_proto::v1::{
    BodyCall, Chunk, Done, Offered, SignedCall, StoredHeader, call::What, custodian_server,
};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, async_trait};

use super::store::{Store, is_whole};
use crate::{
    calendar::now_ms,
    call::{CallError, Heard, hear},
    ledger::{Following, blocking},
    pass,
    status::{call_refused, internal, not_allowed, not_found},
    stream::{Items, Streams, file_chunks},
};

/// See the .proto file.
pub struct Custodian {
    /// The ledger, as this custodian sees it.
    pub following: Arc<Following>,
    /// Its records.
    pub store: Arc<Store>,
    /// Its pseudonym.
    pub name: Pseudonym,
    /// Wakes whoever puts accepted records on the ledger.
    pub accepted: Arc<Notify>,
    /// How many answers are sent at once.
    pub streams: Streams,
}

type Answer<T> = Result<Response<T>, Status>;

impl Custodian {
    fn hear(&self, request: &SignedCall) -> Result<Heard, Status> {
        hear(&self.following.ledger(), &self.name, request, now_ms()).map_err(call_refused)
    }

    /// Reads the store where reading may wait.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> crate::error::Result<T> + Send + 'static,
    ) -> Result<T, Status> {
        let store = Arc::clone(&self.store);
        blocking(move || {
            store.take_in()?;
            read(&store)
        })
        .await
        .and_then(|result| result)
        .map_err(internal)
    }
}

#[async_trait]
impl custodian_server::Custodian for Custodian {
    type OffersStream = Items<Offered>;
    type HeadersStream = Items<StoredHeader>;
    type BodyStream = Items<Chunk>;

    async fn publish_key(&self, request: Request<SignedCall>) -> Answer<Done> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::PublishKey(bytes) = what else { return Err(call_refused(CallError::Other)) };
        let published = PublishedDelegatorKey::decode(&bytes).map_err(not_allowed)?;
        let scope = {
            let ledger = self.following.ledger();
            let key = ledger.key_of(&from).ok_or_else(|| call_refused(CallError::Unknown))?;
            let verified =
                published.clone().verify(ledger.chain_id(), &key).map_err(not_allowed)?;
            verified.scope().clone()
        };
        if scope.owner != from || scope.custodian != self.name {
            return Err(not_allowed(
                "the delegator key is another owner's, or for another custodian",
            ));
        }
        self.read(move |store| store.places().keep_key(&scope, &published)).await?;
        Ok(Response::new(Done {}))
    }

    async fn offers(&self, request: Request<SignedCall>) -> Answer<Self::OffersStream> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Offers(_) = what else { return Err(call_refused(CallError::Other)) };
        let waiting = self.read(move |store| store.waiting(&from)).await?;
        let offers = waiting.iter().map(|offered| Offered { offered: offered.encode() });
        Ok(Response::new(self.streams.items(offers.collect())?))
    }

    async fn accept(&self, request: Request<SignedCall>) -> Answer<Done> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Accept(bytes) = what else { return Err(call_refused(CallError::Other)) };
        let record = Record::decode(&bytes).map_err(not_allowed)?;
        if *record.owner() != from || *record.custodian() != self.name {
            return Err(not_allowed("the record is another owner's, or kept by another custodian"));
        }
        // A statement with a false signature would cost this custodian a credit.
        {
            let ledger = self.following.ledger();
            let key = ledger.key_of(&from).ok_or_else(|| call_refused(CallError::Unknown))?;
            let own = self.following.party().signing.verifying_key();
            record.clone().verify(ledger.chain_id(), &own, &key).map_err(not_allowed)?;
        }
        let hash = *record.hash();
        let is_offered = self
            .read(move |store| {
                let Some(offered) = store.offered(&hash)? else { return Ok(false) };
                let is_theirs = offered.header().scope().owner == from;
                if is_theirs {
                    store.accept(&record)?;
                }
                Ok(is_theirs)
            })
            .await?;
        if !is_offered {
            return Err(not_found("no record of this hash was offered to this owner"));
        }
        self.accepted.notify_one();
        Ok(Response::new(Done {}))
    }

    async fn headers(&self, request: Request<SignedCall>) -> Answer<Self::HeadersStream> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Headers(pass) = what else { return Err(call_refused(CallError::Other)) };
        let lets = {
            let ledger = self.following.current().map_err(internal)?;
            pass::verify(&pass, &ledger, &self.name, &from, now_ms()).map_err(not_allowed)?
        };
        let stored = self
            .read(move |store| {
                let scopes = lets.scopes().map(|scope| store.of_scope(&scope));
                Ok(scopes.collect::<crate::error::Result<Vec<_>>>()?.concat())
            })
            .await?;
        // Those that are accepted and not on the ledger yet are of no use to anyone.
        let ledger = self.following.ledger();
        let is_there = |stored: &StoredHeader| {
            let record = Record::decode(&stored.record);
            record.is_ok_and(|record| ledger.record(record.hash()).is_some())
        };
        let stored = stored.into_iter().filter(is_there).collect();
        Ok(Response::new(self.streams.items(stored)?))
    }

    async fn body(&self, request: Request<SignedCall>) -> Answer<Self::BodyStream> {
        let Heard { from, what } = self.hear(request.get_ref())?;
        let What::Body(BodyCall { record, pass }) = what else {
            return Err(call_refused(CallError::Other));
        };
        let hash: RecordHash = record.as_slice().try_into().map_err(not_allowed)?;
        let offered = self.read(move |store| store.offered(&hash)).await?;
        let offered = offered.ok_or_else(|| not_found("this custodian has no such record"))?;
        let scope = offered.header().scope();
        if let Some(pass) = pass {
            let ledger = self.following.current().map_err(internal)?;
            let lets = pass::verify(&pass, &ledger, &self.name, &from, now_ms());
            let lets = lets.map_err(not_allowed)?;
            if !lets.bodies || !lets.is_for(scope) {
                return Err(not_allowed("the pass is not for the body of this record"));
            }
        } else if scope.owner != from {
            return Err(not_allowed("without a pass a body is for its owner alone"));
        }
        let path = self.store.places().body(&hash);
        if !is_whole(&path, offered.header()) {
            tracing::error!(record = %hash.short(), "its body is missing or has another length");
            return Err(not_found("the body of this record is damaged at its custodian"));
        }
        Ok(Response::new(file_chunks(&self.streams, &path).await?))
    }
}
