//! Folders of a simulated federation: rows of every institution, and a ceremony.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use consilium_authority::initial_model;
use consilium_datasets::Source;
use consilium_learning::generator;
use consilium_proto::training::Layers;

use super::{
    Config,
    programs::{Programs, finish},
};
use crate::{ExperimentError, replay::load_dataset};

/// How long a round waits for an institution that is away: longer than it takes one to come back, so that nobody is left out.
const COLLECTION_TIMEOUT_MS: u64 = 120_000;

/// The model that both runs start from.
const INITIAL_MODEL: &str = "initial-model.bin";

/// The files that both runs of a simulation start from.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) config: &'a Config,
    pub(super) programs: &'a Programs,
    directory: PathBuf,
    rows: Vec<usize>,
    inputs: u32,
}

impl<'a> World<'a> {
    /// Deals the rows of the dataset in turn, and agrees on their scales.
    ///
    /// # Errors
    /// [`ExperimentError`] where the dataset is none, or a file cannot be written.
    pub(super) fn make(
        config: &'a Config,
        programs: &'a Programs,
        directory: &Path,
    ) -> Result<Self, ExperimentError> {
        let directory = directory.to_owned();
        let (schema, csv) = Source::bundled_files(&config.dataset)?;
        let mut schema: toml::Table = schema
            .parse()
            .map_err(|error: toml::de::Error| ExperimentError::Invalid(error.to_string()))?;
        // Each institution has a part of the file.
        schema.remove("sha256");
        schema.insert("file".to_owned(), "rows.csv".into());
        let text = String::from_utf8_lossy(csv);
        let (header, lines) = text.split_once('\n').unwrap_or_default();
        let institutions = config.institutions as usize;
        let mut rows = Vec::new();
        for place in 0..institutions {
            let own: Vec<&str> = lines.lines().skip(place).step_by(institutions).collect();
            let folder = directory.join(format!("institution-{:02}", place + 1));
            write(&folder.join("rows.csv"), &format!("{header}\n{}\n", own.join("\n")))?;
            write(&folder.join("schema.toml"), &schema.to_string())?;
            rows.push(own.len());
        }
        let mut statistics = programs.client();
        statistics.args(["statistics", "--data", &config.dataset]);
        let statistics = finish("statistics of the dataset", &mut statistics)?;
        write(&directory.join("statistics.toml"), &statistics)?;
        let dataset = load_dataset(&config.dataset)?;
        let inputs = u32::try_from(dataset.feature_names().count()).unwrap_or(u32::MAX);
        let layers = Layers::dense(inputs, config.hidden.clone());
        let model = initial_model(&layers, &mut generator("simulated model", config.seed, &[]))
            .map_err(|error| ExperimentError::Invalid(error.to_string()))?;
        let bytes: Vec<u8> = model.iter().flat_map(|value| value.to_le_bytes()).collect();
        let path = directory.join(INITIAL_MODEL);
        fs::write(&path, bytes).map_err(ExperimentError::file(&path))?;
        Ok(Self { config, programs, directory, rows, inputs })
    }

    /// Founds a run in a folder of its own.
    ///
    /// # Errors
    /// What the authority's program refuses.
    pub(super) fn found(&self, name: &str) -> Result<Founded<'_>, ExperimentError> {
        let Config { institutions, epochs, hidden, .. } = self.config;
        let directory = self.directory.join(name);
        write(
            &directory.join("README.txt"),
            "One run of a simulation: ceremony, ledger, states, logs.\n",
        )?;
        let list = |numbers: Vec<String>| numbers.join(",");
        let mut command = self.programs.authority();
        command.arg("init").arg("--make-keys-here").arg("--out").arg(directory.join("ceremony"));
        command.args(["--institutions", &institutions.to_string()]);
        command.args(["--rows", &list(self.rows.iter().map(usize::to_string).collect())]);
        command.args(["--inputs", &self.inputs.to_string()]);
        command.arg("--hidden").arg(list(hidden.iter().map(u32::to_string).collect()));
        command.args(["--steps", &epochs.to_string()]);
        command.args(["--collection-timeout-ms", &COLLECTION_TIMEOUT_MS.to_string()]);
        // Both runs start from the same model.
        command.arg("--initial-model").arg(self.directory.join(INITIAL_MODEL));
        finish("the authority", &mut command)?;
        Ok(Founded { world: self, directory })
    }
}

/// A founded run.
#[derive(Debug)]
pub(super) struct Founded<'a> {
    pub(super) world: &'a World<'a>,
    directory: PathBuf,
}

impl Founded<'_> {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The folder that an institution has of the ceremony.
    pub(super) fn ceremony(&self, number: u32) -> PathBuf {
        self.path("ceremony").join(consilium_identity::institution_folder(number))
    }

    /// Where an institution keeps its state.
    pub(super) fn state(&self, number: u32) -> PathBuf {
        self.path(&format!("state-{number:02}"))
    }

    /// The coordinator, listening there; whether guests may read the ledger.
    pub(super) fn coordinator(&self, listen: SocketAddr, guests: bool) -> Command {
        let mut command = self.world.programs.coordinator();
        command.arg("--ceremony").arg(self.path("ceremony/coordinator"));
        command.arg("--ledger").arg(self.path("ledger"));
        command.args(["--listen", &listen.to_string(), "--linger", "5"]);
        if guests {
            command.arg("--open-ledger");
        }
        if let Some(address) = self.world.config.metrics {
            command.args(["--metrics", &address.to_string()]);
        }
        quiet(&mut command);
        command
    }

    /// An institution that reaches the coordinator there.
    pub(super) fn institution(&self, number: u32, coordinator: SocketAddr) -> Command {
        let folder = self.world.directory.join(format!("institution-{number:02}"));
        let mut command = self.world.programs.client();
        command.arg("run").arg("--ceremony").arg(self.ceremony(number));
        command.arg("--state").arg(self.state(number));
        command.arg("--coordinator").arg(format!("https://{coordinator}"));
        command.arg("--data").arg(folder.join("schema.toml"));
        command.arg("--statistics").arg(self.world.directory.join("statistics.toml"));
        let seed = self.world.config.seed.wrapping_mul(1_000).wrapping_add(u64::from(number));
        command.args(["--seed", &seed.to_string()]);
        quiet(&mut command);
        command
    }
}

/// Logs go to files, which have no use for colours.
fn quiet(command: &mut Command) {
    command.env("NO_COLOR", "1").env("RUST_LOG", "info");
}

fn write(path: &Path, text: &str) -> Result<(), ExperimentError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(ExperimentError::file(path))
}
