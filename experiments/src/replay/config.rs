//! A replay with everything resolved.

use consilium_authority::{
    AuthorityError, BoundChoice, PrivacyFlags, Protection, TrainingFlags, default_min_rows,
    default_min_threshold, default_training,
};
use consilium_contract::parameters::{MAX_INSTITUTIONS, honest_shares, largest_threshold};
use consilium_contract::{Distance, Influence, Promise};
use consilium_crypto::{Bound, countersign_quorum};
use consilium_datasets::{Dataset, Partitioning, Preprocessor};
use consilium_learning::{Architecture, Optimiser, TrainingConfig};
use consilium_privacy::{Run, Terms};
use consilium_proto::training::{Convolution, Layers, LayersError};
use serde::{Deserialize, Serialize};

use super::tables::{Mask, is_group};
use crate::ExperimentError;

/// More epochs or splits than this are a slip of the keyboard: weeks of work, and memory in proportion.
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
    /// Splits into training and test rows, on each of which every scheme in the clear trains. The first is that of the verified
    /// federation.
    pub splits: usize,
    /// Institutions that send poisoned updates.
    pub malicious: usize,
    /// Determines splits, dealing, initial models, row order, rounding, which institutions are malicious and which are shown.
    pub seed: u64,
    /// Share of the rows that only tests.
    pub test_fraction: f64,
    /// Values of a pixel after each convolution, before the hidden layers; none where rows are no images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub convolution: Vec<usize>,
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// How the training rows are dealt to the institutions.
    #[serde(default, skip_serializing_if = "is_random")]
    pub partition: Partitioning,
    /// d, parameters of the model.
    pub dimension: u32,
    /// Share of all rows that are positive; splits keep it within a row.
    pub positive_share: f64,
    /// Rows that each institution trains on in the first split, `[n]`.
    pub rows: Vec<u64>,
    /// c: every coordinate of an update is clipped to ±c, or its norm to c, in proportion to the institution's weight.
    pub clip: f32,
    /// t, trustees that open a sum together.
    pub threshold: u32,
    /// q, trustees that countersign an aggregate before any of them helps to open it.
    pub quorum: u32,
    /// Accepted updates without which a round is not closed.
    pub min_updates: u32,
    /// Rows that those who sent them have at least, together.
    pub min_rows: u64,
    /// What a verified update proves about itself.
    #[serde(with = "super::tables")]
    pub bound: Bound,
    /// How updates are hidden.
    #[serde(default, skip_serializing_if = "is_group")]
    pub mask: Mask,
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
        let Self { signal, variance, epsilon_milli, delta_bits } = *self;
        Terms { signal, variance, epsilon_milli, delta_bits }
    }
}

impl From<Terms> for Privacy {
    fn from(Terms { signal, variance, epsilon_milli, delta_bits }: Terms) -> Self {
        Self { signal, variance, epsilon_milli, delta_bits }
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
    /// See [`ReplayConfig::splits`].
    pub splits: usize,
    /// See [`ReplayConfig::malicious`].
    pub malicious: usize,
    /// See [`ReplayConfig::convolution`].
    pub convolution: Vec<usize>,
    /// See [`ReplayConfig::hidden`].
    pub hidden: Vec<usize>,
    /// See [`ReplayConfig::partition`].
    pub partition: Partitioning,
    /// The local training as far as it is given.
    pub training: TrainingFlags,
    /// Bound and c as far as they are given; the rest follows from the size of the model and the local training.
    pub bound: BoundChoice,
    /// The noise that is asked for.
    pub privacy: PrivacyFlags,
    /// Whether a threshold of 1 is taken, with two or three institutions.
    pub protection: Protection,
    /// See [`ReplayConfig::seed`].
    pub seed: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            dataset: "pima".into(),
            institutions: 10,
            epochs: 60,
            splits: 10,
            malicious: 2,
            convolution: vec![],
            hidden: vec![16, 8],
            partition: Partitioning::default(),
            training: TrainingFlags::default(),
            bound: BoundChoice::default(),
            privacy: PrivacyFlags::default(),
            protection: Protection::default(),
            seed: 42,
        }
    }
}

impl ReplayConfig {
    /// Fills in what the command line does not choose, for the data to replay: the largest threshold that n ≥ 3t − 2
    /// allows, its quorum, hyper-parameters that were measured on pima, wdbc and, for convolutions, on digits,
    /// the bound that is the default for a model of this size, and a c that grows with the local steps.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] naming the value that cannot work and what to change; [`ExperimentError::Dataset`].
    pub fn resolve(choice: Choice, data: &Dataset) -> Result<Self, ExperimentError> {
        let Choice {
            dataset,
            institutions,
            epochs,
            splits,
            malicious,
            convolution,
            hidden,
            partition,
            training,
            bound,
            privacy,
            protection,
            seed,
        } = choice;
        let n = u32::try_from(institutions).unwrap_or(u32::MAX);
        let threshold = largest_threshold(n);
        let test_fraction = 0.2;
        let mut defaults = default_training();
        if !convolution.is_empty() {
            defaults.learning_rate = 1e-3;
        }
        let invalid = |error: AuthorityError| ExperimentError::Invalid(error.to_string());
        let training = training.over(defaults, epochs as u64).map_err(invalid)?;
        let local = TrainingConfig::from_plan(&training)?;
        let all: Vec<usize> = (0..data.rows()).collect();
        let inputs = Preprocessor::fit(data, &all)?.width();
        let dimension = layers(data, inputs, &convolution, &hidden)?.dimension();
        let dimension = dimension.map_err(|error| unusable(&convolution, &hidden, &error))?;
        let rows = dealt(data, &partition, institutions, test_fraction, seed)?;
        let largest = match partition {
            // All are as large, whatever the seed.
            Partitioning::Random => {
                let rows = data.rows() as f64 * (1.0 - test_fraction);
                (rows / institutions.max(1) as f64).ceil() as u64
            }
            _ => rows.iter().copied().max().unwrap_or(1),
        };
        // Only noise that is surely in it counts: with noise, a sum needs all honest institutions.
        let honest = n.saturating_sub(u32::try_from(malicious).unwrap_or(u32::MAX));
        let run = Run {
            dimension,
            norm: 0,
            institutions: n,
            honest: honest_shares(honest, threshold),
            most_honest: honest_shares(honest, default_min_threshold(threshold)),
            steps: epochs as u64,
        };
        let mask = bound.mask.resolve(dimension).map_err(invalid)?.into();
        let (bound, clip, terms) =
            privacy.bounded(&bound, run, &training, largest).map_err(invalid)?;
        let least = threshold.saturating_add(1);
        let config = Self {
            dataset,
            institutions,
            epochs,
            splits,
            malicious,
            seed,
            test_fraction,
            convolution,
            hidden,
            partition,
            dimension,
            min_rows: default_min_rows(&rows),
            positive_share: data.positives().unwrap_or_default() as f64 / data.rows().max(1) as f64,
            rows,
            clip,
            threshold,
            quorum: countersign_quorum(n, threshold),
            min_updates: if terms.is_some() { honest.max(least) } else { least },
            bound,
            mask,
            privacy: terms.map(Privacy::from),
            centralised: TrainingConfig::new(Optimiser::Adam, 1e-3, 32, 1),
            local,
        };
        config.check()?;
        protection
            .check_founding(n, threshold, default_min_threshold(threshold))
            .map_err(|error| ExperimentError::Invalid(error.to_string()))?;
        Ok(config)
    }

    /// The network for the columns that the data have after preprocessing.
    ///
    /// # Errors
    /// [`ExperimentError::Invalid`] where the layers cannot be.
    pub fn architecture(
        &self,
        data: &Dataset,
        inputs: usize,
    ) -> Result<Architecture, ExperimentError> {
        let Self { convolution, hidden, .. } = self;
        let layers = layers(data, inputs, convolution, hidden)?;
        layers.try_into().map_err(|error| unusable(convolution, hidden, &error))
    }

    /// What a verified update is quantised to, before noise if there is any.
    #[must_use]
    pub fn quantised_bound(&self) -> Bound {
        match (self.bound, self.privacy) {
            (Bound::Norm { projections, .. }, Some(Privacy { signal, .. })) => {
                Bound::Norm { norm: signal, projections }
            }
            (bound, _) => bound,
        }
    }

    /// What the bound promises about every accepted update.
    #[must_use]
    pub fn promise(&self) -> Promise {
        Promise::new(self.bound, self.quantised_bound(), self.clip, self.dimension)
            .under(self.mask.kind())
    }

    /// The most that one institution can move the model by in a step.
    #[must_use]
    pub fn influence(&self) -> Distance {
        let max_rows = self.rows.iter().copied().max().unwrap_or(1);
        Influence::new(self.promise(), max_rows, self.min_rows, self.min_updates).most(&self.rows)
    }

    fn check(&self) -> Result<(), ExperimentError> {
        let error = |message: String| Err(ExperimentError::Invalid(message));
        if !(2..=MAX_INSTITUTIONS as usize).contains(&self.institutions) {
            return error(format!(
                "--institutions must be from 2 to {MAX_INSTITUTIONS}, got {}",
                self.institutions
            ));
        }
        for (flag, value) in [("--epochs", self.epochs), ("--splits", self.splits)] {
            if !(1..=MOST_EPOCHS).contains(&value) {
                return error(format!("{flag} must be from 1 to {MOST_EPOCHS}, got {value}"));
            }
        }
        // What a genesis would refuse; from the command line it has been refused by its flag already.
        let summands = MAX_INSTITUTIONS.min(self.institutions as u32);
        self.mask.kind().quantiser(self.bound, self.clip, 1.0, summands)?;
        if i64::try_from(self.seed).is_err() {
            return error(format!(
                "--seed must be below 2^63 (config.toml holds no larger number), got {}",
                self.seed
            ));
        }
        let honest = self.institutions.saturating_sub(self.malicious);
        if honest < self.min_updates as usize {
            let most = self.institutions - self.min_updates as usize;
            let malicious = self.malicious;
            let n = self.institutions;
            let needed = self.min_updates;
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
        let config: Self =
            toml::from_str(text).map_err(|e| ExperimentError::Invalid(e.message().to_owned()))?;
        config.check()?;
        Ok(config)
    }
}

/// Whether rows are dealt as they usually are, which a configuration does not name.
fn is_random(partition: &Partitioning) -> bool {
    *partition == Partitioning::Random
}

/// The layers of a network on the columns that the data have after preprocessing.
fn layers(
    data: &Dataset,
    inputs: usize,
    convolution: &[usize],
    hidden: &[usize],
) -> Result<Layers, ExperimentError> {
    let small = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let all = |sizes: &[usize]| sizes.iter().copied().map(small).collect();
    let dense = Layers::dense(small(inputs), all(hidden));
    if convolution.is_empty() {
        return Ok(dense);
    }
    let image = data.schema().image.ok_or_else(|| {
        let name = &data.schema().name;
        ExperimentError::Invalid(format!(
            "--convolution: rows of {name} are no images: choose digits, or a schema with `image`"
        ))
    })?;
    let convolution =
        Convolution { image_channels: small(image.channels), channels: all(convolution) };
    Ok(Layers { convolution: Some(convolution), ..dense })
}

fn unusable(convolution: &[usize], hidden: &[usize], error: &LayersError) -> ExperimentError {
    let flags = match convolution {
        [] => format!("--hidden {hidden:?}"),
        _ => format!("--convolution {convolution:?} --hidden {hidden:?}"),
    };
    ExperimentError::Invalid(format!("{flags}: {error}"))
}

/// Rows that each institution gets, `[n]`, as [`Federation::new`](super::Federation::new) deals them.
fn dealt(
    data: &Dataset,
    partition: &Partitioning,
    institutions: usize,
    test_fraction: f64,
    seed: u64,
) -> Result<Vec<u64>, ExperimentError> {
    let split = data.split(test_fraction, seed)?;
    let shares = partition.deal(data, &split.train, institutions, seed)?;
    Ok(shares.iter().map(|rows| rows.len() as u64).collect())
}

#[cfg(test)]
mod tests;
