//! What malicious institutions send, how they get it accepted, and what is held against it.

use consilium_crypto::Bound;
use consilium_learning::generator;
use rand_core::RngCore;
use serde::Serialize;

/// √(Γ/h) for Γ = 232 and N = 256 projections, where h = 81.1 is what χ²_256/2, and so ‖Πx‖²/‖x‖², stays below with
/// probability 2^-20. At even odds it would be 1.35, at 2^-40 1.91.
const TRIED: f64 = 1.69;

/// What an update is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    /// No institution is malicious.
    None,
    /// The honest update times −1.
    SignFlip,
    /// The honest update times −10.
    Scaling,
    /// Gaussian noise, ten times as strong as the honest update, drawn anew every step.
    Noise,
    /// Against the honest update's sign in every coordinate, as far as the bound goes; where there is none, ten times as
    /// far as the bound on every parameter.
    AtBound,
    /// Honest training on rows whose classes are swapped.
    LabelFlip,
    /// Honest training on rows of which half carry a trigger and its target class.
    Backdoor,
    /// The backdoor's update times n/m, so that the mean of m attackers replaces the model (Bagdasaryan et al., "How to
    /// backdoor federated learning", AISTATS 2020, eq. 3).
    Replacement,
}

/// How an attack's update x meets the defence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As it is.
    Naive,
    /// Cut to what an honest institution could send: each coordinate to ±c, or the norm to c.
    Bounded,
    /// Stretched to 1.69 B: about one proof in 2^20 lets it pass, and a prover may draw its proof anew as often as it likes
    /// before it sends one.
    Tried,
    /// Stretched to the norm that the proof does not exclude: slack·B. The most that can be feared, not what can be done:
    /// so long an update passes with probability 2^-126.
    Slack,
}

/// What is held against malicious institutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defence {
    /// Nothing: floats are averaged as they come.
    Plain,
    /// Every parameter is proven within a bound of its own.
    Parameter,
    /// The norm of all parameters is proven within a bound.
    Norm,
}

/// A bound and the c that it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// What a parameter is at most, or the norm B.
    pub bound: Bound,
    /// What a parameter, or the norm of an update, is clipped to.
    pub clip: f32,
}

impl Attack {
    /// Those with somebody malicious, in the order of tables and figures.
    pub const ALL: [Self; 7] = [
        Self::SignFlip,
        Self::Scaling,
        Self::Noise,
        Self::AtBound,
        Self::LabelFlip,
        Self::Backdoor,
        Self::Replacement,
    ];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SignFlip => "sign_flip",
            Self::Scaling => "scaling",
            Self::Noise => "noise",
            Self::AtBound => "at_bound",
            Self::LabelFlip => "label_flip",
            Self::Backdoor => "backdoor",
            Self::Replacement => "replacement",
        }
    }

    /// Name for readers.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::None => "nobody malicious",
            Self::SignFlip => "sign flip (×−1)",
            Self::Scaling => "scaling (×−10)",
            Self::Noise => "Gaussian noise",
            Self::AtBound => "all coordinates at the bound",
            Self::LabelFlip => "label flip",
            Self::Backdoor => "backdoor",
            Self::Replacement => "model replacement",
        }
    }

    /// Whether it is after a trigger that works rather than after a model that does not.
    #[must_use]
    pub fn is_targeted(self) -> bool {
        matches!(self, Self::Backdoor | Self::Replacement)
    }

    /// The ways in which it is sent against `defence`. What honest training could have given needs no cutting; where no
    /// bound is, nothing is cut.
    #[must_use]
    pub fn deliveries(self, defence: Defence) -> &'static [Delivery] {
        use Delivery::{Bounded, Naive, Slack, Tried};
        match (self, defence) {
            (Self::None, _) | (_, Defence::Plain) => &[Naive],
            (Self::SignFlip | Self::LabelFlip | Self::Backdoor, _) => &[Bounded],
            (Self::Scaling | Self::Noise, _) | (Self::Replacement, Defence::Parameter) => {
                &[Naive, Bounded]
            }
            (Self::AtBound, Defence::Parameter) => &[Bounded],
            (Self::AtBound, Defence::Norm) => &[Bounded, Tried, Slack],
            (Self::Replacement, Defence::Norm) => &[Naive, Bounded, Tried, Slack],
        }
    }
}

impl Delivery {
    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Bounded => "bounded",
            Self::Tried => "tried",
            Self::Slack => "slack",
        }
    }

    /// How many times B an update is stretched to, if it is.
    #[must_use]
    pub fn stretch(self, bound: Bound) -> Option<f64> {
        match self {
            Self::Naive | Self::Bounded => None,
            Self::Tried => Some(TRIED),
            Self::Slack => Some(bound.slack()),
        }
    }
}

impl Defence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Parameter, Self::Norm];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Parameter => "parameter",
            Self::Norm => "norm",
        }
    }

    /// Name for readers.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Plain => "plain FL",
            Self::Parameter => "per-parameter bound",
            Self::Norm => "norm bound",
        }
    }
}

impl Limit {
    /// Whether the proofs leave it possible that `values` are accepted: every doubt is the attacker's. An honest
    /// institution stays within; see [`Delivery::Slack`] for what lies between B and slack·B.
    #[must_use]
    pub fn admits(&self, values: &[i64]) -> bool {
        match self.bound {
            Bound::Parameter { most, .. } => {
                values.iter().all(|q| q.unsigned_abs() <= u64::from(most))
            }
            Bound::Norm { norm, .. } => {
                length(values.iter().map(|&q| q as f64)) <= self.bound.slack() * f64::from(norm)
            }
        }
    }
}

/// ‖x‖.
pub(crate) fn length(x: impl Iterator<Item = f64>) -> f64 {
    x.map(|x| x * x).sum::<f64>().sqrt()
}

/// `count` standard normal numbers by Box and Muller, from the generator of `label`.
pub(crate) fn gaussian(label: &str, seed: u64, parts: &[u64], count: usize) -> Vec<f64> {
    let mut rng = generator(label, seed, parts);
    // 53 random bits; the half keeps the logarithm finite.
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    (0..count)
        .map(|_| (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_sent_in_some_way_and_only_a_norm_is_stretched() {
        for attack in Attack::ALL {
            for defence in Defence::ALL {
                let deliveries = attack.deliveries(defence);
                assert!(!deliveries.is_empty());
                let bound = Bound::Norm { norm: 100, projections: 256 };
                let is_stretched =
                    deliveries.iter().any(|delivery| delivery.stretch(bound).is_some());
                assert!(defence == Defence::Norm || !is_stretched);
            }
        }
    }

    #[test]
    fn what_the_proofs_exclude_is_not_admitted() {
        let parameter = Limit { bound: Bound::parameter(8), clip: 1.0 };
        assert!(
            parameter.admits(&[127, -127])
                && !parameter.admits(&[128, 0])
                && !parameter.admits(&[0, -128])
        );
        assert!(!parameter.admits(&[i64::MIN]) && !parameter.admits(&[i64::MAX]));
        // 2.78·100: nothing between B and that is certain.
        let norm = Limit { bound: Bound::Norm { norm: 100, projections: 256 }, clip: 1.0 };
        assert!(
            norm.admits(&[60, 80])
                && norm.admits(&[278])
                && !norm.admits(&[279])
                && !norm.admits(&[200, 200])
        );
        assert!(!norm.admits(&[i64::MAX, i64::MIN]));
    }

    #[test]
    fn noise_has_mean_zero_and_variance_one_and_never_changes() {
        let noise = gaussian("test", 1, &[], 100_000);
        let mean = noise.iter().sum::<f64>() / 1e5;
        let variance = noise.iter().map(|x| x * x).sum::<f64>() / 1e5;
        // Standard deviations 0.0032 and 0.0045: four of them.
        assert!(mean.abs() < 0.013 && (variance - 1.0).abs() < 0.018, "{mean} {variance}");
        assert_eq!(gaussian("test", 1, &[], 3), noise[..3]);
    }
}
