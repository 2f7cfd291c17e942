//! The training and the preparation that genesis and certificate ask for.

use consilium_cli::Failure;
use consilium_client::prepare::{Participant, Quantisation};
use consilium_contract::{Model, Parameters};
use consilium_datasets::Table;
use consilium_identity::InstitutionFiles;
use consilium_learning::{LearningError, LocalTrainer, TabularTrainer, Trainer, TrainingPlan};
use consilium_trainer::Stopper;

use super::{
    rows::RowsKind,
    trainer::{OwnProgram, OwnTrainer, end_with_signals},
};

pub(super) fn plan(parameters: &Parameters) -> Result<TrainingPlan, Failure> {
    TrainingPlan::agreed(&parameters.training, parameters.dimension).map_err(Failure::unusable)
}

/// What takes part with these rows, and what ends a program that trains.
pub(super) fn participant(
    files: &InstitutionFiles,
    data: &str,
    number: usize,
    rows: RowsKind,
    own: &OwnTrainer,
    seed: u64,
) -> Result<(Participant, Option<Stopper>), Failure> {
    let parameters = &files.parameters;
    let identity = &files.identity;
    if number as u64 != identity.rows {
        let found = number;
        let certified = identity.rows;
        return Err(Failure::new(
            2,
            format!(
                "the data has {found} rows, the certificate says {certified}: give the rows that were certified"
            ),
        ));
    }
    let preparation = Quantisation::of(files, seed).map_err(Failure::unusable)?;
    let institution = u64::from(identity.trustee_index);
    let program = own.program(files, data, seed)?;
    let stopper = program.as_ref().map(OwnProgram::stopper);
    if let Some(stopper) = &stopper {
        end_with_signals(stopper.clone())?;
    }
    let trainer: Box<dyn Trainer> = match (rows, program) {
        (RowsKind::Counted { dataset, split, dictionary }, Some(program)) => {
            program.try_out()?;
            let begin = move |train, held_out| Ok(program.trainer(train, Some(held_out)));
            Box::new(TabularTrainer::new(*dataset, split, *dictionary, begin))
        }
        (RowsKind::Scaled { train, held_out }, Some(program)) => {
            let mut trainer = program.trainer(train, held_out);
            program.start(&mut trainer)?;
            Box::new(trainer)
        }
        (RowsKind::Counted { dataset, split, dictionary }, None) => {
            let plan = plan(parameters)?;
            let begin = move |train, held_out| {
                Ok(network(&plan, train, seed, institution)?.holding_out(held_out)?)
            };
            Box::new(TabularTrainer::new(*dataset, split, *dictionary, begin))
        }
        (RowsKind::Scaled { train, held_out }, None) => {
            let trainer = network(&plan(parameters)?, train, seed, institution);
            let mut trainer = trainer.map_err(Failure::unusable)?;
            if let Some(table) = held_out {
                trainer = trainer.holding_out(table).map_err(Failure::unusable)?;
            }
            Box::new(trainer)
        }
    };
    let mut participant = Participant::new(trainer, preparation);
    if parameters.agenda().evaluation().is_some() {
        let initial = Model::initial(&files.initial_model, parameters);
        participant = match initial {
            Some(initial) => participant.comparing(initial.parameters().to_vec()),
            None => participant,
        };
    }
    Ok((participant, stopper))
}

fn network(
    plan: &TrainingPlan,
    train: Table,
    seed: u64,
    institution: u64,
) -> Result<LocalTrainer, LearningError> {
    let TrainingPlan { architecture, config } = plan.clone();
    LocalTrainer::new(architecture, train, config, seed, institution)
}
