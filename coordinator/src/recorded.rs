//! An entry of a block, decoded.

use consilium_contract::{CandidateTransaction, Receipt};

/// A transaction and what the contract made of it.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) transaction: CandidateTransaction,
    pub(crate) receipt: Receipt,
}
