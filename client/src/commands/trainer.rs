//! Taking part with a program of the institution's own in place of this project's network.

use std::{
    env, fs,
    future::Future,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use consilium_cli::{Failure, output::write_file};
use consilium_contract::Parameters;
use consilium_datasets::Table;
use consilium_identity::InstitutionFiles;
use consilium_learning::LearningError;
use consilium_proto::training::{PlanError, Program};
use consilium_trainer::{
    ProgramTrainer, Rows, Settings, Stopper, Words, from_safetensors, to_safetensors,
};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
};

/// Longest deadline of a program, in seconds: a day.
const MAX_DEADLINE_SECONDS: f64 = 86_400.0;

#[derive(Args)]
pub(crate) struct OwnTrainer {
    /// A program that trains in place of this project's network, with its arguments, quoted as in a shell: "python
    /// train.py". The genesis must be one of named tensors. It is started in a private folder, with little of this
    /// environment. It runs as this user, and can read what this user can read: docs/own-code.md.
    #[arg(long, value_name = "COMMAND")]
    trainer: Option<String>,
    /// How long the program may take to answer a request; after that it is killed, and the step left to the others
    /// [default: the collection timeout of the genesis].
    #[arg(long, value_name = "SECONDS", requires = "trainer", value_parser = deadline)]
    trainer_deadline: Option<Duration>,
    /// The program reads its own rows: it is given the path under --data instead of a table. That file is read and its
    /// rows are counted all the same.
    #[arg(long, requires = "trainer")]
    raw_data: bool,
}

fn deadline(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().unwrap_or(f64::NAN);
    if (0.001..=MAX_DEADLINE_SECONDS).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(format!("expected seconds, 0.001 to {MAX_DEADLINE_SECONDS}"))
}

impl OwnTrainer {
    /// Refuses a program in a run whose rows are counted before they are scaled, which is one of this project's network.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        match &self.trainer {
            None => Ok(()),
            Some(_) => Err(Failure::unusable(
                "--trainer: this run trains this project's network: leave it out",
            )),
        }
    }

    /// The program, started and compared with the genesis, if one is given. `data` is what was given as the rows.
    pub(super) fn start(
        &self,
        files: &InstitutionFiles,
        table: &Table,
        data: &str,
        seed: u64,
    ) -> Result<Option<ProgramTrainer>, Failure> {
        let parameters = &files.parameters;
        let Some(command) = &self.trainer else {
            return match agreed(parameters) {
                Err(_) => Ok(None),
                Ok(_) => Err(Failure::unusable(format!(
                    "{}: give one with --trainer",
                    PlanError::OtherProgram
                ))),
            };
        };
        let agreed = agreed(parameters)?;
        let directory = env::current_dir().map_err(Failure::unusable)?;
        let settings = Settings {
            words: Words::split(command, &directory)
                .map_err(|error| Failure::unusable(format!("--trainer: {error}")))?,
            deadline: self
                .trainer_deadline
                .unwrap_or(Duration::from_millis(parameters.collection_timeout_ms)),
            scratch: env::temp_dir(),
        };
        let rows =
            if self.raw_data { Rows::Own(absolute(data)?) } else { Rows::Prepared(table.clone()) };
        let institution = u64::from(files.identity.trustee_index);
        let mut trainer = ProgramTrainer::new(settings, agreed, rows, seed, institution);
        trainer.start().map_err(|error| Failure::unusable(format!("--trainer: {error}")))?;
        Ok(Some(trainer))
    }
}

/// The tensors that the genesis names.
fn agreed(parameters: &Parameters) -> Result<Program, Failure> {
    let program = Program::decode(&parameters.training).map_err(Failure::unusable)?;
    let plan = program.tensors().dimension();
    let genesis = parameters.dimension;
    if plan != genesis {
        return Err(Failure::unusable(LearningError::OtherDimension { plan, genesis }));
    }
    Ok(program)
}

fn absolute(data: &str) -> Result<PathBuf, Failure> {
    fs::canonicalize(data).map_err(|error| {
        Failure::unusable(format!("{data}: {error}; --raw-data needs a file under --data"))
    })
}

/// Takes part until the run is over or a signal says to stop. The program does not outlive it, whatever it is at.
pub(super) async fn until_stopped<T>(
    stopper: &Stopper,
    run: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(Failure::failed)?;
    // The code that a shell gives to a program that a signal ended.
    let (code, name) = select! {
        outcome = run => {
            if outcome.is_err() {
                // A step that is still being trained is of no use, and would be waited for.
                stopper.stop();
            }
            return outcome;
        }
        _ = terminate.recv() => (143, "SIGTERM"),
        _ = interrupt.recv() => (130, "SIGINT"),
        _ = hangup.recv() => (129, "SIGHUP"),
    };
    stopper.stop();
    Err(Failure::new(code, format!("stopped by {name}; the same command goes on from here")))
}

/// Writes the last checked model of a run of named tensors. `None` where the run is one of this project's network.
pub(super) fn export(
    parameters: &Parameters,
    model: &[f32],
    out: &Path,
) -> Option<Result<(), Failure>> {
    let program = agreed(parameters).ok()?;
    let tensors = program.tensors();
    let is_former = |found: &[u8]| from_safetensors(tensors, found).is_ok();
    let bytes = to_safetensors(tensors, model).map_err(Failure::unusable);
    Some(bytes.and_then(|bytes| {
        write_file(out, &bytes, bytes.len(), is_former).map_err(Failure::unusable)
    }))
}
