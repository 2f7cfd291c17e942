//! The coefficients of a model without hidden layers, as people read them.

use std::fmt::Write as _;

use consilium_datasets::{
    NumberStatistics,
    dictionary::{Dictionary, Kind},
};

use super::file::TrainedModel;
use super::markdown::plain;
use super::target::{LearnedTarget, NumberTarget};
use crate::{LinearModel, linear_models};

/// Of one input, or the intercept.
struct Coefficient {
    /// The input by name, with its unit.
    name: String,
    /// What the output gains for one standard deviation of a number, or for a category that is there.
    scaled: f64,
    /// The same for one unit of a number; of the intercept, the output where all numbers are zero.
    in_unit: Option<f64>,
}

/// A table of coefficients by name in Markdown; `None` for a model with hidden layers.
pub(super) fn table(model: &TrainedModel) -> Option<String> {
    let names = model.description.preprocessor.feature_names();
    let outputs = linear_models(&model.architecture, &model.parameters, &names).ok()?;
    let mut text = "## Coefficients\n\n".to_owned();
    // A text takes all that is written to it.
    let _ = match &model.description.target {
        LearnedTarget::Binary(_) => binary(&mut text, model, outputs.first()?),
        LearnedTarget::Several(several) => classes(&mut text, model, &outputs, &several.classes),
        LearnedTarget::Number(target) => number(&mut text, model, outputs.first()?, target),
    };
    text.push_str("\nThey are associations in these rows, and no causes.\n\n");
    Some(text)
}

fn binary(text: &mut String, model: &TrainedModel, output: &LinearModel) -> std::fmt::Result {
    writeln!(
        text,
        "Of the log odds of the positive class: for one standard deviation of a number, and for one of its units; for a category \
         being there. An odds ratio is what the odds are multiplied by.\n\n\
         | input | coefficient | odds ratio | for one unit | odds ratio for one unit |\n\
         | --- | ---: | ---: | ---: | ---: |"
    )?;
    for Coefficient { name, scaled, in_unit } in coefficients(model, output) {
        let of_unit = in_unit.map_or_else(
            || " | ".to_owned(),
            |coefficient| format!("{coefficient:.4} | {:.3}", coefficient.exp()),
        );
        writeln!(text, "| {name} | {scaled:.4} | {:.3} | {of_unit} |", scaled.exp())?;
    }
    let (scaled, in_unit) = intercept(model, output);
    writeln!(text, "| intercept | {scaled:.4} | | {in_unit:.4} | |")
}

fn number(
    text: &mut String,
    model: &TrainedModel,
    output: &LinearModel,
    target: &NumberTarget,
) -> std::fmt::Result {
    let width = target.range.maximum - target.range.minimum;
    let name = plain(&target.name());
    writeln!(
        text,
        "What {name} gains for one standard deviation of a number, and for one of its units; for a category being there.\n\n\
         | input | coefficient | for one unit |\n| --- | ---: | ---: |"
    )?;
    for Coefficient { name, scaled, in_unit } in coefficients(model, output) {
        let in_unit =
            in_unit.map_or_else(String::new, |coefficient| significant(width * coefficient));
        writeln!(text, "| {name} | {} | {in_unit} |", significant(width * scaled))?;
    }
    let value = |fraction: f64| significant(target.range.minimum + width * fraction);
    let (scaled, in_unit) = intercept(model, output);
    writeln!(text, "| intercept | {} | {} |", value(scaled), value(in_unit))
}

/// Adding the same to all outputs changes no probability, so each is shown as its difference to the mean of all.
fn classes(
    text: &mut String,
    model: &TrainedModel,
    outputs: &[LinearModel],
    classes: &[String],
) -> std::fmt::Result {
    writeln!(
        text,
        "Of the log probability of each class, as differences to the mean over the classes: for one unit of a number, and for a \
         category being there.\n\n| input | {} |\n| --- |{}",
        classes.iter().map(|class| plain(class)).collect::<Vec<_>>().join(" | "),
        " ---: |".repeat(classes.len())
    )?;
    let of_outputs: Vec<Vec<Coefficient>> =
        outputs.iter().map(|output| coefficients(model, output)).collect();
    let mut line = |name: &str, values: Vec<f64>| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let shown = values.iter().map(|value| format!(" {:.4} |", value - mean));
        writeln!(text, "| {name} |{}", shown.collect::<String>())
    };
    for (place, first) in of_outputs.first().into_iter().flatten().enumerate() {
        let of_input = of_outputs.iter().filter_map(|of_output| of_output.get(place));
        let values = of_input.map(|coefficient| coefficient.in_unit.unwrap_or(coefficient.scaled));
        line(&first.name, values.collect())?;
    }
    line("intercept", outputs.iter().map(|output| intercept(model, output).1).collect())
}

fn coefficients(model: &TrainedModel, output: &LinearModel) -> Vec<Coefficient> {
    let description = &model.description;
    let scales = description.preprocessor.scales();
    let each = output.coefficients.iter().zip(scales);
    let coefficient = |((name, weight), scale): (&(String, f32), Option<NumberStatistics>)| {
        let scaled = f64::from(*weight);
        let in_unit = scale.map(|scale| scaled / scale.standard_deviation);
        let unit = description.dictionary.as_ref().and_then(|dictionary| unit(dictionary, name));
        let name = match unit.filter(|_| scale.is_some()) {
            Some(unit) => format!("{} ({})", plain(name), plain(unit)),
            None => plain(name),
        };
        Coefficient { name, scaled, in_unit }
    };
    each.map(coefficient).collect()
}

/// The output where every number has its mean, and where every number is zero.
fn intercept(model: &TrainedModel, output: &LinearModel) -> (f64, f64) {
    let scaled = f64::from(output.intercept);
    let scales = model.description.preprocessor.scales();
    let shifts = output.coefficients.iter().zip(scales).filter_map(|((_, weight), scale)| {
        let NumberStatistics { mean, standard_deviation, .. } = scale?;
        Some(f64::from(*weight) * mean / standard_deviation)
    });
    (scaled, scaled - shifts.sum::<f64>())
}

fn unit<'a>(dictionary: &'a Dictionary, column: &str) -> Option<&'a str> {
    let column = dictionary.columns().iter().find(|found| found.name == column)?;
    match &column.kind {
        Kind::Number { unit, .. } if !unit.is_empty() => Some(unit),
        Kind::Number { .. } | Kind::Category { .. } => None,
    }
}

/// Four digits that say something, whatever the unit.
fn significant(value: f64) -> String {
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let digits = usize::try_from(3 - magnitude).unwrap_or(0).min(12);
    format!("{value:.digits$}")
}
