//! A wire that is slow and loses packets: between every institution and the coordinator, where somebody asks for one.
//!
//! TCP hides a lost packet and shows a late one: it is sent again after the retransmission timeout, and what came after it waits.
//! So that is what a relay between two sockets can do to them, and does.

use std::{io, net::SocketAddr, time::Duration};

use rand_core::{OsRng, RngCore as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::faults::Faults;

/// Bytes of a packet on an Ethernet.
const PACKET_BYTES: usize = 1460;
/// How long the sender of a lost packet waits before it sends it again: the least that Linux takes.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// Reads that are under way at once in one direction.
const UNDER_WAY: usize = 64;

/// What the wire does to what goes over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    latency: Duration,
    loss: f64,
}

impl Wire {
    pub(super) fn new(faults: &Faults) -> Self {
        let latency = Duration::from_millis(faults.latency_ms);
        Self { latency, loss: faults.loss_percent / 100.0 }
    }

    /// Listens, and passes on to `target` what comes. Where it listens.
    ///
    /// # Errors
    /// Where there is no socket to be had.
    pub(super) async fn to(self, target: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(self.join(near, target));
            }
        });
        Ok(address)
    }

    /// Joins a connection to one of its own to `target`, until both directions have ended.
    async fn join(self, near: TcpStream, target: SocketAddr) {
        // Who cannot be reached hangs up, as it would without a wire in between.
        let Ok(far) = TcpStream::connect(target).await else { return };
        let _ = near.set_nodelay(true).and_then(|()| far.set_nodelay(true));
        let (from_near, to_near) = near.into_split();
        let (from_far, to_far) = far.into_split();
        tokio::join!(self.pass(from_near, to_far), self.pass(from_far, to_near));
    }

    /// Passes on what comes, in order, each piece when it is due.
    async fn pass(self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
        let read = async move {
            let mut buffer = vec![0; 10 * PACKET_BYTES];
            while let Ok(length @ 1..) = from.read(&mut buffer).await {
                let piece = buffer.get(..length).unwrap_or_default().to_vec();
                if sender.send((Instant::now() + self.delay(length), piece)).await.is_err() {
                    return;
                }
            }
        };
        let write = async move {
            while let Some((due, piece)) = pieces.recv().await {
                sleep_until(due).await;
                if to.write_all(&piece).await.is_err() {
                    return;
                }
            }
            let _ = to.shutdown().await;
        };
        // A reader that has hung up ends the writing, and with it the reading.
        tokio::join!(read, write);
    }

    fn delay(self, length: usize) -> Duration {
        let packets = length.div_ceil(PACKET_BYTES);
        let is_lost = |_| f64::from(OsRng.next_u32()) < self.loss * f64::from(u32::MAX);
        let is_late = self.loss > 0.0 && (0..packets).any(is_lost);
        self.latency + if is_late { RETRANSMISSION } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo behind the wire: how long a message of so many bytes takes there and back.
    async fn there_and_back(faults: Faults, length: usize) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut read, mut write) = stream.split();
            tokio::io::copy(&mut read, &mut write).await.unwrap();
        });
        let mut stream =
            TcpStream::connect(Wire::new(&faults).to(target).await.unwrap()).await.unwrap();
        let sent: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let start = Instant::now();
        stream.write_all(&sent).await.unwrap();
        let mut received = vec![0; length];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(received, sent);
        start.elapsed()
    }

    #[tokio::test]
    async fn every_byte_comes_in_order_and_as_late_as_the_wire_is_slow() {
        let faults =
            |latency_ms, loss_percent| Faults { latency_ms, loss_percent, ..Faults::default() };
        assert!(there_and_back(faults(30, 0.0), 40_000).await >= Duration::from_millis(60));
        assert!(there_and_back(faults(0, 100.0), 100).await >= 2 * RETRANSMISSION);
    }
}
