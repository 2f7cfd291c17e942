//! A site's file, field by field, read as the dictionary and the site's schema say.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Column, Dictionary, TargetRange};
use crate::csv::Sheet;
use crate::format::NotNumber;
use crate::schema::{Schema, canonical, label_spelling};

/// A file, what its site says of it, and what all sites have agreed.
pub(super) struct Site<'a> {
    pub(super) dictionary: &'a Dictionary,
    pub(super) schema: &'a Schema,
    pub(super) sheet: &'a Sheet,
    /// Whether its rows have labels. Rows that a finished model is applied to need none, and may have more columns.
    pub(super) labelled: bool,
}

/// What a field of a numeric column holds.
pub(super) enum NumberField {
    Missing,
    /// Within the plausible range.
    Known(f64),
    BelowMinimum,
    AboveMaximum,
    NoNumber(NotNumber),
}

/// What a field of a categorical column holds.
pub(super) enum CategoryField {
    Missing,
    /// The place of its category in the dictionary.
    Known(usize),
    Unknown(String),
}

/// What a field of the target holds.
pub(super) enum LabelField {
    Missing,
    /// The place of its class among the dictionary's values.
    Known(usize),
    Unknown(String),
}

impl<'a> Site<'a> {
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.sheet.header.iter().position(|name| name == column)
    }

    /// The fields of a column; those that mean missing are `None`.
    fn fields(
        &self,
        position: usize,
        codes: &'a [String],
    ) -> impl Iterator<Item = Option<&'a str>> {
        let here = self.schema.missing_values.iter();
        let codes: BTreeSet<&str> =
            here.chain(&self.dictionary.missing).chain(codes).map(|code| code.trim()).collect();
        let fields = self.sheet.column(position);
        fields.map(move |field| field.filter(|field| !codes.contains(field)))
    }

    /// The fields of the target, top to bottom.
    pub(super) fn labels(&self, position: usize) -> impl Iterator<Item = LabelField> {
        let values = self.dictionary.target.kind.values().enumerate();
        let classes: BTreeMap<&str, usize> = values.map(|(place, value)| (value, place)).collect();
        self.fields(position, &[]).map(move |field| match field.map(label_spelling) {
            None => LabelField::Missing,
            Some(value) => match classes.get(value.as_str()) {
                Some(&place) => LabelField::Known(place),
                None => LabelField::Unknown(value),
            },
        })
    }

    /// The fields of a target that is a number, top to bottom.
    pub(super) fn label_numbers(
        &self,
        position: usize,
        range: &TargetRange,
    ) -> impl Iterator<Item = NumberField> {
        self.ranged(position, &[], false, range.minimum, range.maximum)
    }

    /// The fields of a numeric column, top to bottom.
    pub(super) fn numbers(
        &self,
        column: &'a Column,
        position: usize,
        minimum: f64,
        maximum: f64,
    ) -> impl Iterator<Item = NumberField> {
        let zero_is_missing = self.schema.zero_is_missing.contains(&column.name);
        self.ranged(position, &column.missing, zero_is_missing, minimum, maximum)
    }

    fn ranged(
        &self,
        position: usize,
        codes_here: &'a [String],
        zero_is_missing: bool,
        minimum: f64,
        maximum: f64,
    ) -> impl Iterator<Item = NumberField> {
        // A code is a number here: -9 is also -9.0.
        let codes = codes_here.iter().chain(&self.dictionary.missing);
        let codes: Vec<f64> = codes.filter_map(|code| code.parse().ok()).collect();
        let is_code =
            move |number: f64| codes.contains(&number) || zero_is_missing && number == 0.0;
        let decimal = self.schema.format.decimal;
        self.fields(position, codes_here).map(move |field| {
            match field.map(|text| decimal.number(text)) {
                None => NumberField::Missing,
                Some(Err(reason)) => NumberField::NoNumber(reason),
                Some(Ok(number)) if is_code(number) => NumberField::Missing,
                Some(Ok(number)) if number < minimum => NumberField::BelowMinimum,
                Some(Ok(number)) if number > maximum => NumberField::AboveMaximum,
                Some(Ok(number)) => NumberField::Known(number),
            }
        })
    }

    /// The fields of a categorical column, top to bottom.
    pub(super) fn categories(
        &self,
        column: &'a Column,
        position: usize,
        categories: &'a [String],
    ) -> impl Iterator<Item = CategoryField> {
        let number_codes = self.schema.number_codes.contains(&column.name);
        let places: BTreeMap<&str, usize> =
            categories.iter().enumerate().map(|(place, text)| (text.as_str(), place)).collect();
        let numbers = if number_codes { by_number(categories) } else { BTreeMap::new() };
        self.fields(position, &column.missing).map(move |field| {
            let Some(text) = field else { return CategoryField::Missing };
            let as_number = || numbers.get(&canonical(text)).copied().flatten();
            match places.get(text).copied().or_else(as_number) {
                Some(place) => CategoryField::Known(place),
                None if number_codes => CategoryField::Unknown(canonical(text)),
                None => CategoryField::Unknown(text.to_owned()),
            }
        })
    }
}

/// The place of each category by its shortest spelling; `None` where two categories share it, so that neither is meant.
fn by_number(categories: &[String]) -> BTreeMap<String, Option<usize>> {
    let mut places = BTreeMap::new();
    for (place, text) in categories.iter().enumerate() {
        let entry = places.entry(canonical(text)).or_insert(Some(place));
        if *entry != Some(place) {
            *entry = None;
        }
    }
    places
}
