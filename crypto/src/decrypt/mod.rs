//! From verified updates to their sum: the encrypted keys are summed and certified (`aggregate`), trustees' shares
//! (`dealing`, `share`) open the sum of the keys, that unmasks the sum of the updates (`masked_sum`), and the sums are
//! read off (`dlog`). `dealer`, only in tests and benches, is how a dealer would make the shares.

mod aggregate;
#[cfg(any(test, feature = "dealer"))]
mod dealer;
pub(crate) mod dealing;
mod dlog;
mod masked_sum;
mod share;

pub use aggregate::{Evaluation, VerifiedEvaluation};
#[cfg(any(test, feature = "dealer"))]
pub use dealer::{Dealing, deal};
pub use dealing::{DealingCommitments, KeyShare, PublicShare, countersign_quorum};
pub use dlog::DiscreteLogTable;
pub use masked_sum::{MaskKeySum, MaskedSum};
pub(crate) use share::open_limbs;
pub use share::{DecryptionShare, VerifiedShare, combine, verify_share};
