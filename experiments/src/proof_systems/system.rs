//! The proof systems that are compared, and what each of them proves.

use serde::Serialize;

/// A row of figure 4 and table 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    /// Digits in one vector commitment over ristretto255: the `exchange` crate's transfer.
    Ours,
    /// mo2023's proof as repaired, over BLS12-381, with digits of 4 bits.
    Repaired4,
    /// The same with digits of 8 bits.
    Repaired8,
    /// The bulletproofs crate, one aggregated proof.
    Bulletproofs,
    /// ark-groth16 over BLS12-381.
    Groth16,
    /// Spartan's NIZK over ristretto255; it stands for Hyrax.
    Spartan,
    /// A STARK by winterfell.
    Winterfell,
}

impl System {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Ours,
        Self::Repaired4,
        Self::Repaired8,
        Self::Bulletproofs,
        Self::Groth16,
        Self::Spartan,
        Self::Winterfell,
    ];

    /// In files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "consilium",
            Self::Repaired4 => "mo2023_repaired_u4",
            Self::Repaired8 => "mo2023_repaired_u8",
            Self::Bulletproofs => "bulletproofs",
            Self::Groth16 => "groth16",
            Self::Spartan => "spartan",
            Self::Winterfell => "winterfell",
        }
    }

    /// For readers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Ours => "Consilium",
            Self::Repaired4 => "mo2023 repaired, u = 4",
            Self::Repaired8 => "mo2023 repaired, u = 8",
            Self::Bulletproofs => "bulletproofs 5",
            Self::Groth16 => "ark-groth16",
            Self::Spartan => "spartan, NIZK",
            Self::Winterfell => "winterfell, STARK",
        }
    }

    /// What its row proves: they are not the same statement.
    #[must_use]
    pub fn proves(self) -> &'static str {
        match self {
            Self::Ours => {
                "the whole transfer: encrypted for both alike, amount below 2^32, rest of the hidden balance below 2^48, \
                 keys known"
            }
            Self::Repaired4 | Self::Repaired8 => {
                "the whole transfer: encrypted for both alike, amount and rest of the hidden balance below 2^32, keys known"
            }
            Self::Bulletproofs => "two numbers below 2^32 in given commitments, and nothing else",
            Self::Groth16 | Self::Spartan => {
                "two numbers below 2^32 with a given sum; no commitment is opened"
            }
            Self::Winterfell => {
                "two numbers below 2^32 with a given sum; no commitment is opened, and zero knowledge is not claimed"
            }
        }
    }

    /// What has to be trusted for a proof to mean anything.
    #[must_use]
    pub fn trusts(self) -> &'static str {
        match self {
            Self::Ours | Self::Bulletproofs | Self::Spartan | Self::Winterfell => "nothing",
            Self::Repaired4 | Self::Repaired8 => "a key of the digits, forgotten",
            Self::Groth16 => "a setup of the circuit, forgotten",
        }
    }

    /// Whether it is built with the feature `peers` alone.
    #[must_use]
    pub fn is_optional(self) -> bool {
        matches!(self, Self::Groth16 | Self::Spartan | Self::Winterfell)
    }
}

/// What a row is about, as figures are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Statement {
    /// A transfer, whole.
    Transfer,
    /// Ranges of what is in given commitments.
    Ranges,
    /// Ranges and a sum of numbers in no commitment.
    Bits,
}

impl Statement {
    pub(crate) const ALL: [Self; 3] = [Self::Transfer, Self::Ranges, Self::Bits];

    /// For readers.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Transfer => "the whole transfer",
            Self::Ranges => "two ranges alone",
            Self::Bits => "64 bits and a sum, uncommitted",
        }
    }
}

impl System {
    /// What its row is about.
    pub(crate) fn statement(self) -> Statement {
        match self {
            Self::Ours | Self::Repaired4 | Self::Repaired8 => Statement::Transfer,
            Self::Bulletproofs => Statement::Ranges,
            Self::Groth16 | Self::Spartan | Self::Winterfell => Statement::Bits,
        }
    }
}
