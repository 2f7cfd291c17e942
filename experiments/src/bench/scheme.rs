//! What protects the updates: both masks and three bounds of Consilium's own, and what they are compared with.

use consilium_crypto::{Bound, mask::Kind};
use serde::{Deserialize, Serialize};

/// What protects the updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Consilium with a bound on the norm: B = 5,600, 256 projections.
    Norm,
    /// Consilium with 8 bits for every parameter.
    Parameter,
    /// Consilium with a bound on the norm under a lattice mask: B = 12,000, Δ = 1,024, 256 projections.
    Lattice,
    /// The bulletproofs crate as it comes: a proof of 8 bits for every value.
    CrateNaive,
    /// The bulletproofs crate with 256 values in a proof.
    CrateAggregated,
    /// KH-PKE on every coordinate, each ciphertext with its proof (`consilium_crypto::khpke`).
    KhpkeProven,
    /// KH-PKE on every coordinate, nothing proven: the least that the papers' scheme costs.
    KhpkeBare,
    /// Federated averaging in the clear.
    FedAvg,
}

impl Scheme {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 8] = [
        Self::Norm,
        Self::Parameter,
        Self::Lattice,
        Self::CrateNaive,
        Self::CrateAggregated,
        Self::KhpkeProven,
        Self::KhpkeBare,
        Self::FedAvg,
    ];

    /// Those of Consilium's own: both masks, three bounds.
    pub const OWN: [Self; 3] = [Self::Norm, Self::Parameter, Self::Lattice];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Norm => "norm",
            Self::Parameter => "parameter",
            Self::Lattice => "lattice",
            Self::CrateNaive => "crate-naive",
            Self::CrateAggregated => "crate-aggregated",
            Self::KhpkeProven => "khpke-proven",
            Self::KhpkeBare => "khpke-bare",
            Self::FedAvg => "fedavg",
        }
    }

    /// Name for readers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Norm => "Consilium, norm bound",
            Self::Parameter => "Consilium, parameter bound",
            Self::Lattice => "Consilium, norm bound, lattice mask",
            Self::CrateNaive => "bulletproofs crate, a proof a value",
            Self::CrateAggregated => "bulletproofs crate, 256 values a proof",
            Self::KhpkeProven => "KH-PKE per coordinate, proven",
            Self::KhpkeBare => "KH-PKE per coordinate, nothing proven",
            Self::FedAvg => "plaintext FedAvg",
        }
    }

    /// Bound and mask of a scheme of Consilium's own; `None` for a baseline.
    #[must_use]
    pub fn protection(self) -> Option<(Bound, Kind)> {
        match self {
            Self::Norm => Some((Bound::Norm { norm: 5_600, projections: 256 }, Kind::Group)),
            Self::Parameter => Some((Bound::parameter(8), Kind::Group)),
            // B·Δ is about the largest that can be proven, for sums of up to 62.
            Self::Lattice => {
                let bound = Bound::Norm { norm: 12_000, projections: 256 };
                Some((bound, Kind::Lattice { scale: 1_024 }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_a_name_of_its_own_and_only_consiliums_have_a_bound() {
        let mut names: Vec<_> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Scheme::ALL.len());
        for scheme in Scheme::ALL {
            assert_eq!(scheme.protection().is_some(), Scheme::OWN.contains(&scheme), "{scheme:?}");
        }
    }
}
