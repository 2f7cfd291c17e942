//! Rows without labels: what a finished model is applied to.

use crate::column::FeatureColumn;
use crate::csv::Sheet;
use crate::error::{DatasetError, shortened};

/// A table of rows that nobody has labelled, typed but neither imputed nor scaled.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    pub(crate) file: String,
    pub(crate) columns: Vec<FeatureColumn>,
    rows: usize,
    ids: Option<Vec<String>>,
}

/// Numbers that a model takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// Standardised features, row-major, `[rows, width]`.
    pub features: Vec<f32>,
    /// Number of rows.
    pub rows: usize,
    /// Features in a row, at least 1.
    pub width: usize,
}

impl Features {
    /// These columns of a sheet, and the texts of the column `id` where one is named.
    pub(crate) fn of_sheet(
        file: &str,
        sheet: &Sheet,
        columns: Vec<FeatureColumn>,
        id: Option<&str>,
    ) -> Result<Self, DatasetError> {
        let ids = id.map(|id| {
            let position = sheet.header.iter().position(|name| name == id);
            let position = position.ok_or_else(|| DatasetError::MissingColumn {
                file: file.to_owned(),
                column: shortened(id),
                role: "what rows are called",
                header: sheet.header_shown(),
            })?;
            Ok(sheet.column(position).map(|field| field.unwrap_or_default().to_owned()).collect())
        });
        let rows = sheet.column(0).count();
        Ok(Self { file: file.to_owned(), columns, rows, ids: ids.transpose()? })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the rows are called, in the order of the file, where a column was named for that.
    pub fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }
}
