use std::collections::BTreeMap;

use consilium_proto::training::{Convolution, Layers};
use safetensors::SafeTensors;

use super::{agreed, model, plain, with_target};
use crate::model::{Head, TrainedModel};
use crate::weights::{metadata, with_metadata};
use crate::{Architecture, LearningError, from_safetensors, to_safetensors};

fn whole() -> TrainedModel {
    let head = Head { chain_id: "c1".repeat(32), height: 41, hash: "b2".repeat(32) };
    let metrics = BTreeMap::from([("auc".to_owned(), 0.8125), ("loss".to_owned(), 0.1 + 0.2)]);
    TrainedModel { metrics, head: Some(head), ..model(agreed(), vec![3]) }
}

#[test]
fn a_model_comes_back_from_its_file_to_the_bit_with_and_without_a_dictionary_and_a_chain() {
    let others = ["classes = ['a', 'b', 'c']", "unit = 'd'\nminimum = 10\nmaximum = 50"];
    let mut others = others.map(|target| model(with_target(target), vec![2]));
    others[0].confusion = Some(vec![vec![3, 0, 1], vec![0; 3], vec![2; 3]]);
    let binary = [whole(), model(plain(), vec![4, 2]), model(agreed(), vec![])];
    for model in binary.into_iter().chain(others) {
        assert_eq!(TrainedModel::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
    }
}

#[test]
fn the_same_model_gives_the_same_bytes_and_keys_are_sorted() {
    let bytes = whole().to_bytes().unwrap();
    for _ in 0..20 {
        assert_eq!(whole().to_bytes().unwrap(), bytes);
    }
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    assert_eq!(length % 8, 0);
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    let places =
        metadata(&bytes).unwrap().into_keys().map(|key| header.find(&format!("\"{key}\":")));
    assert!(places.collect::<Option<Vec<_>>>().unwrap().is_sorted(), "{header}");
}

#[test]
fn every_reader_of_safetensors_finds_the_tensors_where_they_were() {
    let model = whole();
    let bytes = model.to_bytes().unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let shape = |name: &str| file.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shape("layers.0.weight"), [5, 3]);
    assert_eq!(shape("layers.0.bias"), [3]);
    assert_eq!(shape("layers.1.weight"), [3, 1]);
    assert_eq!(from_safetensors(&model.architecture, &bytes).unwrap(), model.parameters);
}

#[test]
fn the_metadata_says_what_people_need() {
    let texts = metadata(&whole().to_bytes().unwrap()).unwrap();
    let keys: Vec<&str> = texts.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "architecture",
            "chain_id",
            "dictionary",
            "dictionary_hash",
            "format_version",
            "head_hash",
            "head_height",
            "metrics",
            "missing",
            "preprocessor",
            "statistics",
            "step",
            "target"
        ]
    );
    assert_eq!(texts["architecture"], r#"{"inputs":5,"hidden":[3],"head":"binary"}"#);
    assert_eq!((texts["step"].as_str(), texts["format_version"].as_str()), ("7", "1"));
    assert!(texts["preprocessor"].contains("standard_deviation = 0.3"));
    assert!(texts["target"].contains("positive = [\"yes\"]"));
}

/// The file of a whole model with other texts.
fn changed(
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Result<TrainedModel, LearningError> {
    let model = whole();
    let mut texts = metadata(&model.to_bytes().unwrap()).unwrap();
    change(&mut texts);
    let tensors = to_safetensors(&model.architecture, &model.parameters).unwrap();
    TrainedModel::from_bytes(&with_metadata(&tensors, &texts).unwrap())
}

#[test]
fn a_text_that_is_missing_or_contradicts_another_is_refused_by_its_name() {
    assert!(changed(|_| ()).is_ok());
    for key in
        ["architecture", "preprocessor", "target", "missing", "statistics", "step", "metrics"]
    {
        let error = changed(|texts| drop(texts.remove(key))).unwrap_err().to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
    let cases = [
        ("format_version", "2", "it is of format 2, this program reads format 1"),
        (
            "architecture",
            r#"{"inputs":4,"hidden":[3],"head":"binary"}"#,
            "layers.0.weight should be",
        ),
        ("architecture", r#"{"inputs":5,"hidden":[3],"head":"cox"}"#, "unknown variant"),
        (
            "architecture",
            r#"{"inputs":5,"hidden":[4294967295],"head":"binary"}"#,
            "parameters in all",
        ),
        ("dictionary_hash", "00", "is of another dictionary"),
        ("dictionary", "format = 2", "dictionary of format 2"),
        ("target", "column='ill'\npositive=['no']\nnegative=['yes']", "is not the dictionary's"),
        ("target", "column='ill'\npositive=[]\nnegative=['yes']", "no positive value"),
        ("statistics", "pooled", "neither agreed nor own rows"),
        ("step", "-1", "step is no number"),
        ("head_height", "x", "head_height is no number"),
        ("metrics", "{\"auc\":\"good\"}", "metrics: "),
        ("confusion", "[[1]]", "confusion of a model that has not several classes"),
    ];
    for (key, text, says) in cases {
        let error =
            changed(|texts| drop(texts.insert(key.to_owned(), text.to_owned()))).unwrap_err();
        assert!(error.to_string().contains(says), "{key}: {error}");
    }
    let other = plain().to_texts().unwrap();
    let error = changed(|texts| {
        drop(texts.insert("preprocessor".to_owned(), other["preprocessor"].clone()))
    });
    assert!(error.is_err_and(|error| error.to_string().contains("not those of the dictionary")));
}

#[test]
fn a_file_without_a_description_or_cut_short_is_refused_with_what_to_do() {
    let model = whole();
    let bare = to_safetensors(&model.architecture, &model.parameters).unwrap();
    let error = TrainedModel::from_bytes(&bare).unwrap_err().to_string();
    assert!(error.contains("consilium-client model"), "{error}");
    let bytes = model.to_bytes().unwrap();
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        assert!(TrainedModel::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    assert!(TrainedModel::from_bytes(&[0xff; 64]).is_err());
}

#[test]
fn a_network_that_predicts_something_else_than_its_target_is_no_model() {
    let architecture = Architecture::new(5, vec![]).unwrap();
    let target = with_target("unit = 'd'\nminimum = 10\nmaximum = 50");
    let error = TrainedModel::new(architecture, vec![0.0; 6], target, 1).unwrap_err();
    assert!(error.to_string().contains("`ill` is not what"), "{error}");
}

#[test]
fn a_network_of_another_width_than_the_preprocessor_is_no_model() {
    let architecture = Architecture::new(4, vec![]).unwrap();
    let error = TrainedModel::new(architecture, vec![0.0; 5], agreed(), 1).unwrap_err();
    assert!(error.to_string().contains("makes 5 inputs, the network has 4"), "{error}");
}

#[test]
fn a_convolution_is_in_the_architecture() {
    let names: String = (0..4)
        .map(|pixel| format!("[[columns]]\nkind='numeric'\nname='p{pixel}'\nmedian=0.0\nmean=0.0\nstandard_deviation=1.0\n"))
        .collect();
    let preprocessor = consilium_datasets::Preprocessor::from_toml(&names).unwrap();
    let convolution = Some(Convolution { image_channels: 1, channels: vec![2] });
    let layers = Layers { convolution, ..Layers::dense(4, vec![3]) };
    let architecture = Architecture::try_from(layers).unwrap();
    let description = crate::model::Description { preprocessor, ..plain() };
    let parameters = architecture.initial(1);
    let model = TrainedModel::new(architecture, parameters, description, 1).unwrap();
    assert_eq!(TrainedModel::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
}
