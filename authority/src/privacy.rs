//! From flags to noise: the terms of a run that is to stay within a privacy budget.

use clap::Args;
use consilium_crypto::Bound;
use consilium_privacy::{MAX_EPSILON_MILLI, PrivacyError, Run, Terms, calibrate, fit};
use consilium_proto::v1::Training;

use crate::{AuthorityError, BoundChoice, BoundKind};

/// The norm with which the search for noise begins.
const FIRST_NORM: u32 = 5_600;

/// The largest norm that can be proven.
const LAST_NORM: u32 = 100_000_000;

/// The noise that is asked for.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct PrivacyFlags {
    /// Have every institution add noise, and end the run before what it publishes of one institution's updates
    /// exceeds this ε (0.001 to 20). It is the institution that is protected, not each record; with few institutions
    /// little is learned.
    #[arg(long, value_name = "EPSILON")]
    pub privacy_epsilon: Option<f64>,
    /// δ of that budget, rounded down to a power of two [default: 1e-5].
    #[arg(long, value_name = "DELTA", requires = "privacy_epsilon")]
    pub privacy_delta: Option<f64>,
    /// Standard deviation of the noise in a sum over the norm of one institution's update. The run then ends when the
    /// budget is spent [default: the least that affords every step].
    #[arg(long, value_name = "Z", requires = "privacy_epsilon")]
    pub noise_multiplier: Option<f64>,
}

impl PrivacyFlags {
    /// What an update proves, c, and the noise if any is asked for. It needs a bound on the norm; where `choice` leaves the
    /// norm open it follows from the noise. The norm of `run` is not read.
    ///
    /// # Errors
    /// [`AuthorityError::Bound`], [`AuthorityError::Spec`] naming the flag; [`AuthorityError::Privacy`].
    pub fn bounded(
        &self,
        choice: &BoundChoice,
        run: Run,
        training: &Training,
        rows: u64,
    ) -> Result<(Bound, f32, Option<Terms>), AuthorityError> {
        let resolve =
            |choice: &BoundChoice| choice.resolve(run.dimension, run.institutions, training, rows);
        let Some((norm, terms)) = self.terms(Run { norm: choice.norm.unwrap_or(0), ..run })? else {
            let (bound, clip) = resolve(choice)?;
            return Ok((bound, clip, None));
        };
        if choice.bound == BoundKind::Parameter || choice.bits.is_some() {
            let problem = "needs --bound norm, without --bits".into();
            return Err(AuthorityError::Bound { flag: "--privacy-epsilon", problem });
        }
        let (bound, clip) =
            resolve(&BoundChoice { bound: BoundKind::Norm, norm: Some(norm), ..choice.clone() })?;
        Ok((bound, clip, Some(terms)))
    }

    /// The terms for a run with these numbers, and the norm B that its updates prove: `run.norm`, or where that is 0 one
    /// at which rounding takes less than a quarter of what the clip allows. `None` where no budget is asked for.
    ///
    /// # Errors
    /// [`AuthorityError::Spec`] naming the flag; [`AuthorityError::Privacy`] where no noise does it.
    pub fn terms(&self, run: Run) -> Result<Option<(u32, Terms)>, AuthorityError> {
        let Some(epsilon) = self.privacy_epsilon else { return Ok(None) };
        let delta = self.privacy_delta.unwrap_or(1e-5);
        let most = f64::from(MAX_EPSILON_MILLI) / 1e3;
        let epsilon_milli = thousandths("--privacy-epsilon", epsilon, most)?;
        let delta_bits = -delta.log2();
        if !(10.0..=40.0).contains(&delta_bits) {
            return Err(spec(
                "--privacy-delta",
                delta,
                "2^-40 to 2^-10, about 1e-12 to 1e-3".into(),
            ));
        }
        let delta_bits = delta_bits.ceil() as u32;
        let multiplier =
            self.noise_multiplier.map(|z| thousandths("--noise-multiplier", z, 1e6)).transpose()?;
        let terms = |norm| {
            let run = Run { norm, ..run };
            match multiplier {
                None => calibrate(run, epsilon_milli, delta_bits),
                Some(multiplier) => fit(run, multiplier)
                    .map(|(signal, variance)| Terms { signal, variance, epsilon_milli, delta_bits })
                    .ok_or(PrivacyError::NoFit { norm, steps: 1 }),
            }
        };
        // Rounding takes d/4 of S².
        let rounds_well = |terms: &Terms| u64::from(terms.signal).pow(2) > u64::from(run.dimension);
        if run.norm > 0 {
            let terms = terms(run.norm)?;
            let refused = PrivacyError::NoFit { norm: run.norm, steps: run.steps };
            return if rounds_well(&terms) {
                Ok(Some((run.norm, terms)))
            } else {
                Err(refused.into())
            };
        }
        let mut norm = FIRST_NORM;
        loop {
            match terms(norm) {
                Ok(terms) if rounds_well(&terms) => return Ok(Some((norm, terms))),
                Ok(_) | Err(PrivacyError::NoFit { .. }) if norm < LAST_NORM / 2 => norm *= 2,
                Ok(terms) => return Ok(Some((norm, terms))),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn thousandths(flag: &'static str, value: f64, most: f64) -> Result<u32, AuthorityError> {
    if value >= 0.001 && value <= most {
        Ok((value * 1e3).floor() as u32)
    } else {
        Err(spec(flag, value, format!("0.001 to {most}")))
    }
}

fn spec(field: &'static str, actual: f64, expected: String) -> AuthorityError {
    AuthorityError::Spec { field, actual: actual.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use consilium_privacy::{Guarantee, least_norm};

    use super::*;

    const RUN: Run =
        Run { dimension: 289, norm: 0, institutions: 10, honest: 7, most_honest: 8, steps: 60 };

    fn flags(epsilon: f64) -> PrivacyFlags {
        PrivacyFlags { privacy_epsilon: Some(epsilon), ..PrivacyFlags::default() }
    }

    #[test]
    fn a_budget_becomes_noise_that_affords_every_step() {
        assert_eq!(PrivacyFlags::default().terms(RUN).unwrap(), None);
        for dimension in [9, 289, 100_000] {
            let run = Run { dimension, ..RUN };
            let (norm, terms) = flags(8.0).terms(run).unwrap().unwrap();
            assert_eq!((terms.epsilon_milli, terms.delta_bits), (8_000, 17));
            assert!(u64::from(terms.signal).pow(2) > dimension.into());
            assert!(least_norm(terms.signal, terms.variance, dimension) <= norm.into());
            assert_eq!(Guarantee::new(terms, Run { norm, ..run }).unwrap().steps(), 60);
        }
    }

    #[test]
    fn a_given_multiplier_decides_how_long_the_run_is_and_a_given_norm_stays() {
        let given =
            PrivacyFlags { noise_multiplier: Some(2.0), privacy_delta: Some(1e-6), ..flags(8.0) };
        let (norm, terms) = given.terms(Run { norm: 9_000, ..RUN }).unwrap().unwrap();
        assert_eq!((norm, terms.delta_bits), (9_000, 20));
        let steps = Guarantee::new(terms, Run { norm, ..RUN }).unwrap().steps();
        assert!((5..15).contains(&steps), "{steps}");
        let error = given.terms(Run { norm: 100, ..RUN }).unwrap_err().to_string();
        assert!(error.contains("raise the norm"), "{error}");
    }

    #[test]
    fn noise_goes_with_a_norm_which_it_chooses_unless_that_is_given() {
        let training = Training {
            learning_rate: 0.01,
            batch_size: 16,
            local_epochs: 1,
            ..Training::default()
        };
        let bounded = |choice: &BoundChoice| flags(8.0).bounded(choice, RUN, &training, 62);
        let none = BoundChoice::default();
        let (bound, clip, terms) = bounded(&none).unwrap();
        assert_eq!(terms, flags(8.0).terms(RUN).unwrap().map(|(_, terms)| terms));
        assert_eq!(clip, crate::default_clip(bound, 289, &training, 62));
        let given = BoundChoice {
            norm: Some(50_000),
            projections: Some(512),
            clip: Some(0.25),
            ..none.clone()
        };
        let (bound, clip, _) = bounded(&given).unwrap();
        assert_eq!((bound, clip), (Bound::Norm { norm: 50_000, projections: 512 }, 0.25));
        for choice in [
            BoundChoice { bound: BoundKind::Parameter, ..none.clone() },
            BoundChoice { bits: Some(8), ..none.clone() },
        ] {
            let error = bounded(&choice).unwrap_err().to_string();
            assert!(error.starts_with("--privacy-epsilon: needs --bound norm"), "{error}");
        }
        let without = PrivacyFlags::default().bounded(&none, RUN, &training, 62).unwrap();
        let default = crate::default_bound(289);
        let clip = crate::default_clip(default, 289, &training, 62);
        assert_eq!(without, (default, clip, None));
    }

    #[test]
    fn what_is_no_budget_is_refused_by_its_flag() {
        let refused = |flags: PrivacyFlags, flag: &str| {
            let error = flags.terms(RUN).unwrap_err().to_string();
            assert!(error.starts_with(flag), "{error}");
        };
        for epsilon in [0.0, -1.0, 20.1, f64::NAN, f64::INFINITY] {
            refused(flags(epsilon), "--privacy-epsilon");
        }
        for delta in [0.0, 1.0, -0.1, 1e-13, f64::NAN] {
            refused(PrivacyFlags { privacy_delta: Some(delta), ..flags(1.0) }, "--privacy-delta");
        }
        for z in [0.0, -3.0, f64::NAN] {
            refused(PrivacyFlags { noise_multiplier: Some(z), ..flags(1.0) }, "--noise-multiplier");
        }
    }
}
