//! Bound and mask as tables of `config.toml`.

use consilium_crypto::{Bound, mask::Kind};
use serde::{Deserialize, Serialize};

/// A [`Bound`] as a table of `config.toml`: `kind = "parameter"` and `bits`, or `kind = "norm"`, `norm` (B) and
/// `projections`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum BoundTable {
    Parameter { bits: u8 },
    Norm { norm: u32, projections: u16 },
}

/// How updates of a replay are hidden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Mask {
    /// By elements of the group.
    #[default]
    Group,
    /// By a lattice mask. Experimental, and not to be repeated to the bit: what is left of its noise is in the model.
    Lattice {
        /// Δ.
        scale: u32,
    },
}

/// Whether a mask is the usual one, which a configuration does not name.
pub(super) fn is_group(mask: &Mask) -> bool {
    *mask == Mask::Group
}

impl Mask {
    /// As a ceremony takes it.
    pub fn kind(self) -> Kind {
        match self {
            Self::Group => Kind::Group,
            Self::Lattice { scale } => Kind::Lattice { scale },
        }
    }
}

impl From<Kind> for Mask {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Group => Self::Group,
            Kind::Lattice { scale } => Self::Lattice { scale },
        }
    }
}

/// For `#[serde(with)]`: a bound as its table.
pub(super) fn serialize<S: serde::Serializer>(
    bound: &Bound,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let table = match *bound {
        Bound::Parameter { bits, .. } => BoundTable::Parameter { bits },
        Bound::Norm { norm, projections } => BoundTable::Norm { norm, projections },
    };
    table.serialize(serializer)
}

/// For `#[serde(with)]`: a bound out of its table.
pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Bound, D::Error> {
    Ok(match BoundTable::deserialize(deserializer)? {
        BoundTable::Parameter { bits } => Bound::parameter(bits),
        BoundTable::Norm { norm, projections } => Bound::Norm { norm, projections },
    })
}
