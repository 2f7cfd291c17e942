//! One interface over the two masks: elements of the group, and noise of a lattice.
//!
//! A run has one of them, and whoever speaks of updates, sums and shares does so in the types of this module, which are
//! named like those of the mask that they hold: a run's [`Parameters`] say which. What a verified type promises, it promises
//! under either mask. Everything that differs between them stands here and nowhere else.
//!
//! | what | [`Group`](Parameters::Group) | [`Lattice`](Parameters::Lattice) |
//! | --- | --- | --- |
//! | signed header | names the body; holds ciphertexts and key proof | names body and key part |
//! | body | E ‖ proof of the bound | key part ‖ c ‖ proof of the bound |
//! | a trustee needs | the header | header and key part, with which the body begins |
//! | certified sum | 16 ciphertexts | the hash of 512 ciphertexts, which everyone adds up |
//! | what shares open | k̄, a scalar | s̄, the coefficients of the sum of the keys |
//! | a sum counts | quantisation steps | 1/Δ of a quantisation step, noise included |

mod header;
mod opening;
mod parameters;
mod share;
mod sum;
mod update;

pub use header::{CandidateHeader, CandidateKey, VerifiedHeader, verify_key_proofs};
pub use opening::{MaskKeySum, MaskedSum};
pub use parameters::Parameters;
pub use share::{DecryptionShare, VerifiedShare, combine, verify_share};
pub use sum::{Evaluation, VerifiedEvaluation, evaluate};
pub use update::{CandidateUpdate, UnprovenUpdate, VerifiedUpdate, encrypt, verify_updates};
