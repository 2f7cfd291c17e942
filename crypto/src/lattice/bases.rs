//! Which of the numbered generators a vector is committed over. No two vectors of an update share any.

use super::ring::DEGREE;

/// Of y, the projections of a masked update: at most 1,024.
pub(crate) const FIRST_OF_PROJECTIONS: usize = 0;
/// Of w, the multiples of q, and p, the masks of the sums: 132.
pub(crate) const FIRST_OF_MULTIPLES: usize = 1024;
/// Of s, the mask key: 2,048.
pub(crate) const FIRST_OF_KEY: usize = DEGREE;
