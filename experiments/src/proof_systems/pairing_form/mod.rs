//! The paper's own proof, repaired, as a baseline (mo2023, 5.1 to 5.3; Camenisch, Chaabouni, shelat, ASIACRYPT 2008).
//!
//! It states what a transfer of the `exchange` crate states, with amount and rest of the balance below 2^32 alike, and proves
//! the ranges by set membership: a dealer signs every digit of u bits under a key x, σ_i = 1/(x+i)·P, and forgets x; a
//! prover shows blinded signatures V_j = v_j·σ_(t_j) of its digits. **Whoever knows x proves what is not true.**
//!
//! For measuring only: a prover's secrets choose places in a table and are not wiped.
//!
//! # Statement
//!
//! Over G1 of BLS12-381, with P for the paper's g and h hashed. A's keys X_A1 = x1·P and X_A2 = x2·P, B's X_B1 and X_B2, the
//! balance C̃, the amount C under A's keys and (Ĉ1, Ĉ2, C3) under B's; α = 1/x1, β = 1/x2:
//!
//! ```text
//! (A) y1·X_A1 = C1, y2·X_A2 = C2            (B) y1·X_B1 = Ĉ1, y2·X_B2 = Ĉ2
//! (C) (y1+y2)·P + t·h = C3                  (D) α·C̃1 + β·C̃2 − (y1+y2)·P + t'·h = C̃3 − C3
//! (K) α·X_A1 = P, β·X_A2 = P                (E) t, t' in [0, 2^32), in digits of u bits
//! ```
//!
//! (K) is added, (F) dropped, as in our own transfer.
//!
//! # Verification
//!
//! With responses z = mask − c·witness, as in print; V̄_j = v_j·P − t_j·V_j is x·V_j for a signed digit:
//!
//! ```text
//! R_i = c·C_i + z_i·X_Ai                    R̂_i = c·Ĉ_i + z_i·X_Bi
//! L_1 = z_ℓ·X_A1 + c·P                      L_2 = z_k·X_A2 + c·P
//! D_1 = (Σ 2^(uj)·z_(t_j))·h + c·C3 + (z_1+z_2)·P
//! D_2 = (Σ 2^(uj)·z_(t'_j))·h + c·(C̃3−C3) + z_ℓ·C̃1 + z_k·C̃2 − (z_1+z_2)·P
//! a_j = c·V̄_j − z_(t_j)·V_j + z_(v_j)·P
//! e(Σ d_j·V̄_j, P̃) = e(Σ d_j·V_j, gvk)       d_j drawn after the proof
//! ```
//!
//! Announcements are on the wire, so that many proofs are verified by one sum and two pairings. Every point is read into the
//! subgroup, and V_j is not the identity: without either, a balance of 5 sends 1000 (`tests/forgery.rs`).
//!
//! # What was wrong in print
//!
//! z_(t_j) has its mask's index, base P in C3, D_1 and D_2; D_2 has z_ℓ·C̃1 + z_k·C̃2 and −(z_1+z_2); V_j is uniform only if
//! v_j is not 0; weights are drawn after the proof; nothing is sent in the target group.
//!
//! | file | concept |
//! | --- | --- |
//! | `curve` | strict reading, challenges, weights |
//! | `error` | why a proof is refused |
//! | `digit_key` | signatures of the digits |
//! | `statement` | what is stated |
//! | `proof` | making and encoding a proof |
//! | `verify` | verifying one or many |
//! | `contestant` | two institutions, to be timed |

mod contestant;
mod curve;
mod digit_key;
mod error;
mod proof;
mod statement;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use contestant::Repaired;
pub(crate) use digit_key::DigitBits;
