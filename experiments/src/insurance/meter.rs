//! A relay on a loopback socket that counts the bytes of every connection through it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::frames::{Counted, Frames};
use crate::ExperimentError;

/// Of one connection: what its client sent, and what came back.
#[derive(Debug)]
struct Connection {
    up: Mutex<Frames>,
    down: Mutex<Frames>,
    has_ended: AtomicBool,
}

/// See the module. Runs as long as the runtime does.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    /// Whom to connect to in place of the target.
    pub(super) address: SocketAddr,
    connections: Arc<Mutex<Vec<Arc<Connection>>>>,
}

fn counted(frames: &Mutex<Frames>) -> Counted {
    frames.lock().unwrap_or_else(PoisonError::into_inner).counted
}

impl Connection {
    fn both(&self) -> Counted {
        let mut sum = counted(&self.up);
        sum += counted(&self.down);
        sum
    }
}

impl Meter {
    /// Listens, and relays to a target.
    pub(super) async fn before(target: SocketAddr) -> Result<Self, ExperimentError> {
        let failed = || ExperimentError::bench("a relay that counts bytes");
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let meter = Self { address, connections: Arc::default() };
        let connections = Arc::clone(&meter.connections);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let connection = Arc::new(Connection {
                    up: Mutex::new(Frames::new(true)),
                    down: Mutex::new(Frames::new(false)),
                    has_ended: AtomicBool::new(false),
                });
                // In the order in which they are made.
                let mut all = connections.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(Arc::clone(&connection));
                drop(all);
                tokio::spawn(relay(client, target, connection));
            }
        });
        Ok(meter)
    }

    /// As cards and parties write an address.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of all connections, both ways.
    pub(super) fn counted(&self) -> Counted {
        let mut sum = Counted::default();
        self.connections().iter().for_each(|connection| sum += connection.both());
        sum
    }

    /// Bytes of the first connection, both ways; `None` if it has ended, and another may have taken its place.
    pub(super) fn first(&self) -> Option<Counted> {
        let first = self.connections().into_iter().next()?;
        let is_open = !first.has_ended.load(Ordering::Relaxed);
        is_open.then(|| first.both())
    }
}

async fn relay(client: TcpStream, target: SocketAddr, connection: Arc<Connection>) {
    // Whoever cannot be reached is not answered for either.
    if let Ok(server) = TcpStream::connect(target).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let up = pass(from_client, to_server, &connection.up);
        let down = pass(from_server, to_client, &connection.down);
        tokio::join!(up, down);
    }
    connection.has_ended.store(true, Ordering::Relaxed);
}

/// Until one side is done or gone. Bytes are counted before they are passed on: whoever has read them finds them counted.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, frames: &Mutex<Frames>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = buffer.get(..read).unwrap_or_default();
        frames.lock().unwrap_or_else(PoisonError::into_inner).count(bytes);
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_passes_is_counted_both_ways_and_the_first_connection_by_itself() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let meter = Meter::before(echo.local_addr().unwrap()).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = echo.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&byte).await.unwrap();
                    }
                });
            }
        });
        assert_eq!(meter.first(), None);
        let mut streams = Vec::new();
        for length in [3, 40] {
            let mut stream = TcpStream::connect(meter.address).await.unwrap();
            stream.write_all(&vec![1; length]).await.unwrap();
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            streams.push(stream);
        }
        assert_eq!(meter.first().unwrap().all, 6);
        assert_eq!(meter.counted().all, 86);
        drop(streams);
        while meter.first().is_some() {
            tokio::task::yield_now().await;
        }
    }
}
