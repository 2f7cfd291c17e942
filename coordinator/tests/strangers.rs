//! What a stranger with a socket can do to others: nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use common::{Peer, World, found, submit_all};
use consilium_coordinator::Limits;
use consilium_proto::{
    CHUNK_BYTES,
    v1::{Reason, SubscribeRequest, transaction::Action},
};
use http_body::Frame;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Bytes, Service, http},
    transport::{Channel, Endpoint},
};

/// Where strangers come from; the institutions of these tests come from 127.0.0.1.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

async fn from_elsewhere(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.local_address(Some(ELSEWHERE)).connect().await.unwrap()
}

/// The bytes of a message, after which nothing comes: no end either, if it hangs.
struct Sent {
    bytes: Option<Bytes>,
    hangs: bool,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.hangs => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

/// Calls with a message that announces so many bytes and brings these. What it is answered.
async fn call(channel: &Channel, path: &str, length: u32, bytes: &[u8], hangs: bool) -> Code {
    let mut channel = channel.clone();
    let message = Bytes::from([&[0], length.to_be_bytes().as_slice(), bytes].concat());
    let request = http::Request::post(format!("http://coordinator/consilium.v1.{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Sent { bytes: Some(message), hangs }))
        .unwrap();
    poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let response = channel.call(request).await.unwrap();
    let code = response.headers().get("grpc-status").expect("an error comes in the headers");
    Code::from_bytes(code.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_keep_nobody_out_and_are_let_go() {
    let world = World::new(|_| {});
    let limits = Limits {
        connections: 32,
        header_deadline: Duration::from_millis(400),
        ..Limits::default()
    };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(running.address()).await.unwrap());
    }
    // One who has called before, and one who comes now.
    assert_eq!(peer.aggregate(0).await.unwrap_err().code(), Code::NotFound);
    let late = Peer::connect(&running.address().to_string()).await;
    assert_eq!(late.aggregate(0).await.unwrap_err().code(), Code::NotFound);
    // All of them are closed, the last ones by their silence.
    let mut bytes = [0; 64];
    for stream in &mut silent {
        let ended = async { while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {} };
        timeout(Duration::from_secs(5), ended).await.unwrap();
    }
    assert_eq!(late.aggregate(0).await.unwrap_err().code(), Code::NotFound);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_or_never_ends_is_refused_before_it_takes_memory() {
    let world = World::new(|_| {});
    let limits = Limits { header_deadline: Duration::from_millis(300), ..Limits::default() };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let stranger = from_elsewhere(running.address()).await;
    let long = CHUNK_BYTES as u32;
    for path in ["Federation/Enrol", "Federation/SubmitUpdate", "Ledger/GetBlob"] {
        let code = call(&stranger, path, long, &[0; 100], true).await;
        assert_eq!(code, Code::InvalidArgument, "{path}");
    }
    let start = Instant::now();
    let calls = (0..48).map(|_| call(&stranger, "Federation/Enrol", 60_000, &[0; 100], true));
    let calls: Vec<_> = calls.collect();
    for hanging in calls {
        assert_eq!(hanging.await, Code::DeadlineExceeded);
    }
    assert!(start.elapsed() >= limits.header_deadline);
    assert_eq!(peer.aggregate(0).await.unwrap_err().code(), Code::NotFound);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_is_its_senders_fault() {
    let world = World::new(|_| {});
    let (running, _) = world.start(|_| {}).await;
    let stranger = from_elsewhere(running.address()).await;
    for path in ["Federation/Enrol", "Federation/SubmitUpdate", "Ledger/GetBlob"] {
        let code = call(&stranger, path, 3, &[0xff; 3], false).await;
        assert_eq!(code, Code::InvalidArgument, "{path}");
    }
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_one_address_are_not_those_of_others() {
    let world = World::new(|_| {});
    let limits = Limits { calls: 64, calls_of_an_address: 40, ..Limits::default() };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..5 {
        let channel = from_elsewhere(running.address()).await;
        for _ in 0..40 {
            let mut stranger =
                consilium_proto::v1::federation_client::FederationClient::new(channel.clone());
            match stranger.subscribe(SubscribeRequest::default()).await {
                Ok(stream) => held.push(stream),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((held.len(), refused), (40, 160));
    // Meanwhile a key is made, and a sum is collected.
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_words_of_an_institution_that_a_stranger_sends_again_are_not_held_against_it() {
    let world = World::new(|spec| spec.steps = 2);
    let limits = Limits { rejections_per_attempt: 4, ..Limits::default() };
    let (running, peer) = world.start(|config| config.limits = limits).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    // Something too early, which the chain has from now on, and anyone can send.
    let early = institutions[0].sign(Action::SubmitShare(Default::default()));
    assert_eq!(peer.share(early.clone()).await.unwrap().reason(), Reason::TooEarly);
    for _ in 0..20 {
        assert_eq!(peer.share(early.clone()).await.unwrap().reason(), Reason::TooEarly);
    }
    follower.sync(&peer).await;
    let shares = |action: &Action| matches!(action, Action::SubmitShare(_));
    assert_eq!(follower.reasons(&institutions[0], shares), [Reason::TooEarly]);
    running.stop().await.unwrap();

    // Nor is it by a coordinator that has started again.
    let (running, peer) = world.start(|config| config.limits = limits).await;
    for _ in 0..20 {
        assert_eq!(peer.share(early.clone()).await.unwrap().reason(), Reason::TooEarly);
    }
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    running.stop().await.unwrap();
}
