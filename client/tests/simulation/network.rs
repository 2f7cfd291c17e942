//! The network between institutions and a node: calls that take their time, are lost, come twice, or find nobody.
//!
//! Each institution has a link. A call goes over it as it would over a connection, and is answered by the services of the node
//! that stands at the other end when it arrives; what is between them is decided here, by the seed. Everything that is said
//! and acknowledged on the way is shown to the [`Auditor`].
//!
//! Whoever a runtime wakes first among those that are woken at one moment is chance, so each link has a generator of its own
//! and brings things in milliseconds of its own: those that leave its number when divided by [`BEAT`].

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use consilium_client::{ClientError, Connecting, Connector};
use consilium_coordinator::Simulated;
use consilium_hash::{Pseudonym, TransactionHash};
use consilium_proto::v1::{Receipt, SignedTransaction, UpdatePart, update_part};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use tokio::{
    io::duplex,
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status,
    body::Body,
    codegen::{
        Bytes, Service,
        http::{Request, Response, request},
    },
    transport::{Endpoint, Server},
};

use crate::{auditor::Auditor, world::INSTITUTIONS};

/// How long a connection waits for the other end before it is given up, as keep-alives have it.
const GIVEN_UP: Duration = Duration::from_secs(40);
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Every pause of a node is a multiple of so many milliseconds.
pub const BEAT: u64 = 10;
/// What a message has before its first byte: a flag and its length.
const PREFIX: usize = 5;
/// What a connection holds that has not been read.
const PIPE: usize = 1 << 16;

/// Calls that carry a signed transaction, with what each is.
const SAYING: &[(&str, &str)] = &[
    ("/consilium.v1.Federation/Enrol", "enrolment"),
    ("/consilium.v1.Federation/Countersign", "countersignature"),
    ("/consilium.v1.Federation/Contribute", "contribution"),
    ("/consilium.v1.Federation/SubmitShare", "share"),
    (SUBMIT, "update"),
];
const SUBMIT: &str = "/consilium.v1.Federation/SubmitUpdate";

/// How calls fare on a link; chances in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    pub latency_ms: (u64, u64),
    pub loses_calls: u32,
    pub loses_answers: u32,
    /// Calls come a second time, at any time within half a minute.
    pub doubles: u32,
    /// Bodies are cut in the middle.
    pub cuts: u32,
}

impl Weather {
    pub const FAIR: Self =
        Self { latency_ms: (5, 100), loses_calls: 0, loses_answers: 0, doubles: 0, cuts: 0 };
}

#[derive(Debug, Clone, Copy)]
struct Link {
    weather: Weather,
    until: Instant,
    down_until: Instant,
}

/// The node that is there, if one is; each has another number.
#[derive(Default)]
struct There {
    number: u64,
    node: Option<Arc<Simulated>>,
}

/// See the module.
pub struct Network {
    names: Vec<Pseudonym>,
    links: Mutex<Vec<Link>>,
    there: Mutex<There>,
    /// By place.
    rngs: Mutex<Vec<ChaCha20Rng>>,
    began: Instant,
    auditor: Mutex<Auditor>,
}

/// A call that is lost.
struct Lost;

impl Network {
    pub fn new(names: Vec<Pseudonym>, seed: u64, auditor: Auditor) -> Arc<Self> {
        let now = Instant::now();
        let link = Link { weather: Weather::FAIR, until: now, down_until: now };
        Arc::new(Self {
            names,
            links: Mutex::new(vec![link; INSTITUTIONS]),
            there: Mutex::default(),
            rngs: Mutex::new(
                (0..INSTITUTIONS as u64)
                    .map(|place| ChaCha20Rng::seed_from_u64(seed.wrapping_add(place)))
                    .collect(),
            ),
            began: now,
            auditor: Mutex::new(auditor),
        })
    }

    pub fn auditor(&self) -> MutexGuard<'_, Auditor> {
        self.auditor.lock().unwrap()
    }

    /// Who connects from now on finds this node.
    pub fn attach(&self, node: Option<Arc<Simulated>>) {
        let mut there = self.there.lock().unwrap();
        there.number += 1;
        there.node = node;
    }

    pub fn node(&self) -> Option<Arc<Simulated>> {
        self.there.lock().unwrap().node.clone()
    }

    fn find(&self) -> Result<(u64, Arc<Simulated>), Lost> {
        let there = self.there.lock().unwrap();
        Ok((there.number, there.node.clone().ok_or(Lost)?))
    }

    fn is_there(&self, number: u64) -> bool {
        self.there.lock().unwrap().number == number
    }

    /// Nothing passes for so long.
    pub fn cut(&self, place: usize, time: Duration) {
        self.links.lock().unwrap()[place].down_until = Instant::now() + time;
    }

    /// Calls fare so for so long.
    pub fn change(&self, place: usize, weather: Weather, time: Duration) {
        let link = &mut self.links.lock().unwrap()[place];
        (link.weather, link.until) = (weather, Instant::now() + time);
    }

    fn weather(&self, place: usize) -> Weather {
        let link = self.links.lock().unwrap()[place];
        if link.until > Instant::now() { link.weather } else { Weather::FAIR }
    }

    fn draw(&self, place: usize, below: u64) -> u64 {
        u64::from(self.rngs.lock().unwrap()[place].next_u32()) % below.max(1)
    }

    fn is_drawn(&self, place: usize, thousandths: u32) -> bool {
        self.draw(place, 1_000) < u64::from(thousandths)
    }

    /// Until the link's own millisecond after so long.
    async fn pause(&self, place: usize, time: Duration) {
        let then = (self.began.elapsed() + time).as_millis() as u64 + 1;
        let own = 1 + 2 * place as u64;
        let own = then + (BEAT + own - then % BEAT) % BEAT;
        sleep_until(self.began + Duration::from_millis(own)).await;
    }

    /// One way over a link.
    async fn travel(&self, place: usize) -> Result<(), Lost> {
        let (least, most) = self.weather(place).latency_ms;
        let latency = Duration::from_millis(least + self.draw(place, most - least + 1));
        self.pause(place, latency).await;
        let began = Instant::now();
        loop {
            let up = self.links.lock().unwrap()[place].down_until;
            let now = Instant::now();
            if up <= now {
                return Ok(());
            }
            if now >= began + GIVEN_UP {
                return Err(Lost);
            }
            self.pause(place, up.min(began + GIVEN_UP) - now).await;
        }
    }
}

/// What an institution reaches the node by.
pub struct Line {
    pub network: Arc<Network>,
    pub place: usize,
}

impl Connector for Line {
    fn connect(&self) -> Connecting<'_> {
        let network = Arc::clone(&self.network);
        let place = self.place;
        Box::pin(async move {
            let unreachable = |_: Lost| ClientError::Unreachable("nobody is there".to_owned());
            network.travel(place).await.map_err(unreachable)?;
            network.find().map_err(unreachable)?;
            let (ours, theirs) = duplex(PIPE);
            let link = Wire { network, place };
            let serving = async move {
                let incoming = tokio_stream::iter([Ok::<_, std::io::Error>(theirs)]);
                Server::builder().serve_with_incoming(link, incoming).await
            };
            tokio::spawn(serving);
            let mut ours = Some(ours);
            let endpoint = Endpoint::from_static("http://node")
                .http2_keep_alive_interval(KEEP_ALIVE)
                .keep_alive_timeout(KEEP_ALIVE)
                .keep_alive_while_idle(true);
            // The transport connects once; whoever wants another connection asks for one here.
            let connecting = tower::service_fn(move |_| {
                let ours = ours.take().ok_or(std::io::ErrorKind::ConnectionReset);
                async move { Ok::<_, std::io::Error>(TokioIo::new(ours?)) }
            });
            let channel = endpoint.connect_with_connector(connecting).await;
            channel.map_err(|error| ClientError::Unreachable(error.to_string()))
        })
    }
}

/// The far end of a connection.
#[derive(Clone)]
struct Wire {
    network: Arc<Network>,
    place: usize,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Service<Request<Body>> for Wire {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answering {
        let wire = self.clone();
        Box::pin(async move {
            let lost = |_: Lost| Status::unavailable("lost on the way").into_http();
            Ok(wire.pass(request).await.unwrap_or_else(lost))
        })
    }
}

impl Wire {
    /// A call there and its answer back.
    async fn pass(self, request: Request<Body>) -> Result<Response<Body>, Lost> {
        let Self { network, place } = &self;
        let (head, body) = request.into_parts();
        let message = body.collect().await.map_err(|_| Lost)?.to_bytes();
        let path = head.uri.path().to_owned();
        let what = SAYING.iter().find(|(call, _)| *call == path).map(|(_, what)| *what);
        if what.is_some()
            && let Some(signed) = signed(&path, &message)
        {
            network.auditor().said(*place, &signed);
        }
        network.travel(*place).await?;
        let weather = network.weather(*place);
        if network.is_drawn(*place, weather.loses_calls) {
            network.pause(*place, GIVEN_UP).await;
            return Err(Lost);
        }
        if what.is_some() && network.is_drawn(*place, weather.doubles) {
            self.double(&head, &message);
        }
        let mut loses_answer = network.is_drawn(*place, weather.loses_answers);
        let (number, node) = network.find()?;
        let body = if path == SUBMIT && network.is_drawn(*place, weather.cuts) {
            let at = network.draw(*place, message.len() as u64) as usize;
            // A connection that is cut so early brings no answer.
            loses_answer |= first(&message).is_none_or(|first| at < PREFIX + first.len());
            cut(&message, at)
        } else {
            whole(message)
        };
        let answer = node.call(network.names[*place], Request::from_parts(head, body)).await;
        let (head, body) = answer.into_parts();
        let body = match what {
            Some(what) => {
                let answered = body.collect().await.map_err(|_| Lost)?;
                let trailers = answered.trailers().cloned().map(Frame::trailers);
                let answered = answered.to_bytes();
                if let Some(receipt) = receipt(&answered) {
                    let mut auditor = network.auditor();
                    auditor.follow(&node);
                    auditor.acknowledged(receipt, what);
                }
                let frames = [Frame::data(answered)].into_iter().chain(trailers);
                Body::new(StreamBody::new(tokio_stream::iter(frames.map(Ok::<_, Status>))))
            }
            None => self.forwarded(body, number),
        };
        if loses_answer {
            network.pause(*place, GIVEN_UP).await;
            return Err(Lost);
        }
        network.travel(*place).await?;
        if network.is_there(number) { Ok(Response::from_parts(head, body)) } else { Err(Lost) }
    }

    /// A stream that comes piece by piece, for as long as there are the link and the node.
    fn forwarded(&self, mut body: Body, number: u64) -> Body {
        let (sender, frames) = mpsc::channel(1);
        let Self { network, place } = self.clone();
        tokio::spawn(async move {
            loop {
                let frame = tokio::select! {
                    biased;
                    () = sender.closed() => return,
                    frame = body.frame() => frame,
                };
                let Some(frame) = frame else { return };
                let passes = network.travel(place).await.is_ok() && network.is_there(number);
                let frame =
                    if passes { frame } else { Err(Status::unavailable("the connection is cut")) };
                if sender.send(frame).await.is_err() || !passes {
                    return;
                }
            }
        });
        Body::new(StreamBody::new(ReceiverStream::new(frames)))
    }

    /// The same call again, later; nobody waits for its answer.
    fn double(&self, head: &request::Parts, message: &Bytes) {
        let mut again = Request::new(whole(message.clone()));
        *again.uri_mut() = head.uri.clone();
        *again.method_mut() = head.method.clone();
        *again.headers_mut() = head.headers.clone();
        let network = Arc::clone(&self.network);
        let place = self.place;
        let later = Duration::from_millis(network.draw(place, 30_000));
        tokio::spawn(async move {
            network.pause(place, later).await;
            let Ok((_, node)) = network.find() else { return };
            let name = network.names[place];
            let _ = node.call(name, again).await.into_body().collect().await;
        });
    }
}

fn whole(message: Bytes) -> Body {
    Body::new(Full::new(message))
}

/// The first bytes of what is sent, and then nothing.
fn cut(message: &Bytes, at: usize) -> Body {
    let beginning = Frame::data(message.slice(..at));
    let frames = [Ok(beginning), Err(Status::unavailable("the connection is cut"))];
    Body::new(StreamBody::new(tokio_stream::iter(frames)))
}

/// The first message of a call.
fn first(message: &Bytes) -> Option<&[u8]> {
    let length = u32::from_be_bytes(*message.get(1..PREFIX)?.first_chunk::<4>()?);
    message.get(PREFIX..PREFIX + length as usize)
}

/// What the first message of a call says.
fn signed(path: &str, message: &Bytes) -> Option<SignedTransaction> {
    let first = first(message)?;
    if path != SUBMIT {
        return SignedTransaction::decode(first).ok();
    }
    match UpdatePart::decode(first).ok()?.part? {
        update_part::Part::Header(signed) => Some(signed),
        update_part::Part::Chunk(_) => None,
    }
}

/// The transaction that an answer says was accepted.
fn receipt(frame: &Bytes) -> Option<TransactionHash> {
    let receipt = Receipt::decode(frame.get(PREFIX..)?).ok()?;
    let is_accepted = receipt.reason() == consilium_proto::v1::Reason::Accepted;
    is_accepted.then(|| TransactionHash::try_from(receipt.transaction.as_slice()).ok())?
}
