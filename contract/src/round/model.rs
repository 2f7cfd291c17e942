//! The global model, and how a sum of updates moves it.

use std::sync::Arc;

use consilium_crypto::quantise::decode;
use consilium_hash::ModelHash;
use sha2::{Digest, Sha256};

use crate::{agenda::Purpose, parameters::Parameters, server_optimiser::ServerOptimiser};

/// Parameters of the network, `[d]`, what the server's optimiser keeps of them, and the hash of the bytes of both. Clones
/// share them.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Parameters, then moments.
    values: Arc<[f32]>,
    dimension: usize,
    hash: ModelHash,
}

impl Model {
    /// A model of these parameters for a run to start from: all moments are 0. `None` where a parameter is not finite.
    pub fn starting(mut parameters: Vec<f32>, optimiser: &ServerOptimiser) -> Option<Self> {
        let dimension = parameters.len();
        parameters.resize(dimension * (1 + optimiser.moments()), 0.0);
        Self::new(parameters, dimension)
    }

    /// `None` where a value is not finite.
    fn new(values: Vec<f32>, dimension: usize) -> Option<Self> {
        if !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let hash = ModelHash(Sha256::digest(encode(&values)).into());
        Some(Self { values: values.into(), dimension, hash })
    }

    /// Reads the blob of a model of this run: d parameters and then the moments of the run's optimiser, as floats of four
    /// bytes, little-endian. `None` where the length differs or a value is not finite.
    pub fn from_bytes(bytes: &[u8], parameters: &Parameters) -> Option<Self> {
        if bytes.len() != parameters.model_length() {
            return None;
        }
        let (chunks, _) = bytes.as_chunks::<4>();
        let values = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        Self::new(values, parameters.dimension as usize)
    }

    /// Reads the blob of the model that the run starts from; `None` where the genesis names another one, or one in motion.
    pub fn initial(bytes: &[u8], parameters: &Parameters) -> Option<Self> {
        let model = Self::from_bytes(bytes, parameters)?;
        let moments = model.values.get(model.dimension..).unwrap_or_default();
        let is_at_rest = moments.iter().all(|moment| *moment == 0.0);
        (is_at_rest && model.hash == parameters.initial_model).then_some(model)
    }

    /// The blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.values)
    }

    /// SHA-256 of the blob.
    pub fn hash(&self) -> ModelHash {
        self.hash
    }

    /// The parameters, `[d]`, layer by layer: weights `[inputs, outputs]` row by row, then biases.
    pub fn parameters(&self) -> &[f32] {
        self.values.get(..self.dimension).unwrap_or_default()
    }

    /// The model that follows from a step of that purpose: the same one where the step improves none.
    ///
    /// `None` where [`Self::step`] has none.
    pub fn after(
        &self,
        purpose: Purpose,
        parameters: &Parameters,
        sums: &[i64],
        weight_sum: f64,
    ) -> Option<Self> {
        match purpose {
            Purpose::Training => self.step(parameters, sums, weight_sum),
            Purpose::Statistics | Purpose::Evaluation => Some(self.clone()),
        }
    }

    /// The model that follows from the sums of updates of total weight `weight_sum` (docs/cryptography.md, section 5): the
    /// run's optimiser takes their mean for a gradient.
    ///
    /// `None` where the number of sums differs or the result is not finite.
    pub fn step(&self, parameters: &Parameters, sums: &[i64], weight_sum: f64) -> Option<Self> {
        if sums.len() != self.dimension {
            return None;
        }
        // What a sum counts is 1/Δ of a step; Δ is a power of two, so nothing is rounded.
        let scale = f64::from(parameters.update_parameters().scale());
        let bound = parameters.quantised_bound();
        let mean = decode(sums, bound, parameters.clip, scale * weight_sum).ok()?;
        let values = parameters.server_optimiser.apply(&self.values, &mean);
        Self::new(values, self.dimension)
    }
}

fn encode(parameters: &[f32]) -> Vec<u8> {
    parameters.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The blob of sums: d signed numbers of four bytes, little-endian. `None` where one does not fit, which the headroom of
/// the genesis excludes.
pub fn encode_sums(sums: &[i64]) -> Option<Vec<u8>> {
    let words: Option<Vec<[u8; 4]>> =
        sums.iter().map(|&sum| i32::try_from(sum).ok().map(i32::to_le_bytes)).collect();
    Some(words?.concat())
}

/// Reads a blob of sums.
pub fn decode_sums(bytes: &[u8], dimension: u32) -> Option<Vec<i64>> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    (rest.is_empty() && chunks.len() == dimension as usize)
        .then(|| chunks.iter().map(|chunk| i64::from(i32::from_le_bytes(*chunk))).collect())
}
