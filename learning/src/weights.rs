//! Parameters as bytes: the blob whose hash the ledger holds, and safetensors for everybody else's tools.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::{Architecture, LearningError};

/// The model as the ledger hashes it: `4·d` bytes, each parameter little-endian.
#[must_use]
pub fn model_blob(parameters: &[f32]) -> Vec<u8> {
    parameters.iter().flat_map(|p| p.to_le_bytes()).collect()
}

/// Reads what [`model_blob`] wrote.
///
/// # Errors
/// [`LearningError::ParameterCount`] for another length, [`LearningError::NonFinite`] for a NaN or an infinity.
pub fn parameters_from_blob(
    architecture: &Architecture,
    blob: &[u8],
) -> Result<Vec<f32>, LearningError> {
    let (values, rest) = blob.as_chunks::<4>();
    let expected = architecture.parameter_count();
    if values.len() != expected || !rest.is_empty() {
        return Err(LearningError::ParameterCount { expected, got: blob.len().div_ceil(4) });
    }
    let parameters: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    finite(&parameters)?;
    Ok(parameters)
}

/// # Errors
/// [`LearningError::NonFinite`] with the first parameter that is NaN or infinite.
pub(super) fn finite(parameters: &[f32]) -> Result<(), LearningError> {
    match parameters.iter().enumerate().find(|(_, p)| !p.is_finite()) {
        Some((index, &value)) => Err(LearningError::NonFinite { index, value }),
        None => Ok(()),
    }
}

/// Name and shape of every tensor, in flat order.
fn tensors(architecture: &Architecture) -> impl Iterator<Item = (String, Vec<usize>)> + '_ {
    architecture.weights().enumerate().flat_map(|(layer, (fan_in, fan_out))| {
        [
            (format!("layers.{layer}.weight"), vec![fan_in, fan_out]),
            (format!("layers.{layer}.bias"), vec![fan_out]),
        ]
    })
}

/// A safetensors file with `layers.{i}.weight` `[inputs, outputs]` and `layers.{i}.bias` `[outputs]`, all F32.
/// The same parameters give the same bytes.
///
/// # Errors
/// [`LearningError::ParameterCount`] if the parameters are not of this architecture.
pub fn to_safetensors(
    architecture: &Architecture,
    parameters: &[f32],
) -> Result<Vec<u8>, LearningError> {
    architecture.check(parameters)?;
    tensors_file(tensors(architecture), parameters)
}

/// A safetensors file of these tensors, by name and shape in flat order, all F32. The same parameters give the same bytes.
///
/// # Errors
/// [`LearningError::ModelFile`] for fewer parameters than the tensors have.
pub fn tensors_file(
    shapes: impl IntoIterator<Item = (String, Vec<usize>)>,
    parameters: &[f32],
) -> Result<Vec<u8>, LearningError> {
    let refused = |problem: String| LearningError::ModelFile(problem);
    let blob = model_blob(parameters);
    let mut rest = blob.as_slice();
    let mut views = Vec::new();
    for (name, shape) in shapes {
        let split = rest.split_at_checked(4 * shape.iter().product::<usize>());
        let few = || refused(format!("{} parameters are too few", parameters.len()));
        let (data, tail) = split.ok_or_else(few)?;
        rest = tail;
        let view = TensorView::new(Dtype::F32, shape, data);
        views.push((name, view.map_err(|error| refused(error.to_string()))?));
    }
    safetensors::serialize(views, None).map_err(|error| refused(error.to_string()))
}

/// The file with these texts as its `__metadata__`, in the order of their keys, so that the same texts give the same bytes: the
/// safetensors library takes a map without an order.
pub(super) fn with_metadata(
    file: &[u8],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, LearningError> {
    let damaged = || LearningError::ModelFile("no safetensors header".to_owned());
    // The length of the header in eight bytes, little-endian; a JSON object, padded with spaces; the data, at offsets that
    // count from the end of the header.
    let (length, rest) = file.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let tensors = header.strip_prefix(b"{").ok_or_else(damaged)?.trim_ascii_end();
    let metadata = serde_json::to_string(metadata).map_err(|_| damaged())?;
    let mut header = format!("{{\"__metadata__\":{metadata},").into_bytes();
    header.extend(tensors);
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = header.len() as u64;
    Ok([&length.to_le_bytes()[..], &header, data].concat())
}

/// The texts in a file's `__metadata__`.
pub(super) fn metadata(file: &[u8]) -> Result<BTreeMap<String, String>, LearningError> {
    let (_, header) = SafeTensors::read_metadata(file)
        .map_err(|error| LearningError::ModelFile(error.to_string()))?;
    Ok(header.metadata().iter().flatten().map(|(key, text)| (key.clone(), text.clone())).collect())
}

/// Reads what [`to_safetensors`] wrote, or the same tensors written by another tool.
///
/// # Errors
/// [`LearningError::ModelFile`] for a damaged file, a missing tensor, another shape or type;
/// [`LearningError::NonFinite`] for a NaN or an infinity.
pub fn from_safetensors(
    architecture: &Architecture,
    bytes: &[u8],
) -> Result<Vec<f32>, LearningError> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|e| LearningError::ModelFile(e.to_string()))?;
    let mut blob = Vec::with_capacity(4 * architecture.parameter_count());
    for (name, shape) in tensors(architecture) {
        let view = file
            .tensor(&name)
            .map_err(|_| LearningError::ModelFile(format!("tensor {name} is missing")))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            let dtype = view.dtype();
            let found = view.shape();
            return Err(LearningError::ModelFile(format!(
                "{name} should be F32 {shape:?}, it is {dtype:?} {found:?}"
            )));
        }
        blob.extend_from_slice(view.data());
    }
    parameters_from_blob(architecture, &blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_survives_both_encodings_bit_for_bit() {
        let architecture = Architecture::new(5, vec![4, 3]).unwrap();
        let parameters = architecture.initial(9);
        assert_eq!(
            parameters_from_blob(&architecture, &model_blob(&parameters)).unwrap(),
            parameters
        );
        let file = to_safetensors(&architecture, &parameters).unwrap();
        assert_eq!(from_safetensors(&architecture, &file).unwrap(), parameters);
        assert_eq!(file, to_safetensors(&architecture, &parameters).unwrap());
    }

    #[test]
    fn a_model_of_another_shape_or_with_a_nan_is_refused() {
        let small = Architecture::new(5, vec![4]).unwrap();
        let large = Architecture::new(5, vec![4, 3]).unwrap();
        let mut parameters = small.initial(9);
        let file = to_safetensors(&small, &parameters).unwrap();
        assert!(matches!(from_safetensors(&large, &file), Err(LearningError::ModelFile(_))));
        assert!(matches!(
            from_safetensors(&small, &file[..file.len() - 1]),
            Err(LearningError::ModelFile(_))
        ));
        assert!(matches!(
            to_safetensors(&large, &parameters),
            Err(LearningError::ParameterCount { .. })
        ));
        let blob = model_blob(&parameters);
        assert!(parameters_from_blob(&small, &blob[1..]).is_err());
        parameters[7] = f32::NAN;
        let blob = model_blob(&parameters);
        assert!(matches!(
            parameters_from_blob(&small, &blob),
            Err(LearningError::NonFinite { index: 7, .. })
        ));
    }
}
