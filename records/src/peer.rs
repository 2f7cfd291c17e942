//! Calls to another party, at the address on its card. Everything that comes back is bounded; what it is worth, the caller
//! verifies.

use std::time::Duration;

use consilium_exchange::records::{ENCRYPTED_CHUNK_LEN, OfferedRecord, Record};
use consilium_hash::{ConsentHash, Pseudonym, RecordHash};
use consilium_proto::v1::{
    BodyCall, Chunk, Delivery, Offered, OffersCall, Pass, PostRequest, ReencryptCall, SignedCall,
    StoredHeader, call::What, custodian_client::CustodianClient, mailbox_client::MailboxClient,
    proxy_client::ProxyClient,
};
use tokio::time::timeout;
use tonic::{Response, Status, Streaming, transport::Channel};

use crate::{
    RecordsError,
    calendar::now_ms,
    call::sign_call,
    card::Card,
    error::Result,
    party::Party,
    transport::{READ_DEADLINE, connect},
};

/// Longest answer but a chunk, in bytes.
const MAX_ANSWER: usize = ENCRYPTED_CHUNK_LEN + 1024;
/// Most headers or offers of one answer.
const MOST_ITEMS: usize = 100_000;
/// A proxy asks a custodian in turn, or waits for a block.
const LONG_DEADLINE: Duration = Duration::from_secs(180);

/// A connection to another party, in the name of this one.
pub struct Peer<'a> {
    party: &'a Party,
    from: Pseudonym,
    to: Pseudonym,
    who: String,
    channel: Channel,
}

impl<'a> Peer<'a> {
    /// Connects to the owner of a card.
    ///
    /// # Errors
    /// [`RecordsError::Unreachable`]; [`RecordsError::Unusable`] for one who serves nowhere.
    pub async fn connect(
        party: &'a Party,
        from: &Pseudonym,
        card: &Card,
        role: &str,
    ) -> Result<Self> {
        let who = format!("{role} {}", card.name.short());
        if card.address.is_empty() {
            let problem = format!("{who} has no address on its card: it serves nowhere");
            return Err(RecordsError::Unusable(problem));
        }
        let channel = connect(&who, &card.address).await?;
        Ok(Self { party, from: *from, to: card.name, who, channel })
    }

    /// Who it is, for messages.
    pub fn who(&self) -> &str {
        &self.who
    }

    fn call(&self, what: What) -> SignedCall {
        sign_call(self.party, &self.from, &self.to, now_ms(), what)
    }

    fn custodian(&self) -> CustodianClient<Channel> {
        CustodianClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    fn proxy(&self) -> ProxyClient<Channel> {
        ProxyClient::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = std::result::Result<Response<T>, Status>>,
    ) -> Result<T> {
        let late = |_| RecordsError::Unreachable {
            who: self.who.clone(),
            problem: format!("no answer came within {} s", deadline.as_secs()),
        };
        let answer = timeout(deadline, answer).await.map_err(late)?;
        answer.map(Response::into_inner).map_err(|status| self.refusal(&status))
    }

    fn refusal(&self, status: &Status) -> RecordsError {
        RecordsError::status(&self.who, status)
    }

    async fn collect<T>(&self, mut stream: Streaming<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        loop {
            let next = timeout(READ_DEADLINE, stream.message()).await;
            let next = next
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("the answer stopped coming")));
            let Some(item) = next.map_err(|status| self.refusal(&status))? else {
                return Ok(items);
            };
            if items.len() >= MOST_ITEMS {
                return Err(RecordsError::untrue(&self.who, "an answer", "it does not end"));
            }
            items.push(item);
        }
    }

    /// Gives a custodian a delegator key.
    ///
    /// # Errors
    /// [`RecordsError::Refused`], [`RecordsError::Unreachable`]; so for the others.
    pub async fn publish_key(&self, key: Vec<u8>) -> Result<()> {
        let mut custodian = self.custodian();
        let call = custodian.publish_key(self.call(What::PublishKey(key)));
        self.within(READ_DEADLINE, call).await.map(drop)
    }

    /// What waits for this owner's signature at a custodian.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key), and [`RecordsError::Untrue`].
    pub async fn offers(&self) -> Result<Vec<OfferedRecord>> {
        let mut custodian = self.custodian();
        let call = custodian.offers(self.call(What::Offers(OffersCall {})));
        let stream = self.within(READ_DEADLINE, call).await?;
        let decode = |Offered { offered }| {
            OfferedRecord::decode(&offered)
                .map_err(|error| RecordsError::untrue(&self.who, "an offer", error))
        };
        self.collect(stream).await?.into_iter().map(decode).collect()
    }

    /// Gives a custodian the owner's signature.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn accept(&self, record: &Record) -> Result<()> {
        let mut custodian = self.custodian();
        let call = custodian.accept(self.call(What::Accept(record.encode())));
        self.within(READ_DEADLINE, call).await.map(drop)
    }

    /// Headers that a pass is for.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn headers(&self, pass: Pass) -> Result<Vec<StoredHeader>> {
        let mut custodian = self.custodian();
        let call = custodian.headers(self.call(What::Headers(pass)));
        let stream = self.within(READ_DEADLINE, call).await?;
        self.collect(stream).await
    }

    /// The encrypted body of a record, as it comes.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn body(&self, record: &RecordHash, pass: Option<Pass>) -> Result<Body<'_, 'a>> {
        let mut custodian = self.custodian();
        let body = BodyCall { record: record.to_vec(), pass };
        let call = custodian.body(self.call(What::Body(body)));
        let chunks = self.within(READ_DEADLINE, call).await?;
        Ok(Body { peer: self, chunks })
    }

    /// Puts a sealed letter into a party's mailbox.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn deliver(&self, delivery: Delivery) -> Result<()> {
        let mut mailbox = MailboxClient::new(self.channel.clone());
        let call = mailbox.deliver(self.call(What::Deliver(delivery)));
        self.within(READ_DEADLINE, call).await.map(drop)
    }

    /// Which records a consent opens, as a proxy finds them.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn search(&self, consent: &ConsentHash) -> Result<Vec<StoredHeader>> {
        let mut proxy = self.proxy();
        let call = proxy.search(self.call(What::Search(consent.to_vec())));
        let stream = self.within(LONG_DEADLINE, call).await?;
        self.collect(stream).await
    }

    /// A record's capsule, re-encrypted: encoded, and not verified.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn reencrypt(&self, consent: &ConsentHash, header: StoredHeader) -> Result<Vec<u8>> {
        let what = ReencryptCall { consent: consent.to_vec(), header: Some(header) };
        let mut proxy = self.proxy();
        let call = proxy.reencrypt(self.call(What::Reencrypt(what)));
        Ok(self.within(READ_DEADLINE, call).await?.reencryption)
    }

    /// Has a party put a request on the ledger in its own name. Nobody signs this.
    ///
    /// # Errors
    /// As [`publish_key`](Self::publish_key).
    pub async fn relay(&self, request: PostRequest) -> Result<()> {
        let mut proxy = self.proxy();
        self.within(LONG_DEADLINE, proxy.relay(request)).await.map(drop)
    }
}

/// A body as it comes.
pub struct Body<'p, 'a> {
    peer: &'p Peer<'a>,
    chunks: Streaming<Chunk>,
}

impl Body<'_, '_> {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`RecordsError::Unreachable`], [`RecordsError::Refused`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let next = timeout(READ_DEADLINE, self.chunks.message()).await;
        let next =
            next.unwrap_or_else(|_| Err(Status::deadline_exceeded("the body stopped coming")));
        let chunk = next.map_err(|status| self.peer.refusal(&status))?;
        Ok(chunk.map(|Chunk { data }| data))
    }

    /// Who serves it, for messages.
    pub fn who(&self) -> &str {
        self.peer.who()
    }
}
