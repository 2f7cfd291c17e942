//! What is asked of the program, and when.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_datasets::{Table, scorecard::Form, survey::Quantities};
use consilium_learning::{TrainError, Trainer, generator};
use consilium_proto::training::{Program, Tensor, Tensors};
use rand_core::RngCore as _;

use crate::{
    ProgramFailure, Stopper, Words,
    conversation::Conversation,
    folder::sweep,
    protocol::{Described, Done, Evaluated, PROTOCOL, Request},
    slot::Slot,
    tensors::{read_model, read_predictions, write_model, write_table, write_unlabelled},
};

/// Most measurements of a model.
const MAX_METRICS: usize = 64;

/// Where the rows that are held out lie in the private folder.
const HELD_OUT: &str = "held-out.safetensors";

/// Longest name of a measurement, in bytes.
const MAX_METRIC_NAME_BYTES: usize = 128;

/// What a program measures of a model, by name. `None` is what cannot be said, such as the AUC of one class.
pub type Metrics = BTreeMap<String, Option<f64>>;

/// What the program trains on.
#[derive(Debug, Clone)]
pub enum Rows {
    /// These, which are written to its private folder.
    Prepared(Table),
    /// What the program reads itself, out of this file or from where it likes.
    Own(PathBuf),
    /// None yet: the run counts them before they are scaled. Such a trainer says which model it trains, and no more.
    Later,
}

/// Rows that nobody trains on.
struct HeldOut {
    form: Form,
    table: Table,
}

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program and its arguments.
    pub words: Words,
    /// How long it may take to answer a request.
    pub deadline: Duration,
    /// Where its private folder is made.
    pub scratch: PathBuf,
}

/// Has another program train: see the crate's description.
///
/// Between two calls the child lives on, so that it loads its rows once. After a failure it does not: what it may have
/// become is unknown.
pub struct ProgramTrainer {
    settings: Settings,
    agreed: Program,
    rows: Rows,
    held_out: Option<HeldOut>,
    seed: u64,
    institution: u64,
    slot: Arc<Slot>,
    child: Option<Child>,
}

struct Child {
    conversation: Conversation,
    evaluates: bool,
}

impl fmt::Debug for ProgramTrainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the rows.
        f.debug_struct("ProgramTrainer")
            .field("words", &self.settings.words)
            .finish_non_exhaustive()
    }
}

impl ProgramTrainer {
    /// A trainer of the `agreed` tensors; nothing is started yet. `institution` is any number that tells the institutions
    /// of a run apart: it separates what they draw under one `seed`. What clients that were killed have left in the
    /// scratch folder is removed.
    pub fn new(
        settings: Settings,
        agreed: Program,
        rows: Rows,
        seed: u64,
        institution: u64,
    ) -> Self {
        sweep(&settings.scratch);
        let slot = Arc::default();
        Self { settings, agreed, rows, held_out: None, seed, institution, slot, child: None }
    }

    /// Has the program predict these rows, which it does not train on and whose labels it is not shown, where the run measures
    /// the model.
    #[must_use]
    pub fn holding_out(mut self, form: Form, table: Table) -> Self {
        self.held_out = Some(HeldOut { form, table });
        self
    }

    /// The same, ended by a stopper that others may be ended by, too.
    #[must_use]
    pub fn stopped_by(mut self, stopper: &Stopper) -> Self {
        self.slot = Arc::clone(&stopper.0);
        self
    }

    /// What ends the child from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.slot))
    }

    /// Starts the program if it does not run, and compares the tensors that it names with the agreed ones.
    ///
    /// # Errors
    /// [`ProgramFailure`]; nothing runs then.
    pub fn start(&mut self) -> Result<(), ProgramFailure> {
        let child = self.ready()?;
        self.child = Some(child);
        Ok(())
    }

    /// What the program measures of a model, `[d]`, on its rows. `None` where it does not measure.
    ///
    /// # Errors
    /// [`ProgramFailure`]; nothing runs then.
    pub fn measure(&mut self, model: &[f32]) -> Result<Option<Metrics>, ProgramFailure> {
        let mut child = self.ready()?;
        let metrics = self.evaluated(&mut child, model)?;
        self.child = Some(child);
        Ok(metrics)
    }

    /// The child, out of its place: whoever fails with it drops it, and it is gone.
    fn ready(&mut self) -> Result<Child, ProgramFailure> {
        if self.slot.is_stopped() {
            return Err(ProgramFailure::Stopped);
        }
        if let Some(child) = self.child.take() {
            return Ok(child);
        }
        let Settings { words, deadline, scratch } = &self.settings;
        let mut conversation = Conversation::begin(words, scratch, &self.slot)?;
        let prepared = conversation.file("rows.safetensors");
        let (table, data) = match &self.rows {
            Rows::Prepared(table) => {
                write_table(&prepared, table)?;
                (Some(prepared.as_path()), None)
            }
            Rows::Own(data) => (None, Some(data.as_path())),
            Rows::Later => (None, None),
        };
        let options = self.agreed.options();
        let describe = Request::Describe { protocol: PROTOCOL, table, data, options };
        let Described { protocol, tensors, evaluates, predicts } =
            conversation.ask(&describe, *deadline)?;
        if protocol != PROTOCOL {
            return Err(ProgramFailure::Protocol { theirs: protocol, ours: PROTOCOL });
        }
        let tensors =
            tensors.into_iter().map(|tensor| Tensor { name: tensor.name, shape: tensor.shape });
        let tensors = Tensors::new(tensors.collect())
            .map_err(|error| ProgramFailure::OtherModel(error.to_string()))?;
        compare(&tensors, self.agreed.tensors())?;
        if let Some(HeldOut { table, .. }) = &self.held_out {
            if !predicts {
                return Err(ProgramFailure::NoPredictions);
            }
            write_unlabelled(&conversation.file(HELD_OUT), table)?;
        }
        Ok(Child { conversation, evaluates })
    }

    fn evaluated(
        &self,
        child: &mut Child,
        model: &[f32],
    ) -> Result<Option<Metrics>, ProgramFailure> {
        if !child.evaluates {
            return Ok(None);
        }
        let path = child.conversation.file("evaluated.safetensors");
        write_model(&path, self.agreed.tensors(), model)?;
        let request = Request::Evaluate { model: &path, options: self.agreed.options() };
        let Evaluated { metrics } = child.conversation.ask(&request, self.settings.deadline)?;
        remove(&path)?;
        check(&metrics)?;
        Ok(Some(metrics))
    }

    fn trained(
        &self,
        child: &mut Child,
        step: u64,
        global: &[f32],
    ) -> Result<Vec<f32>, ProgramFailure> {
        let model = child.conversation.file("global.safetensors");
        let out = child.conversation.file("local.safetensors");
        write_model(&model, self.agreed.tensors(), global)?;
        let seed = generator("program", self.seed, &[self.institution, step]).next_u32();
        let options = self.agreed.options();
        let request = Request::Train { step, model: &model, out: &out, seed, options };
        let Done {} = child.conversation.ask(&request, self.settings.deadline)?;
        let local = read_model(&out, self.agreed.tensors())?;
        // Gone before the next request: what is read there is what that request has written.
        remove(&model)?;
        remove(&out)?;
        Ok(local)
    }

    /// What the model says of the rows that are held out, `[rows, outputs]`; of none there are none.
    fn predicted(&self, child: &mut Child, model: &[f32]) -> Result<Vec<f32>, ProgramFailure> {
        let Some(HeldOut { form, table }) = &self.held_out else { return Ok(Vec::new()) };
        let path = child.conversation.file("predicting.safetensors");
        let rows = child.conversation.file(HELD_OUT);
        let out = child.conversation.file("predictions.safetensors");
        write_model(&path, self.agreed.tensors(), model)?;
        let options = self.agreed.options();
        let request = Request::Predict { model: &path, rows: &rows, out: &out, options };
        let Done {} = child.conversation.ask(&request, self.settings.deadline)?;
        let outputs = read_predictions(&out, table.rows, form.outputs())?;
        remove(&path)?;
        remove(&out)?;
        Ok(outputs)
    }

    fn counted(&mut self, model: &[f32]) -> Result<Option<Quantities>, ProgramFailure> {
        let Some(HeldOut { table, .. }) = &self.held_out else { return Ok(None) };
        let outputs = if table.rows == 0 {
            Vec::new()
        } else {
            let mut child = self.ready()?;
            let outputs = self.predicted(&mut child, model)?;
            self.child = Some(child);
            outputs
        };
        let held_out = self.held_out.as_ref();
        Ok(held_out.map(|HeldOut { form, table }| form.count(&outputs, &table.labels)))
    }

    fn step(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, ProgramFailure> {
        let mut child = self.ready()?;
        let start = Instant::now();
        if let Some(metrics) = self.evaluated(&mut child, global)? {
            let metrics = words(&metrics);
            let ms = start.elapsed().as_millis() as u64;
            tracing::info!(step, ms, "the global model on the own rows: {metrics}");
        }
        let local = self.trained(&mut child, step, global)?;
        self.child = Some(child);
        Ok(local)
    }
}

impl Trainer for ProgramTrainer {
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.step(step, global).map_err(|failure| TrainError::Failed(failure.into()))
    }

    fn evaluate(&mut self, model: &[f32]) -> Result<Quantities, TrainError> {
        let counted = self.counted(model).map_err(|failure| TrainError::Failed(failure.into()))?;
        counted.ok_or(TrainError::Unable("evaluate without rows that it holds out"))
    }
}

impl Drop for ProgramTrainer {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            child.conversation.stop();
        }
    }
}

/// The order counts as little as in a file: tensors are told apart by their names.
fn compare(described: &Tensors, agreed: &Tensors) -> Result<(), ProgramFailure> {
    let described: BTreeMap<String, Vec<usize>> = described.shapes().into_iter().collect();
    let other = |problem: String| Err(ProgramFailure::OtherModel(problem));
    for (name, expected) in agreed.shapes() {
        match described.get(&name) {
            Some(found) if *found == expected => {}
            Some(found) => return other(format!("{name:?} is {found:?}, not {expected:?}")),
            None => return other(format!("it has no tensor {name:?}, {expected:?}")),
        }
    }
    let expected = agreed.shapes().len();
    match described.len() {
        found if found == expected => Ok(()),
        found => other(format!("it has {found} tensors, not {expected}")),
    }
}

fn check(metrics: &Metrics) -> Result<(), ProgramFailure> {
    let count = metrics.len();
    if count > MAX_METRICS {
        let problem = format!("{count} values; expected at most {MAX_METRICS}");
        return Err(ProgramFailure::Metrics(problem));
    }
    match metrics.keys().find(|name| name.len() > MAX_METRIC_NAME_BYTES) {
        Some(name) => Err(ProgramFailure::Metrics(format!("a name has {} bytes", name.len()))),
        None => Ok(()),
    }
}

fn words(metrics: &Metrics) -> String {
    let word = |(name, value): (&String, &Option<f64>)| {
        let value = value.map_or_else(|| "none".to_owned(), |value| format!("{value:.4}"));
        format!("{} {value}", name.escape_debug())
    };
    metrics.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn remove(path: &Path) -> Result<(), ProgramFailure> {
    std::fs::remove_file(path)
        .map_err(|source| ProgramFailure::Folder { path: path.to_owned(), source })
}
