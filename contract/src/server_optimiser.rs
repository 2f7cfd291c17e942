//! How the mean of the updates moves the model.
//!
//! The mean of what the institutions' models have changed by is taken for a gradient (Reddi et al., "Adaptive federated
//! optimization", ICLR 2021, algorithm 2). Every operation is one of IEEE 754 that is rounded correctly (+ − × ÷ √), in
//! f64, and what is kept is rounded to f32: whoever applies the chain comes to the same bytes.
//!
//! | rule | moments | next model |
//! | --- | --- | --- |
//! | as it is (FedAvg) | | x + Δ |
//! | momentum (FedAvgM) | m ← β·m + Δ | x + η·m |
//! | Adam (FedAdam) | m ← β₁·m + (1 − β₁)·Δ, v ← β₂·v + (1 − β₂)·Δ² | x + η·m/(√v + τ) |

use std::fmt;

use consilium_crypto::quantise;
use consilium_proto::v1::{self, server_optimiser::Rule};
use thiserror::Error;

/// A learning rate, or τ, that nobody means.
const LARGEST: f64 = 1e6;

/// Why a genesis names no optimiser.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("server optimiser: {field} is {actual}; expected {expected}")]
pub struct ServerOptimiserError {
    field: &'static str,
    actual: f64,
    expected: &'static str,
}

/// What the model is moved by. Numbers of a value of this type are checked.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ServerOptimiser {
    /// By the mean.
    #[default]
    Mean,
    /// By a running sum of means, in which older ones count less and less.
    Momentum(v1::ServerMomentum),
    /// By a running mean over the root of that of squares.
    Adam(v1::ServerAdam),
}

impl ServerOptimiser {
    /// Reads what a genesis says of it, if anything.
    ///
    /// # Errors
    /// [`ServerOptimiserError`] naming the number.
    pub fn read(message: Option<v1::ServerOptimiser>) -> Result<Self, ServerOptimiserError> {
        let Some(rule) = message.and_then(|message| message.rule) else { return Ok(Self::Mean) };
        match rule {
            Rule::Momentum(momentum) => {
                above_zero("the learning rate", momentum.learning_rate)?;
                share("beta", momentum.beta)?;
                Ok(Self::Momentum(momentum))
            }
            Rule::Adam(adam) => {
                above_zero("the learning rate", adam.learning_rate)?;
                share("beta1", adam.beta1)?;
                share("beta2", adam.beta2)?;
                above_zero("tau", adam.tau)?;
                // Otherwise m/√v has no bound, and neither has what one institution can do (`most_of`).
                if adam.beta1 * adam.beta1 >= adam.beta2 {
                    return Err(ServerOptimiserError {
                        field: "beta2",
                        actual: adam.beta2,
                        expected: "more than the square of beta1",
                    });
                }
                Ok(Self::Adam(adam))
            }
        }
    }

    /// As a genesis carries it.
    pub fn message(&self) -> Option<v1::ServerOptimiser> {
        let rule = match *self {
            Self::Mean => return None,
            Self::Momentum(momentum) => Rule::Momentum(momentum),
            Self::Adam(adam) => Rule::Adam(adam),
        };
        Some(v1::ServerOptimiser { rule: Some(rule) })
    }

    /// Numbers that are kept of every parameter.
    pub fn moments(&self) -> usize {
        match self {
            Self::Mean => 0,
            Self::Momentum(_) => 1,
            Self::Adam(_) => 2,
        }
    }

    /// The values of the next model, `[d·(1 + moments)]`: parameters, first moments, second moments. `values` are those of
    /// the model before, and `mean` is Δ, `[d]`.
    pub(crate) fn apply(&self, values: &[f32], mean: &[f64]) -> Vec<f32> {
        let (parameters, moments) = values.split_at(mean.len().min(values.len()));
        match self {
            Self::Mean => quantise::apply(parameters, mean),
            Self::Momentum(v1::ServerMomentum { learning_rate, beta }) => {
                let first = decayed(moments, *beta, mean.iter().copied());
                let moved: Vec<f64> =
                    first.iter().map(|first| learning_rate * f64::from(*first)).collect();
                [quantise::apply(parameters, &moved), first].concat()
            }
            Self::Adam(v1::ServerAdam { learning_rate, beta1, beta2, tau }) => {
                let (first, second) = moments.split_at(moments.len() / 2);
                let first = decayed(first, *beta1, mean.iter().map(|mean| (1.0 - beta1) * mean));
                let squares = mean.iter().map(|mean| (1.0 - beta2) * mean * mean);
                let second = decayed(second, *beta2, squares);
                let of_both = |(first, second): (&f32, &f32)| {
                    learning_rate * f64::from(*first) / (f64::from(*second).sqrt() + tau)
                };
                let moved: Vec<f64> = first.iter().zip(&second).map(of_both).collect();
                [quantise::apply(parameters, &moved), first, second].concat()
            }
        }
    }

    /// How far the model moves in a step, in the end, where the mean has the same part of length `most` step after step. What
    /// one institution adds to means is such a part.
    pub(crate) fn moved_by(&self, most: f64) -> Moved {
        match self {
            Self::Mean => Moved::InProportion(most),
            Self::Momentum(v1::ServerMomentum { learning_rate, beta }) => {
                Moved::InProportion(most * learning_rate / (1.0 - beta))
            }
            // From one end to the other: what is added to a mean can turn its sign.
            Self::Adam(adam) => Moved::InEachParameter(2.0 * most_of(adam)),
        }
    }
}

/// How far a model moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moved {
    /// As the mean does, times a number.
    InProportion(f64),
    /// At most so far in each parameter, however little the mean has moved it.
    InEachParameter(f64),
}

/// How far Adam can move a parameter in a step, whatever the means were.
///
/// With m = (1 − β₁)·Σβ₁ᵏΔₖ and v = (1 − β₂)·Σβ₂ᵏΔₖ², Cauchy and Schwarz give |m| ≤ (1 − β₁)·√(Σ(β₁²/β₂)ᵏ)·√(v/(1 − β₂)).
fn most_of(adam: &v1::ServerAdam) -> f64 {
    let v1::ServerAdam { learning_rate, beta1, beta2, .. } = adam;
    let series = 1.0 / (1.0 - beta1 * beta1 / beta2);
    learning_rate * (1.0 - beta1) * (series / (1.0 - beta2)).sqrt()
}

/// β·moment + what is added to it, for every parameter.
fn decayed(moments: &[f32], beta: f64, added: impl Iterator<Item = f64>) -> Vec<f32> {
    moments
        .iter()
        .zip(added)
        .map(|(moment, added)| (beta * f64::from(*moment) + added) as f32)
        .collect()
}

fn above_zero(field: &'static str, actual: f64) -> Result<(), ServerOptimiserError> {
    if actual > 0.0 && actual <= LARGEST {
        return Ok(());
    }
    Err(ServerOptimiserError { field, actual, expected: "more than 0, at most a million" })
}

fn share(field: &'static str, actual: f64) -> Result<(), ServerOptimiserError> {
    if (0.0..1.0).contains(&actual) {
        return Ok(());
    }
    Err(ServerOptimiserError { field, actual, expected: "0 or more, and less than 1" })
}

impl fmt::Display for ServerOptimiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => write!(f, "the mean of the updates"),
            Self::Momentum(v1::ServerMomentum { learning_rate, beta }) => {
                write!(f, "momentum: learning rate {learning_rate}, beta {beta}")
            }
            Self::Adam(v1::ServerAdam { learning_rate, beta1, beta2, tau }) => write!(
                f,
                "Adam: learning rate {learning_rate}, beta1 {beta1}, beta2 {beta2}, tau {tau}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENTUM: v1::ServerMomentum = v1::ServerMomentum { learning_rate: 0.5, beta: 0.75 };
    const ADAM: v1::ServerAdam =
        v1::ServerAdam { learning_rate: 0.25, beta1: 0.5, beta2: 0.75, tau: 0.125 };

    fn read(rule: Rule) -> Result<ServerOptimiser, String> {
        let message = v1::ServerOptimiser { rule: Some(rule) };
        ServerOptimiser::read(Some(message)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_an_optimiser_the_mean_is_added() {
        let optimiser = ServerOptimiser::read(None).unwrap();
        assert_eq!(optimiser.apply(&[1.0, -2.0], &[0.25, 0.5]), [1.25, -1.5]);
        assert_eq!((optimiser.moments(), optimiser.message()), (0, None));
    }

    #[test]
    fn momentum_is_what_is_computed_by_hand() {
        let optimiser = read(Rule::Momentum(MOMENTUM)).unwrap();
        let once = optimiser.apply(&[1.0, -2.0, 0.0, 0.0], &[0.5, -1.0]);
        assert_eq!(once, [1.25, -2.5, 0.5, -1.0]);
        // m = .75·.5 + 0 and .75·(−1) + 1.
        let twice = optimiser.apply(&once, &[0.0, 1.0]);
        assert_eq!(twice, [1.25 + 0.5 * 0.375, -2.5 + 0.5 * 0.25, 0.375, 0.25]);
    }

    #[test]
    fn adam_is_what_is_computed_by_hand() {
        let optimiser = read(Rule::Adam(ADAM)).unwrap();
        let once = optimiser.apply(&[1.0, 0.0, 0.0], &[0.5]);
        // m = .5·.5, v = .25·.25; x = 1 + .25·.25/(.25 + .125).
        assert_eq!(once, [(1.0 + 0.25 * 0.25 / 0.375) as f32, 0.25, 0.0625]);
        let twice = optimiser.apply(&once, &[0.0]);
        assert_eq!(twice[1..], [0.125, 0.046875]);
        let moved = 0.25 * 0.125 / (0.046875f64.sqrt() + 0.125);
        assert_eq!(twice[0], (f64::from(once[0]) + moved) as f32);
    }

    #[test]
    fn no_means_take_adam_further_than_its_bound_and_some_come_near_it() {
        let adam = v1::ServerAdam { tau: 1e-9, ..ADAM };
        let optimiser = ServerOptimiser::Adam(adam);
        let most = most_of(&adam);
        // The means for which Cauchy and Schwarz is an equation: in proportion to (β₁/β₂)^k, k steps ago.
        let mut values = vec![0.0, 0.0, 0.0];
        let mut furthest = 0.0f64;
        for k in (0..30).rev() {
            let before = f64::from(values[0]);
            values = optimiser.apply(&values, &[(0.5f64 / 0.75).powi(k)]);
            furthest = furthest.max(f64::from(values[0]) - before);
        }
        assert!((0.999..=1.0001).contains(&(furthest / most)), "{furthest} {most}");
    }

    #[test]
    fn numbers_that_make_no_optimiser_are_refused_by_name() {
        let momentum = |change: fn(&mut v1::ServerMomentum)| {
            let mut rule = MOMENTUM;
            change(&mut rule);
            read(Rule::Momentum(rule)).unwrap_err()
        };
        let adam = |change: fn(&mut v1::ServerAdam)| {
            let mut rule = ADAM;
            change(&mut rule);
            read(Rule::Adam(rule)).unwrap_err()
        };
        for (error, field) in [
            (momentum(|rule| rule.learning_rate = 0.0), "the learning rate"),
            (momentum(|rule| rule.learning_rate = f64::NAN), "the learning rate"),
            (momentum(|rule| rule.beta = 1.0), "beta"),
            (momentum(|rule| rule.beta = -0.1), "beta"),
            (adam(|rule| rule.learning_rate = f64::INFINITY), "the learning rate"),
            (adam(|rule| rule.beta1 = f64::NAN), "beta1"),
            (adam(|rule| rule.beta2 = 1.5), "beta2"),
            (adam(|rule| rule.beta2 = 0.25), "beta2"),
            (adam(|rule| rule.tau = 0.0), "tau"),
        ] {
            assert!(error.starts_with(&format!("server optimiser: {field} is ")), "{error}");
        }
    }
}
