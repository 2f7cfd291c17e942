//! What every call is held to before a byte of its message is kept.
//!
//! A call has a place of its peer's until it is answered, and counts against its peer's rate. Its first message has to be short, and
//! that of a call that takes one message has to come whole within the deadline. An update's body comes after the first message, and
//! only once the contract has admitted its header (`upload`).

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use consilium_contract::Parameters;
use consilium_proto::GENESIS_BYTES;
use tokio::time::{Sleep, sleep};
use tonic::{
    Status,
    body::Body,
    codegen::{
        Body as HttpBody, BoxFuture, Bytes, Service,
        http::{Request, Response},
    },
    service::Routes,
};

use super::{
    connections::Call,
    identify::identify,
    pace::{Pace, Paced},
    peer::Peer,
    places::{Place, Places},
    rate_limit::RateLimit,
    refusals::{Limit, Refusals},
    status::status,
};
use crate::{Limits, SystemClock, clock::Clock as _, clock::millis, error::CallError};

/// What a message has before its first byte: a flag and its length.
const PREFIX_BYTES: usize = 5;
/// The longest first message: a transaction with its signature.
const MOST_FIRST_BYTES: usize = GENESIS_BYTES + 1024;

/// The call whose first message is followed by others.
const STREAMED: &str = "/consilium.v1.Federation/SubmitUpdate";

/// The services, behind what every call is held to.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    routes: Routes,
    rate: Arc<RateLimit<Peer>>,
    places: Arc<Places>,
    guests: Arc<Pace>,
    refusals: Arc<Refusals>,
    parameters: Arc<Parameters>,
    clock: SystemClock,
    deadline: Duration,
}

impl Calls {
    pub(crate) fn new(
        routes: Routes,
        limits: &Limits,
        parameters: Arc<Parameters>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self {
            routes: routes.prepare(),
            rate: Arc::new(RateLimit::new(limits.calls_per_second, limits.burst)),
            places: Places::new(limits),
            guests: Pace::new(limits.bytes_per_second_of_guests),
            refusals,
            parameters,
            clock: SystemClock::new(),
            deadline: limits.header_deadline,
        }
    }
}

impl Calls {
    /// A place for a call of this peer, if it has not called too often; otherwise which limit it has met.
    fn admit(&self, peer: Peer) -> Result<Place, (CallError, Limit)> {
        self.rate.take(peer, self.clock.now_ms()).map_err(|error| (error, Limit::Rate))?;
        self.places.take(peer).map_err(|error| (error, Limit::Places))
    }
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let identified = identify(request.extensions(), &self.parameters);
        let call = identified.as_ref().map(|(caller, _)| caller.begin());
        let mut place = None;
        let mut paced = None;
        if let Some((caller, peer)) = identified {
            match self.admit(peer) {
                Ok(taken) => place = Some(taken),
                Err((error, limit)) => {
                    self.refusals.count(limit);
                    if matches!(peer, Peer::Guest(_)) {
                        caller.is_refused(self.clock.now_ms());
                    }
                    let refused = status(error).into_http();
                    return Box::pin(async move { Ok(refused) });
                }
            }
            paced = matches!(peer, Peer::Guest(_)).then(|| self.guests.join());
            request.extensions_mut().insert(peer);
        }
        let is_streamed = request.uri().path() == STREAMED;
        let deadline = (!is_streamed).then_some(self.deadline);
        let request = request.map(|body| Body::new(Message::new(body, deadline)));
        let response = self.routes.call(request);
        let refusals = Arc::clone(&self.refusals);
        Box::pin(async move {
            let response = response.await?;
            refusals.count_answer(response.headers());
            Ok(response.map(|body| Body::new(Answer { body, paced, _held: (call, place) })))
        })
    }
}

/// What a peer sends.
struct Message {
    body: Body,
    /// The first bytes, until the length of the first message is known.
    prefix: Vec<u8>,
    /// Where everything has to come within a time.
    deadline: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Message {
    fn new(body: Body, deadline: Option<Duration>) -> Self {
        let deadline = deadline.map(|deadline| (deadline, Box::pin(sleep(deadline))));
        Self { body, prefix: Vec::with_capacity(PREFIX_BYTES), deadline }
    }

    /// Looks at bytes that have come; an error where they announce what is too long.
    fn look_at(&mut self, bytes: &[u8]) -> Result<(), Status> {
        if self.prefix.len() >= PREFIX_BYTES {
            return Ok(());
        }
        let missing = PREFIX_BYTES - self.prefix.len();
        self.prefix.extend(bytes.iter().take(missing));
        let Some(length) = self.prefix.get(1..).and_then(<[u8]>::first_chunk::<4>) else {
            return Ok(());
        };
        let actual = u32::from_be_bytes(*length);
        if actual as usize > MOST_FIRST_BYTES {
            let most = MOST_FIRST_BYTES;
            return Err(status(CallError::TooLong { actual, most }));
        }
        Ok(())
    }
}

impl HttpBody for Message {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if let Some((deadline, sleep)) = &mut this.deadline
            && sleep.as_mut().poll(context).is_ready()
        {
            let limit_ms = millis(*deadline);
            let error = CallError::TooSlow { what: "a message", limit_ms };
            return Poll::Ready(Some(Err(status(error))));
        }
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            this.look_at(bytes)?;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// What a peer is answered; the call lasts as long.
struct Answer {
    body: Body,
    /// Where a guest is answered, who waits for its turn.
    paced: Option<Paced>,
    _held: (Option<Call>, Option<Place>),
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        let Self { body, paced, .. } = self.get_mut();
        if let Some(paced) = paced {
            ready!(paced.poll_ready(context));
        }
        let frame = ready!(Pin::new(body).poll_frame(context));
        if let (Some(paced), Some(Ok(frame))) = (paced, &frame)
            && let Some(bytes) = frame.data_ref()
        {
            paced.sent(bytes.len());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
