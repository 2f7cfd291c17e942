//! An encrypted update: made by its institution ([`encrypt`](fn@encrypt)), read and verified by everyone else.
//!
//! A header is all that a trustee needs, and is signed; a body has the masked update and the proof of its bound. What came
//! from a peer is a candidate until its proofs are verified, and only what is verified can be summed.

mod body;
mod candidate;
mod encrypt;
pub(crate) mod header;
mod masked;
mod verify;

pub use body::{body_length, mask_length};
pub use candidate::{CandidateUpdate, VerifiedUpdate};
#[cfg(test)]
pub(crate) use encrypt::encrypt_with_rng;
pub use encrypt::{EncryptedUpdate, UnprovenUpdate, encrypt};
pub use header::{
    CandidateHeader, HEADER_LEN, VerifiedHeader, verify_key_proofs, verify_key_proofs_with_rng,
};
pub use masked::MaskedUpdate;
pub use verify::{verify_updates, verify_updates_with_rng};
