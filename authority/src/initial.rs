//! The model that a run starts from, out of a file.

use std::path::Path;

use consilium_identity::{FilesError, disk};
use consilium_proto::training::Layers;
use safetensors::{Dtype, SafeTensors};

use crate::AuthorityError;

/// What a safetensors file has besides the parameters, in bytes: its header, with metadata of others' tools.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// Reads a model of these layers, `[d]`: a safetensors file with `layers.{i}.weight` `[inputs, outputs]` and
/// `layers.{i}.bias` `[outputs]` in F32, as `consilium-client model` writes it, or the bare parameters, little-endian.
///
/// # Errors
/// [`AuthorityError`] naming the file, what it has and what these layers need.
pub fn read_model(path: &Path, layers: &Layers) -> Result<Vec<f32>, AuthorityError> {
    let dimension = layers.dimension().unwrap_or_default() as usize;
    let bytes =
        disk::read(path, 4 * dimension + MAX_HEADER_BYTES).map_err(|error| match error {
            FilesError::Io { path, source, .. } => {
                FilesError::Io { path, source, advice: "give a model's file" }
            }
            error => error,
        })?;
    // Bare parameters are exactly so long; a safetensors file of the same layers is longer by its header.
    if bytes.len() == 4 * dimension {
        return Ok(floats(&bytes));
    }
    let refused = |problem: String| AuthorityError::Model { path: path.to_owned(), problem };
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        refused(format!(
            "{} bytes, which is neither a safetensors file ({error}) nor the {} bytes of {dimension} parameters",
            bytes.len(),
            4 * dimension
        ))
    })?;
    let shapes = shapes(layers);
    if file.len() != shapes.len() {
        let (found, expected) = (file.len(), shapes.len());
        return Err(refused(format!("{found} tensors; these layers have {expected}")));
    }
    let mut parameters = Vec::with_capacity(dimension);
    for (name, shape) in shapes {
        let tensor = file.tensor(&name).map_err(|_| refused(format!("no tensor {name}")))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(refused(format!("{name} is {found}; these layers need F32 {shape:?}")));
        }
        parameters.extend(floats(tensor.data()));
    }
    Ok(parameters)
}

/// Name and shape of every tensor, in the order of the parameters.
fn shapes(layers: &Layers) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut width = layers.inputs as usize;
    for (layer, next) in layers.hidden.iter().chain([&1]).enumerate() {
        let next = *next as usize;
        shapes.push((format!("layers.{layer}.weight"), vec![width, next]));
        shapes.push((format!("layers.{layer}.bias"), vec![next]));
        width = next;
    }
    shapes
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (floats, _) = bytes.as_chunks::<4>();
    floats.iter().map(|float| f32::from_le_bytes(*float)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use safetensors::{serialize, tensor::TensorView};

    use super::*;

    fn layers(hidden: &[u32]) -> Layers {
        Layers { inputs: 3, hidden: hidden.to_vec() }
    }

    fn bytes(parameters: &[f32]) -> Vec<u8> {
        parameters.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// A file with these tensors, in this order.
    fn file(tensors: &[(String, Vec<usize>)], parameters: &[f32]) -> Vec<u8> {
        let bytes = bytes(parameters);
        let mut rest = bytes.as_slice();
        let views = tensors.iter().map(|(name, shape)| {
            let (data, tail) = rest.split_at(4 * shape.iter().product::<usize>());
            rest = tail;
            (name.clone(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap())
        });
        serialize(views.collect::<Vec<_>>(), None).unwrap()
    }

    #[test]
    fn a_run_starts_from_safetensors_or_from_the_bare_parameters() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model");
        for hidden in [&[][..], &[5], &[5, 4]] {
            let layers = layers(hidden);
            let dimension = layers.dimension().unwrap();
            let parameters: Vec<f32> = (0..dimension).map(|j| j as f32 / 7.0 - 1.0).collect();
            for written in [file(&shapes(&layers), &parameters), bytes(&parameters)] {
                fs::write(&path, written).unwrap();
                assert_eq!(read_model(&path, &layers).unwrap(), parameters);
            }
        }
    }

    #[test]
    fn a_file_of_other_layers_or_none_is_refused_with_what_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model");
        let refused = |bytes: &[u8], says: &str| {
            fs::write(&path, bytes).unwrap();
            let error = read_model(&path, &layers(&[5])).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{error}");
        };
        let other = |hidden: &[u32]| {
            let dimension = layers(hidden).dimension().unwrap() as usize;
            file(&shapes(&layers(hidden)), &vec![0.5; dimension])
        };
        refused(&other(&[4]), "layers.0.weight is F32 [3, 4]; these layers need F32 [3, 5]");
        refused(&other(&[5, 2]), "6 tensors; these layers have 4");
        refused(&[1; 20], "20 bytes, which is neither a safetensors file");
        refused(&vec![0; 1 << 20], "is longer than");
        fs::remove_file(&path).unwrap();
        let error = read_model(&path, &layers(&[5])).unwrap_err().to_string();
        assert!(error.contains("give a model's file"), "{error}");
    }
}
