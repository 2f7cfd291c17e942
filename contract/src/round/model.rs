//! The global model, and how a sum of updates moves it.

use std::sync::Arc;

use consilium_crypto::quantise;
use consilium_hash::ModelHash;
use sha2::{Digest, Sha256};

use crate::{agenda::Purpose, parameters::Parameters};

/// Parameters of the network, `[d]`, with the hash of their bytes. Clones share them.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    parameters: Arc<[f32]>,
    hash: ModelHash,
}

impl Model {
    /// A model of these parameters. `None` where one is not finite.
    pub fn new(parameters: Vec<f32>) -> Option<Self> {
        if !parameters.iter().all(|value| value.is_finite()) {
            return None;
        }
        let hash = ModelHash(Sha256::digest(encode(&parameters)).into());
        Some(Self { parameters: parameters.into(), hash })
    }

    /// Reads a model blob: `dimension` floats of four bytes, little-endian. `None` where the length differs or a value
    /// is not finite.
    pub fn from_bytes(bytes: &[u8], dimension: u32) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() || chunks.len() != dimension as usize {
            return None;
        }
        Self::new(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
    }

    /// The blob.
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.parameters)
    }

    /// SHA-256 of the blob.
    pub fn hash(&self) -> ModelHash {
        self.hash
    }

    /// The parameters, `[d]`, layer by layer: weights `[inputs, outputs]` row by row, then biases.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
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

    /// The model that follows from the sums of updates of total weight `weight_sum` (docs/cryptography.md, section 5).
    ///
    /// `None` where the number of sums differs or the result is not finite.
    pub fn step(&self, parameters: &Parameters, sums: &[i64], weight_sum: f64) -> Option<Self> {
        if sums.len() != self.parameters.len() {
            return None;
        }
        // What a sum counts is 1/Δ of a step; Δ is a power of two, so nothing is rounded.
        let scale = f64::from(parameters.update_parameters().scale());
        let bound = parameters.quantised_bound();
        let mean = quantise::decode(sums, bound, parameters.clip, scale * weight_sum).ok()?;
        Self::new(quantise::apply(&self.parameters, &mean))
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
