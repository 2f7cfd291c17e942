//! Models and rows as safetensors.

use std::path::Path;

use consilium_datasets::Table;
use consilium_learning::{model_blob, tensors_file};
use consilium_proto::training::Tensors;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

use crate::{ProgramFailure, folder};

/// What a file has besides the values, in bytes: names, shapes and metadata.
const MAX_HEADER_BYTES: usize = 256 << 10;

fn refused(problem: impl ToString) -> ProgramFailure {
    ProgramFailure::Model(problem.to_string())
}

/// The flat `parameters`, `[d]`, as a file with the tensors of the run. The same parameters give the same bytes.
///
/// # Errors
/// [`ProgramFailure::Model`] for too few parameters.
pub fn to_safetensors(tensors: &Tensors, parameters: &[f32]) -> Result<Vec<u8>, ProgramFailure> {
    tensors_file(tensors.shapes(), parameters).map_err(refused)
}

/// Writes the flat `parameters`, `[d]`, as the tensors of the run.
pub(crate) fn write_model(
    path: &Path,
    tensors: &Tensors,
    parameters: &[f32],
) -> Result<(), ProgramFailure> {
    folder::write(path, &to_safetensors(tensors, parameters)?)
}

/// Reads what a program has written.
pub(crate) fn read_model(path: &Path, tensors: &Tensors) -> Result<Vec<f32>, ProgramFailure> {
    let limit = 4 * tensors.dimension() as usize + MAX_HEADER_BYTES;
    from_safetensors(tensors, &folder::read(path, limit)?)
}

/// Reads a file that anyone may have made: the tensors of the run and no others, in F32, all values finite, `[d]`.
///
/// # Errors
/// [`ProgramFailure::Model`] with the first tensor that is not as it should be.
pub fn from_safetensors(tensors: &Tensors, bytes: &[u8]) -> Result<Vec<f32>, ProgramFailure> {
    let dimension = tensors.dimension() as usize;
    let file = SafeTensors::deserialize(bytes).map_err(refused)?;
    let shapes = tensors.shapes();
    if file.len() != shapes.len() {
        return Err(refused(format!("{} tensors; expected {}", file.len(), shapes.len())));
    }
    let mut parameters = Vec::with_capacity(dimension);
    for (name, shape) in shapes {
        let tensor =
            file.tensor(&name).map_err(|_| refused(format!("tensor {name:?} is missing")))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(refused(format!("{name:?} is {found}; expected F32 {shape:?}")));
        }
        let (values, _) = tensor.data().as_chunks::<4>();
        let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
        if let Some(value) = values.clone().find(|value| !value.is_finite()) {
            return Err(refused(format!("{name:?} holds {value}")));
        }
        parameters.extend(values);
    }
    Ok(parameters)
}

/// Writes the institution's rows: `features`, `[rows, width]`, and `labels`, `[rows]`.
pub(crate) fn write_table(path: &Path, table: &Table) -> Result<(), ProgramFailure> {
    let features = model_blob(&table.features);
    let labels = model_blob(&table.labels);
    let view = |shape, data| TensorView::new(Dtype::F32, shape, data).map_err(refused);
    let views = [
        ("features", view(vec![table.rows, table.width], features.as_slice())?),
        ("labels", view(vec![table.rows], labels.as_slice())?),
    ];
    folder::write(path, &serialize(views, None).map_err(refused)?)
}
