//! What every call is held to: sizes, deadlines, how many at once and how often.
//!
//! Sizes follow from the genesis: an update has exactly one possible length, a transaction at most
//! [`ENTRY_BYTES`](consilium_proto::ENTRY_BYTES), a dealing among them [`GENESIS_BYTES`](consilium_proto::GENESIS_BYTES),
//! a chunk at most [`CHUNK_BYTES`](consilium_proto::CHUNK_BYTES). A block of nothing but the largest of them is one that
//! the ledger takes and every follower reads, so none has to be sealed for its size.

use std::time::Duration;

use consilium_ledger::MAX_ENTRY_BYTES;
use consilium_proto::GENESIS_BYTES;

// An entry is a transaction of at most so many bytes with its signature, the lengths of both, and a flag. What the
// contract has decided on but the ledger would not take could end a node at the word of any institution.
const _: () = assert!(GENESIS_BYTES + 128 <= MAX_ENTRY_BYTES);

/// What every call is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a stream may take to send its header.
    pub header_deadline: Duration,
    /// How long a body may take after its header was admitted; a longer one as long as a slow line needs for it.
    pub body_deadline: Duration,
    /// How long a call waits for its receipt, beyond the age at which blocks are sealed.
    pub receipt_deadline: Duration,
    /// Calls that are open at once, over all peers: until the last byte of an answer is sent.
    pub calls: usize,
    /// Those of one institution, or of the authority, which a certificate shows.
    pub calls_of_an_institution: usize,
    /// Those of one address over plain TCP, which is this machine's.
    pub calls_of_an_address: usize,
    /// Those of guests, who have no certificate, from one address.
    pub calls_of_a_guest: usize,
    /// Those of all guests.
    pub calls_of_guests: usize,
    /// Connections that are open at once; no more than half of the descriptors that the process may have.
    pub connections: usize,
    /// Those of one address. Institutions may share one: behind a gateway, or on one machine.
    pub connections_per_address: usize,
    /// New connections a second of one address, on average; a guest's call that is refused counts as one.
    pub connections_per_second: u32,
    /// The same in a burst.
    pub connections_in_a_burst: u32,
    /// How long a connection is kept between calls.
    pub idle_deadline: Duration,
    /// Bytes a second that all guests together read.
    pub bytes_per_second_of_guests: u64,
    /// Calls that are open at once on one connection.
    pub streams_per_connection: u32,
    /// Calls a second of one peer, on average.
    pub calls_per_second: u32,
    /// Calls of one peer in a burst.
    pub burst: u32,
    /// Rejected transactions of one institution that are recorded in one attempt, or in one stage of making a committee.
    /// Further ones are not judged.
    pub rejections_per_attempt: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(60),
            receipt_deadline: Duration::from_secs(60),
            calls: 8192,
            calls_of_an_institution: 64,
            calls_of_an_address: 4096,
            calls_of_a_guest: 32,
            calls_of_guests: 128,
            bytes_per_second_of_guests: 8 << 20,
            connections: 4096,
            connections_per_address: 1024,
            connections_per_second: 100,
            connections_in_a_burst: 2048,
            idle_deadline: Duration::from_secs(300),
            streams_per_connection: 64,
            calls_per_second: 2_000,
            burst: 8_000,
            rejections_per_attempt: 16,
        }
    }
}

/// The slowest line that a long body may come over, in bytes a second.
const SLOWEST_LINE: u64 = 64 << 10;

impl Limits {
    /// How long a body of `length` bytes may take.
    pub(crate) fn body_deadline(&self, length: u64) -> Duration {
        self.body_deadline.max(Duration::from_secs(length / SLOWEST_LINE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_may_take_as_long_as_a_slow_line_needs() {
        let limits = Limits::default();
        assert_eq!(limits.body_deadline(42_000), limits.body_deadline);
        assert_eq!(limits.body_deadline(32 << 20), Duration::from_secs(512));
    }
}
