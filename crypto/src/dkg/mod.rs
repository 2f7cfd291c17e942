//! The decryption key without a dealer: generated among the members of a committee, and reshared to another.
//!
//! Nobody ever holds a = 1/x or b = 1/y. Everything here is pure: messages go out as bytes and come back as bytes, and who
//! sent them, in which order, and when a stage ends is decided by whoever calls.
//!
//! # Key generation
//!
//! The same for both halves, a → X1 and b → X2:
//!
//! ```text
//! everyone     OpeningKey::generate → SealingKey              offered keys make the Ceremony
//! dealer       Dealer::new → deal → Dealing                   a and ϱ by Pedersen's commitments, z = 0 by Feldman's
//! recipient    Dealing::open → PrivateShare, or a complaint
//! dealer       Dealer::reveal → RevealedShare                 Dealing::check_reveal: who contradicts itself is out
//! everyone     Qualified::new → hash                          agreed on by a quorum, or else no product
//! member       MemberSecret::new → product → Product          w_i = a_i·ϱ_i + z_i, R_i = ϱ_i·g
//! everyone     Product::verify; Qualified::generate           2t − 1 make w = a·ϱ and X = w^(−1)·(ϱ·g) = (1/a)·g
//! member       MemberSecret::share_key → ShareKey             A_i = a_i·X1, B_i = b_i·X2
//! everyone     ShareKey::verify; GeneratedKey::commitments    t make the DealingCommitments
//! member       MemberSecret::key_share → KeyShare             Qualified::confirmation is what a quorum signs
//! ```
//!
//! n ≥ 3t − 2 leaves 2t − 1 correct products with t − 1 members silent or cheating. Commitments to a and ϱ hide them until
//! the qualified dealings are fixed, so that nobody bends the key's distribution by leaving (Gennaro et al., 2007).
//!
//! # Resharing
//!
//! ```text
//! old member   Dealer::of_share → deal → Dealing              a_i in X1 and b_i in X2, with constants A_i and B_i
//! new member   Dealing::open, complaints as above
//! everyone     Qualified::new → reshared                      the new DealingCommitments; the key stays
//! new member   MemberSecret::new → key_share → KeyShare
//! ```
//!
//! Old shares are of no use together with new ones. t old shares still open what is encrypted under the key: they must be
//! wiped once the new committee has confirmed.
//!
//! # What binds what
//!
//! [`Ceremony::hash`] covers chain, ceremony, attempt, n, t, the offered keys and, in a resharing, the old key and its
//! commitments. It is in the associated data of every sealed share, with dealer and recipient; in the hash of every dealing;
//! through these in [`Qualified::hash`]; and that in every proof, with the member's place.
//!
//! # Map
//!
//! `ceremony`: shape, context, what a dealing consists of. `sealing`: HPKE. `dealing`: dealing, opening, complaints.
//! `qualified`: sums of dealings, shares of the sum, resharing. `relation`: the proof behind `product` and `share_key`.
//!
//! # Sources
//!
//! Pedersen, "Non-interactive and information-theoretic secure verifiable secret sharing", CRYPTO 1991. Gennaro, Jarecki,
//! Krawczyk, Rabin, "Secure distributed key generation for discrete-log based cryptosystems", J. Cryptology 2007. Bar-Ilan
//! and Beaver, "Non-cryptographic fault-tolerant computing in constant number of rounds of interaction", PODC 1989.
//! Desmedt and Jajodia, "Redistributing secret shares to new access structures and its applications", 1997.

mod ceremony;
mod dealing;
mod error;
mod product;
mod qualified;
mod relation;
mod sealing;
mod share_key;

pub use crate::context::MAX_MEMBERS;
pub use ceremony::{Ceremony, Context, Shape};
pub use dealing::{Dealer, DealerSecret, Dealing, PrivateShare, RevealedShare};
pub use error::{Culprit, DkgError};
pub use product::{Product, VerifiedProduct};
pub use qualified::{MemberSecret, Qualified};
pub use sealing::{OpeningKey, SealingKey};
pub use share_key::{GeneratedKey, ShareKey, VerifiedShareKey};

#[cfg(test)]
mod tests;
