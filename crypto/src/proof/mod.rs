//! What an encrypted update proves.
//!
//! | item | statement | where |
//! | --- | --- | --- |
//! | 1, 2 | the limbs of the mask key are well formed and in range | `limbs` |
//! | 3 | masks, bound and key agree | `link` |
//! | 4 | every parameter is in range | `parameter` |
//! | in the place of 4 | the norm is bounded, by a random projection | `norm`, `projection` |
//!
//! `bound` is where the two kinds of bound meet. Range proofs are in `range`. What is proven of a vector under one commitment
//! stands in `vector` (the commitment, opened up to a mask), `shortness` (its entries are far from ℓ), `digits` and
//! `coefficients` (they are digits; a polynomial equation holds among them).

mod bound;
pub(crate) mod coefficients;
pub(crate) mod digits;
pub(crate) mod limbs;
pub(crate) mod link;
pub(crate) mod norm;
pub(crate) mod parameter;
pub(crate) mod projection;
pub(crate) mod range;
pub(crate) mod shortness;
pub(crate) mod squares;
pub(crate) mod vector;

pub(crate) use bound::BoundProof;

/// Which equations of an update are folded.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Equations {
    /// All, range proofs included.
    All,
    /// Items 1 and 2.
    Key,
    /// Item 3.
    Link,
    /// That the norm is bounded, where it is.
    Norm,
}
