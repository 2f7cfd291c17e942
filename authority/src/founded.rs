//! The model that `init` founds a run with: a network of this project's, or tensors of another program's.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_authority::{
    AgreedDictionary, initial_model, read_model, read_program, read_tensors,
};
use consilium_proto::training::{Head, Layers, Program};
use rand_core::OsRng;

/// The choice of a model that is not this project's network.
#[derive(Args)]
pub(super) struct OwnProgram {
    /// Instead of a network: tensors of a model that each institution trains with a program of its own (`consilium-client
    /// run --trainer`). TOML, or JSON in a file whose name ends in .json: `options`, a text for the program, and `name` and
    /// `shape` of each of `tensors`. Starts from zeros where no --initial-model is given. The default of --clip is that for
    /// Adam with a learning rate of 0.01 and batches of 16 rows: give --clip where the program takes larger steps. With
    /// --evaluate-every the program has to predict as well.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "inputs", "convolution", "hidden", "optimiser", "learning_rate", "schedule", "warmup_steps",
            "batch_size", "local_epochs", "weight_decay", "proximal", "class_weights"
        ]
    )]
    tensors: Option<PathBuf>,
}

impl OwnProgram {
    /// The model of a file of tensors, if one is given: it starts from another file, or from zeros.
    pub(super) fn found(
        &self,
        initial: Option<&Path>,
        head: Head,
        dictionary: Option<&AgreedDictionary>,
    ) -> Result<Option<Founded>, String> {
        let Some(path) = &self.tensors else { return Ok(None) };
        let dictionary = dictionary.map(AgreedDictionary::hash);
        let program = read_program(path, head, dictionary).map_err(|error| error.to_string())?;
        let dimension = program.tensors().dimension();
        let model = match initial {
            Some(path) => {
                read_tensors(path, program.tensors()).map_err(|error| error.to_string())?
            }
            None => vec![0.0; dimension as usize],
        };
        Ok(Some(Founded { program: Some(program), dimension, model }))
    }
}

/// What is trained, and from where.
pub(super) struct Founded {
    /// Absent where a network of this project's is trained.
    pub program: Option<Program>,
    /// Number of parameters, d.
    pub dimension: u32,
    /// The initial model, `[d]`.
    pub model: Vec<f32>,
}

/// A network of these layers, which starts from a file or from random weights.
pub(super) fn network(layers: &Layers, initial: Option<&Path>) -> Result<Founded, String> {
    let dimension = layers
        .dimension()
        .map_err(|error| format!("--inputs, --convolution and --hidden: {error}"))?;
    let model = match initial {
        Some(path) => read_model(path, layers).map_err(|error| error.to_string())?,
        None => initial_model(layers, &mut OsRng).map_err(|error| error.to_string())?,
    };
    Ok(Founded { program: None, dimension, model })
}
