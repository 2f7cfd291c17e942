//! Parts of a table, and tables put together.

use consilium_datasets::Table;

/// These rows of a table, in this order.
#[must_use]
pub fn select(table: &Table, rows: &[usize]) -> Table {
    let width = table.width;
    let features =
        rows.iter().filter_map(|&row| table.features.get(row * width..(row + 1) * width));
    let features: Vec<f32> = features.flatten().copied().collect();
    let labels: Vec<f32> = rows.iter().filter_map(|&row| table.labels.get(row)).copied().collect();
    Table { features, rows: labels.len(), labels, width }
}

/// The rows of one class, in their order.
#[must_use]
pub fn of_class(table: &Table, positive: bool) -> Table {
    select(table, &places_of_class(table, positive))
}

/// Where the rows of one class are, ascending.
#[must_use]
pub fn places_of_class(table: &Table, positive: bool) -> Vec<usize> {
    let labels = table.labels.iter().enumerate();
    labels.filter(|(_, label)| (**label > 0.5) == positive).map(|(place, _)| place).collect()
}

/// The rows of all tables, one table after the other. All have the columns of the first.
#[must_use]
pub fn together(tables: &[Table]) -> Table {
    Table {
        features: tables.iter().flat_map(|table| &table.features).copied().collect(),
        labels: tables.iter().flat_map(|table| &table.labels).copied().collect(),
        rows: tables.iter().map(|table| table.rows).sum(),
        width: tables.first().map_or(1, |table| table.width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            features: (0..8).map(|i| i as f32).collect(),
            labels: vec![0.0, 1.0, 1.0, 0.0],
            rows: 4,
            width: 2,
        }
    }

    #[test]
    fn rows_are_taken_whole_and_classes_put_together_are_all_rows() {
        let table = table();
        let last_two = select(&table, &[3, 2]);
        assert_eq!(
            (last_two.features, last_two.labels),
            (vec![6.0, 7.0, 4.0, 5.0], vec![0.0, 1.0])
        );
        let [negative, positive] = [false, true].map(|class| of_class(&table, class));
        assert_eq!((negative.rows, positive.rows, positive.positives()), (2, 2, 2));
        let all = together(&[negative, positive]);
        assert_eq!(all, select(&table, &[0, 3, 1, 2]));
        assert_eq!(select(&table, &[9]).rows, 0);
    }
}
