//! The training and the preparation that genesis and certificate ask for.

use consilium_cli::Failure;
use consilium_client::prepare::{Participant, Quantisation};
use consilium_contract::{Model, Parameters};
use consilium_identity::InstitutionFiles;
use consilium_learning::{LocalTrainer, TabularTrainer, Trainer, TrainingPlan};
use consilium_trainer::Stopper;

use super::{rows::RowsKind, trainer::OwnTrainer};

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
    let (trainer, stopper): (Box<dyn Trainer>, _) = match rows {
        RowsKind::Counted { dataset, split, dictionary } => {
            own.refuse()?;
            let plan = plan(parameters)?;
            let trainer =
                TabularTrainer::new(*dataset, split, *dictionary, plan, seed, institution);
            (Box::new(trainer), None)
        }
        RowsKind::Scaled { train, held_out } => match own.start(files, &train, data, seed)? {
            Some(program) => {
                let stopper = program.stopper();
                (Box::new(program), Some(stopper))
            }
            None => {
                let TrainingPlan { architecture, config } = plan(parameters)?;
                let trainer = LocalTrainer::new(architecture, train, config, seed, institution);
                let mut trainer = trainer.map_err(Failure::unusable)?;
                if let Some(table) = held_out {
                    trainer = trainer.holding_out(table).map_err(Failure::unusable)?;
                }
                (Box::new(trainer), None)
            }
        },
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
