//! Every reason code, and what is a fault and whose (docs/protocol.md, "What is a fault, and whose").
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod authors;
mod sums;
mod updates;

use consilium_contract::{Receipt, roster::INITIAL_CREDIT};
use consilium_proto::v1::Reason;
use consilium_testkit::Run;

/// Rejected for `reason`, and nobody has less credit than before.
fn costs_nothing(run: &Run, receipt: Receipt, reason: Reason) {
    assert_eq!((receipt.reason, receipt.culprit), (reason, None));
    for i in 0..4 {
        assert_eq!(run.credit(i), INITIAL_CREDIT);
    }
}

/// Rejected for `reason`, and member `i` alone has paid for it.
fn is_a_fault_of(run: &Run, i: usize, receipt: Receipt, reason: Reason) {
    assert_eq!((receipt.reason, receipt.culprit), (reason, Some(run.name(i))));
    for other in 0..4 {
        assert_eq!(run.credit(other), if other == i { INITIAL_CREDIT - 1 } else { INITIAL_CREDIT });
    }
}
