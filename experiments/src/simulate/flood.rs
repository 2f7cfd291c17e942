//! Strangers with sockets while a run goes on, and whether its rounds take any longer for it.
//!
//! They come in turns of [`TURN`] rounds with as many rounds of peace in between, so that what else the machine is doing at the
//! time falls on both alike. They come from the address of the institutions, without a certificate, and as guests where they
//! speak TLS: the coordinator of a flooded run lets guests read (`--open-ledger`), which is the more that it can be asked for.

use std::{
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use clap::ValueEnum;
use consilium_contract::{CandidateTransaction, Parameters, transaction::parse_entry};
use consilium_ledger::Block;
use consilium_proto::v1::{
    GetBlocksRequest, SubscribeRequest, federation_client::FederationClient,
    ledger_client::LedgerClient, transaction::Action,
};
use consilium_transport::Secure;
use http_body::{Body as HttpBody, Frame};
use serde::Serialize;
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    runtime::Runtime,
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service as _, http},
    transport::Channel,
};

use crate::ExperimentError;

/// Rounds that strangers stay, and stay away.
pub(super) const TURN: u64 = 5;

/// What strangers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Flood {
    /// 1,500 connections that say nothing.
    Silence,
    /// 200 handshakes a second, hung up on once they are done.
    Handshakes,
    /// 1,536 streams of blocks that nobody reads.
    Streams,
    /// 1,280 messages that announce 60 kB and never end.
    Messages,
    /// 1,280 uploads that never begin.
    Uploads,
    /// Everything that has been said so far, sent again, 1,000 words a second.
    Replays,
    /// Four readers that fetch 256 blocks again and again.
    Readers,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.pad(value.get_name()))
    }
}

/// Rounds under one flood, or in peace.
#[derive(Debug, Clone, Serialize)]
pub struct Rounds {
    /// What strangers did; `None` in peace.
    pub flood: Option<Flood>,
    /// How long each took, in milliseconds, but for those in which strangers came or left.
    pub ms: Vec<u64>,
    /// Connections, calls and streams that strangers tried.
    pub attempts: u64,
    /// Processor time of the coordinator in these rounds, in milliseconds.
    pub processor_ms: u64,
    /// The most memory that the coordinator had, in bytes.
    pub most_bytes: u64,
}

impl Rounds {
    pub(super) fn under(flood: Option<Flood>) -> Self {
        Self { flood, ms: Vec::new(), attempts: 0, processor_ms: 0, most_bytes: 0 }
    }

    /// Processor time of the coordinator a round, in milliseconds.
    pub fn processor_ms_of_one(&self) -> f64 {
        self.processor_ms as f64 / self.ms.len().max(1) as f64
    }

    /// Their median with the quartiles around it, in milliseconds; `None` where there are no rounds.
    pub fn quartiles(&self) -> Option<[u64; 3]> {
        let mut sorted = self.ms.clone();
        sorted.sort_unstable();
        let at = |quarter: usize| sorted.get((sorted.len().saturating_sub(1)) * quarter / 4);
        Some([*at(1)?, *at(2)?, *at(3)?])
    }
}

/// The turns of a run: which flood is on after so many closed steps.
pub(super) fn turn(floods: &[Flood], closed: u64) -> Option<Flood> {
    let turn = usize::try_from(closed / TURN).ok()?;
    // Peace comes first, and between any two.
    (turn % 2 == 1).then(|| floods.get((turn / 2) % floods.len().max(1)).copied())?
}

/// Strangers at work; they leave when this is dropped.
#[derive(Debug)]
pub(super) struct Strangers {
    pub(super) flood: Flood,
    attempts: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Strangers {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Strangers {
    /// What they have tried: connections, calls or streams.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Lets them in.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] for an address that is none.
    pub(super) fn come(
        flood: Flood,
        address: SocketAddr,
        parameters: &Parameters,
        runtime: &Runtime,
    ) -> Result<Self, ExperimentError> {
        let secure = Secure::to(&format!("https://{address}"), parameters, None, |tuned| tuned)
            .map_err(|error| ExperimentError::Invalid(error.to_string()))?
            .ok_or_else(|| ExperimentError::Invalid(format!("{address} is no address")))?;
        let attempts = Arc::new(AtomicU64::new(0));
        let stranger = Stranger { address, secure, attempts: Arc::clone(&attempts) };
        let task = runtime.spawn(async move {
            let mut all = JoinSet::new();
            for _ in 0..flood.strangers() {
                let stranger = stranger.clone();
                all.spawn(async move {
                    // Whatever ends is begun again.
                    loop {
                        stranger.does(flood).await;
                        sleep(AGAIN).await;
                    }
                });
            }
            while all.join_next().await.is_some() {}
        });
        Ok(Self { flood, attempts, task })
    }
}

/// How long a stranger rests that was refused or cut.
const AGAIN: Duration = Duration::from_millis(100);
/// Calls that a stranger has open at once on a connection: as many as the coordinator takes.
const CALLS: usize = 64;
/// What an endless message announces, and how much of it comes.
const ANNOUNCED: u32 = 60_000;
const SENT: usize = 100;
/// How long a replayed word rests between two sendings: with [`Flood::strangers`] of them, 1,000 a second.
const PAUSE: Duration = Duration::from_millis(4);

impl Flood {
    /// How many do it at once, each on a connection of its own.
    fn strangers(self) -> usize {
        match self {
            Self::Silence => 1_500,
            Self::Handshakes | Self::Messages | Self::Uploads => 20,
            Self::Streams => 24,
            Self::Replays | Self::Readers => 4,
        }
    }
}

/// One of them.
#[derive(Debug, Clone)]
struct Stranger {
    address: SocketAddr,
    secure: Secure,
    attempts: Arc<AtomicU64>,
}

impl Stranger {
    fn tries(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// Does it once, or until the coordinator ends it. What a stranger is answered does not matter to it.
    async fn does(&self, flood: Flood) {
        if flood == Flood::Silence {
            self.tries();
            if let Ok(mut stream) = TcpStream::connect(self.address).await {
                let _ = stream.read(&mut [0]).await;
            }
            return;
        }
        let Ok(channel) = self.secure.connect().await else { return };
        match flood {
            Flood::Silence => {}
            Flood::Handshakes => self.tries(),
            Flood::Streams => self.at_once(|| unread_stream(channel.clone())).await,
            Flood::Messages => self.at_once(|| endless(channel.clone(), "Say", beginning())).await,
            Flood::Uploads => {
                self.at_once(|| endless(channel.clone(), "SubmitUpdate", Bytes::new())).await
            }
            Flood::Replays => self.replay(channel).await,
            Flood::Readers => {
                self.tries();
                let _ = first_blocks(channel).await;
            }
        }
    }

    /// Makes as many calls at once as a connection may have.
    async fn at_once<F>(&self, call: impl Fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut calls = JoinSet::new();
        for _ in 0..CALLS {
            self.tries();
            calls.spawn(call());
        }
        while calls.join_next().await.is_some() {}
    }

    /// Sends again what the ledger has, each word by its call.
    async fn replay(&self, channel: Channel) {
        let mut federation = FederationClient::new(channel.clone());
        for word in first_blocks(channel).await.unwrap_or_default() {
            self.tries();
            let signed = word.signed().clone();
            let _ = match word.action() {
                Action::Enrol(_) => federation.enrol(signed).await,
                Action::SubmitShare(_) => federation.submit_share(signed).await,
                Action::Countersign(_) => federation.countersign(signed).await,
                _ => federation.contribute(signed).await,
            };
            sleep(PAUSE).await;
        }
    }
}

/// Follows the chain, and reads none of it.
async fn unread_stream(channel: Channel) {
    let stream = FederationClient::new(channel).subscribe(SubscribeRequest::default()).await;
    if stream.is_ok() {
        std::future::pending::<()>().await;
    }
}

/// What the first blocks of the ledger say, as many as one call gives.
async fn first_blocks(channel: Channel) -> Result<Vec<CandidateTransaction>, Status> {
    let request = GetBlocksRequest { from_height: 0, count: 256 };
    let mut blocks = LedgerClient::new(channel).get_blocks(request).await?.into_inner();
    let mut said = Vec::new();
    while let Some(message) = blocks.message().await? {
        let Ok(block) = Block::decode(&message.block) else { continue };
        let entries = block.entries.iter().filter_map(|entry| parse_entry(entry).ok());
        said.extend(entries.map(|(transaction, _)| transaction));
    }
    Ok(said)
}

/// The beginning of a message: what it announces, and a little of it.
fn beginning() -> Bytes {
    [&[0], ANNOUNCED.to_be_bytes().as_slice(), &[0; SENT]].concat().into()
}

/// Calls with these bytes, after which nothing comes, and no end either.
async fn endless(mut channel: Channel, method: &'static str, bytes: Bytes) {
    let request =
        http::Request::post(format!("http://coordinator/consilium.v1.Federation/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::new(Endless(Some(bytes).filter(|bytes| !bytes.is_empty()))));
    let Ok(request) = request else { return };
    if poll_fn(|context| channel.poll_ready(context)).await.is_ok() {
        let _ = channel.call(request).await;
    }
}

/// A body that never ends.
struct Endless(Option<Bytes>);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.take().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_come_in_turns_with_peace_before_between_and_after() {
        let floods = [Flood::Silence, Flood::Streams];
        let turns: Vec<_> = (0..6).map(|turn_| turn(&floods, turn_ * TURN + TURN - 1)).collect();
        let expected =
            [None, Some(Flood::Silence), None, Some(Flood::Streams), None, Some(Flood::Silence)];
        assert_eq!(turns, expected);
        assert_eq!(turn(&[], TURN), None);
    }
}
