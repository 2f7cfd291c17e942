//! A lattice mask for large models: four bytes a parameter and no group element.
//!
//! An institution's update x is scaled, hidden behind noise and masked by a product with a short secret in a ring of
//! polynomials modulo q: c = A·s + Δx + e. Only s is encrypted, under the same KH-PKE as a mask key of the group mask, and
//! trustees open only Σs. So everything that needs a trustee costs the same whatever d is, and what grows with d is
//! arithmetic modulo 2^32: about a hundredth of the time and an eighth of the bytes of the group mask. What is constant is
//! larger, so that it pays from some thousands of parameters on. Equations, order and what is *not* proven about it:
//! `docs/cryptography.md`, section 10.
//!
//! # One round
//!
//! ```text
//! everybody     LatticeParameters::new(d, bound, Δ, m), from the genesis: refuses what could wrap around modulo q
//! institution   QuantisedUpdate → encrypt_lattice → EncryptedLatticeUpdate { header, key_part, body }
//!               it signs header.as_bytes(); the header names hash and length of the two parts
//! trustee       LatticeHeader::decode → CandidateKeyPart::parse → verify_key_parts → VerifiedKeyPart   (without bodies)
//! coordinator,  CandidateLatticeUpdate::parse(VerifiedKeyPart, body) → verify_lattice_updates
//! all who check   → VerifiedLatticeUpdate → LatticeSum::add
//! coordinator   EvaluationKey::evaluate over the VerifiedKeyParts → Evaluation (it holds the hash of the sums)
//! trustee       Evaluation::verify over the VerifiedKeyParts → VerifiedEvaluation → KeyShare::decryption_share
//! anyone        verify_share → combine_lattice → LatticeKeySum (s̄, on the chain)
//!               LatticeSum::open(round, s̄) → Σv in units of 1/Δ of a quantisation step, exact and the same for everybody
//! auditor       LatticeMaskedUpdate::parse → LatticeSum::add_masked, of updates that others have verified
//! ```
//!
//! Parameters are the round's everywhere. An institution's own bound, which follows its weight, is in its context; that it is
//! the right one is for the caller to check. [`VerifiedKeyPart::parameters`] are the author's own.
//!
//! # Map
//!
//! From the ground up; nothing uses what stands below it in this list.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `ring` | `Z_q[X]/(X^2048 + 1)` and its transform |
//! | `matrix`, `sample`, `projection` | what streams of ChaCha20 make: A; s and e; Π |
//! | `parameters`, `bases` | Δ, B, B_v, m, digits; which generators a vector is committed over |
//! | `key`, `mask` | s and its encryption; c, and what is left of a sum without its mask |
//! | `relation` | the equations modulo q, streamed over d |
//! | `header`, `key_proof`, `key_part` | what is signed; that s is ternary and is what is encrypted |
//! | `body_proof`, `body` | that v = c − A·s is short |
//! | `encrypt`, `sum`, `open` | making an update; Σc and Σv; Σs |
//!
//! # Sources
//!
//! Bell et al., "ACORN: input validation for secure aggregation", USENIX Security 2023 (RLWE masks with proofs). Lyubashevsky,
//! Peikert, Regev, "On ideal lattices and learning with errors over rings", EUROCRYPT 2010. Gentry, Halevi, Lyubashevsky,
//! EUROCRYPT 2022, and Beullens, Seiler, "LaBRADOR", CRYPTO 2023 (approximate shortness by projection).

mod bases;
mod body;
mod body_proof;
mod encrypt;
mod header;
mod key;
mod key_part;
mod key_proof;
mod mask;
mod matrix;
mod open;
mod parameters;
mod projection;
mod relation;
mod ring;
mod sample;
mod sum;
#[cfg(test)]
mod tests;

pub use body::{
    CandidateLatticeUpdate, LatticeMaskedUpdate, VerifiedLatticeUpdate, lattice_body_length,
    lattice_mask_length, verify_lattice_updates, verify_lattice_updates_with_rng,
};
pub use encrypt::{EncryptedLatticeUpdate, encrypt_lattice};
pub use header::{LATTICE_HEADER_LEN, LatticeHeader, Part};
pub use key_part::{
    CandidateKeyPart, VerifiedKeyPart, key_part_length, verify_key_parts, verify_key_parts_with_rng,
};
pub use open::combine_lattice;
pub use parameters::{LatticeParameterError, LatticeParameters, MAX_LATTICE_SUMMANDS};
pub use sum::{LatticeKeySum, LatticeSum};
