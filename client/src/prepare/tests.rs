use consilium_crypto::Bound;
use consilium_datasets::{Dataset, Preprocessor, Table};
use consilium_learning::{Architecture, LocalTrainer, Optimiser, TrainingConfig};

use super::*;

const EIGHT: Bound = Bound::parameter(8);

fn pima() -> Table {
    let dataset = Dataset::bundled("pima").unwrap();
    let split = dataset.split(0.2, 42).unwrap();
    let preprocessor = Preprocessor::fit(&dataset, &split.train).unwrap();
    preprocessor.transform(&dataset, &split.train).unwrap()
}

fn trainer(architecture: &Architecture, institution: u64) -> LocalTrainer {
    let config = TrainingConfig::new(Optimiser::Adam, 0.01, 32, 1);
    LocalTrainer::new(architecture.clone(), pima(), config, 42, institution).unwrap()
}

fn stage(quantiser: Quantiser) -> Quantisation {
    Quantisation::new(quantiser, 42, 3)
}

#[test]
fn an_update_is_the_weighted_difference_rounded_to_a_neighbouring_integer() {
    let clip = 0.25f32;
    let weight = 0.5f64;
    let architecture = Architecture::new(8, vec![16, 8]).unwrap();
    let global = architecture.initial(1);
    let trainer = trainer(&architecture, 3);
    let stage = stage(Quantiser::new(EIGHT, clip, weight, 10).unwrap());
    let update = Participant::new(trainer.clone(), stage).local_update(7, &global).unwrap();
    assert_eq!(update.model, trainer.fit(7, &global).unwrap());
    let delta = difference(&update.model, &global);
    let mut clipped = 0;
    for (&q, &delta) in update.quantised.as_slice().iter().zip(&delta) {
        let weighted = weight * f64::from(delta);
        clipped += usize::from(weighted.abs() > f64::from(clip));
        let exact = weighted.clamp(-0.25, 0.25) / 0.25 * 127.0;
        assert!((q as f64 - exact).abs() < 1.0);
    }
    assert_eq!(update.quantised.as_slice().len(), 289);
    assert!((update.clipped_share - clipped as f64 / 289.0).abs() < 1e-12);
}

#[test]
fn an_update_gets_its_noise_after_it_was_quantised_and_has_the_norm_of_the_run_only_then() {
    let architecture = Architecture::new(8, vec![4]).unwrap();
    let global = architecture.initial(1);
    let norm = |norm| Bound::Norm { norm, projections: 256 };
    let trainer = trainer(&architecture, 3);
    let make = || stage(Quantiser::new(norm(100), 0.25, 1.0, 10).unwrap());
    let mut bare = Participant::new(trainer.clone(), make());
    let bare = bare.local_update(1, &global).unwrap().quantised;
    assert_eq!(bare.bound(), norm(100));
    let noisy = make().with_noise(Noise::new(2_500, norm(5_600)).unwrap());
    let mut noisy = Participant::new(trainer, noisy);
    let first = noisy.local_update(1, &global).unwrap().quantised;
    assert_eq!(first.bound(), norm(5_600));
    let noise =
        first.as_slice().iter().zip(bare.as_slice()).map(|(x, q)| ((x - q) * (x - q)) as f64);
    let variance = noise.sum::<f64>() / 41.0;
    // Its standard deviation is 2,500·√(2/41) = 552; under one seed the next noise is another.
    assert!((300.0..6_000.0).contains(&variance), "{variance}");
    assert!(noisy.local_update(1, &global).unwrap().quantised != first);
}

#[test]
fn the_same_step_gives_the_same_update_and_another_step_or_institution_another() {
    let architecture = Architecture::new(8, vec![4]).unwrap();
    let global = architecture.initial(1);
    let quantiser = Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap();
    let run = |institution, step| {
        let stage = Quantisation::new(quantiser.clone(), 42, institution);
        let mut participant = Participant::new(trainer(&architecture, institution), stage);
        let update = participant.local_update(step, &global).unwrap();
        update.quantised.as_slice().to_vec()
    };
    assert_eq!(run(0, 1), run(0, 1));
    assert_ne!(run(0, 1), run(0, 2));
    assert_ne!(run(0, 1), run(1, 1));
}

/// Returns whatever it was told to.
struct Given(Vec<f32>);

impl Trainer for Given {
    fn train(&mut self, _: u64, _: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(self.0.clone())
    }
}

#[test]
fn a_model_of_a_trainer_that_is_not_finite_or_of_another_shape_never_becomes_an_update() {
    let global = [0.0; 4];
    let update = |model: &[f32]| {
        let stage = stage(Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap());
        Participant::new(Given(model.to_vec()), stage).local_update(1, &global)
    };
    assert!(update(&[0.5; 4]).is_ok());
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let refused = update(&[0.0, 0.0, value, 0.0]).unwrap_err();
        let PrepareError::Train(TrainError::NonFinite { index: 2, .. }) = refused else {
            panic!("{refused}")
        };
    }
    for got in [0, 3, 5] {
        let refused = update(&vec![0.0; got]).unwrap_err();
        let PrepareError::Train(TrainError::ParameterCount { expected: 4, got: found }) = refused
        else {
            panic!("{refused}")
        };
        assert_eq!(found, got);
    }
}

#[test]
fn neither_the_model_nor_the_update_shows_in_debug_output() {
    let architecture = Architecture::new(8, vec![4]).unwrap();
    let global = architecture.initial(1);
    let stage = stage(Quantiser::new(EIGHT, 0.25, 1.0, 10).unwrap());
    let update = Participant::new(trainer(&architecture, 3), stage).local_update(1, &global);
    let shown = format!("{update:?}");
    assert!(!shown.contains("model") && !shown.contains("0."), "{shown}");
}

#[test]
fn an_institution_prepares_no_more_than_the_share_that_its_certificate_gives_it() {
    for bound in consilium_testkit::bounds() {
        let ceremony = consilium_testkit::ceremony(1, |spec| spec.bound = bound);
        for files in &ceremony.institutions {
            let own = files.parameters.own_bound(files.identity.rows);
            assert_eq!(own == bound, files.identity.rows == 100);
            let mut stage = Quantisation::of(files, 42).unwrap();
            let Prepared { quantised, clipped_share } =
                stage.prepare(1, &[0.0; 9], &[10.0; 9]).unwrap();
            assert_eq!(quantised.bound(), own);
            assert!(clipped_share > 0.9, "{clipped_share}");
            match own {
                Bound::Parameter { most, .. } => {
                    assert!(quantised.as_slice().iter().all(|q| *q == i64::from(most)))
                }
                Bound::Norm { norm, .. } => {
                    let length = quantised.as_slice().iter().map(|q| q * q).sum::<i64>() as f64;
                    assert!(length.sqrt() > f64::from(norm) - 5.0, "{length} of {norm}");
                }
            }
        }
    }
}
