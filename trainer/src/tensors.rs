//! Models, rows and predictions as safetensors.

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
    values(tensors.shapes(), bytes).map_err(refused)
}

/// What a program has predicted: a tensor `outputs`, `[rows, outputs]`, in F32, all values finite, row by row.
pub(crate) fn read_predictions(
    path: &Path,
    rows: usize,
    outputs: usize,
) -> Result<Vec<f32>, ProgramFailure> {
    let limit = rows.saturating_mul(4 * outputs).saturating_add(MAX_HEADER_BYTES);
    let shapes = vec![("outputs".to_owned(), vec![rows, outputs])];
    values(shapes, &folder::read(path, limit)?).map_err(ProgramFailure::Predictions)
}

/// The values of these tensors, one after the other, of a file that has them and no others. What is wrong with it, otherwise.
fn values(shapes: Vec<(String, Vec<usize>)>, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    if file.len() != shapes.len() {
        return Err(format!("{} tensors; expected {}", file.len(), shapes.len()));
    }
    let mut all = Vec::with_capacity(bytes.len() / 4);
    for (name, shape) in shapes {
        let tensor = file.tensor(&name).map_err(|_| format!("tensor {name:?} is missing"))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(format!("{name:?} is {found}; expected F32 {shape:?}"));
        }
        let (values, _) = tensor.data().as_chunks::<4>();
        let values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
        if let Some(value) = values.clone().find(|value| !value.is_finite()) {
            return Err(format!("{name:?} holds {value}"));
        }
        all.extend(values);
    }
    Ok(all)
}

/// Writes the rows that the institution trains on: `features`, `[rows, width]`, and `labels`, `[rows]`.
pub(crate) fn write_table(path: &Path, table: &Table) -> Result<(), ProgramFailure> {
    let labels = model_blob(&table.labels);
    write_features(path, table, Some(labels.as_slice()))
}

/// Writes rows without what is to be predicted of them.
pub(crate) fn write_unlabelled(path: &Path, table: &Table) -> Result<(), ProgramFailure> {
    write_features(path, table, None)
}

fn write_features(path: &Path, table: &Table, labels: Option<&[u8]>) -> Result<(), ProgramFailure> {
    let features = model_blob(&table.features);
    let view = |shape, data| TensorView::new(Dtype::F32, shape, data).map_err(refused);
    let mut views = vec![("features", view(vec![table.rows, table.width], features.as_slice())?)];
    if let Some(labels) = labels {
        views.push(("labels", view(vec![table.rows], labels)?));
    }
    folder::write(path, &serialize(views, None).map_err(refused)?)
}
