//! A last layer of an institution's own, which stays where its rows are.

use clap::Args;
use consilium_cli::Failure;
use consilium_contract::Parameters;
use consilium_datasets::{
    Table,
    scorecard::{Form, Scores},
};
use consilium_identity::InstitutionFiles;
use consilium_learning::{
    TrainedModel, TrainingConfig, TrainingPlan, generator, logits, personalise_head,
};

use super::{participant::plan, rows::own_tables};

#[derive(Args)]
pub(crate) struct Personal {
    /// Train a last layer of this institution's own on its rows, under the layers that all have trained, and write that model
    /// instead. It is measured on the rows that this institution holds out, beside the model of all, and is for this
    /// institution alone: nothing of it is sent, and the file tells of its rows. The same schema as for `run`.
    #[arg(long, value_name = "FILE.toml")]
    own_last_layer: Option<String>,
    /// Passes over the own rows.
    #[arg(long, value_name = "N", default_value_t = 20, requires = "own_last_layer",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    own_epochs: u32,
}

/// Both models on the rows that an institution holds out.
pub(crate) struct Compared {
    pub(crate) of_all: Scores,
    pub(crate) own: Scores,
}

impl Compared {
    /// In a line.
    pub(crate) fn words(&self) -> String {
        let verdict = if self.own.loss() < self.of_all.loss() { "better" } else { "not better" };
        format!(
            "on the {} rows that this institution holds out, the last layer of its own is {verdict}: {}, with that of all {}",
            self.own.rows(),
            self.own.in_short(),
            self.of_all.in_short()
        )
    }
}

impl Personal {
    /// Gives the model a last layer of the own rows, where that is asked for.
    pub(crate) fn apply(
        &self,
        files: &InstitutionFiles,
        model: &mut TrainedModel,
    ) -> Result<Option<Compared>, Failure> {
        let Some(data) = &self.own_last_layer else { return Ok(None) };
        let parameters = &files.parameters;
        let (train, held_out) = own_tables(files, data, &model.description)?;
        let nothing = held_out.filter(|table| table.rows > 0).ok_or_else(|| {
            Failure::unusable(
                "--own-last-layer: this institution holds no rows out, so that nothing could tell whether a last layer of its \
                 own is better: that is for runs that evaluate (consilium-authority init --evaluate-every)",
            )
        });
        let held_out = nothing?;
        let TrainingPlan { architecture, config } = plan(parameters)?;
        // A schedule is for the steps of a run, of which this is none.
        let config =
            TrainingConfig { local_epochs: self.own_epochs as usize, schedule: None, ..config };
        let mut order = generator("own last layer", seed(parameters), &[]);
        let own = personalise_head(&architecture, &model.parameters, &train, &config, &mut order);
        let own = own.map_err(Failure::unusable)?;
        let form = Form::from(architecture.head());
        let of_all = measured(model, &held_out, form)?;
        model.parameters = own;
        Ok(Some(Compared { of_all, own: measured(model, &held_out, form)? }))
    }
}

/// The same rows give the same layer.
fn seed(parameters: &Parameters) -> u64 {
    parameters.chain_id.0.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn measured(model: &TrainedModel, rows: &Table, form: Form) -> Result<Scores, Failure> {
    let outputs = logits(&model.architecture, &model.parameters, &rows.features);
    let counted = form.count(&outputs.map_err(Failure::unusable)?, &rows.labels);
    form.read(&counted).ok_or_else(|| Failure::unusable("the held-out rows cannot be counted"))
}
