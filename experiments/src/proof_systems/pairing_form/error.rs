//! Why a proof in the paper's form is refused.

use consilium_crypto::DecodeError;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PairingFormError {
    /// Of another length.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A point that is not on the curve or not in the subgroup.
    #[error("{what}: not an encoding of a point in G1; send one in the subgroup")]
    Point {
        /// Which.
        what: &'static str,
    },
    /// The identity where it would be a signature of every digit.
    #[error("{what} is the identity; blind with another factor")]
    Identity {
        /// Which.
        what: &'static str,
    },
    /// A scalar that is not reduced.
    #[error("{what}: not below the group's order; reduce it")]
    Scalar {
        /// Which.
        what: &'static str,
    },
    /// What is read well and does not hold.
    #[error("the proof does not hold for this statement; make it anew")]
    BadProof,
    /// More than the balance.
    #[error("the balance is below the amount; send less")]
    Overspent,
}
