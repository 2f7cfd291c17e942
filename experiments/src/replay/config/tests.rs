use consilium_authority::OptimiserName;

use super::*;

fn resolve(choice: Choice) -> Result<ReplayConfig, ExperimentError> {
    ReplayConfig::resolve(choice, &Dataset::bundled("pima").unwrap())
}

#[test]
fn ten_institutions_mean_threshold_four_quorum_seven_and_five_updates() {
    let config = resolve(Choice::default()).unwrap();
    assert_eq!((config.threshold, config.quorum, config.min_updates), (4, 7, 5));
    for (n, t) in [(4, 2), (7, 3), (50, 17)] {
        let choice = Choice { institutions: n, malicious: 0, ..Choice::default() };
        assert_eq!(resolve(choice).unwrap().threshold, t);
    }
}

#[test]
fn two_or_three_institutions_protect_nobody_and_are_replayed_only_where_that_is_asked_for() {
    for institutions in [2, 3] {
        let choice = Choice { institutions, malicious: 0, ..Choice::default() };
        let error = resolve(choice.clone()).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("--allow-threshold-one") && error.exit_code() == 2, "{said}");
        let protection = Protection { allow_threshold_one: true };
        assert_eq!(resolve(Choice { protection, ..choice }).unwrap().threshold, 1);
    }
}

#[test]
fn a_resolved_config_survives_its_file_with_either_bound_in_words() {
    let bound = |bound: BoundChoice| resolve(Choice { bound, ..Choice::default() }).unwrap();
    for (config, says) in [
        (
            bound(BoundChoice { bits: Some(16), ..BoundChoice::default() }),
            "[bound]\nkind = \"parameter\"\nbits = 16\n",
        ),
        (
            bound(BoundChoice {
                norm: Some(900),
                projections: Some(512),
                ..BoundChoice::default()
            }),
            "[bound]\nkind = \"norm\"\nnorm = 900\nprojections = 512\n",
        ),
    ] {
        let text = config.to_toml().unwrap();
        assert!(text.contains(says), "{text}");
        assert_eq!(ReplayConfig::from_toml(&text).unwrap(), config);
        assert!(ReplayConfig::from_toml(&text.replace("[bound]\nkind", "[bound]\nkin")).is_err());
    }
    assert!(ReplayConfig::from_toml("dataset = 1").is_err());
}

#[test]
fn a_large_model_is_bounded_by_its_norm_and_a_small_one_parameter_by_parameter() {
    let bound = |hidden: &[usize]| {
        resolve(Choice { hidden: hidden.to_vec(), ..Choice::default() }).unwrap().bound
    };
    assert_eq!(bound(&[4]), Bound::parameter(8));
    assert_eq!(bound(&[16, 8]), Bound::Norm { norm: 5600, projections: 256 });
    assert_eq!(bound(&[330, 290]), Bound::Norm { norm: 5600, projections: 256 });
}

#[test]
fn a_private_config_counts_on_all_honest_noise_and_survives_its_file() {
    let private = |epsilon| {
        let privacy = PrivacyFlags { privacy_epsilon: Some(epsilon), ..PrivacyFlags::default() };
        resolve(Choice { privacy, ..Choice::default() })
    };
    let config = private(8.0).unwrap();
    assert_eq!(config.min_updates, 8);
    let Bound::Norm { norm: signal, projections } = config.quantised_bound() else {
        panic!("noise needs a norm")
    };
    let Bound::Norm { norm, .. } = config.bound else { panic!("noise needs a norm") };
    assert_eq!((signal, projections), (config.privacy.unwrap().signal, 256));
    assert!(signal < norm);
    assert_eq!(ReplayConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let error = private(0.0).unwrap_err();
    assert!(
        error.to_string().starts_with("--privacy-epsilon") && error.exit_code() == 2,
        "{error}"
    );
    let plain = resolve(Choice::default()).unwrap();
    assert_eq!(plain.quantised_bound(), plain.bound);
}

#[test]
fn values_that_cannot_work_are_refused_in_one_line() {
    let good = Choice::default;
    for choice in [
        Choice { institutions: 1, ..good() },
        Choice { institutions: 5000, ..good() },
        Choice { malicious: 6, ..good() },
        Choice { malicious: 60, ..good() },
        Choice { bound: BoundChoice { bits: Some(9), ..BoundChoice::default() }, ..good() },
        Choice { bound: BoundChoice { norm: Some(8), ..BoundChoice::default() }, ..good() },
        Choice { hidden: vec![16, 0], ..good() },
        Choice { hidden: vec![10_000, 10_000], ..good() },
        Choice { epochs: 0, ..good() },
        Choice { splits: 0, ..good() },
        Choice { epochs: usize::MAX, ..good() },
        Choice { splits: 100_001, ..good() },
        Choice { seed: u64::MAX, ..good() },
    ] {
        let error = resolve(choice).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1);
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn convolutions_are_for_images_are_written_down_and_learn_more_slowly() {
    let resolve = |dataset: &str, convolution: &[usize], hidden: &[usize]| {
        let choice = Choice {
            dataset: dataset.into(),
            convolution: convolution.to_vec(),
            hidden: hidden.to_vec(),
            ..Choice::default()
        };
        ReplayConfig::resolve(choice, &Dataset::bundled(dataset).unwrap())
    };
    let large = resolve("digits", &[32, 64], &[240]).unwrap();
    assert_eq!((large.dimension, large.local.learning_rate), (1_002_337, 1e-3));
    assert!(large.to_toml().unwrap().contains("convolution = [32, 64]\n"));
    let dense = resolve("digits", &[], &[240]).unwrap();
    assert_eq!((dense.dimension, dense.local.learning_rate), (65 * 240 + 241, 1e-2));
    assert!(!dense.to_toml().unwrap().contains("convolution"));
    for (dataset, convolution, hidden, says) in [
        ("pima", &[4][..], &[8][..], "rows of pima are no images"),
        ("digits", &[0], &[8], "a layer without a neuron"),
        (
            "digits",
            &[64],
            &[1000],
            "--convolution [64] --hidden [1000]: more than 1048576 parameters",
        ),
    ] {
        let error = resolve(dataset, convolution, hidden).unwrap_err();
        assert!(error.to_string().contains(says) && error.exit_code() == 2, "{error}");
    }
}

#[test]
fn training_and_partition_are_what_the_flags_say_and_a_usual_config_does_not_name_them() {
    let usual = resolve(Choice::default()).unwrap();
    let text = usual.to_toml().unwrap();
    for word in ["partition", "proximal", "weights", "schedule"] {
        assert!(!text.contains(word), "{text}");
    }
    let none: TrainingConfig = TrainingConfig::from_plan(&default_training()).unwrap();
    assert_eq!((&usual.local, usual.local.weight_decay), (&none, 1.0));
    let adam = TrainingFlags { optimiser: Some(OptimiserName::Adam), ..TrainingFlags::default() };
    let text = resolve(Choice { training: adam, ..Choice::default() }).unwrap().to_toml().unwrap();
    assert!(!text.contains("decay"), "{text}");
    let training = TrainingFlags {
        optimiser: Some(OptimiserName::Adamw),
        learning_rate: Some(0.005),
        local_epochs: Some(3),
        weight_decay: Some(0.02),
        proximal: Some(0.1),
        schedule: Some("cosine:0.1".parse().unwrap()),
        ..TrainingFlags::default()
    };
    let partition = Partitioning::Dirichlet(0.5);
    let config = resolve(Choice { training, partition, ..Choice::default() }).unwrap();
    assert_eq!((config.local.optimiser, config.local.local_epochs), (Optimiser::AdamW, 3));
    assert_eq!(config.centralised, usual.centralised);
    assert_ne!(config.rows, usual.rows);
    assert_eq!(ReplayConfig::from_toml(&config.to_toml().unwrap()).unwrap(), config);
    let training = TrainingFlags { proximal: Some(-1.0), ..TrainingFlags::default() };
    let error = resolve(Choice { training, ..Choice::default() }).unwrap_err();
    assert!(error.to_string().contains("proximal") && error.exit_code() == 2, "{error}");
}
