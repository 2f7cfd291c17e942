//! What was turned away, counted by the limit that it met.

use std::sync::atomic::{AtomicU64, Ordering};

use tonic::{Code, codegen::http::HeaderMap};

/// Why a connection or call was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Every connection is in use.
    Connections,
    /// The peer has called too often.
    Rate,
    /// Streams, uploads or rejections: the peer, or all peers together, have as many as there are.
    Places,
    /// The message did not come in time.
    Deadline,
    /// The peer may not say this.
    Identity,
    /// The message is none, or too long.
    Malformed,
}

const ALL: [(Limit, &str); 6] = [
    (Limit::Connections, "connections"),
    (Limit::Rate, "rate"),
    (Limit::Places, "places"),
    (Limit::Deadline, "deadline"),
    (Limit::Identity, "identity"),
    (Limit::Malformed, "malformed"),
];

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; ALL.len()]);

impl Refusals {
    pub(crate) fn count(&self, limit: Limit) {
        let place = ALL.iter().position(|(other, _)| *other == limit);
        if let Some(count) = place.and_then(|place| self.0.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what a call was answered, where it met a limit.
    pub(crate) fn count_answer(&self, headers: &HeaderMap) {
        let Some(code) = headers.get("grpc-status") else { return };
        match Code::from_bytes(code.as_bytes()) {
            Code::ResourceExhausted => self.count(Limit::Places),
            Code::DeadlineExceeded => self.count(Limit::Deadline),
            Code::PermissionDenied => self.count(Limit::Identity),
            Code::InvalidArgument => self.count(Limit::Malformed),
            _ => {}
        }
    }

    /// How often each was met.
    pub(crate) fn by_limit(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        ALL.iter().map(|(_, name)| *name).zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use tonic::Status;

    use super::*;

    #[test]
    fn answers_are_counted_by_the_limit_that_they_name() {
        let refusals = Refusals::default();
        refusals.count(Limit::Connections);
        for status in [
            Status::resource_exhausted("streams"),
            Status::resource_exhausted("uploads"),
            Status::not_found("a block"),
        ] {
            refusals.count_answer(status.into_http::<()>().headers());
        }
        let met: Vec<_> = refusals.by_limit().filter(|(_, count)| *count > 0).collect();
        assert_eq!(met, [("connections", 1), ("places", 2)]);
    }
}
