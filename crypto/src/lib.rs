//! Encryption, proofs and threshold decryption of model updates.
//!
//! An institution's update is hidden by a one-time mask from a key-homomorphic pseudorandom function; the mask's key is
//! encrypted under a keyed-homomorphic encryption (KH-PKE); proofs tie the two together and bound the update; trustees
//! open only the sum of the keys. Everything that needs a trustee is constant in the number d of parameters.
//!
//! The crate is pure: no file, no socket, no clock, no tensor. Bytes of a peer become a `Candidate…`, and only `verify_…`
//! turns one into the `Verified…` that can be summed or opened.
//!
//! **Not to be used for** anything but sums: whoever may open a sum of one update opens that update, so the caller enforces
//! a least number of summands, one opened sum a step, and countersignatures before shares. The crate does not sign headers
//! or know who is enrolled; [`signature`] offers the signing.
//!
//! # One round
//!
//! ```text
//! institution   quantise::Quantiser → QuantisedUpdate → update::encrypt → UnprovenUpdate::prove → EncryptedUpdate
//! coordinator   CandidateHeader::decode → CandidateUpdate::parse → verify_updates → VerifiedUpdate → MaskedSum
//!               EvaluationKey::evaluate over the VerifiedHeaders → Evaluation
//! trustee       verify_key_proofs → Evaluation::verify → VerifiedEvaluation → KeyShare::decryption_share
//! anyone        verify_share → combine → MaskKeySum → MaskedSum::open → quantise::decode → quantise::apply
//! institution   MaskedSum::check, before it trains on the result
//! ```
//!
//! Under a lattice mask the parts are others and the order is the same: [`lattice`].
//!
//! # Notation
//!
//! Written additively in ristretto255, of prime order ℓ.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | g, h, W_j | the basepoint; the message base; the mask base of parameter j. No relation among them is known |
//! | X1 = x·g, X2 = y·g, vk | the public key gpk; 1/x, 1/y are the decryption key gsk, sk_h the signing half of vk |
//! | d, b, m, n, t | parameters, bits a parameter, updates in a sum, institutions, threshold |
//! | q_j, u_j = q_j + most | a quantised parameter, signed; the same made nonnegative |
//! | x = q | what is encrypted in the place of u under a bound on the norm |
//! | k = Σ 2^(16i)·κ_i | the mask key and its 16 limbs of 16 bits |
//! | E_j = u_j·h + k·W_j | the masked update; h_E is SHA-512 of its encodings |
//! | C^(i) = (r_i·X1, s_i·X2, (r_i+s_i)·g + κ_i·h) | the encrypted limbs |
//! | V_j = u_j·h + β_j·g | commitments to parameters, under range proofs |
//! | G_i; C, M; f, φ | generators; a commitment to a vector and to its mask; the responses that open both |
//! | B; Γ, λ | a bound on the norm; the constants of its proof, whose slack is √(Γ/λ) |
//! | Π, N; y = Πx; σ = Πᵀγ | a random projection to N dimensions; what it makes of x; the weights of the link |
//! | ρ, σ, w; e; T; z | weights that fold a vector; challenge; a proof's commitments; its responses |
//! | a_i, b_i; A_i = a_i·X1, B_i = b_i·X2 | a trustee's key share; its public half |
//! | ϱ, z; w_i, R_i = ϱ_i·g | what hides a in the product a·ϱ that makes the key; what a member opens of it |
//! | F_c, G_c; D_i; λ_i | commitments of a dealing; a decryption share; a Lagrange coefficient |
//! | C̄, k̄ | sums of C and of k over the accepted updates |
//!
//! # Map
//!
//! From the ground up; nothing uses what stands below it in this list.
//!
//! | room | what is in it |
//! | --- | --- |
//! | `group/` | bases and generators, multiples, scalars, polynomials, strict reading of encodings |
//! | `bound`, `context`, `error` | what an update is proven to keep; what a proof is bound to; what can go wrong |
//! | `encrypted_key` | what can be summed and opened, under either mask |
//! | `transcript` | every label, and what proofs say to a transcript |
//! | [`signature`], `keys` | Ed25519; the encryption's keys and its bare ciphertexts |
//! | [`quantise`] | floats to integers and back; noise on the integers, for differential privacy |
//! | `fold` | many equations as one multiscalar multiplication |
//! | `bulletproof/` | aggregated range proofs |
//! | `proof/` | what an update proves: `limbs` (items 1, 2), `link` (3), and a bound by `parameter` (4) or by `norm` |
//! | [`update`] | making, reading and verifying an encrypted update |
//! | `decrypt/` | sums, certified; shares of the key; opening a sum and reading it off |
//! | [`mask`] | one interface over the masks that a run can have |
//! | [`dkg`] | how the key comes to be, and how it is handed on, without anybody having it |
//! | [`khpke`] | the encryption scheme by itself, for one message and one key holder |
//! | [`lattice`] | the other mask, for large models: made, proven, verified, summed and opened |
//!
//! # Sources
//!
//! Boneh, Boyen, Shacham, "Short group signatures", CRYPTO 2004. Emura et al., "Chosen ciphertext secure keyed-homomorphic
//! public-key cryptosystems", Designs, Codes and Cryptography 2018. Naor, Pinkas, Reingold, "Distributed pseudo-random
//! functions and KDCs", EUROCRYPT 1999. Boneh, Lewi, Montgomery, Raghunathan, "Key homomorphic PRFs and their applications",
//! CRYPTO 2013. Bünz et al., "Bulletproofs", S&P 2018. Feldman, "A practical scheme for non-interactive verifiable secret
//! sharing", FOCS 1987. Attema, Fehr, Klooß, "Fiat–Shamir transformation of multi-round interactive proofs", TCC 2022.

mod bound;
mod bulletproof;
mod context;
mod decrypt;
pub mod dkg;
mod encrypted_key;
mod error;
mod fold;
mod group;
mod keys;
pub mod khpke;
pub mod lattice;
pub mod mask;
mod proof;
pub mod quantise;
pub mod signature;
mod transcript;
pub mod update;

#[cfg(test)]
mod tests;

pub use bound::Bound;
pub use context::{Context, MAX_DIMENSION, MAX_SUMMANDS, Parameters, RoundContext};
#[cfg(any(test, feature = "dealer"))]
pub use decrypt::{Dealing, deal};
pub use decrypt::{
    DealingCommitments, DecryptionShare, DiscreteLogTable, Evaluation, KeyShare, MaskKeySum,
    MaskedSum, PublicShare, VerifiedEvaluation, VerifiedShare, combine, countersign_quorum,
    verify_share,
};
pub use encrypted_key::EncryptedKey;
pub use error::{
    AggregateError, EncryptError, QuantiseError, ReadOffError, ShareError, SignatureError,
    SumError, UpdateError,
};
pub use group::DecodeError;
pub use keys::{Ciphertext, DecryptionKey, EvaluationKey, PublicKey};
pub use quantise::{Noise, QuantisedUpdate, Quantiser};
pub use signature::{SIGNATURE_LEN, Signature, SigningKey, VerifyingKey};
pub use update::{
    CandidateHeader, CandidateUpdate, EncryptedUpdate, HEADER_LEN, MaskedUpdate, UnprovenUpdate,
    VerifiedHeader, VerifiedUpdate, body_length, mask_length, verify_key_proofs,
    verify_key_proofs_with_rng, verify_updates, verify_updates_with_rng,
};

/// What crates beside this one build their own constructions over ristretto255 of, so that nothing is written twice:
/// strict reading, bases, scalars, polynomials, transcripts, vectors under one commitment, folds.
pub mod building_blocks {
    pub use crate::fold::{Folded, Weights, sift};
    pub use crate::group::encoding::{ELEMENT_LEN, Reader};
    pub use crate::group::polynomial::{evaluate, lagrange, random as random_polynomial};
    pub use crate::group::{g, g_times, h, h_times, inner, powers, random_scalar};
    pub use crate::proof::coefficients::{CoefficientsProof, CommittedCoefficients};
    pub use crate::proof::digits::{Digits, quaternary};
    pub use crate::proof::vector::{CommittedVector, VectorProof};
    pub use crate::transcript::{Protocol, witness_bytes};
}

/// Which features of this build are for tests and experiments only. A program that an institution runs has none of them.
pub const TEST_FEATURES: &[&str] = &[
    #[cfg(feature = "adversary")]
    "adversary",
    #[cfg(feature = "dealer")]
    "dealer",
    #[cfg(feature = "simulation")]
    "simulation",
];

/// A SHA-256 hash, or something as long.
pub(crate) type Hash = [u8; 32];
