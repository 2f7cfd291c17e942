mod card;
mod file;
mod predicting;

use consilium_datasets::{
    Dataset, NumberStatistics, Preprocessor, Schema, Source, dictionary::Dictionary,
};

use super::{Description, StatisticsOf, TrainedModel};
use crate::Architecture;

const DICTIONARY: &str = "\
format = 1
name = 'visits'
missing = ['NA']
[target]
column = 'ill'
positive = ['yes']
negative = ['no', 'never']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 20
maximum = 1000
[[columns]]
name = 'ward'
kind = 'category'
categories = ['north', 'ea|st']
other = 'another'
";

const SCHEMA: &str = "\
name='t'
file='t.csv'
categorical=['ward']
zero_is_missing=['glucose']
missing_values=['?']
target={column='ill', positive='yes', negative=['no', 'never']}
";

const ROWS: &str = "ward,ill,glucose\nnorth,yes,97\nseventh,no,101\nNA,never,\nea|st,no,140.25\n";

fn source(schema: &str, csv: &str) -> Source {
    let schema = Schema::parse(schema, "t.toml").unwrap();
    Source::new(schema, "t.csv", csv.as_bytes().to_vec())
}

/// Glucose; north, east, another and missing.
fn agreed() -> Description {
    let dictionary = Dictionary::parse(DICTIONARY).unwrap();
    let (dataset, _) = dictionary.open(&source(SCHEMA, ROWS)).unwrap();
    let statistics = NumberStatistics { median: 99.0, mean: 100.1, standard_deviation: 0.3 };
    let preprocessor = Preprocessor::agreed(&dictionary, &[statistics]).unwrap();
    Description::of(&dataset, preprocessor, StatisticsOf::Agreed, Some(dictionary))
}

/// The same rows read by their schema alone, in which one category stands for missing.
fn plain() -> Description {
    let dataset = Dataset::of(&source(SCHEMA, &ROWS.replace("NA", "?"))).unwrap();
    let preprocessor = Preprocessor::fit(&dataset, &[0, 1, 2, 3]).unwrap();
    Description::of(&dataset, preprocessor, StatisticsOf::OwnRows, None)
}

/// The same rows with another target.
fn with_target(target: &str) -> Description {
    let text = DICTIONARY.replace("positive = ['yes']\nnegative = ['no', 'never']", target);
    let dictionary = Dictionary::parse(&text).unwrap();
    Description::agreed(dictionary, agreed().preprocessor)
}

fn model(description: Description, hidden: Vec<usize>) -> TrainedModel {
    let width = description.preprocessor.width();
    let head = description.target.head();
    let architecture = Architecture::with_head(width, hidden, head).unwrap();
    let parameters = architecture.initial(3);
    TrainedModel::new(architecture, parameters, description, 7).unwrap()
}
