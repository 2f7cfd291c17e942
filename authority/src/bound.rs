//! What updates have to prove: how a run's bound is chosen, and what it is where nothing is said.
//!
//! B, c and the projections of a norm are numbers of one thing: an update x = ω·Δ is clipped to ‖x‖ ≤ c, which becomes
//! B units, and that no accepted one is longer than slack·B is what N projections prove.

use clap::{Args, ValueEnum};
use consilium_contract::{
    Promise,
    parameters::{MAX_DIMENSION, MAX_INSTITUTIONS},
};
use consilium_crypto::{
    Bound,
    lattice::LatticeParameters,
    mask::{Kind, Parameters as UpdateParameters},
    quantise::unit,
};
use consilium_proto::v1::Training;

use crate::{AuthorityError, MaskChoice};

/// Parameters from which on the norm is bounded where nobody chooses.
const CROSSOVER: u32 = 64;
/// Bits of a quantised parameter.
const BITS: u8 = 8;
/// B. What is proven costs the same for every B; results of runs depend on it.
const NORM: u32 = 5_600;
/// N.
const PROJECTIONS: u16 = 256;

// The noise of rounding, at most √(d/4) long, stays below a tenth of the norm, however large the model.
const _: () = assert!(NORM as u64 * NORM as u64 >= 100 * (MAX_DIMENSION as u64 / 4));

/// The two bounds, and leaving it to the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BoundKind {
    /// The norm for large models and every parameter for small ones, or what the other flags belong to.
    #[default]
    Auto,
    /// A bound on every parameter by itself.
    Parameter,
    /// A bound on the norm of all parameters together.
    Norm,
}

/// What a command line says about the bound.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct BoundChoice {
    /// What an update proves about itself.
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub bound: BoundKind,
    /// With a bound on every parameter: bits of a quantised parameter, 8 or 16 [default: 8].
    #[arg(long)]
    pub bits: Option<u8>,
    /// With a bound on the norm: B, the largest norm of a quantised update [default: 5600].
    #[arg(long, value_name = "B")]
    pub norm: Option<u32>,
    /// With a bound on the norm: 256, 512 or 1024 projections prove it up to 2.78, 2.00 or 1.61 times B [default: 256].
    #[arg(long, value_name = "N")]
    pub projections: Option<u16>,
    /// c: each coordinate of an update is clipped to [−c, c], or its norm to c, before it is weighted [default: what honest
    /// training with these hyper-parameters hardly ever exceeds].
    #[arg(long, value_name = "C")]
    pub clip: Option<f32>,
    /// How updates are hidden. A lattice mask needs a bound on the norm, and leaves room for a much larger B.
    #[command(flatten)]
    pub mask: MaskChoice,
}

impl BoundChoice {
    /// Bound and c of a run with d = `dimension` parameters, whose largest institution has `rows` rows.
    ///
    /// # Errors
    /// [`AuthorityError::Bound`] naming the flag that has to change.
    pub fn resolve(
        &self,
        dimension: u32,
        institutions: u32,
        training: &Training,
        rows: u64,
    ) -> Result<(Bound, f32), AuthorityError> {
        let refused = |flag, problem: &dyn ToString| AuthorityError::Bound {
            flag,
            problem: problem.to_string(),
        };
        let mask = self.mask.resolve(dimension)?;
        let summands = institutions.min(MAX_INSTITUTIONS);
        let bound = self.kind(mask, dimension, summands)?;
        // The number of projections by itself first, so that what is left is the norm's.
        match bound {
            Bound::Parameter { .. } => bound.check().map_err(|error| refused("--bits", &error))?,
            Bound::Norm { projections, .. } => {
                Bound::Norm { norm: 1, projections }
                    .check()
                    .map_err(|error| refused("--projections", &error))?;
                bound.check().map_err(|error| refused("--norm", &error))?;
            }
        }
        // More institutions than there can be are the genesis' to refuse, and so is training that no c follows from.
        mask.quantiser(bound, 1.0, 1.0, summands)
            .and_then(|_| unit(bound, 1.0, dimension as usize))
            .map_err(|error| refused("--norm", &error))?;
        UpdateParameters::new(mask, dimension, bound, summands)
            .map_err(|error| refused("--norm", &error))?;
        if let Some(clip) = self.clip {
            unit(bound, clip, dimension as usize).map_err(|error| refused("--clip", &error))?;
        }
        Ok((bound, self.clip.unwrap_or_else(|| default_clip(bound, dimension, training, rows))))
    }

    fn kind(&self, mask: Kind, dimension: u32, summands: u32) -> Result<Bound, AuthorityError> {
        let belongs = |flag, kind: &str| {
            let problem = format!("goes with --bound {kind}; leave it out, or choose that");
            Err(AuthorityError::Bound { flag, problem })
        };
        let of_norm = match (self.norm, self.projections) {
            (Some(_), _) => Some("--norm"),
            (None, Some(_)) => Some("--projections"),
            (None, None) => None,
        };
        let parameter = Bound::parameter(self.bits.unwrap_or(BITS));
        let projections = self.projections.unwrap_or(PROJECTIONS);
        let norm =
            self.norm.unwrap_or_else(|| default_norm(mask, dimension, projections, summands));
        let norm = Bound::Norm { norm, projections };
        if let (Kind::Lattice { .. }, false) = (mask, self.bound == BoundKind::Norm) {
            return match (self.bound, self.bits) {
                (BoundKind::Parameter, _) => {
                    let problem = "a lattice mask needs a bound on the norm".to_owned();
                    Err(AuthorityError::Bound { flag: "--bound", problem })
                }
                (_, Some(_)) => belongs("--bits", "parameter, which a lattice mask does not take"),
                (_, None) => Ok(norm),
            };
        }
        match (self.bound, self.bits, of_norm) {
            (BoundKind::Parameter, _, Some(flag)) => belongs(flag, "norm"),
            (BoundKind::Norm, Some(_), _) => belongs("--bits", "parameter"),
            (BoundKind::Auto, Some(_), Some(flag)) => {
                belongs(flag, "norm, --bits with --bound parameter")
            }
            (BoundKind::Parameter, ..) | (BoundKind::Auto, Some(_), None) => Ok(parameter),
            (BoundKind::Norm, None, _) | (BoundKind::Auto, None, Some(_)) => Ok(norm),
            (BoundKind::Auto, None, None) => Ok(default_bound(dimension)),
        }
    }
}

/// B where nothing is said. Under a lattice mask the largest that fits, because a larger B costs nothing there and rounds
/// less.
fn default_norm(mask: Kind, dimension: u32, projections: u16, summands: u32) -> u32 {
    match mask {
        Kind::Group => NORM,
        Kind::Lattice { scale } => {
            LatticeParameters::largest_norm(dimension, projections, scale, summands)
        }
    }
}

/// The bound for d = `dimension` parameters where nobody chooses.
///
/// On one core with AVX-512 an institution encrypts and proves 8 bits of every parameter in about 3 + 0.35·d ms, the norm
/// with 256 projections in about 7 + 0.02·d ms: they meet at some 12 parameters, and at some 50 in the contract's
/// verification of ten (`crypto/benches/norm_proof.rs`). A body is the shorter one with a bound on the norm from some 400
/// parameters on.
pub fn default_bound(dimension: u32) -> Bound {
    if dimension < CROSSOVER {
        Bound::parameter(BITS)
    } else {
        Bound::Norm { norm: NORM, projections: PROJECTIONS }
    }
}

/// c, to four decimals, where the largest institution has `rows` rows. A step of Adam moves a coordinate by about the
/// learning rate η, an epoch of few steps by about η·√steps.
///
/// - On a parameter 2·η·√steps, which clips one coordinate in 10,000 on pima and none on wdbc.
/// - On the norm 1.4·η·√steps·√d, which clips one update in a hundred on pima and on wdbc, of ten institutions in 60 rounds
///   over five seeds. It fits from 2 to 10 steps and from 40 to 100,000 parameters: 99 of 100 updates are then
///   no longer than 1.06 to 2.2 η·√steps·√d. With more local steps or hardly a parameter more of them are shortened, which
///   slows training and does not bias it.
pub fn default_clip(bound: Bound, dimension: u32, training: &Training, rows: u64) -> f32 {
    let steps =
        rows.div_ceil(u64::from(training.batch_size.max(1))) * u64::from(training.local_epochs);
    let moved = training.learning_rate * (steps.max(1) as f64).sqrt();
    let clip = match bound {
        Bound::Parameter { .. } => 2.0 * moved,
        Bound::Norm { .. } => 1.4 * moved * f64::from(dimension).sqrt(),
    };
    ((1e4 * clip).round() / 1e4) as f32
}

/// A bound as names and values, for people and for programs.
pub fn bound_facts(promise: &Promise) -> Vec<(&'static str, serde_json::Value)> {
    let bound = promise.bound();
    let mut facts = match bound {
        Bound::Parameter { bits, .. } => vec![("bound", "parameter".into()), ("bits", bits.into())],
        Bound::Norm { norm, projections } => {
            vec![
                ("bound", "norm".into()),
                ("norm", norm.into()),
                ("projections", projections.into()),
            ]
        }
    };
    // The shortest decimal form, not that of the f64 nearest to the f32.
    let clip = promise.clip();
    let clip: f64 = clip.to_string().parse().unwrap_or(f64::from(clip));
    let slack = (bound.slack() * 1e4).round() / 1e4;
    let longest = (promise.longest() * 1e4).round() / 1e4;
    facts.extend([
        ("clip", clip.into()),
        ("slack", slack.into()),
        ("longest", longest.into()),
        ("promise", promise.to_string().into()),
    ]);
    facts
}

#[cfg(test)]
mod tests {
    use consilium_proto::v1::Optimiser;

    use super::*;

    const EIGHT: Bound = Bound::parameter(8);
    const NORM_5600: Bound = Bound::Norm { norm: 5600, projections: 256 };

    fn training() -> Training {
        Training {
            optimiser: Optimiser::Adam.into(),
            learning_rate: 0.01,
            batch_size: 16,
            local_epochs: 1,
            ..Training::default()
        }
    }

    fn resolve(choice: &BoundChoice, dimension: u32) -> Result<(Bound, f32), AuthorityError> {
        choice.resolve(dimension, 10, &training(), 62)
    }

    #[test]
    fn where_nothing_is_said_the_size_of_the_model_decides() {
        for (dimension, expected) in
            [(1, EIGHT), (63, EIGHT), (64, NORM_5600), (289, NORM_5600), (MAX_DIMENSION, NORM_5600)]
        {
            assert_eq!(
                resolve(&BoundChoice::default(), dimension).unwrap().0,
                expected,
                "{dimension}"
            );
        }
    }

    #[test]
    fn clips_grow_with_the_square_root_of_the_local_steps_and_a_norms_with_that_of_the_parameters_too()
     {
        // 62 rows in batches of 16 are 4 steps, 248 rows are 16.
        let clip = |bound, dimension, rows| default_clip(bound, dimension, &training(), rows);
        assert_eq!(
            (clip(EIGHT, 289, 62), clip(EIGHT, 289, 248), clip(EIGHT, 10_000, 62)),
            (0.04, 0.08, 0.04)
        );
        assert_eq!((clip(NORM_5600, 289, 62), clip(NORM_5600, 289, 248)), (0.476, 0.952));
        assert_eq!(clip(NORM_5600, 10_000, 62), 2.8);
    }

    #[test]
    fn a_flag_of_one_bound_chooses_it_and_what_it_leaves_open_is_filled_in() {
        let none = BoundChoice::default();
        for (choice, expected) in [
            (BoundChoice { bits: Some(16), ..none.clone() }, Bound::parameter(16)),
            (
                BoundChoice { norm: Some(900), ..none.clone() },
                Bound::Norm { norm: 900, projections: 256 },
            ),
            (
                BoundChoice { projections: Some(512), ..none.clone() },
                Bound::Norm { norm: 5600, projections: 512 },
            ),
            (BoundChoice { bound: BoundKind::Norm, ..none.clone() }, NORM_5600),
            (BoundChoice { bound: BoundKind::Parameter, ..none.clone() }, EIGHT),
        ] {
            let (bound, clip) = resolve(&choice, 289).unwrap();
            assert_eq!(
                (bound, clip),
                (expected, default_clip(expected, 289, &training(), 62)),
                "{choice:?}"
            );
        }
        assert_eq!(resolve(&BoundChoice { clip: Some(0.3), ..none }, 63).unwrap(), (EIGHT, 0.3));
    }

    #[test]
    fn what_cannot_be_names_the_flag_and_what_to_change() {
        let none = BoundChoice::default();
        let parameter = BoundKind::Parameter;
        let norm = BoundKind::Norm;
        for (choice, says) in [
            (
                BoundChoice { bits: Some(9), ..none.clone() },
                "--bits: bits a parameter is 9; allowed: 8 or 16",
            ),
            (
                BoundChoice { bound: norm, bits: Some(8), ..none.clone() },
                "--bits: goes with --bound parameter",
            ),
            (
                BoundChoice { bound: parameter, norm: Some(8), ..none.clone() },
                "--norm: goes with --bound norm",
            ),
            (
                BoundChoice { bound: parameter, projections: Some(512), ..none.clone() },
                "--projections: goes with --bound norm",
            ),
            (
                BoundChoice { bits: Some(8), norm: Some(8), ..none.clone() },
                "--norm: goes with --bound norm",
            ),
            (
                BoundChoice { projections: Some(300), ..none.clone() },
                "--projections: number of projections is 300",
            ),
            (BoundChoice { norm: Some(0), ..none.clone() }, "--norm: norm is 0; allowed: 1 to"),
            (
                BoundChoice { norm: Some(8), ..none.clone() },
                "--norm: rounding 289 parameters alone",
            ),
            (BoundChoice { norm: Some(90_000_000), ..none.clone() }, "lower the norm to"),
            (BoundChoice { clip: Some(0.0), ..none.clone() }, "--clip: the clipping bound is 0"),
            (BoundChoice { clip: Some(f32::NAN), ..none }, "--clip"),
        ] {
            let error = resolve(&choice, 289).unwrap_err().to_string();
            assert!(
                error.contains(says) && error.lines().count() == 1,
                "{error} should say {says}"
            );
        }
    }

    #[test]
    fn the_defaults_hold_for_the_largest_model_and_the_most_institutions() {
        for dimension in [1, 1000, MAX_DIMENSION] {
            for bound in [BoundKind::Auto, BoundKind::Parameter, BoundKind::Norm] {
                let choice = BoundChoice { bound, ..BoundChoice::default() };
                choice.resolve(dimension, MAX_INSTITUTIONS, &training(), 62).unwrap();
            }
        }
    }

    #[test]
    fn a_bound_is_said_in_names_and_values_for_programs_too() {
        let promise = Promise::new(NORM_5600, NORM_5600, 0.476, 289);
        let facts: std::collections::BTreeMap<_, _> = bound_facts(&promise).into_iter().collect();
        assert_eq!(
            (&facts["norm"], &facts["clip"], &facts["slack"], &facts["longest"]),
            (&5600.into(), &0.476.into(), &2.7809.into(), &1.3239.into())
        );
        assert!(facts["promise"].as_str().unwrap().contains("a norm of about 1.324"));
    }
}
