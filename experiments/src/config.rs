//! A replay with everything resolved.

use consilium_authority::{PrivacyFlags, default_clip, default_norm_clip};
use consilium_client::learning::{Optimiser, TrainingConfig};
use consilium_contract::parameters::{MAX_INSTITUTIONS, honest_shares, largest_threshold};
use consilium_crypto::{Bound, countersign_quorum};
use consilium_privacy::{Run, Terms};
use serde::{Deserialize, Serialize};

use crate::ExperimentError;

/// More epochs or repeats than this are a slip of the keyboard: weeks of work, and memory in proportion.
const MOST_EPOCHS: usize = 100_000;

/// Everything that determines a replay's models and metrics; written to `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayConfig {
    /// Name of a bundled dataset or path of a schema.
    pub dataset: String,
    /// n, institutions that share the training rows.
    pub institutions: usize,
    /// Epochs of centralised training, and steps of federated training.
    pub epochs: usize,
    /// Independent centralised runs.
    pub repeats: usize,
    /// Institutions that send poisoned updates.
    pub malicious: usize,
    /// b, bits a parameter of a verified update: 8 or 16.
    pub bits: u8,
    /// Determines splits, dealing, initial models, row order, rounding, who is malicious and who is looked at.
    pub seed: u64,
    /// Share of the rows that only tests.
    pub test_fraction: f64,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// c: every coordinate of a weighted update is clipped to ±c.
    pub clip: f32,
    /// t, trustees that open a sum together.
    pub threshold: u32,
    /// q, trustees that countersign an aggregate before any of them helps to open it.
    pub quorum: u32,
    /// Accepted updates without which a round is not closed.
    pub min_updates: u32,
    /// Noise on every update of the verified federation, and the budget that ends it; its updates then prove a norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
    /// Hyper-parameters of centralised training; one epoch at a time.
    pub centralised: TrainingConfig,
    /// Hyper-parameters of an institution's local training.
    pub local: TrainingConfig,
}

/// Noise and budget of a replay. The noise follows from the seed: a simulation, which hides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Privacy {
    /// B, the norm of a noisy update.
    pub norm: u32,
    /// S, the norm of an update before noise.
    pub signal: u32,
    /// μ, variance of the noise on every parameter.
    pub variance: u64,
    /// ε at which the run ends, in thousandths.
    pub epsilon_milli: u32,
    /// k: δ is 2^-k.
    pub delta_bits: u32,
}

impl Privacy {
    /// As a ceremony takes it.
    pub fn terms(&self) -> Terms {
        let Self { signal, variance, epsilon_milli, delta_bits, .. } = *self;
        Terms { signal, variance, epsilon_milli, delta_bits }
    }
}

/// What the command line chooses; the rest follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// See [`ReplayConfig::dataset`].
    pub dataset: String,
    /// See [`ReplayConfig::institutions`].
    pub institutions: usize,
    /// See [`ReplayConfig::epochs`].
    pub epochs: usize,
    /// See [`ReplayConfig::repeats`].
    pub repeats: usize,
    /// See [`ReplayConfig::malicious`].
    pub malicious: usize,
    /// See [`ReplayConfig::bits`].
    pub bits: u8,
    /// See [`ReplayConfig::seed`].
    pub seed: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self { dataset: "pima".into(), institutions: 10, epochs: 60, repeats: 10, malicious: 2, bits: 8, seed: 42 }
    }
}

impl ReplayConfig {
    /// Fills in what the command line does not choose, for a dataset of `rows` rows: the largest threshold that
    /// n ≥ 3t − 2 allows, its quorum, hyper-parameters that were measured on pima and wdbc, and a bound c that grows with
    /// the local steps.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] naming the value that cannot work and what to change.
    pub fn resolve(choice: Choice, rows: usize) -> Result<Self, ExperimentError> {
        let Choice { dataset, institutions, epochs, repeats, malicious, bits, seed } = choice;
        let n = u32::try_from(institutions).unwrap_or(u32::MAX);
        let threshold = largest_threshold(n);
        let test_fraction = 0.2;
        let local = TrainingConfig { optimiser: Optimiser::Adam, learning_rate: 1e-2, batch_size: 16, local_epochs: 1 };
        let largest = (rows as f64 * (1.0 - test_fraction) / institutions.max(1) as f64).ceil();
        let config = Self {
            clip: default_clip(&local.to_genesis(), largest as u64),
            dataset,
            institutions,
            epochs,
            repeats,
            malicious,
            bits,
            seed,
            test_fraction,
            hidden: vec![16, 8],
            threshold,
            quorum: countersign_quorum(n, threshold),
            min_updates: threshold.saturating_add(1),
            privacy: None,
            centralised: TrainingConfig {
                optimiser: Optimiser::Adam,
                learning_rate: 1e-3,
                batch_size: 32,
                local_epochs: 1,
            },
            local,
        };
        config.check()?;
        Ok(config)
    }

    /// This replay with noise, for a model of `dimension` parameters, if the flags ask for any. A sum then needs all
    /// honest institutions, since only noise that is surely in it counts.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] naming the flag, or the number that leaves no room for noise.
    pub fn with_privacy(self, flags: &PrivacyFlags, dimension: usize) -> Result<Self, ExperimentError> {
        let dimension = u32::try_from(dimension).unwrap_or(u32::MAX);
        let institutions = u32::try_from(self.institutions).unwrap_or(u32::MAX);
        let min_updates = u32::try_from(self.institutions.saturating_sub(self.malicious)).unwrap_or(u32::MAX);
        let honest = honest_shares(min_updates, self.threshold);
        let run = Run { dimension, norm: 0, institutions, honest, steps: self.epochs as u64 };
        let terms = flags.terms(run).map_err(|error| ExperimentError::Invalid(error.to_string()))?;
        let Some((norm, Terms { signal, variance, epsilon_milli, delta_bits })) = terms else { return Ok(self) };
        let privacy = Some(Privacy { norm, signal, variance, epsilon_milli, delta_bits });
        Ok(Self { privacy, min_updates, clip: default_norm_clip(self.clip, dimension), ..self })
    }

    /// What a verified update proves.
    #[must_use]
    pub fn bound(&self) -> Bound {
        self.privacy.map_or(Bound::Parameter { bits: self.bits }, |privacy| norm(privacy.norm))
    }

    /// What a verified update is quantised to, before noise if there is any.
    #[must_use]
    pub fn quantised_bound(&self) -> Bound {
        self.privacy.map_or(self.bound(), |privacy| norm(privacy.signal))
    }

    fn check(&self) -> Result<(), ExperimentError> {
        let error = |message: String| Err(ExperimentError::Invalid(message));
        if !(2..=MAX_INSTITUTIONS as usize).contains(&self.institutions) {
            return error(format!("--institutions must be from 2 to {MAX_INSTITUTIONS}, got {}", self.institutions));
        }
        for (flag, value) in [("--epochs", self.epochs), ("--repeats", self.repeats)] {
            if !(1..=MOST_EPOCHS).contains(&value) {
                return error(format!("{flag} must be from 1 to {MOST_EPOCHS}, got {value}"));
            }
        }
        if !matches!(self.bits, 8 | 16) {
            return error(format!("--bits must be 8 or 16, got {}", self.bits));
        }
        if i64::try_from(self.seed).is_err() {
            return error(format!("--seed must be below 2^63 (config.toml holds no larger number), got {}", self.seed));
        }
        let honest = self.institutions.saturating_sub(self.malicious);
        if honest < self.min_updates as usize {
            let most = self.institutions - self.min_updates as usize;
            let (malicious, n, needed) = (self.malicious, self.institutions, self.min_updates);
            return error(format!(
                "--malicious {malicious} of {n} leaves {honest} honest institutions, a round needs {needed}: choose {most} or fewer"
            ));
        }
        Ok(())
    }

    /// The TOML that `config.toml` holds.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] if a value has no TOML form.
    pub fn to_toml(&self) -> Result<String, ExperimentError> {
        toml::to_string(self).map_err(|e| ExperimentError::Invalid(e.to_string()))
    }

    /// Reads what [`Self::to_toml`] wrote.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] in one line.
    pub fn from_toml(text: &str) -> Result<Self, ExperimentError> {
        let config: Self = toml::from_str(text).map_err(|e| ExperimentError::Invalid(e.message().to_owned()))?;
        config.check()?;
        Ok(config)
    }
}

fn norm(norm: u32) -> Bound {
    Bound::Norm { norm, projections: 256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_institutions_mean_threshold_four_quorum_seven_and_five_updates() {
        let config = ReplayConfig::resolve(Choice::default(), 768).unwrap();
        assert_eq!((config.threshold, config.quorum, config.min_updates), (4, 7, 5));
        for (n, t) in [(4, 2), (7, 3), (50, 17)] {
            let choice = Choice { institutions: n, malicious: 0, ..Choice::default() };
            assert_eq!(ReplayConfig::resolve(choice, 768).unwrap().threshold, t);
        }
    }

    #[test]
    fn the_clipping_bound_grows_with_the_square_root_of_the_local_steps() {
        // 62 rows in batches of 16 are 4 steps, 248 rows are 16.
        assert_eq!(ReplayConfig::resolve(Choice::default(), 768).unwrap().clip, 0.04);
        assert_eq!(ReplayConfig::resolve(Choice::default(), 3100).unwrap().clip, 0.08);
    }

    #[test]
    fn a_resolved_config_survives_its_file() {
        let config = ReplayConfig::resolve(Choice::default(), 768).unwrap();
        assert_eq!(ReplayConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
        assert!(ReplayConfig::from_toml("dataset = 1").is_err());
    }

    #[test]
    fn a_private_config_counts_on_all_honest_noise_and_survives_its_file() {
        let flags = PrivacyFlags { privacy_epsilon: Some(8.0), ..PrivacyFlags::default() };
        let plain = ReplayConfig::resolve(Choice::default(), 768).unwrap();
        assert_eq!(plain.clone().with_privacy(&PrivacyFlags::default(), 289).unwrap(), plain);
        let config = plain.with_privacy(&flags, 289).unwrap();
        assert_eq!(config.min_updates, 8);
        assert_eq!(config.bound(), norm(config.privacy.unwrap().norm));
        assert_eq!(config.quantised_bound(), norm(config.privacy.unwrap().signal));
        assert_eq!(ReplayConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
        let nothing = PrivacyFlags { privacy_epsilon: Some(0.0), ..PrivacyFlags::default() };
        let error = config.with_privacy(&nothing, 289).unwrap_err();
        assert!(error.to_string().starts_with("--privacy-epsilon") && error.exit_code() == 2, "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused_in_one_line() {
        let good = Choice::default;
        for choice in [
            Choice { institutions: 1, ..good() },
            Choice { institutions: 5000, ..good() },
            Choice { malicious: 6, ..good() },
            Choice { malicious: 60, ..good() },
            Choice { bits: 9, ..good() },
            Choice { epochs: 0, ..good() },
            Choice { repeats: 0, ..good() },
            Choice { epochs: usize::MAX, ..good() },
            Choice { repeats: 100_001, ..good() },
            Choice { seed: u64::MAX, ..good() },
        ] {
            let error = ReplayConfig::resolve(choice, 768).unwrap_err();
            assert_eq!(error.to_string().lines().count(), 1);
            assert_eq!(error.exit_code(), 2);
        }
    }
}
