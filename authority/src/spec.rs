//! What a run is asked to be.

use consilium_contract::{ServerOptimiser, parameters::largest_threshold};
use consilium_crypto::{Bound, mask::Kind as MaskKind};
use consilium_privacy::Terms;
use consilium_proto::training::{Layer, Layers, LayersError, Program};
use consilium_proto::v1::{Evaluation, Tally, Training};
use rand_core::RngCore;

use crate::{AgreedDictionary, Protection, default_bound, default_clip, default_training};

/// The choices that a genesis is made of. The keys are not among them: a ceremony makes those.
#[derive(Debug, Clone, PartialEq)]
pub struct CeremonySpec {
    /// Shape of the model.
    pub layers: Layers,
    /// Parameters of the initial model, `[d]`, layer by layer: weights `[inputs, outputs]` row by row, then biases.
    pub initial_model: Vec<f32>,
    /// Rows that each institution trains on, `[n]`: its weight in the mean. The institution at place i has index i + 1.
    pub rows: Vec<u64>,
    /// Shares that open a sum, t; n ≥ 3t − 2.
    pub threshold: u32,
    /// Accepted updates that a sum needs, t + 1 to n.
    pub min_updates: u32,
    /// Rows that those who sent them have at least, together.
    pub min_rows: u64,
    /// What every update proves about itself.
    pub bound: Bound,
    /// How updates are hidden.
    pub mask: MaskKind,
    /// c: each coordinate of an update is clipped to [−c, c], or its norm to c, before it is weighted.
    pub clip: f32,
    /// Noise on every update and the budget that ends the run; only under a bound on the norm.
    pub privacy: Option<Terms>,
    /// Improvements of the model until the run is finished.
    pub steps: u64,
    /// How long a collection waits for institutions without a verdict, and a stage of making a committee for its members,
    /// in milliseconds.
    pub collection_timeout_ms: u64,
    /// Attempts at a step, or at making a committee, before the run stops.
    pub max_attempts: u32,
    /// Closed rounds after which the shares of the decryption key are refreshed; 0 where they never are.
    pub refresh_steps: u64,
    /// Collections in a row without an update of an institution after which no further one waits for it; 0 where each
    /// does.
    pub suspend_after: u32,
    /// The smallest threshold that a later committee may have, 1 to t.
    pub min_threshold: u32,
    /// Whether a threshold of 1 is taken, which protects nobody.
    pub protection: Protection,
    /// What the institutions run locally.
    pub training: Training,
    /// The model that institutions train with programs of their own. Where there is one, the genesis carries it in place
    /// of `layers` and `training`.
    pub program: Option<Program>,
    /// What is counted on all rows before the first improvement.
    pub statistics: Option<Tally>,
    /// How the model is measured between improvements.
    pub evaluation: Option<Evaluation>,
    /// How the mean of the updates moves the model.
    pub server_optimiser: ServerOptimiser,
    /// What every site's file has to fit, if they have agreed on that.
    pub dictionary: Option<AgreedDictionary>,
}

impl CeremonySpec {
    /// The defaults for a model and the institutions' row counts.
    pub fn new(layers: Layers, initial_model: Vec<f32>, rows: Vec<u64>) -> Self {
        let institutions = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let training = default_training();
        let threshold = largest_threshold(institutions);
        let dimension = u32::try_from(initial_model.len()).unwrap_or(u32::MAX);
        let bound = default_bound(dimension);
        Self {
            layers,
            initial_model,
            threshold,
            min_updates: default_min_updates(institutions, threshold),
            min_rows: default_min_rows(&rows),
            bound,
            mask: MaskKind::Group,
            privacy: None,
            clip: default_clip(
                bound,
                dimension,
                &training,
                rows.iter().copied().max().unwrap_or(1),
            ),
            steps: 60,
            collection_timeout_ms: 30_000,
            max_attempts: 3,
            refresh_steps: 0,
            suspend_after: 0,
            min_threshold: default_min_threshold(threshold),
            protection: Protection::default(),
            training,
            program: None,
            statistics: None,
            evaluation: None,
            server_optimiser: ServerOptimiser::Mean,
            dictionary: None,
            rows,
        }
    }
}

/// Half of the institutions, and never fewer than the threshold plus one.
pub fn default_min_updates(institutions: u32, threshold: u32) -> u32 {
    institutions.div_ceil(2).max(threshold.saturating_add(1))
}

/// A quarter of the rows of all institutions. Where these are of one size, any sum of enough updates has more: there are
/// more than a third of the institutions in it.
pub fn default_min_rows(rows: &[u64]) -> u64 {
    rows.iter().fold(0u64, |sum, rows| sum.saturating_add(*rows)).div_ceil(4)
}

/// One less than the threshold, so that an institution can leave without another in its place; but never one alone where
/// more than one is needed now.
pub fn default_min_threshold(threshold: u32) -> u32 {
    threshold.saturating_sub(1).max(threshold.min(2))
}

/// A model to start from, `[d]`: weights uniform in ±√(6 / inputs of the layer), biases zero (He et al., "Delving deep
/// into rectifiers", ICCV 2015, eq. 10).
///
/// # Errors
/// [`LayersError`] for a shape that cannot be trained.
pub fn initial_model(layers: &Layers, rng: &mut impl RngCore) -> Result<Vec<f32>, LayersError> {
    let mut parameters = Vec::new();
    for Layer { inputs, outputs, .. } in layers.layers()? {
        let bound = (6.0 / f64::from(inputs)).sqrt();
        let weights = u64::from(inputs) * u64::from(outputs);
        parameters.extend((0..weights).map(|_| {
            let unit = f64::from(rng.next_u32()) / f64::from(u32::MAX);
            (bound * (2.0 * unit - 1.0)) as f32
        }));
        parameters.extend((0..outputs).map(|_| 0.0));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn the_defaults_follow_from_the_number_of_institutions() {
        for (n, threshold, min_updates) in
            [(2, 1, 2), (3, 1, 2), (4, 2, 3), (7, 3, 4), (10, 4, 5), (50, 17, 25)]
        {
            let spec = CeremonySpec::new(Layers::dense(1, vec![]), vec![0.0; 2], vec![1; n]);
            assert_eq!(
                (spec.threshold, spec.min_updates),
                (threshold, min_updates),
                "{n} institutions"
            );
        }
    }

    #[test]
    fn an_initial_model_has_the_layers_dimension_and_stays_within_its_bounds() {
        let layers = Layers::dense(8, vec![16, 8]);
        let model = initial_model(&layers, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
        assert_eq!(model.len() as u32, layers.dimension().unwrap());
        let bound = (6.0_f32 / 8.0).sqrt();
        assert!(model.iter().take(128).all(|weight| weight.abs() <= bound && *weight != 0.0));
        assert!(model.iter().skip(128).take(16).all(|bias| *bias == 0.0));
    }
}
