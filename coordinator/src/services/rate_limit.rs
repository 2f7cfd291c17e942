//! How often something may happen for one key: a peer's calls, an address's connections.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use crate::error::CallError;

/// Keys that are remembered at once.
const MAX_KEYS: usize = 4096;

/// A token bucket for every key.
#[derive(Debug)]
pub(crate) struct RateLimit<K> {
    per_second: f64,
    burst: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_ms: u64,
}

impl<K: Copy + Eq + Hash> RateLimit<K> {
    /// So many a second on average, and so many in a burst.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: f64::from(per_second.max(1)),
            burst: f64::from(burst.max(1)),
            buckets: Mutex::default(),
        }
    }

    /// Takes a token of `key`, or says when there is one again.
    pub(crate) fn take(&self, key: K, now_ms: u64) -> Result<(), CallError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let elapsed_ms = now_ms.saturating_sub(bucket.filled_ms) as f64;
            (bucket.tokens + elapsed_ms * self.per_second / 1000.0).min(self.burst)
        };
        if buckets.len() >= MAX_KEYS && !buckets.contains_key(&key) {
            // A full bucket says the same as none.
            buckets.retain(|_, bucket| filled(bucket) < self.burst);
            if buckets.len() >= MAX_KEYS {
                return Err(CallError::TooOften { wait_ms: 1000 });
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: self.burst, filled_ms: now_ms });
        bucket.tokens = filled(bucket);
        bucket.filled_ms = now_ms;
        if bucket.tokens < 1.0 {
            let wait_ms = ((1.0 - bucket.tokens) * 1000.0 / self.per_second).ceil() as u64;
            return Err(CallError::TooOften { wait_ms });
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{super::peer::Peer, *};

    fn limit() -> RateLimit<Peer> {
        RateLimit::new(10, 3)
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
        for i in 0..MAX_KEYS as u32 {
            limit.take(address(i), 0).unwrap();
        }
        assert!(limit.take(address(u32::MAX), 0).is_err());
        assert!(limit.take(address(u32::MAX), 1000).is_ok());
    }
}
