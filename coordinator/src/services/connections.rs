//! Connections: no more than the process has descriptors for, and room for whoever comes next.
//!
//! A connection costs a descriptor and a few kilobytes before it has said a word. So their number is capped, in all and for one
//! address, and when there is no room, the one that has been idle longest makes some: first of those that have never called,
//! then of those between two calls. A client whose connection is taken so connects again with its next call; what it is in the
//! middle of is never taken. Whoever never calls is let go after a while anyhow.
//!
//! A handshake and a refusal cost the node more than they cost a stranger. So an address has so many of both in a second; when it has
//! had them, its guests are hung up on, and it is not listened to before the next are due.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::sleep,
};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

use super::{
    peer::Peer,
    rate_limit::RateLimit,
    refusals::{Limit, Refusals},
};
use crate::{Limits, SystemClock, clock::Clock as _};

/// How long the listener rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(50);

/// Every open connection.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    most_of_an_address: usize,
    /// How long a connection may be open before its first call, and rest between calls.
    silence: Duration,
    idle: Duration,
    /// What an address may ask of the node before it is somebody's.
    patience: RateLimit<IpAddr>,
    clock: SystemClock,
    refusals: Arc<Refusals>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    /// Calls that are not answered yet.
    calls: usize,
    has_called: bool,
    /// When the last call ended, or the connection was made.
    since: Instant,
    /// Dropping it cuts the connection.
    _cut: oneshot::Sender<()>,
}

impl Entry {
    /// Whether it may make room, and how soon compared with others: who has never called before who has.
    fn rank(&self) -> Option<(bool, Instant)> {
        (self.calls == 0).then_some((self.has_called, self.since))
    }
}

/// A connection, as calls on it know it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    connections: Arc<Connections>,
    number: u64,
    address: IpAddr,
    /// Who is at the other end, once somebody has looked.
    peer: Arc<OnceLock<Peer>>,
}

/// A call that is not answered yet.
#[derive(Debug)]
pub(crate) struct Call(Caller);

impl Connections {
    pub(crate) fn new(limits: &Limits, refusals: Arc<Refusals>) -> Arc<Self> {
        Arc::new(Self {
            most: limits.connections,
            most_of_an_address: limits.connections_per_address,
            silence: limits.header_deadline,
            idle: limits.idle_deadline,
            patience: RateLimit::new(limits.connections_per_second, limits.connections_in_a_burst),
            clock: SystemClock::new(),
            refusals,
            open: Mutex::default(),
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Open connections.
    pub(crate) fn count(&self) -> usize {
        self.open().by_number.len()
    }

    /// Takes a new connection in, if there is room or somebody idle makes some; then what tells it that it is cut.
    fn admit(self: &Arc<Self>, address: IpAddr) -> Option<(Caller, oneshot::Receiver<()>)> {
        self.patience.take(address, self.clock.now_ms()).ok()?;
        let mut open = self.open();
        let of_address = open.by_number.values().filter(|entry| entry.address == address).count();
        // Whose address has its share makes room itself, and nobody else does.
        if of_address >= self.most_of_an_address {
            open.make_room(|entry| entry.address == address)?;
        } else if open.by_number.len() >= self.most {
            open.make_room(|_| true)?;
        }
        let (cut, is_cut) = oneshot::channel();
        let number = open.next;
        open.next += 1;
        let since = Instant::now();
        let entry = Entry { address, calls: 0, has_called: false, since, _cut: cut };
        open.by_number.insert(number, entry);
        drop(open);
        Some((
            Caller { connections: Arc::clone(self), number, address, peer: Arc::default() },
            is_cut,
        ))
    }

    /// Lets go of connections that have been silent too long.
    fn let_go(&self) {
        let now = Instant::now();
        self.open().by_number.retain(|_, entry| {
            let patience = if entry.has_called { self.idle } else { self.silence };
            entry.calls > 0 || now.duration_since(entry.since) <= patience
        });
    }
}

impl Open {
    /// Lets go of the connection that has been idle longest among these; `None` where none of them is idle.
    fn make_room(&mut self, among: impl Fn(&Entry) -> bool) -> Option<()> {
        let idle = self.by_number.iter().filter(|(_, entry)| among(entry));
        let ranked = idle.filter_map(|(number, entry)| Some((entry.rank()?, *number)));
        let (_, number) = ranked.min()?;
        self.by_number.remove(&number);
        Some(())
    }
}

impl Caller {
    /// Where it comes from.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Who is at the other end: `identify` is asked once for a connection.
    pub(crate) fn peer(&self, identify: impl FnOnce() -> Peer) -> Peer {
        *self.peer.get_or_init(identify)
    }

    /// A call of a guest was refused. Where its address has tried the node's patience, the connection is cut.
    pub(crate) fn is_refused(&self, now_ms: u64) {
        if self.connections.patience.take(self.address, now_ms).is_err() {
            self.connections.open().by_number.remove(&self.number);
        }
    }

    /// Begins a call; it lasts until what is returned is dropped.
    pub(crate) fn begin(&self) -> Call {
        if let Some(entry) = self.connections.open().by_number.get_mut(&self.number) {
            entry.calls += 1;
            entry.has_called = true;
        }
        Call(self.clone())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Self(Caller { connections, number, .. }) = self;
        if let Some(entry) = connections.open().by_number.get_mut(number) {
            entry.calls = entry.calls.saturating_sub(1);
            entry.since = Instant::now();
        }
    }
}

/// The listening socket, as connections that are within limits.
pub(crate) struct Incoming {
    listener: TcpListener,
    connections: Arc<Connections>,
    resting: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Incoming {
    /// Listens. Must be called on a runtime, where it leaves a task that lets go of silent connections.
    pub(crate) fn new(listener: TcpListener, connections: Arc<Connections>) -> Self {
        let weak = Arc::downgrade(&connections);
        let every = connections.silence.min(connections.idle) / 4;
        tokio::spawn(async move {
            loop {
                sleep(every.max(REST)).await;
                let Some(connections) = weak.upgrade() else { return };
                connections.let_go();
            }
        });
        Self { listener, connections, resting: None }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(resting) = &mut self.resting {
                ready!(resting.as_mut().poll(context));
                self.resting = None;
            }
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, peer)) => {
                    if let Some(connection) = self.take(stream, peer) {
                        return Poll::Ready(Some(Ok(connection)));
                    }
                }
                Err(error) => {
                    // Out of descriptors, most likely: trying again at once would only burn time.
                    tracing::warn!(%error, "no connection can be taken");
                    self.resting = Some(Box::pin(sleep(REST)));
                }
            }
        }
    }
}

impl Incoming {
    fn take(&self, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
        // Small answers must not wait for an acknowledgement of the ones before.
        stream.set_nodelay(true).ok()?;
        let address = peer.ip().to_canonical();
        let Some((caller, is_cut)) = self.connections.admit(address) else {
            self.connections.refusals.count(Limit::Connections);
            tracing::debug!(%address, "no room for a connection");
            return None;
        };
        Some(Connection { stream, caller, is_cut })
    }
}

/// One connection; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    caller: Caller,
    is_cut: oneshot::Receiver<()>,
}

impl Connection {
    /// The first byte that has come, which stays to be read.
    ///
    /// # Errors
    /// Where the peer has hung up.
    pub(super) async fn first_byte(&self) -> io::Result<u8> {
        let mut byte = [0];
        match self.stream.peek(&mut byte).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(byte[0]),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.caller.connections.open().by_number.remove(&self.caller.number);
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Either way of ending says the same: the entry is gone.
        if Pin::new(&mut self.is_cut).poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn connections(most: usize, of_an_address: usize) -> Arc<Connections> {
        let limits = Limits {
            connections: most,
            connections_per_address: of_an_address,
            ..Limits::default()
        };
        Connections::new(&limits, Arc::default())
    }

    #[test]
    fn who_has_never_called_makes_room_before_who_has_and_who_is_calling_never_does() {
        let connections = connections(3, 3);
        let (calling, mut calling_cut) = connections.admit(HERE).unwrap();
        let (resting, mut resting_cut) = connections.admit(HERE).unwrap();
        let (_silent, mut silent_cut) = connections.admit(THERE).unwrap();
        let _call = calling.begin();
        drop(resting.begin());
        let _first = connections.admit(THERE).unwrap();
        assert!(silent_cut.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        // The newcomer has not called either, and is the next.
        let (second, _kept) = connections.admit(THERE).unwrap();
        let _call = second.begin();
        assert!(resting_cut.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        let (third, _kept) = connections.admit(THERE).unwrap();
        assert!(resting_cut.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        let _call = third.begin();
        assert!(connections.admit(HERE).is_none());
        assert!(calling_cut.try_recv() == Err(oneshot::error::TryRecvError::Empty));
    }

    #[test]
    fn an_address_that_tries_the_patience_is_cut_and_not_listened_to_and_others_are() {
        let limits =
            Limits { connections_per_second: 1, connections_in_a_burst: 4, ..Limits::default() };
        let connections = Connections::new(&limits, Arc::default());
        let (guest, mut cut) = connections.admit(THERE).unwrap();
        let now_ms = connections.clock.now_ms();
        (0..3).for_each(|_| guest.is_refused(now_ms));
        assert!(cut.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        guest.is_refused(now_ms);
        assert!(cut.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        assert!(connections.admit(THERE).is_none());
        assert!(connections.admit(HERE).is_some());
    }

    #[test]
    fn an_address_that_has_its_share_makes_room_for_itself() {
        let connections = connections(8, 2);
        let (_other, mut other_cut) = connections.admit(THERE).unwrap();
        let mut own: Vec<_> = (0..5).map(|_| connections.admit(HERE).unwrap()).collect();
        assert_eq!(connections.count(), 3);
        assert!(other_cut.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        let cut: Vec<bool> = own
            .iter_mut()
            .map(|(_, cut)| cut.try_recv() == Err(oneshot::error::TryRecvError::Closed))
            .collect();
        assert_eq!(cut, [true, true, true, false, false]);
    }
}
