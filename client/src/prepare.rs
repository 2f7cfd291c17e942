//! The institution's own stage between a trained model and its encryption: difference, weight, clipping, rounding, noise.
//!
//! It stands between every trainer and the round: a trainer returns a model, and only what is made of it here is encrypted.

use std::time::{Duration, Instant};

use consilium_crypto::{Noise, QuantiseError, QuantisedUpdate, Quantiser};
use consilium_identity::InstitutionFiles;
use consilium_learning::{TrainError, Trainer, generator};
use thiserror::Error;

/// Why there is no update of a step. The institution sits it out.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// There is no model that an update could be made of.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The difference cannot be made an update within the bound.
    #[error(transparent)]
    Quantise(#[from] QuantiseError),
}

/// What is encrypted, and how much of it was clipped.
#[derive(Debug)]
pub struct Prepared {
    /// The weighted, clipped, rounded difference, with its noise if there is any.
    pub quantised: QuantisedUpdate,
    /// Share that was clipped, in [0, 1]: of the coordinates, or of the norm.
    pub clipped_share: f64,
}

/// What makes an update of a trained model. Every program of an institution has [`Quantisation`]; another one is for
/// simulations of institutions that do not keep to the rules.
pub trait Preparation: Send {
    /// The update of `step` that moves the `global` model towards the `local` one; both are flat, of one length and
    /// finite.
    ///
    /// # Errors
    /// [`PrepareError`] if there is none.
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError>;
}

/// The difference, weighted, clipped to the institution's share of the bound, rounded at random, and covered by noise where the run asks
/// for it.
pub struct Quantisation {
    quantiser: Quantiser,
    noise: Option<Noise>,
    seed: u64,
    institution: u64,
}

impl Quantisation {
    /// `institution` is any number that tells the institutions of a run apart: it separates their rounding under one
    /// `seed`. The weight ω is the quantiser's.
    pub fn new(quantiser: Quantiser, seed: u64, institution: u64) -> Self {
        Self { quantiser, noise: None, seed, institution }
    }

    /// Adds `noise` to every update. The quantiser's bound is then the norm before noise; the update has the noise's.
    #[must_use]
    pub fn with_noise(self, noise: Noise) -> Self {
        Self { noise: Some(noise), ..self }
    }

    /// What the genesis and the certificate ask of an institution. The seed repeats its rounding; noise comes from the
    /// operating system, because noise that could be repeated would hide nothing.
    ///
    /// # Errors
    /// [`QuantiseError`] where the bound of the genesis leaves no room.
    pub fn of(files: &InstitutionFiles, seed: u64) -> Result<Self, QuantiseError> {
        let parameters = &files.parameters;
        let quantiser = parameters.quantiser(files.identity.rows)?;
        let stage = Self::new(quantiser, seed, u64::from(files.identity.trustee_index));
        Ok(match &parameters.privacy {
            None => stage,
            Some(privacy) => {
                stage.with_noise(Noise::new(privacy.terms().variance, parameters.bound)?)
            }
        })
    }
}

impl Preparation for Box<dyn Preparation> {
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError> {
        self.as_mut().prepare(step, global, local)
    }
}

impl Preparation for Quantisation {
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError> {
        let mut rounding = generator("rounding", self.seed, &[self.institution, step]);
        let (mut quantised, clipped_share) =
            self.quantiser.quantise(&difference(local, global), &mut rounding)?;
        if let Some(noise) = &mut self.noise {
            quantised = noise.add(&quantised)?;
        }
        Ok(Prepared { quantised, clipped_share })
    }
}

/// One institution's contribution to one step, before encryption. As private as its rows.
pub struct LocalUpdate {
    /// What is encrypted.
    pub quantised: QuantisedUpdate,
    /// Share that was clipped, in [0, 1]: of the coordinates, or of the norm.
    pub clipped_share: f64,
    /// Time spent on training.
    pub train: Duration,
    /// Time spent on quantising.
    pub quantise: Duration,
    /// The model that was trained, flat.
    pub model: Vec<f32>,
}

// The model says what its institution's rows say; it does not go into a log.
impl std::fmt::Debug for LocalUpdate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalUpdate").field("quantised", &self.quantised).finish_non_exhaustive()
    }
}

/// A model of this institution's rows alone, to compare with.
#[derive(Clone)]
pub(crate) struct Alone {
    pub(crate) model: Vec<f32>,
    /// How often it has been trained.
    pub(crate) improvements: u64,
}

/// What an institution has to make its updates with.
pub struct Participant {
    /// Trains on its rows.
    pub trainer: Box<dyn Trainer>,
    /// Makes of what was trained what is encrypted.
    pub preparation: Box<dyn Preparation>,
    /// Whether the trainer has the statistics of all.
    pub(crate) has_agreed: bool,
    pub(crate) alone: Option<Alone>,
}

impl Participant {
    /// A participant of these two.
    pub fn new(trainer: impl Trainer + 'static, preparation: impl Preparation + 'static) -> Self {
        Self {
            trainer: Box::new(trainer),
            preparation: Box::new(preparation),
            has_agreed: false,
            alone: None,
        }
    }

    /// Trains, checks what the trainer returns, and prepares it: the update of `step`, from the flat `global` model.
    ///
    /// # Errors
    /// [`PrepareError`] if no update can be made; the institution then sits the step out.
    pub fn local_update(&mut self, step: u64, global: &[f32]) -> Result<LocalUpdate, PrepareError> {
        self.update_of(step, step, global)
    }

    /// The same where the step makes another improvement than the number of the step says.
    pub(crate) fn update_of(
        &mut self,
        step: u64,
        improvement: u64,
        global: &[f32],
    ) -> Result<LocalUpdate, PrepareError> {
        let start = Instant::now();
        let model = self.trainer.train(improvement, global)?;
        let train = start.elapsed();
        let expected = global.len();
        let got = model.len();
        if got != expected {
            return Err(TrainError::ParameterCount { expected, got }.into());
        }
        if let Some((index, &value)) = model.iter().enumerate().find(|(_, x)| !x.is_finite()) {
            return Err(TrainError::NonFinite { index, value }.into());
        }
        let start = Instant::now();
        let Prepared { quantised, clipped_share } =
            self.preparation.prepare(step, global, &model)?;
        Ok(LocalUpdate { quantised, clipped_share, train, quantise: start.elapsed(), model })
    }
}

/// Δ = local − global, coordinate by coordinate.
#[must_use]
pub fn difference(local: &[f32], global: &[f32]) -> Vec<f32> {
    local.iter().zip(global).map(|(local, global)| local - global).collect()
}

#[cfg(test)]
mod tests;
