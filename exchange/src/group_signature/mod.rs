//! Group signatures: some member of the group signed, and only an opener can say who (mo2023, section 5.1, shortened).
//!
//! A certificate is a BBS signature of the member's secret; a signature shows one, hidden, and encrypts the member's F
//! twice under the opener's key; one proof ties all of it to the message. BLS12-381; 400 bytes. For requests, searches and
//! audit queries. **Not for consents**: what any member could have signed is nobody's consent.
//!
//! # Life of a group
//!
//! ```text
//! issuer, opener   IssuerKey, OpenerKey::generate → share → Openers; GroupParameters::found
//! member           MemberSecret::join → Join                                                              on the ledger
//! everyone         Join::verify → Registry::enrol
//! issuer           IssuerKey::certify → Certificate;  member  Member::new
//! member           Member::sign → GroupSignature;  anyone  Claim::verify, verify_signatures
//! opener           OpenerKey::open → OpeningPart;  anyone  OpeningPart::verify, judge → Verdict
//! issuer           IssuerKey::revoke → Revocation                                                         on the ledger
//! everyone         Revocation::verify → GroupParameters of the next epoch;  member  Member::update
//! ```
//!
//! # Notation
//!
//! Written additively; p is the order of G1 and G2, P̃ the generator of G2.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | γ, w = γ·P̃; ζ, Z1 = ζ·k | keys of the issuer and of the opener |
//! | g1, h1 | bases of certificates, new in each epoch |
//! | f, k, Z2 | bases of identities and of their encryption; nobody has log_k Z2 |
//! | s; H = s·h1, F = s·f | a member's secret; what it is certified by, and known by |
//! | (A, e) | certificate, A = (γ + e)^(−1)·(g1 + H) |
//! | Ā, B̄; E0, E1, E2 | certificate, hidden; F, encrypted twice |
//! | c, z; d | challenge and responses; weights of a fold |
//!
//! # What holds, and what does not
//!
//! In the random-oracle model: nobody without a certificate signs (q-SDH), nobody signs as another (discrete logarithms),
//! and nobody but the opener tells who signed, even with an opener that answers for every other signature (DDH in G1).
//! Two answers to c give r, u, θ, e with B̄ = r·g1 + u·h1 − e·Ā and the equations of E; r = 0 would force γ = −e; so u/r is
//! certified by (Ā/r, e), and E encrypts (u/r)·f twice. Trusted: the issuer not to enrol phantoms, which opening shows; the
//! openers not to open without cause, which the ledger does not show.
//!
//! # Map
//!
//! From the ground up; nothing uses what stands below it in this list.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `error`, `curve`, `transcript` | reasons; strict reading and pairings; every label |
//! | `parameters` | bases, public keys, gpk |
//! | `join`, `registry` | joining; which F is whose |
//! | `revocation`, `issuer` | the statement of a revocation; certifying and revoking |
//! | `signature`, `member` | verifying; signing and following revocations |
//! | `opener`, `opening` | the opener's key, whole or shared; opening and judging |
//!
//! # Sources
//!
//! Tessaro, Zhu, "Revisiting BBS signatures", EUROCRYPT 2023. Boneh, Boyen, Shacham, "Short group signatures", CRYPTO 2004.
//! Delerablée, Pointcheval, "Dynamic fully anonymous short group signatures", VIETCRYPT 2006. Bellare, Shi, Zhang,
//! "Foundations of group signatures: the case of dynamic groups", CT-RSA 2005. Naor, Yung, STOC 1990. Faust, Kohlweiss,
//! Marson, Venturi, "On the non-malleability of the Fiat–Shamir transform", INDOCRYPT 2012.

mod curve;
mod error;
mod issuer;
mod join;
mod member;
mod opener;
mod opening;
mod parameters;
mod registry;
mod revocation;
mod signature;
#[cfg(test)]
mod tests;
mod transcript;

pub use error::{GroupError, Party};
pub use issuer::{Certificate, IssuerKey, RevocationHandle};
pub use join::{Join, MemberSecret, VerifiedJoin};
pub use member::Member;
pub use opener::{OpenerKey, Openers};
pub use opening::{OpeningPart, Verdict, VerifiedPart, judge};
pub use parameters::{GroupParameters, IssuerPublicKey, OpenerPublicKey};
pub use registry::Registry;
pub use revocation::{Revocation, VerifiedRevocation};
pub use signature::{Claim, GroupSignature, VerifiedSignature, verify_signatures};
