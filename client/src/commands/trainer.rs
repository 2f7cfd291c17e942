//! Taking part with a program of the institution's own in place of this project's network.

use std::{
    env, fs,
    future::poll_fn,
    path::{Path, PathBuf},
    process::exit,
    task::Poll,
    thread,
    time::Duration,
};

use clap::Args;
use consilium_cli::{Failure, output::write_file};
use consilium_contract::Parameters;
use consilium_datasets::{Table, scorecard::Form};
use consilium_identity::InstitutionFiles;
use consilium_learning::LearningError;
use consilium_proto::training::{PlanError, Program};
use consilium_trainer::{
    ProgramTrainer, Rows, Settings, Stopper, Words, from_safetensors, to_safetensors,
};
use tokio::{
    runtime::Builder,
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

/// A program in place of this project's network, which the genesis and the command line agree on.
pub(super) struct OwnProgram {
    settings: Settings,
    agreed: Program,
    seed: u64,
    institution: u64,
    /// What is counted of its predictions, where the run measures the model.
    form: Option<Form>,
    /// What it reads itself, in place of a table.
    own_data: Option<PathBuf>,
    stopper: Stopper,
}

impl OwnTrainer {
    /// Whether a program reads the rows itself.
    pub(super) fn reads_rows(&self) -> bool {
        self.raw_data
    }

    /// The program that trains, if one is given; the genesis has to be one of named tensors exactly then. `data` is what was
    /// given as the rows.
    pub(super) fn program(
        &self,
        files: &InstitutionFiles,
        data: &str,
        seed: u64,
    ) -> Result<Option<OwnProgram>, Failure> {
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
        let agenda = parameters.agenda();
        let evaluates = agenda.evaluation().is_some();
        if self.raw_data && (evaluates || agenda.statistics().is_some()) {
            return Err(Failure::unusable(
                "--raw-data: this run counts rows, or holds some out, so that the program is given prepared ones: leave it out",
            ));
        }
        let directory = env::current_dir().map_err(Failure::unusable)?;
        let settings = Settings {
            words: Words::split(command, &directory)
                .map_err(|error| Failure::unusable(format!("--trainer: {error}")))?,
            deadline: self
                .trainer_deadline
                .unwrap_or(Duration::from_millis(parameters.collection_timeout_ms)),
            scratch: env::temp_dir(),
        };
        Ok(Some(OwnProgram {
            settings,
            form: evaluates.then(|| agreed.head().into()),
            agreed,
            seed,
            institution: u64::from(files.identity.trustee_index),
            own_data: if self.raw_data { Some(absolute(data)?) } else { None },
            stopper: Stopper::default(),
        }))
    }
}

impl OwnProgram {
    /// What ends the program from another thread.
    pub(super) fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// A trainer of these rows, which has started nothing yet.
    pub(super) fn trainer(&self, train: Table, held_out: Option<Table>) -> ProgramTrainer {
        let rows = self.own_data.clone().map_or(Rows::Prepared(train), Rows::Own);
        let trainer = self.over(rows);
        match self.form.zip(held_out) {
            Some((form, table)) => trainer.holding_out(form, table),
            None => trainer,
        }
    }

    /// Starts the program without rows, so that one which trains another model is found out before anything is sent; its rows
    /// are not scaled yet.
    pub(super) fn try_out(&self) -> Result<(), Failure> {
        let nothing = Table { rows: 0, width: 0, features: Vec::new(), labels: Vec::new() };
        let trainer = self.over(Rows::Later);
        let mut trainer = match self.form {
            Some(form) => trainer.holding_out(form, nothing),
            None => trainer,
        };
        self.start(&mut trainer)
    }

    /// Starts the program of a trainer, and compares it with the genesis.
    pub(super) fn start(&self, trainer: &mut ProgramTrainer) -> Result<(), Failure> {
        trainer.start().map_err(|error| {
            // A signal has ended the program, and is about to end this process with a code of its own.
            while self.stopper.is_stopped() {
                thread::park();
            }
            Failure::unusable(format!("--trainer: {error}"))
        })
    }

    fn over(&self, rows: Rows) -> ProgramTrainer {
        let Self { settings, agreed, seed, institution, stopper, .. } = self;
        ProgramTrainer::new(settings.clone(), agreed.clone(), rows, *seed, *institution)
            .stopped_by(stopper)
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

/// From here on a signal that ends the client ends the program first, and removes its folder. A state directory bears being
/// left at any moment.
pub(super) fn end_with_signals(stopper: Stopper) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(Failure::failed)?;
    // What a shell calls the end by each of them, and the code that it gives to it.
    let mut signals = Vec::new();
    for (kind, name, code) in [
        (SignalKind::terminate(), "SIGTERM", 143),
        (SignalKind::interrupt(), "SIGINT", 130),
        (SignalKind::hangup(), "SIGHUP", 129),
    ] {
        let _inside = runtime.enter();
        signals.push((signal(kind).map_err(Failure::failed)?, name, code));
    }
    // On a thread of its own: the others may be waiting for the program, or computing.
    thread::spawn(move || {
        let first = poll_fn(|context| {
            let mut signals = signals.iter_mut();
            let first = signals.find_map(|(signal, name, code)| {
                signal.poll_recv(context).is_ready().then_some((*name, *code))
            });
            first.map_or(Poll::Pending, Poll::Ready)
        });
        let (name, code) = runtime.block_on(first);
        stopper.stop();
        tracing::warn!("stopped by {name}; the same command goes on from here");
        exit(code);
    });
    Ok(())
}

/// Writes a model of a run of named tensors. `None` where the run is one of this project's network.
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
