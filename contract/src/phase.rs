//! The phases of a step. Each is a type; a transition consumes it.
//!
//! ```text
//!            OpenRound            CloseCollection          q countersignatures        t shares, CloseRound
//!   Idle ───────────────▶ Collecting ───────────▶ Sealed ───────────────────▶ Opening ───────────────▶ Idle, step + 1
//!    ▲                        │                                                                      (or Finished)
//!    └──── Abandon: attempt + 1
//!
//!   Idle ── BeginKeygen ──▶ Keygen ── the committee stands, or passing the key on was given up until the next round ──▶ Idle
//! ```
//!
//! A round opens only while no committee is due: before the first one, the key is made.
//!
//! A run waits. Too few institutions in a phase mean that it lasts longer, not that the run ends; an attempt at a step is
//! abandoned where everyone has had their say in it and too little came of that, so that those whose updates were refused
//! have another try.
//!
//! A step that is sealed is never abandoned: a share that has been given cannot be taken back, and the difference of
//! two sums opens an update.

use crate::{
    course::Station,
    keygen::Keygen,
    round::{Collecting, Opening, Sealed},
};

/// Where the run stands.
#[derive(Debug)]
pub enum Phase {
    /// Between two rounds, or before the first.
    Idle,
    /// A committee is being made.
    Keygen(Box<Keygen>),
    /// Updates are being taken.
    Collecting(Collecting),
    /// The sum of the encrypted keys stands; trustees countersign the block that holds it.
    Sealed(Sealed),
    /// A quorum has countersigned; trustees give their shares.
    Opening(Opening),
    /// Every step of the genesis is closed, or as many as its privacy budget buys.
    Finished,
}

impl Phase {
    /// Where in the order of the coordinator's orders this is.
    pub(crate) fn station(&self) -> Station {
        match self {
            Self::Idle => Station::Idle,
            Self::Keygen(_) => Station::Keygen,
            Self::Collecting(_) => Station::Collecting,
            Self::Sealed(_) | Self::Opening(_) => Station::Sealed,
            Self::Finished => Station::Finished,
        }
    }

    /// The name of the phase, in lower case.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Keygen(keygen) => keygen.stage().label(),
            Self::Collecting(_) => "collecting",
            Self::Sealed(_) => "sealed",
            Self::Opening(_) => "opening",
            Self::Finished => "finished",
        }
    }
}
