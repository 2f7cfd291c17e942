//! One interface over the two masks: elements of the group, and noise of a lattice.
//!
//! A run has one of them, and whoever speaks of its updates does so in the types of this module, which are named like those
//! of the masks: a run's [`Parameters`] say which it is. What a verified type promises, it promises under either mask.
//! Everything that differs between the two outside of this crate stands here; certified sums and shares do not differ.
//!
//! | what | [`Group`](Parameters::Group) | [`Lattice`](Parameters::Lattice) |
//! | --- | --- | --- |
//! | signed header | names the body; holds ciphertexts and key proof | names the body and the key part with which it begins |
//! | body | E ‖ proof of the bound | key part ‖ c ‖ proof of the bound |
//! | a trustee needs | the header | header and key part |
//! | what shares open | k̄, a scalar | s̄, the coefficients of the sum of the keys |
//! | a sum counts | quantisation steps | 1/Δ of a quantisation step, noise included |

mod header;
mod opening;
mod parameters;
mod update;

pub use header::{CandidateHeader, CandidateKey, VerifiedHeader, verify_key_proofs};
pub use opening::{MaskKeySum, MaskedSum, combine};
pub use parameters::{Kind, Parameters, ParametersError};
pub use update::{
    CandidateUpdate, UnprovenUpdate, VerifiedUpdate, assume_proven, encrypt, verify_updates,
};
