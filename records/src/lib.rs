//! Consented sharing of records between real parties: the program `consilium-records`, and what it is made of.
//!
//! A custodian keeps an owner's records encrypted to the owner; a requester gets those that the owner consents to, through
//! proxies that re-encrypt. What that rests on, the crate `consilium-exchange` says; who has said what, the ledger. Here are
//! the parties: their keys, made at their own sites, their folders, and the calls between them. Every party follows the
//! ledger itself and takes nobody's word for what it can verify.
//!
//! **Not to be used** across open networks as it is: calls are signed and secrets sealed, but the transport is plain TCP.
//!
//! | file | concept |
//! | --- | --- |
//! | [`party`], [`card`] | a party's folder with its keys; how others reach it, signed |
//! | [`ledger`] | a party's own verified copy of the chain, kept up to date; statements |
//! | [`call`], [`peer`] | signed calls: as they are heard, and as they are made |
//! | [`seal`], [`mailbox`] | what is for one party alone: sealed, and kept until it is looked at |
//! | [`pass`] | an owner's word to a custodian, whom it may show the records of a consent |
//! | [`custodian`], [`proxy`] | those who serve |
//! | [`owner`], [`requester`], [`issuer`], [`opener`] | those who call |
//! | [`serve`] | the server of a party; `stream`, `status`: its answers |
//! | [`relay`] | somebody else's request, put on the ledger in one's own name |
//! | [`receive`] | a decrypted record into a file, whole or not at all |
//! | [`calendar`], [`transport`], [`error`] | months and days; connections; why something is not done |

pub mod calendar;
pub mod call;
pub mod card;
pub mod custodian;
pub mod error;
pub mod issuer;
pub mod ledger;
pub mod mailbox;
pub mod opener;
pub mod owner;
pub mod party;
pub mod pass;
pub mod peer;
pub mod proxy;
pub mod receive;
pub mod relay;
pub mod requester;
pub mod seal;
pub mod serve;
mod status;
pub mod stream;
pub mod transport;

pub use error::RecordsError;
