//! The decryption key without a dealer: generated among the members of a committee, and reshared to another.
//!
//! skeleton

mod ceremony;
mod dealing;
mod error;
mod product;
mod qualified;
mod relation;
mod sealing;
mod share_key;

pub use ceremony::{Ceremony, Context, MAX_MEMBERS, Shape};
pub use dealing::{Dealer, DealerSecret, Dealing, PrivateShare, RevealedShare};
pub use error::{Culprit, DkgError};
pub use product::{Product, VerifiedProduct};
pub use qualified::{MemberSecret, Qualified};
pub use sealing::{OpeningKey, SealingKey};
pub use share_key::{GeneratedKey, ShareKey, VerifiedShareKey};

#[cfg(test)]
mod tests;
