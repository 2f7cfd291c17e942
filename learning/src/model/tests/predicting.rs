use burn::tensor::{Tensor, TensorData};
use consilium_datasets::{Dataset, Inputs, Preprocessor, Source};

use super::{ROWS, SCHEMA, agreed, model, plain, source, with_target};
use crate::network::{Network, device};
use crate::{
    Architecture, Description, LearnedTarget, Prediction, StatisticsOf, TrainedModel, logits,
};

fn logit(prediction: &Prediction) -> f32 {
    let Prediction::Binary { logit, .. } = prediction else { panic!("{prediction:?}") };
    *logit
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Rows of a bundled dataset as a user has them: a file without a target, read by what the model's own file says.
fn unlabelled(name: &str, model: &TrainedModel) -> Inputs {
    let Some(csv) = Dataset::bundled(name)
        .ok()
        .map(|_| std::fs::read(format!("../datasets/data/{name}/{name}.csv")))
    else {
        panic!("{name}")
    };
    let text = String::from_utf8(csv.unwrap()).unwrap();
    let target = model.description.target.column();
    let place = text.lines().next().unwrap().split(',').position(|name| name == target).unwrap();
    let without = text.lines().map(|line| {
        let fields = line.split(',').enumerate().filter(|(index, _)| *index != place);
        fields.map(|(_, field)| field).collect::<Vec<_>>().join(",")
    });
    let csv = without.collect::<Vec<_>>().join("\n");
    let source = Source::new(model.description.schema(), "new.csv", csv.into_bytes());
    let preprocessor = &model.description.preprocessor;
    preprocessor.inputs(&preprocessor.read(&source, None).unwrap()).unwrap()
}

#[test]
fn predictions_are_bit_for_bit_the_pass_that_training_makes_in_batches_of_any_size() {
    for (name, hidden) in [("pima", vec![16, 8]), ("wdbc", vec![]), ("digits", vec![7])] {
        let dataset = Dataset::bundled(name).unwrap();
        let rows: Vec<usize> = (0..dataset.rows()).collect();
        let split = dataset.split(0.2, 1).unwrap();
        let preprocessor = Preprocessor::fit(&dataset, &split.train).unwrap();
        let table = preprocessor.transform(&dataset, &rows).unwrap();
        let description = Description::of(&dataset, preprocessor, StatisticsOf::Agreed, None);
        let made = model(description, hidden);
        // Through its file, as a user gets it, and from a file without the target.
        let model = TrainedModel::from_bytes(&made.to_bytes().unwrap()).unwrap();
        let inputs = unlabelled(name, &model);
        assert_eq!(bits(&inputs.features), bits(&table.features), "{name}");
        let predicted: Vec<f32> = model.predict(&inputs).unwrap().iter().map(logit).collect();

        let training = device().autodiff();
        let network = Network::new(&made.architecture, &made.parameters, &training).unwrap();
        for batch in [1, 16, 33, table.rows] {
            let passes = table.features.chunks(batch * table.width).flat_map(|features| {
                let shape = [features.len() / table.width, table.width];
                let data = TensorData::new(features.to_vec(), shape);
                let logits = network.forward(Tensor::<2>::from_data(data, &training));
                logits.into_data().iter::<f32>().collect::<Vec<_>>()
            });
            let trained: Vec<f32> = passes.collect();
            assert_eq!(bits(&trained), bits(&predicted), "{name} in batches of {batch}");
        }
    }
}

#[test]
fn the_layout_of_the_documentation_computed_by_hand_gives_the_same_logits() {
    let model = model(agreed(), vec![3, 2]);
    let bytes = model.to_bytes().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f64> {
        let tensor = file.tensor(name).unwrap();
        let (floats, _) = tensor.data().as_chunks::<4>();
        floats.iter().map(|float| f64::from(f32::from_le_bytes(*float))).collect()
    };
    let inputs = [[0.5, 1.0, 0.0, 0.0, 0.0], [-2.25, 0.0, 0.0, 1.0, 0.0]];
    let flat: Vec<f32> = inputs.concat();
    let logits = logits(&model.architecture, &model.parameters, &flat).unwrap();
    for (row, logit) in inputs.iter().zip(logits) {
        let mut values: Vec<f64> = row.iter().map(|value| f64::from(*value)).collect();
        for layer in 0..3 {
            let bias = floats(&format!("layers.{layer}.bias"));
            let weight = floats(&format!("layers.{layer}.weight"));
            let next = (0..bias.len()).map(|output| {
                let seen = values.iter().enumerate();
                let sum = seen.map(|(input, value)| value * weight[input * bias.len() + output]);
                let sum = sum.sum::<f64>() + bias[output];
                if layer < 2 { sum.max(0.0) } else { sum }
            });
            values = next.collect();
        }
        assert!((values[0] - f64::from(logit)).abs() < 1e-6, "{values:?} {logit}");
    }
}

#[test]
fn unknown_categories_and_missing_values_are_as_in_training() {
    for description in [agreed(), plain()] {
        let is_agreed = description.dictionary.is_some();
        let csv = if is_agreed { ROWS.to_owned() } else { ROWS.replace("NA", "?") };
        let labelled = source(SCHEMA, &csv);
        let dataset = match &description.dictionary {
            Some(dictionary) => dictionary.open(&labelled).unwrap().0,
            None => Dataset::of(&labelled).unwrap(),
        };
        let preprocessor = &description.preprocessor;
        let table = preprocessor.transform(&dataset, &[0, 1, 2, 3]).unwrap();
        // Columns in another order, another one among them, and no target.
        let moved = "name,glucose,ward\na,97,north\nb,101,seventh\nc,,NA\nd,140.25,ea|st\n";
        let moved = if is_agreed { moved.to_owned() } else { moved.replace("NA", "?") };
        let new = Source::new(description.schema(), "new.csv", moved.into_bytes());
        let rows = match &description.dictionary {
            Some(dictionary) => dictionary.open_unlabelled(&new, Some("name")).unwrap(),
            None => preprocessor.read(&new, Some("name")).unwrap(),
        };
        assert_eq!(rows.ids().unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(bits(&preprocessor.inputs(&rows).unwrap().features), bits(&table.features));
    }
}

#[test]
fn a_row_is_positive_where_its_probability_is_above_one_half_and_classes_have_names() {
    let architecture = Architecture::new(5, vec![]).unwrap();
    let model =
        TrainedModel::new(architecture, vec![2.0, 0., 0., 0., 0., 0.0], agreed(), 1).unwrap();
    let rows = [1.0, 0.0, -1.0].map(|value| [value, 0., 0., 0., 0.]).concat();
    let inputs = Inputs { features: rows, rows: 3, width: 5 };
    let predicted = model.predict(&inputs).unwrap();
    let said = |row: &Prediction| {
        let Prediction::Binary { probability, positive, .. } = row else { panic!("{row:?}") };
        (*probability, *positive)
    };
    let said: Vec<(f64, bool)> = predicted.iter().map(said).collect();
    assert_eq!(said.iter().map(|row| row.1).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(said[1].0, 0.5);
    assert!((said[0].0 - 0.880_797_077_977_882_3).abs() < 1e-15);
    let LearnedTarget::Binary(classes) = &model.description.target else { panic!() };
    assert_eq!((classes.name(true), classes.name(false)), ("yes".into(), "no|never".into()));
    let short = Inputs { features: vec![0.0; 4], rows: 1, width: 4 };
    assert!(model.predict(&short).is_err());
}

#[test]
fn of_several_classes_each_has_a_probability_and_a_number_is_in_its_unit_and_range() {
    let mut several = model(with_target("classes = ['a', 'b', 'c']"), vec![]);
    several.parameters = vec![0.0; 18];
    several.parameters[..3].copy_from_slice(&[1.0, 0.0, -1.0]);
    let rows = [2.0, 0.0].map(|value| [value, 0., 0., 0., 0.]).concat();
    let inputs = Inputs { features: rows, rows: 2, width: 5 };
    let predicted = several.predict(&inputs).unwrap();
    let Prediction::Class { probabilities, class } = &predicted[0] else { panic!() };
    let powers = [2f64.exp(), 1.0, (-2f64).exp()];
    for (probability, power) in probabilities.iter().zip(powers) {
        assert!((probability - power / powers.iter().sum::<f64>()).abs() < 1e-12);
    }
    assert_eq!(*class, 0);
    let alike = Prediction::Class { probabilities: vec![1.0 / 3.0; 3], class: 0 };
    assert_eq!(predicted[1], alike);

    let mut line = model(with_target("unit = 'd'\nminimum = 10\nmaximum = 50"), vec![]);
    line.parameters = vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.25];
    let rows = [0.0, 0.5, 7.0, -7.0].map(|value| [value, 0., 0., 0., 0.]).concat();
    let inputs = Inputs { features: rows, rows: 4, width: 5 };
    let expected = [20.0, 40.0, 50.0, 10.0].map(Prediction::Number);
    assert_eq!(line.predict(&inputs).unwrap(), expected);
}
