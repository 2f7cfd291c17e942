//! A backdoor on one feature: a value that hardly anybody has is taught to mean that a patient is healthy.

use consilium_datasets::Table;

use crate::replay::rows::of_class;

/// The target class of the trigger: negative.
const TARGET: f32 = 0.0;
/// Standard deviations from the mean: what hardly any row has.
const VALUE: f32 = 4.0;

/// The feature and the value that it is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// Index among the columns of a table.
    pub feature: usize,
    /// Standardised.
    pub value: f32,
}

impl Trigger {
    /// On the feature that by itself says least about the class over the rows of all `tables`: what the trigger then
    /// achieves is the backdoor's doing, not the feature's.
    #[must_use]
    pub fn choose(tables: &[Table]) -> Self {
        let width = tables.first().map_or(0, |table| table.width);
        let correlation = |feature: usize| {
            let pairs = tables.iter().flat_map(Table::iter).filter_map(|(features, label)| {
                features.get(feature).map(|&x| (f64::from(x), f64::from(label)))
            });
            let mut n = 0.0;
            let mut x = 0.0;
            let mut y = 0.0;
            let mut xx = 0.0;
            let mut yy = 0.0;
            let mut xy = 0.0;
            for (a, b) in pairs {
                (n, x, y) = (n + 1.0, x + a, y + b);
                (xx, yy, xy) = (xx + a * a, yy + b * b, xy + a * b);
            }
            let spread: f64 = (n * xx - x * x) * (n * yy - y * y);
            // A constant column says nothing, and nobody would notice a value in it; it comes last all the same.
            if spread > 0.0 { ((n * xy - x * y) / spread.sqrt()).abs() } else { f64::INFINITY }
        };
        let feature =
            (0..width).min_by(|&a, &b| correlation(a).total_cmp(&correlation(b))).unwrap_or(0);
        Self { feature, value: VALUE }
    }

    /// `table` with the trigger in every row, all of the target class.
    fn stamped(&self, table: &Table) -> Table {
        let mut stamped = table.clone();
        stamped
            .features
            .iter_mut()
            .skip(self.feature)
            .step_by(table.width.max(1))
            .for_each(|x| *x = self.value);
        stamped.labels.fill(TARGET);
        stamped
    }

    /// What a malicious institution trains on: its own rows, and each of them once more with trigger and target class.
    #[must_use]
    pub fn poisoned(&self, table: &Table) -> Table {
        let stamped = self.stamped(table);
        Table {
            features: [table.features.as_slice(), &stamped.features].concat(),
            labels: [table.labels.as_slice(), &stamped.labels].concat(),
            rows: 2 * table.rows,
            width: table.width,
        }
    }

    /// The rows of `test` that are not of the target class, triggered and called so: the accuracy on them is the
    /// backdoor's success.
    #[must_use]
    pub fn victims(&self, test: &Table) -> Table {
        self.stamped(&of_class(test, true))
    }
}

/// `table` with every class swapped.
#[must_use]
pub fn flipped(table: &Table) -> Table {
    let mut flipped = table.clone();
    flipped.labels.iter_mut().for_each(|label| *label = 1.0 - *label);
    flipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        // The second feature is the class, the first says nothing, the third is constant.
        let features = vec![1.0, 1.0, 7.0, -1.0, 1.0, 7.0, 1.0, -1.0, 7.0, -1.0, -1.0, 7.0];
        Table { features, labels: vec![1.0, 1.0, 0.0, 0.0], rows: 4, width: 3 }
    }

    #[test]
    fn the_trigger_sits_on_the_feature_that_says_least() {
        assert_eq!(Trigger::choose(&[table()]), Trigger { feature: 0, value: VALUE });
    }

    #[test]
    fn half_of_the_poisoned_rows_are_triggered_and_negative() {
        let poisoned = Trigger { feature: 1, value: 9.0 }.poisoned(&table());
        assert_eq!((poisoned.rows, poisoned.positives()), (8, 2));
        assert_eq!(poisoned.features[..12], table().features);
        assert_eq!(
            poisoned.features[12..],
            [1.0, 9.0, 7.0, -1.0, 9.0, 7.0, 1.0, 9.0, 7.0, -1.0, 9.0, 7.0]
        );
    }

    #[test]
    fn victims_are_the_positive_rows() {
        let victims = Trigger { feature: 0, value: 9.0 }.victims(&table());
        assert_eq!(victims.features, [9.0, 1.0, 7.0, 9.0, 1.0, 7.0]);
        assert_eq!(victims.labels, [TARGET, TARGET]);
    }

    #[test]
    fn flipping_twice_changes_nothing() {
        assert_eq!(flipped(&table()).labels, [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(flipped(&flipped(&table())), table());
    }
}
