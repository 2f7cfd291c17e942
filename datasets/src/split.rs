//! The stratified split into training and test rows.

use crate::dataset::Dataset;
use crate::error::{DatasetError, some_of};
use crate::random::{shuffle, stream};

/// Indices of rows of a [`Dataset`], ascending, disjoint, together all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to measure on.
    pub test: Vec<usize>,
}

impl Dataset {
    /// Splits the rows at random so that either side has both classes in the dataset's proportions, within one row.
    ///
    /// # Errors
    /// [`DatasetError::TestFraction`] outside (0, 1); [`DatasetError::NotTwoClasses`]; [`DatasetError::PositiveNeverOccurs`] and
    /// [`DatasetError::OneClass`] if a class has fewer than two rows.
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, DatasetError> {
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            return Err(DatasetError::TestFraction { fraction: test_fraction });
        }
        let file = self.file.clone();
        let column = self.schema().target.column.clone();
        let Some(positives) = self.positives() else {
            return Err(DatasetError::NotTwoClasses { file, column });
        };
        let rows = self.rows();
        if positives == 0 {
            let positive = some_of(self.schema().target.positive.iter().map(String::as_str), 6);
            return Err(DatasetError::PositiveNeverOccurs { file, column, positive, rows });
        }
        if positives < 2 || rows - positives < 2 {
            return Err(DatasetError::OneClass { file, column, positives, rows });
        }

        let mut rng = stream("split", seed);
        let mut split = Split { train: Vec::new(), test: Vec::new() };
        for mut members in self.strata() {
            shuffle(&mut members, &mut rng);
            // At least one row of each class on either side.
            let test = (test_fraction * members.len() as f64)
                .round()
                .clamp(1.0, members.len() as f64 - 1.0) as usize;
            split.train.extend(members.split_off(test));
            split.test.extend(members);
        }
        split.train.sort_unstable();
        split.test.sort_unstable();
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::sha256_hex;
    use crate::dataset::tests::dataset;
    use crate::{BUNDLED, Partitioning};

    fn labelled(labels: &str) -> Dataset {
        let rows: String =
            labels.chars().enumerate().map(|(row, label)| format!("{row},{label}\n")).collect();
        dataset("", &format!("a,y\n{rows}")).unwrap()
    }

    fn digest(rows: &[usize]) -> String {
        let bytes: Vec<u8> = rows.iter().flat_map(|&row| (row as u64).to_le_bytes()).collect();
        sha256_hex(&bytes)[..16].to_owned()
    }

    #[test]
    fn split_and_deal_under_seed_42_never_change() {
        let pima = Dataset::bundled("pima").unwrap();
        let split = pima.split(0.2, 42).unwrap();
        let shares = Partitioning::Random.deal(&pima, &split.train, 10, 42).unwrap();
        let found = [digest(&split.train), digest(&split.test), digest(&shares.concat())];
        assert_eq!(found, ["cf3d19a542f000db", "a235c73194d9f822", "e5b9fb24a134601c"]);
    }

    #[test]
    fn either_side_has_both_classes_in_proportion_within_one_row() {
        let datasets = BUNDLED.map(|name| Dataset::bundled(name).unwrap());
        for dataset in datasets.iter().chain([
            &labelled("1100000"),
            &labelled("1100"),
            &labelled("0111111111"),
        ]) {
            for fraction in [0.01, 0.2, 0.25, 0.5, 0.99] {
                let positives = dataset.positives().unwrap();
                if positives < 2 || dataset.rows() - positives < 2 {
                    assert!(dataset.split(fraction, 7).is_err());
                    continue;
                }
                let split = dataset.split(fraction, 7).unwrap();
                let mut all = [split.train.clone(), split.test.clone()].concat();
                all.sort_unstable();
                assert_eq!(all, (0..dataset.rows()).collect::<Vec<_>>());
                for class in [1.0, 0.0] {
                    let count = |rows: &[usize]| {
                        rows.iter().filter(|&&row| dataset.labels()[row] == class).count()
                    };
                    let train = count(&split.train);
                    let test = count(&split.test);
                    assert!(train > 0 && test > 0);
                    assert!((test as f64 - fraction * (train + test) as f64).abs() <= 1.0);
                }
            }
        }
    }

    #[test]
    fn another_seed_is_another_split_and_another_deal() {
        let pima = Dataset::bundled("pima").unwrap();
        let split = |seed| pima.split(0.2, seed).unwrap();
        assert_eq!(split(1), split(1));
        assert_ne!(split(1), split(2));
        let deal = |seed| Partitioning::Random.deal(&pima, &split(1).train, 10, seed).unwrap();
        assert_eq!(deal(1), deal(1));
        assert_ne!(deal(1), deal(2));
    }

    #[test]
    fn impossible_requests_say_what_is_possible() {
        let data = labelled("1010");
        let message = |institutions| {
            Partitioning::Random.deal(&data, &[0, 1, 2], institutions, 0).unwrap_err().to_string()
        };
        assert_eq!(message(4), "t.csv: 3 rows cannot be dealt to 4 institutions: ask for 1 to 3");
        assert!(message(0).contains("0 institutions"));
        let error = Partitioning::Random.deal(&data, &[4], 1, 0).unwrap_err();
        assert!(error.to_string().contains("no row with index 4: the dataset has 4 rows"));
        for fraction in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(data.split(fraction, 0), Err(DatasetError::TestFraction { .. })));
        }
    }

    #[test]
    fn a_class_without_enough_rows_cannot_be_split() {
        let message = |labels| labelled(labels).split(0.5, 0).unwrap_err().to_string();
        assert_eq!(
            message("0000"),
            "t.csv: column `y` never has the positive value `1` in 4 rows: correct the schema"
        );
        assert!(message("1111").starts_with("t.csv: column `y`: 4 of 4 rows are positive"));
        assert!(message("1000").starts_with("t.csv: column `y`: 1 of 4 rows are positive"));
    }
}
