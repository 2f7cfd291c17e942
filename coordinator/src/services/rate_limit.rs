//! How often one peer may call.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::peer::Peer;
use crate::{Limits, error::CallError};

/// Peers that are remembered at once.
const MAX_PEERS: usize = 4096;

/// A token bucket for every peer.
#[derive(Debug)]
pub(crate) struct RateLimit {
    calls_per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<Peer, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_ms: u64,
}

impl RateLimit {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            calls_per_second: f64::from(limits.calls_per_second.max(1)),
            burst: f64::from(limits.burst.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Takes a token of `peer`, or says when there is one again.
    pub(crate) fn take(&self, peer: Peer, now_ms: u64) -> Result<(), CallError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let elapsed_ms = now_ms.saturating_sub(bucket.filled_ms) as f64;
            (bucket.tokens + elapsed_ms * self.calls_per_second / 1000.0).min(self.burst)
        };
        if buckets.len() >= MAX_PEERS && !buckets.contains_key(&peer) {
            // A full bucket says the same as none.
            buckets.retain(|_, bucket| filled(bucket) < self.burst);
            if buckets.len() >= MAX_PEERS {
                return Err(CallError::TooOften { wait_ms: 1000 });
            }
        }
        let bucket =
            buckets.entry(peer).or_insert(Bucket { tokens: self.burst, filled_ms: now_ms });
        bucket.tokens = filled(bucket);
        bucket.filled_ms = now_ms;
        if bucket.tokens < 1.0 {
            let wait_ms = ((1.0 - bucket.tokens) * 1000.0 / self.calls_per_second).ceil() as u64;
            return Err(CallError::TooOften { wait_ms });
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn limit() -> RateLimit {
        RateLimit::new(&Limits { calls_per_second: 10, burst: 3, ..Limits::default() })
    }

    #[test]
    fn a_burst_passes_then_calls_come_at_the_rate() {
        let limit = limit();
        let address = Peer::Address(Ipv4Addr::LOCALHOST.into());
        assert_eq!((0..5).filter(|_| limit.take(address, 1000).is_ok()).count(), 3);
        assert!(matches!(limit.take(address, 1000), Err(CallError::TooOften { wait_ms: 100 })));
        assert!(limit.take(address, 1100).is_ok());
        assert!(limit.take(address, 1100).is_err());
        assert_eq!((0..9).filter(|_| limit.take(address, 60_000).is_ok()).count(), 3);
    }

    #[test]
    fn one_peer_does_not_spend_anothers_calls() {
        let limit = limit();
        let first = Peer::Address(IpAddr::from([10, 0, 0, 1]));
        let second = Peer::Address(IpAddr::from([10, 0, 0, 2]));
        while limit.take(first, 0).is_ok() {}
        assert!(limit.take(second, 0).is_ok());
    }

    #[test]
    fn the_memory_for_peers_is_bounded_and_idle_ones_are_forgotten() {
        let limit = limit();
        let address = |i: u32| Peer::Address(Ipv4Addr::from(i).into());
        for i in 0..MAX_PEERS as u32 {
            limit.take(address(i), 0).unwrap();
        }
        assert!(limit.take(address(u32::MAX), 0).is_err());
        assert!(limit.take(address(u32::MAX), 1000).is_ok());
    }
}
