//! A site's file against the dictionary.

use std::collections::BTreeSet;

use super::definition::{Column, Dictionary, Kind, TargetKind, TargetRange};
use super::report::{ClassReport, ColumnReport, DataReport, Fault, Finding};
use super::site::{CategoryField, LabelField, NumberField, Site};
use crate::error::{DatasetError, shortened};
use crate::schema::canonical;
use crate::source::Source;

impl Dictionary {
    /// Compares a site's file with this dictionary. Columns are found by name, in any order. All that does not fit is in the
    /// report; a constant or empty column is none of it, because other sites may have values.
    ///
    /// # Errors
    /// [`DatasetError`] if the file cannot be read at all: another checksum, separator or encoding, a row of another length, a
    /// column twice.
    pub fn check(&self, source: &Source) -> Result<DataReport, DatasetError> {
        let sheet = source.sheet()?;
        let site = Site { dictionary: self, schema: &source.schema, sheet: &sheet, labelled: true };
        Ok(site.report(&source.file))
    }
}

/// Rows of one kind.
#[derive(Default)]
struct Rows {
    number: usize,
    first: usize,
}

impl Rows {
    fn count(&mut self, index: usize) {
        if self.number == 0 {
            // The header is row 1.
            self.first = index + 2;
        }
        self.number += 1;
    }
}

impl<'a> Site<'a> {
    /// All that fits and all that does not; `file` names it.
    pub(super) fn report(&self, file: &str) -> DataReport {
        let mut faults = self.names();
        let classes = match &self.dictionary.target.kind {
            _ if !self.labelled => Vec::new(),
            TargetKind::Number(range) => {
                self.target_number(range, &mut faults);
                Vec::new()
            }
            TargetKind::Binary { .. } | TargetKind::Several(_) => self.classes(&mut faults),
        };
        let mut columns = Vec::new();
        for column in &self.dictionary.columns {
            if let Some(position) = self.position(&column.name) {
                columns.push(self.column(column, position, &mut faults));
            }
        }
        DataReport {
            dictionary: self.dictionary.hash().to_string(),
            file: file.to_owned(),
            rows: self.sheet.column(0).count(),
            classes,
            columns,
            findings: faults.into_iter().map(Finding::from).collect(),
        }
    }

    /// Names that are on one side only.
    fn names(&self) -> Vec<Fault> {
        let target = &self.dictionary.target;
        let agreed = self.dictionary.columns.iter().map(|column| &column.name);
        if agreed.clone().chain([&target.column]).all(|name| self.position(name).is_none()) {
            // Without a header the first line is a patient's, so none of it is named.
            return vec![Fault::NoHeader];
        }
        let mut faults = Vec::new();
        if !self.labelled {
            let missing = agreed.filter(|name| self.position(name).is_none());
            return missing.map(|name| Fault::MissingColumn { column: shortened(name) }).collect();
        }
        if self.schema.target.column != target.column {
            let expected = shortened(&target.column);
            let found = shortened(&self.schema.target.column);
            faults.push(Fault::OtherTarget { expected, found });
        }
        if self.position(&target.column).is_none() {
            faults.push(Fault::MissingColumn { column: shortened(&target.column) });
        }
        let chosen = |name: &String| match &self.schema.features {
            Some(features) => features.contains(name),
            None => !self.schema.drop.contains(name),
        };
        for name in agreed.clone() {
            let column = shortened(name);
            match self.position(name) {
                None => faults.push(Fault::MissingColumn { column }),
                Some(_) if !chosen(name) => faults.push(Fault::LeftOut { column }),
                Some(_) => {}
            }
        }
        let agreed: BTreeSet<&String> = agreed.chain([&target.column]).collect();
        for name in &self.sheet.header {
            let is_target = *name == self.schema.target.column;
            if chosen(name) && !is_target && !agreed.contains(name) {
                faults.push(Fault::UnknownColumn { column: shortened(name) });
            }
        }
        let named = [
            (&self.schema.drop, "a column to drop"),
            (&self.schema.categorical, "categorical"),
            (&self.schema.zero_is_missing, "a column in which zero is missing"),
        ];
        for (columns, role) in named {
            for name in columns.iter().filter(|name| self.position(name).is_none()) {
                faults.push(Fault::SchemaColumn { column: shortened(name), role });
            }
        }
        faults
    }

    /// Rows of every class; the schema's classes have to be the dictionary's, or a site would train on inverted labels.
    fn classes(&self, faults: &mut Vec<Fault>) -> Vec<ClassReport> {
        let target = &self.dictionary.target;
        let set = |values: &'a [String]| values.iter().collect::<BTreeSet<_>>();
        let stated = &self.schema.target;
        let agree = match &target.kind {
            // A schema that leaves the classes to the dictionary contradicts none of them.
            _ if stated.positive.is_empty() => true,
            TargetKind::Binary { positive, negative } => {
                let negative = set(negative);
                set(positive) == set(&stated.positive)
                    && stated.negative.iter().flatten().all(|value| negative.contains(value))
            }
            TargetKind::Several(classes) => {
                let classes = set(classes);
                stated.positive.iter().all(|value| classes.contains(value))
            }
            TargetKind::Number(_) => true,
        };
        if !agree {
            faults.push(Fault::OtherClasses);
        }

        let mut counts = vec![0; target.kind.values().count()];
        let mut empty = Rows::default();
        let mut unknown = Rows::default();
        let mut values = BTreeSet::new();
        let position = self.position(&target.column);
        let fields = position.into_iter().flat_map(|position| self.labels(position));
        for (index, field) in fields.enumerate() {
            match field {
                LabelField::Missing => empty.count(index),
                LabelField::Known(place) => {
                    counts.get_mut(place).into_iter().for_each(|count| *count += 1);
                }
                LabelField::Unknown(value) => {
                    unknown.count(index);
                    values.insert(value);
                }
            }
        }
        let column = || shortened(&target.column);
        if empty.number > 0 {
            let first_row = empty.first;
            faults.push(Fault::EmptyTarget { column: column(), rows: empty.number, first_row });
        }
        if unknown.number > 0 {
            faults.push(Fault::UnknownLabels {
                column: column(),
                rows: unknown.number,
                values: values.len(),
                first_row: unknown.first,
            });
        }
        let classes = target.kind.values().zip(counts);
        classes.map(|(value, rows)| ClassReport { value: value.to_owned(), rows }).collect()
    }

    /// Rows without a number to learn, or with one that is not plausible.
    fn target_number(&self, range: &'a TargetRange, faults: &mut Vec<Fault>) {
        let name = &self.dictionary.target.column;
        if !self.schema.target.positive.is_empty() {
            // What a site takes for classes is no number to it.
            faults.push(Fault::OtherClasses);
        }
        let Some(position) = self.position(name) else { return };
        let fields: Vec<NumberField> = self.label_numbers(position, range).collect();
        let mut empty = Rows::default();
        for (index, field) in fields.iter().enumerate() {
            if matches!(field, NumberField::Missing) {
                empty.count(index);
            }
        }
        if empty.number > 0 {
            let column = shortened(name);
            faults.push(Fault::EmptyTarget { column, rows: empty.number, first_row: empty.first });
        }
        let TargetRange { unit, minimum, maximum } = range;
        let report = ColumnReport::of(name);
        number_report(report, fields.into_iter(), (unit, *minimum, *maximum), faults);
    }

    fn column(&self, column: &'a Column, position: usize, faults: &mut Vec<Fault>) -> ColumnReport {
        let categorical = self.schema.categorical.contains(&column.name);
        let expected = match &column.kind {
            Kind::Number { .. } if categorical => Some("number"),
            Kind::Category { .. } if !categorical => Some("category"),
            _ => None,
        };
        if let Some(expected) = expected {
            faults.push(Fault::OtherKind { column: shortened(&column.name), expected });
        }
        match &column.kind {
            Kind::Number { unit, minimum, maximum } => {
                let fields = self.numbers(column, position, *minimum, *maximum);
                let report = ColumnReport::of(&column.name);
                number_report(report, fields, (unit, *minimum, *maximum), faults)
            }
            Kind::Category { categories, other } => {
                self.category_report(column, position, categories, other.is_some(), faults)
            }
        }
    }

    fn category_report(
        &self,
        column: &'a Column,
        position: usize,
        categories: &'a [String],
        has_other: bool,
        faults: &mut Vec<Fault>,
    ) -> ColumnReport {
        let as_numbers: BTreeSet<String> = categories.iter().map(|text| canonical(text)).collect();
        let mut report = ColumnReport::of(&column.name);
        let mut unknown = Rows::default();
        let mut values = BTreeSet::new();
        let mut other_spelling = 0;
        let mut seen = BTreeSet::new();
        for (index, field) in self.categories(column, position, categories).enumerate() {
            match field {
                CategoryField::Missing => report.missing += 1,
                CategoryField::Known(place) => {
                    report.known += 1;
                    seen.insert(place);
                }
                CategoryField::Unknown(_) if has_other => report.other += 1,
                CategoryField::Unknown(value) => {
                    unknown.count(index);
                    other_spelling += usize::from(as_numbers.contains(&canonical(&value)));
                    values.insert(value);
                }
            }
        }
        report.constant = seen.len() + usize::from(report.other > 0) == 1;
        if unknown.number > 0 {
            faults.push(Fault::UnknownCategories {
                column: shortened(&column.name),
                rows: unknown.number,
                values: values.len(),
                first_row: unknown.first,
                other_spelling,
            });
        }
        report
    }
}

/// What a column of numbers holds, and what in it is none or not plausible.
fn number_report(
    mut report: ColumnReport,
    fields: impl Iterator<Item = NumberField>,
    (unit, minimum, maximum): (&str, f64, f64),
    faults: &mut Vec<Fault>,
) -> ColumnReport {
    let mut not_numbers = Rows::default();
    let mut first_reason = None;
    let mut outside = Rows::default();
    let mut below = 0;
    let mut seen = None;
    let mut varies = false;
    for (index, field) in fields.enumerate() {
        match field {
            NumberField::Missing => report.missing += 1,
            NumberField::NoNumber(reason) => {
                not_numbers.count(index);
                first_reason.get_or_insert(reason);
            }
            NumberField::BelowMinimum => {
                below += 1;
                outside.count(index);
            }
            NumberField::AboveMaximum => outside.count(index),
            NumberField::Known(number) => {
                report.known += 1;
                varies |= *seen.get_or_insert(number) != number;
            }
        }
    }
    report.constant = report.known > 0 && !varies;
    if let Some(reason) = first_reason {
        faults.push(Fault::NotNumbers {
            column: shortened(&report.column),
            rows: not_numbers.number,
            first_row: not_numbers.first,
            found: reason.described(),
        });
    }
    if outside.number > 0 {
        faults.push(Fault::OutOfRange {
            column: shortened(&report.column),
            below,
            above: outside.number - below,
            minimum,
            maximum,
            unit: unit.to_owned(),
            first_row: outside.first,
        });
    }
    report
}

impl ColumnReport {
    fn of(column: &str) -> Self {
        let column = column.to_owned();
        Self { column, known: 0, missing: 0, other: 0, constant: false }
    }
}
