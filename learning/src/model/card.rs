//! What people should know of a model before they use it.

use std::fmt::{self, Display};

use consilium_datasets::dictionary::{Column, Kind, TargetRange};

use super::coefficients;
use super::description::StatisticsOf;
use super::file::TrainedModel;
use super::markdown::{list, plain};
use super::target::{LearnedTarget, NumberTarget};

/// An institution that took part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its name on the chain.
    pub pseudonym: String,
    /// Rows that it trained on, as certified.
    pub rows: u64,
    /// Whether it was revoked or expelled.
    pub is_out: bool,
}

/// A model card in Markdown, after Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019): `Display` writes it.
#[derive(Debug, Clone)]
pub struct Card<'a> {
    /// The model.
    pub model: &'a TrainedModel,
    /// What the run was, in a line.
    pub run: String,
    /// Rounds that the run was to have.
    pub rounds: u64,
    /// Who took part, where the chain says so.
    pub participants: Vec<Participant>,
    /// What every update had to prove, in words.
    pub bound: String,
    /// What the run has cost each institution, in words; `None` without noise.
    pub privacy: Option<String>,
    /// On which rows the metrics were measured.
    pub measured_on: Option<String>,
}

impl Display for Card<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = &self.model.description;
        let column = plain(description.target.column());
        let what = match &description.target {
            LearnedTarget::Binary(names) => {
                let [positive, negative] = [true, false].map(|class| plain(&names.name(class)));
                format!("Whether `{column}` is {positive} (positive) or {negative}")
            }
            LearnedTarget::Several(several) => {
                format!(
                    "Which of {} `{column}` is",
                    list(several.classes.iter().map(String::as_str))
                )
            }
            LearnedTarget::Number(NumberTarget { range, .. }) => {
                let TargetRange { unit, minimum, maximum } = range;
                let range = format!("{minimum} to {maximum} {}", plain(unit));
                format!("The number `{column}`, {}", range.trim_end())
            }
        };
        writeln!(f, "# Model card: {column}\n")?;
        let inputs = self.model.architecture.inputs();
        writeln!(f, "{what}, from {inputs} inputs. {}\n", self.run)?;
        self.how(f)?;
        self.data(f)?;
        self.who(f)?;
        self.quality(f)?;
        if let Some(table) = coefficients::table(self.model) {
            f.write_str(&table)?;
        }
        self.limits(f)
    }
}

impl Card<'_> {
    fn how(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.model.architecture.layers();
        writeln!(f, "## How it was made\n")?;
        match (&layers.convolution, layers.hidden.is_empty()) {
            (None, true) if matches!(self.model.description.target, LearnedTarget::Number(_)) => {
                writeln!(f, "- Linear regression.")?;
            }
            (None, true) => writeln!(f, "- Logistic regression.")?,
            (convolution, _) => {
                let channels = convolution.iter().flat_map(|convolution| &convolution.channels);
                let channels: Vec<String> =
                    channels.map(|channels| format!("3 by 3 to {channels}")).collect();
                let hidden: Vec<String> = layers.hidden.iter().map(u32::to_string).collect();
                let hidden = match hidden.is_empty() {
                    true => "none".to_owned(),
                    false => hidden.join(", "),
                };
                match channels.is_empty() {
                    true => writeln!(f, "- A network; neurons of its hidden layers: {hidden}.")?,
                    false => writeln!(
                        f,
                        "- A convolutional network: {}; neurons of its hidden layers: {hidden}.",
                        channels.join(", ")
                    )?,
                }
            }
        }
        writeln!(f, "- Rounds: {} of {}.", self.model.step, self.rounds)?;
        writeln!(f, "- What every update had to prove: {}.", self.bound)?;
        match &self.privacy {
            Some(spent) => writeln!(f, "- Differential privacy of institutions: {spent}.")?,
            None => writeln!(
                f,
                "- No noise was added: the model may say of a patient that she was among the rows."
            )?,
        }
        match &self.model.head {
            Some(head) => writeln!(
                f,
                "- Chain {}, verified up to block {} ({}) when this file was written.\n",
                head.chain_id, head.height, head.hash
            ),
            None => writeln!(f),
        }
    }

    fn data(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = &self.model.description;
        writeln!(f, "## Data\n")?;
        match &description.dictionary {
            None => {
                writeln!(
                    f,
                    "The institutions had agreed on no data dictionary: nothing checked that their columns, units and labels \
                     meant the same.\n"
                )?;
                let inputs = description.preprocessor.feature_names();
                writeln!(f, "Inputs, in order: {}.\n", list(inputs.iter().map(String::as_str)))?;
            }
            Some(dictionary) => {
                writeln!(
                    f,
                    "Data dictionary `{}`, {}; every institution's program checked its rows against it.\n",
                    plain(dictionary.name()),
                    dictionary.hash()
                )?;
                writeln!(f, "| column | values | missing |\n| --- | --- | --- |")?;
                for column in dictionary.columns() {
                    let missing = column.missing.iter().chain(dictionary.missing());
                    let missing = list(missing.map(String::as_str));
                    writeln!(f, "| {} | {} | {missing} |", plain(&column.name), values(column))?;
                }
                writeln!(f)?;
            }
        }
        match description.statistics {
            StatisticsOf::Agreed => {
                writeln!(f, "Columns are standardised by statistics that all had agreed on.\n")
            }
            StatisticsOf::OwnRows => writeln!(
                f,
                "**Columns are standardised by the rows of whoever wrote this file**, and others trained on other scales: \
                 predictions elsewhere are worth little. The medians, means and deviations in the model's file say something \
                 of these rows.\n"
            ),
        }
    }

    fn who(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.participants.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "## Who took part\n\n| institution | certified rows | |\n| --- | ---: | --- |"
        )?;
        for Participant { pseudonym, rows, is_out } in &self.participants {
            let out = if *is_out { "revoked or expelled" } else { "" };
            writeln!(f, "| {pseudonym} | {rows} | {out} |")?;
        }
        writeln!(f)
    }

    fn quality(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Quality\n")?;
        if self.model.metrics.is_empty() {
            return writeln!(f, "Not measured in this run.\n");
        }
        if let Some(rows) = &self.measured_on {
            writeln!(f, "Measured on {rows}.\n")?;
        }
        writeln!(f, "| | |\n| --- | ---: |")?;
        for (name, value) in &self.model.metrics {
            writeln!(f, "| {name} | {value:.4} |")?;
        }
        writeln!(f)?;
        self.confusion(f)
    }

    fn confusion(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(confusion) = &self.model.confusion else { return Ok(()) };
        let LearnedTarget::Several(several) = &self.model.description.target else { return Ok(()) };
        let classes: Vec<String> = several.classes.iter().map(|class| plain(class)).collect();
        let rule = " ---: |".repeat(classes.len());
        writeln!(f, "| actual / predicted | {} |\n| --- |{rule}", classes.join(" | "))?;
        for (class, row) in classes.iter().zip(confusion) {
            let rows: Vec<String> = row.iter().map(u64::to_string).collect();
            writeln!(f, "| {class} | {} |", rows.join(" | "))?;
        }
        writeln!(f)
    }

    fn limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Limits, and what it must not be used for\n")?;
        writeln!(
            f,
            "- It is no medical device. It must not decide about a patient, nor replace somebody who does."
        )?;
        writeln!(
            f,
            "- Before any use, measure it on patients of the place where it is to be used.{}",
            match self.model.description.target {
                LearnedTarget::Binary(_) | LearnedTarget::Several(_) => {
                    " The probabilities are not calibrated."
                }
                LearnedTarget::Number(_) => "",
            }
        )?;
        writeln!(
            f,
            "- It must not be applied to columns that are measured, coded or labelled otherwise, nor to values outside of the \
             ranges that it was trained on: only where a data dictionary names the ranges and codes are such rows refused."
        )?;
        writeln!(
            f,
            "- Updates were bounded, not understood: an institution with wrong labels, or with a backdoor in mind, can have moved \
             it within the bound."
        )?;
        writeln!(
            f,
            "- What it says of groups of patients who are rare among the rows, nobody has looked at."
        )
    }
}

fn values(column: &Column) -> String {
    match &column.kind {
        Kind::Number { unit, minimum, maximum } => {
            format!("{minimum} to {maximum} {}", plain(unit)).trim_end().to_owned()
        }
        Kind::Category { categories, other } => {
            let other = match other {
                Some(other) => format!("; any other is {}", plain(other)),
                None => "; no other".to_owned(),
            };
            list(categories.iter().map(String::as_str)) + &other
        }
    }
}
