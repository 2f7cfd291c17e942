//! From a budget to numbers: how much noise a norm admits, and the least noise that buys the wanted steps.

use crate::{Guarantee, MAX_VARIANCE, PrivacyError, Run, Terms, least_norm};

/// The largest S, and its μ, whose noise fits B at a noise multiplier of `multiplier_milli` thousandths: √(h·μ) ≥ z·S.
/// The larger S is, the less rounding matters. `None` where not even S = 1 fits.
pub fn fit(run: Run, multiplier_milli: u32) -> Option<(u32, u64)> {
    let variance = |signal: u32| {
        let deviation = u128::from(signal) * u128::from(multiplier_milli);
        let variance = deviation.pow(2).div_ceil(1_000_000 * u128::from(run.honest.max(1))).max(1);
        u64::try_from(variance).ok().filter(|variance| *variance <= MAX_VARIANCE)
    };
    let fits = |signal| {
        variance(signal).is_some_and(|variance| {
            least_norm(signal, variance, run.dimension) <= u64::from(run.norm)
        })
    };
    let mut fitting = 0;
    let mut beyond = run.norm.saturating_add(1);
    while beyond - fitting > 1 {
        let middle = fitting + (beyond - fitting) / 2;
        if fits(middle) { fitting = middle } else { beyond = middle }
    }
    Some((fitting, variance(fitting)?)).filter(|_| fitting > 0)
}

/// The least noise, to a hundredth of its multiplier, that buys every step of the run at this ε and δ.
///
/// # Errors
/// [`PrivacyError::NoFit`] where no noise that fits B does; otherwise as [`Guarantee::new`].
pub fn calibrate(run: Run, epsilon_milli: u32, delta_bits: u32) -> Result<Terms, PrivacyError> {
    let mut multiplier = 100_u32;
    while let Some((signal, variance)) = fit(run, multiplier) {
        let terms = Terms { signal, variance, epsilon_milli, delta_bits };
        match Guarantee::new(terms, run) {
            Ok(guarantee) if guarantee.steps() == run.steps => return Ok(terms),
            Ok(_) | Err(PrivacyError::Unaffordable { .. }) => {}
            Err(error) => return Err(error),
        }
        multiplier = multiplier.saturating_add(multiplier / 100);
    }
    Err(PrivacyError::NoFit { norm: run.norm, steps: run.steps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Spent;

    const RUN: Run =
        Run { dimension: 289, norm: 5_600, institutions: 10, honest: 7, most_honest: 7, steps: 60 };

    #[test]
    fn noise_is_as_strong_as_asked_for_and_the_signal_as_large_as_fits() {
        for multiplier in [100, 1_000, 5_290] {
            let (signal, variance) = fit(RUN, multiplier).unwrap();
            let found = (7.0 * variance as f64).sqrt() / f64::from(signal) * 1000.0;
            assert!(
                found >= f64::from(multiplier) && found < 1.01 * f64::from(multiplier),
                "{found}"
            );
            assert!(least_norm(signal, variance, 289) <= 5_600);
            assert!(least_norm(signal + 1, (variance as f64 * 1.0001) as u64, 289) > 5_590);
        }
        assert_eq!(fit(Run { norm: 10, ..RUN }, 5_000), None);
    }

    #[test]
    fn a_calibrated_run_makes_every_step_within_its_budget_and_wastes_little_of_it() {
        for (epsilon, steps) in [(8_000, 60), (1_000, 3), (15_000, 500)] {
            let run = Run { steps, norm: 100_000, ..RUN };
            let guarantee = Guarantee::new(calibrate(run, epsilon, 17).unwrap(), run).unwrap();
            assert_eq!(guarantee.steps(), steps);
            let spent = guarantee.epsilon(&Spent::of(steps, 7)).0;
            assert!(
                spent <= u64::from(epsilon) && spent as f64 > 0.97 * f64::from(epsilon),
                "{spent} of {epsilon}"
            );
        }
    }

    #[test]
    fn a_budget_that_no_noise_within_the_norm_buys_is_refused() {
        let error = calibrate(Run { norm: 300, ..RUN }, 100, 17).unwrap_err();
        assert_eq!(error, PrivacyError::NoFit { norm: 300, steps: 60 });
        assert!(matches!(calibrate(RUN, 0, 17), Err(PrivacyError::OutOfRange { .. })));
    }
}
