//! Sharing between institutions beside federated learning: records with their owners' consent, signatures of a group, and
//! quantities that only sender and receiver see.
//!
//! The crate is pure: no file, no socket, no clock. Bytes of a peer are decoded into something that is not trusted yet, and
//! only a `verify` turns that into the `Verified…` which the next step takes. What a ledger carries of all this are small
//! statements with one encoding each; who is enrolled, what has been recorded before and when, the contract decides.
//!
//! **Not to be used for** keeping a record from those who may read it: whoever has read one can hand it on.
//!
//! # Map
//!
//! The modules do not know each other.
//!
//! | module | what is in it | group |
//! | --- | --- | --- |
//! | [`group_signature`] | signatures of a group's member, opened by few, revoked by epochs | BLS12-381 |
//! | [`quantity`] | accounts with hidden balances, transfers of hidden amounts | ristretto255 |
//! | [`records`] | records stored for their owners, consents, re-encryption, keyword search | ristretto255 |

pub mod group_signature;
pub mod quantity;
pub mod records;
