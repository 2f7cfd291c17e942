//! The model that a run starts from, out of a file.

use std::path::Path;

use consilium_identity::{FilesError, disk};
use consilium_proto::training::{Layer, Layers, LayersError, Tensors};
use safetensors::{Dtype, SafeTensors};

use crate::AuthorityError;

/// What a safetensors file has besides the parameters, in bytes: its header, with metadata of others' tools, and names and
/// shapes.
const MAX_HEADER_BYTES: usize = 1 << 18;

/// Reads a model of these layers, `[d]`: a safetensors file with `layers.{i}.weight` `[inputs, outputs]` and
/// `layers.{i}.bias` `[outputs]` in F32, as `consilium-client model` writes it, or the bare parameters, little-endian. What
/// a convolution's inputs are, and their order, stands at [`Layer`](consilium_proto::training::Layer).
///
/// # Errors
/// [`AuthorityError`] naming the file, what it has and what these layers need.
pub fn read_model(path: &Path, layers: &Layers) -> Result<Vec<f32>, AuthorityError> {
    let shapes = shapes(layers).map_err(|error| AuthorityError::Model {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    read(path, shapes)
}

/// Reads a model of these tensors, `[d]`: a safetensors file that has them and no others, in F32, or the bare parameters.
///
/// # Errors
/// [`AuthorityError`] naming the file, what it has and what is needed.
pub fn read_tensors(path: &Path, tensors: &Tensors) -> Result<Vec<f32>, AuthorityError> {
    read(path, tensors.shapes())
}

fn read(path: &Path, shapes: Vec<(String, Vec<usize>)>) -> Result<Vec<f32>, AuthorityError> {
    let refused = |problem: String| AuthorityError::Model { path: path.to_owned(), problem };
    let dimension: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let bytes =
        disk::read(path, 4 * dimension + MAX_HEADER_BYTES).map_err(|error| match error {
            FilesError::Io { path, source, .. } => {
                FilesError::Io { path, source, advice: "give a model's file" }
            }
            error => error,
        })?;
    // Bare parameters are exactly so long; a safetensors file of the same tensors is longer by its header.
    if bytes.len() == 4 * dimension {
        return Ok(floats(&bytes));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|error| {
        refused(format!(
            "{} bytes, which is neither a safetensors file ({error}) nor the {} bytes of {dimension} parameters",
            bytes.len(),
            4 * dimension
        ))
    })?;
    if file.len() != shapes.len() {
        let (found, expected) = (file.len(), shapes.len());
        return Err(refused(format!("{found} tensors; this run's model has {expected}")));
    }
    let mut parameters = Vec::with_capacity(dimension);
    for (name, shape) in shapes {
        let tensor = file.tensor(&name).map_err(|_| refused(format!("no tensor {name}")))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(refused(format!("{name} is {found}; this run's model has F32 {shape:?}")));
        }
        parameters.extend(floats(tensor.data()));
    }
    Ok(parameters)
}

/// Name and shape of every tensor, in the order of the parameters.
fn shapes(layers: &Layers) -> Result<Vec<(String, Vec<usize>)>, LayersError> {
    let mut shapes = Vec::new();
    for (number, Layer { inputs, outputs, .. }) in layers.layers()?.into_iter().enumerate() {
        let outputs = outputs as usize;
        shapes.push((format!("layers.{number}.weight"), vec![inputs as usize, outputs]));
        shapes.push((format!("layers.{number}.bias"), vec![outputs]));
    }
    Ok(shapes)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let (floats, _) = bytes.as_chunks::<4>();
    floats.iter().map(|float| f32::from_le_bytes(*float)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use consilium_proto::training::Convolution;
    use safetensors::{serialize, tensor::TensorView};

    use super::*;

    fn layers(hidden: &[u32]) -> Layers {
        Layers::dense(3, hidden.to_vec())
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
        let convolution = Some(Convolution { image_channels: 1, channels: vec![2, 3] });
        let image = Layers { convolution, ..Layers::dense(9, vec![4]) };
        for layers in [layers(&[]), layers(&[5]), layers(&[5, 4]), image] {
            let dimension = layers.dimension().unwrap();
            let parameters: Vec<f32> = (0..dimension).map(|j| j as f32 / 7.0 - 1.0).collect();
            for written in [file(&shapes(&layers).unwrap(), &parameters), bytes(&parameters)] {
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
            file(&shapes(&layers(hidden)).unwrap(), &vec![0.5; dimension])
        };
        refused(&other(&[4]), "layers.0.weight is F32 [3, 4]; this run's model has F32 [3, 5]");
        refused(&other(&[5, 2]), "6 tensors; this run's model has 4");
        refused(&[1; 20], "20 bytes, which is neither a safetensors file");
        refused(&vec![0; 1 << 19], "is longer than");
        fs::remove_file(&path).unwrap();
        let error = read_model(&path, &layers(&[5])).unwrap_err().to_string();
        assert!(error.contains("give a model's file"), "{error}");
    }
}
