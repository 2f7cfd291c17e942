//! Hidden quantities: units in accounts on the ledger, sent from one institution to another without anybody else seeing how
//! many (mo2023, sections 5.1 to 5.3).
//!
//! One engine proves every statement: a commitment to all secrets with the digits of the amounts, linear equations, and a
//! polynomial that loses a degree. No pairing, and no key that somebody has to make and forget.
//!
//! # Life of an account
//!
//! ```text
//! institution   Wallet::register → Registration                                                           on the ledger
//!               Wallet::deposit → UnapprovedDeposit, DepositOpening → DepositRequest
//! authority     DepositRequest::approve → Deposit                                                         on the ledger
//! institution   Wallet::transfer → Transfer;  Wallet::rebase → Rebase;  Wallet::roll → Roll               on the ledger
//! everyone      Accounts::claim → Claim → Claim::verify, verify_claims → VerifiedAction → Accounts::apply
//!               Accounts::roll
//! an audit      Rehearsal::take, Rehearsal::roll → Rehearsal::verify → VerifiedAction                     of many at once
//! institution   Wallet::follow, Wallet::rolled
//! ```
//!
//! # Notation
//!
//! Written additively in ristretto255, of prime order ℓ; g, h as in the `crypto` crate.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | x1, x2; X_A1, X_A2 | keys of institution A; α = 1/x1, β = 1/x2 decrypt |
//! | C̃; P | balance and what waits, encrypted under A's keys |
//! | t; t' | the amount of a transfer, below 2^32; what is left of the balance, below 2^48 |
//! | y1, y2; C, Ĉ | randomness of an amount; t under A's keys and under B's, with one C3 |
//! | w; v; d | secret scalars; small numbers; their digits, two bits each |
//! | D, T_D; T_R; E_0..E_3 | commitment to (w, d) and to masks; the equations at the masks; coefficients |
//! | ρ, τ; c; z | weights of equations and digits; challenge; responses |
//!
//! # What holds, and what does not
//!
//! In the random-oracle model, from discrete logarithms: nobody sends more than it has, or what the receiver cannot read.
//! Amounts are hidden while DLIN is hard. **Not hidden**: the parties, how many transfers they make and when, and that an
//! account which was never credited is empty. Trusted: the authority, to sign deposits only of what is there. A transfer of
//! 0 costs its receiver one credit of 65,536; a rebase gives them back.
//!
//! # Map
//!
//! From the ground up; nothing uses what stands below it in this list.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `error`, `point`, `transcript` | reasons; points with their encodings; every label, and contexts |
//! | `keys`, `ciphertext` | keys of an account; encrypted amounts |
//! | `statement`, `proof` | the engine: what is stated, how it is proven |
//! | `clauses` | (A), (B), (C), (D), (K) as equations |
//! | `registration`, `deposit`, `transfer`, `rebase`, `roll` | the actions: making, encoding, what they state |
//! | `request` | what an institution shows the authority of a deposit |
//! | `claim` | verifying actions, alone or folded |
//! | `accounts` | the state and its rules |
//! | `rehearsal` | claims of a stretch of the ledger, collected to be verified together |
//! | `wallet` | an institution's own view |
//!
//! # Sources
//!
//! mo2023, sections 5.1 to 5.3. Bootle, Cerulli, Chaidos, Ghadafi, Groth, Petit, "Short accountable ring signatures based on
//! DDH", ESORICS 2015 (polynomials that must lose a degree). Bünz, Agrawal, Zamani, Boneh, "Zether", FC 2020 (pending
//! balances). Kurosawa, "Multi-recipient public-key encryption with shortened ciphertext", PKC 2002.

mod accounts;
mod ciphertext;
mod claim;
mod clauses;
mod deposit;
mod error;
mod keys;
mod point;
mod proof;
mod rebase;
mod registration;
mod rehearsal;
mod request;
mod roll;
mod statement;
#[cfg(test)]
mod tests;
mod transcript;
mod transfer;
mod wallet;

pub use accounts::{Account, Accounts, MAX_CREDITS};
pub use ciphertext::Ciphertext;
pub use claim::{Action, Claim, VerifiedAction, verify_claims};
pub use deposit::{Deposit, DepositOpening, UnapprovedDeposit};
pub use error::{Party, QuantityError};
pub use keys::{AccountKeys, AccountSecret};
pub use rebase::Rebase;
pub use registration::Registration;
pub use rehearsal::Rehearsal;
pub use request::DepositRequest;
pub use roll::Roll;
pub use transfer::Transfer;
pub use wallet::Wallet;
