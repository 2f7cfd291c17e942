//! The owner: publishes keys, reviews records, reads requests, gives consents and takes them back.
//!
//! | file | concept |
//! | --- | --- |
//! | [`review`] | delegator keys, and records that wait for the owner's signature |
//! | [`consent`] | requests on the ledger, consents to them, and withdrawals |
//! | [`held`] | consents that were given, until their letters are in the outbox |
//! | [`outbox`] | grants and notices, kept until they are delivered |

pub mod consent;
pub mod held;
pub mod outbox;
pub mod review;
