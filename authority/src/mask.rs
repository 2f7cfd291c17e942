//! How updates are hidden: by elements of the group, or by a lattice mask where somebody asks for one.

use clap::{Args, ValueEnum};
use consilium_crypto::mask::Kind;

use crate::AuthorityError;

/// Parameters from which on a lattice mask saves more than it costs: what trustees verify and sign is 110 kB an update
/// whatever the size of the model, where the group mask has 3 kB, and so is a hundredth of a second of everybody's time.
/// That is a matter of sense and not of safety, so it is refused here, where somebody chooses, and not by the contract.
pub const LEAST_LATTICE_DIMENSION: u32 = 20_000;

/// The two masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MaskName {
    /// An element of the group a parameter.
    #[default]
    Group,
    /// A product in a ring of polynomials and noise. Experimental.
    Lattice,
}

/// What a command line says about the mask.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct MaskChoice {
    /// How updates are hidden. A lattice mask costs a hundredth of the time and an eighth of the bytes a parameter, from
    /// 20,000 parameters on; it is experimental, and docs/cryptography.md says what is not proven about it.
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub mask: MaskName,
    /// With a lattice mask: Δ, a power of two; sums count so many units in a quantisation step [default: 1].
    #[arg(long, value_name = "DELTA")]
    pub scale: Option<u32>,
    /// Takes a lattice mask for a model of fewer than 20,000 parameters, where it costs more than it saves.
    #[arg(long)]
    pub allow_small_lattice: bool,
}

impl MaskChoice {
    /// A lattice mask, also for a small model.
    pub fn small_lattice(scale: u32) -> Self {
        Self { mask: MaskName::Lattice, scale: Some(scale), allow_small_lattice: true }
    }

    /// The mask of a run with d = `dimension` parameters.
    ///
    /// # Errors
    /// [`AuthorityError::Bound`] naming the flag that has to change.
    pub fn resolve(&self, dimension: u32) -> Result<Kind, AuthorityError> {
        let refused = |flag, problem: String| Err(AuthorityError::Bound { flag, problem });
        match self.mask {
            MaskName::Group if self.scale.is_some() => {
                refused("--scale", "goes with --mask lattice; leave it out, or choose that".into())
            }
            MaskName::Group => Ok(Kind::Group),
            MaskName::Lattice
                if dimension < LEAST_LATTICE_DIMENSION && !self.allow_small_lattice =>
            {
                let problem = format!(
                    "a lattice mask is for models of {LEAST_LATTICE_DIMENSION} parameters and more, this one has \
                     {dimension}; choose --mask group, or say --allow-small-lattice"
                );
                refused("--mask", problem)
            }
            MaskName::Lattice => Ok(Kind::Lattice { scale: self.scale.unwrap_or(1) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lattice_mask_is_chosen_by_name_and_for_large_models() {
        let lattice = MaskChoice { mask: MaskName::Lattice, ..MaskChoice::default() };
        assert_eq!(MaskChoice::default().resolve(1_000_000).unwrap(), Kind::Group);
        assert_eq!(lattice.resolve(20_000).unwrap(), Kind::Lattice { scale: 1 });
        let error = lattice.resolve(19_999).unwrap_err().to_string();
        assert!(error.starts_with("--mask") && error.contains("--allow-small-lattice"), "{error}");
        assert_eq!(
            MaskChoice::small_lattice(1024).resolve(9).unwrap(),
            Kind::Lattice { scale: 1024 }
        );
        let group = MaskChoice { scale: Some(2), ..MaskChoice::default() };
        assert!(group.resolve(1_000_000).unwrap_err().to_string().starts_with("--scale"));
    }
}
