//! Which institution has which rows.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr};

use rand_core::RngCore;
use serde::{Deserialize, Serialize};

use crate::column::row_of;
use crate::dataset::Dataset;
use crate::error::{DatasetError, shortened};
use crate::random::{shuffle, stream, unit};

/// Concentrations that make a difference: below, one institution has everything, above, all have the same.
const ALPHAS: RangeInclusive<f64> = 1e-3..=1e6;

/// How rows are dealt to institutions. Its text is `random`, `column:NAME`, `dirichlet:ALPHA` or `quantity:ALPHA`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
#[non_exhaustive]
pub enum Partitioning {
    /// Independently of what is in the rows; sizes differ by one at most.
    #[default]
    Random,
    /// By the value in a column, which is the hospital that a row came from: as many institutions as it has values, in the
    /// order of these. The column may be one that the schema drops.
    Column(String),
    /// Skewed by label: of each class the institutions have shares drawn from a symmetric Dirichlet distribution (Li, Diao,
    /// Chen and He, ICDE 2022, section IV-A). The smaller its α, the fewer institutions share a class.
    Dirichlet(f64),
    /// Skewed by size alone: the institutions' shares of all rows are drawn from a symmetric Dirichlet distribution (ibid.,
    /// section IV-C).
    Quantity(f64),
}

impl Partitioning {
    /// Deals `rows` of `dataset` to `institutions`: each row to one of them, at least one row to each, ascending indices.
    /// The deal depends on the set of rows and on the seed, not on their order. Where a skewed one leaves an institution
    /// without a row, it gets one of the largest's.
    ///
    /// # Errors
    /// [`DatasetError::Institutions`] if there is none, or more than rows; [`DatasetError::NoSuchRow`]; by a column
    /// [`DatasetError::NoSuchGroups`], [`DatasetError::NoGroup`] and [`DatasetError::OtherGroups`];
    /// [`DatasetError::UnknownPartitioning`] for an α that no text names.
    pub fn deal(
        &self,
        dataset: &Dataset,
        rows: &[usize],
        institutions: usize,
        seed: u64,
    ) -> Result<Vec<Vec<usize>>, DatasetError> {
        if institutions == 0 || institutions > rows.len() {
            return Err(DatasetError::Institutions {
                file: dataset.file.clone(),
                rows: rows.len(),
                institutions,
            });
        }
        self.check()?;
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let mut classes = [Vec::new(), Vec::new()];
        for &row in &rows {
            let [negative, positive] = &mut classes;
            if dataset.label(row)? > 0.5 { positive.push(row) } else { negative.push(row) }
        }
        let mut shares = vec![Vec::new(); institutions];
        match self {
            Self::Random => {
                shuffle(&mut rows, &mut stream("deal", seed));
                for (place, share) in shares.iter_mut().enumerate() {
                    share.extend(rows.iter().skip(place).step_by(institutions));
                }
            }
            Self::Column(column) => shares = by_column(dataset, &rows, institutions, column)?,
            Self::Dirichlet(alpha) => {
                let mut rng = stream("deal by label", seed);
                for class in classes {
                    urn(class, *alpha, &mut shares, &mut rng);
                }
            }
            Self::Quantity(alpha) => {
                urn(rows, *alpha, &mut shares, &mut stream("deal by quantity", seed));
            }
        }
        fill(&mut shares);
        shares.iter_mut().for_each(|share| share.sort_unstable());
        Ok(shares)
    }

    fn check(&self) -> Result<(), DatasetError> {
        match self {
            Self::Dirichlet(alpha) | Self::Quantity(alpha) if !ALPHAS.contains(alpha) => {
                Err(DatasetError::UnknownPartitioning { text: self.to_string() })
            }
            _ => Ok(()),
        }
    }
}

/// The rows of every value of a column, in the order of the values.
fn by_column(
    dataset: &Dataset,
    rows: &[usize],
    institutions: usize,
    column: &str,
) -> Result<Vec<Vec<usize>>, DatasetError> {
    let groups = dataset.groups(column)?;
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &row in rows {
        let group = groups.get(row).copied().flatten().ok_or_else(|| DatasetError::NoGroup {
            file: dataset.file.clone(),
            row: row_of(row),
            column: shortened(column),
        })?;
        members.entry(group).or_default().push(row);
    }
    if members.len() != institutions {
        return Err(DatasetError::OtherGroups {
            file: dataset.file.clone(),
            column: shortened(column),
            groups: members.len(),
            rows: rows.len(),
            institutions,
        });
    }
    Ok(members.into_values().collect())
}

/// Deals rows in shares from a symmetric Dirichlet distribution, by Pólya's urn (Blackwell and MacQueen, Annals of
/// Statistics 1973): an institution gets the next row with a chance in proportion to α and the rows that it has got. That
/// is the same as drawing the shares first, and needs no function whose last bits differ between machines.
fn urn(mut rows: Vec<usize>, alpha: f64, shares: &mut [Vec<usize>], rng: &mut impl RngCore) {
    shuffle(&mut rows, rng);
    let mut weights = vec![alpha; shares.len()];
    for (dealt, row) in rows.into_iter().enumerate() {
        let mut rest = unit(rng) * (alpha * weights.len() as f64 + dealt as f64);
        let chosen = weights.iter().position(|weight| {
            rest -= weight;
            rest < 0.0
        });
        // Rounding may leave a hair over, which is the last one's.
        let chosen = chosen.unwrap_or(weights.len().saturating_sub(1));
        if let (Some(weight), Some(share)) = (weights.get_mut(chosen), shares.get_mut(chosen)) {
            *weight += 1.0;
            share.push(row);
        }
    }
}

/// Gives every institution without a row the row that the largest one has got last.
fn fill(shares: &mut [Vec<usize>]) {
    while let Some(empty) = shares.iter().position(Vec::is_empty) {
        let largest = shares.iter_mut().rev().max_by_key(|share| share.len());
        // There are as many rows as institutions at least, so the largest keeps one.
        let Some(row) = largest.and_then(Vec::pop) else { return };
        if let Some(share) = shares.get_mut(empty) {
            share.push(row);
        }
    }
}

impl fmt::Display for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Column(column) => write!(f, "column:{column}"),
            Self::Dirichlet(alpha) => write!(f, "dirichlet:{alpha}"),
            Self::Quantity(alpha) => write!(f, "quantity:{alpha}"),
        }
    }
}

impl FromStr for Partitioning {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        let unknown = || DatasetError::UnknownPartitioning { text: shortened(text) };
        let alpha = |number: &str| number.parse::<f64>().map_err(|_| unknown());
        let found = match text.split_once(':') {
            None if text == "random" => Self::Random,
            Some(("column", column)) if !column.is_empty() => Self::Column(column.to_owned()),
            Some(("dirichlet", number)) => Self::Dirichlet(alpha(number)?),
            Some(("quantity", number)) => Self::Quantity(alpha(number)?),
            _ => return Err(unknown()),
        };
        found.check().map(|()| found)
    }
}

impl From<Partitioning> for String {
    fn from(partitioning: Partitioning) -> Self {
        partitioning.to_string()
    }
}

impl TryFrom<String> for Partitioning {
    type Error = DatasetError;

    fn try_from(text: String) -> Result<Self, DatasetError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::dataset;

    #[test]
    fn every_row_is_dealt_once_and_sizes_differ_by_one_at_most() {
        let pima = Dataset::bundled("pima").unwrap();
        let rows: Vec<usize> = (100..137).collect();
        let mut reversed = rows.clone();
        reversed.reverse();
        for institutions in [1, 2, 10, 36, 37] {
            let shares = Partitioning::Random.deal(&pima, &rows, institutions, 3).unwrap();
            let sizes: Vec<usize> = shares.iter().map(Vec::len).collect();
            let least = sizes.iter().min().unwrap();
            let most = sizes.iter().max().unwrap();
            assert!(sizes.len() == institutions && *least >= 1 && most - least <= 1, "{sizes:?}");
            let mut all = shares.concat();
            all.sort_unstable();
            assert_eq!(all, rows);
            assert_eq!(
                shares,
                Partitioning::Random.deal(&pima, &reversed, institutions, 3).unwrap()
            );
        }
    }

    fn pima() -> Dataset {
        Dataset::bundled("pima").unwrap()
    }

    /// Positive rows and all rows of every share.
    fn counted(data: &Dataset, shares: &[Vec<usize>]) -> Vec<(usize, usize)> {
        let positive =
            |rows: &Vec<usize>| rows.iter().filter(|&&row| data.labels()[row] > 0.5).count();
        shares.iter().map(|rows| (positive(rows), rows.len())).collect()
    }

    fn skewed() -> [Partitioning; 6] {
        [0.001, 0.5, 1e6]
            .map(|alpha| [Partitioning::Dirichlet(alpha), Partitioning::Quantity(alpha)])
            .concat()
            .try_into()
            .unwrap()
    }

    #[test]
    fn a_skewed_deal_gives_every_row_once_and_every_institution_one_and_repeats() {
        let pima = pima();
        let rows: Vec<usize> = (100..160).collect();
        let mut reversed = rows.clone();
        reversed.reverse();
        for partitioning in skewed() {
            for institutions in [1, 7, 60] {
                let deal = |rows, seed| partitioning.deal(&pima, rows, institutions, seed).unwrap();
                let shares = deal(&rows, 3);
                assert_eq!(shares.len(), institutions);
                assert!(shares.iter().all(|share| !share.is_empty() && share.is_sorted()));
                let mut all = shares.concat();
                all.sort_unstable();
                assert_eq!(all, rows);
                assert_eq!(shares, deal(&reversed, 3));
                if institutions == 7 {
                    assert_ne!(shares, deal(&rows, 4), "{partitioning}");
                }
            }
        }
    }

    #[test]
    fn shares_have_the_mean_and_the_variance_of_their_dirichlet_distribution() {
        // X of n = 768 rows in shares of α each among k = 4: mean n/k, variance n·(1/k)(1 − 1/k)·(n + kα)/(1 + kα).
        let pima = pima();
        let rows: Vec<usize> = (0..768).collect();
        for alpha in [0.5, 20.0] {
            let sizes: Vec<f64> = (0..400)
                .map(|seed| Partitioning::Quantity(alpha).deal(&pima, &rows, 4, seed).unwrap())
                .map(|shares| shares[1].len() as f64)
                .collect();
            let mean = sizes.iter().sum::<f64>() / 400.0;
            let variance = sizes.iter().map(|size| (size - mean).powi(2)).sum::<f64>() / 399.0;
            let expected = 768.0 * 0.1875 * (768.0 + 4.0 * alpha) / (1.0 + 4.0 * alpha);
            assert!((mean - 192.0).abs() < 4.0 * (expected / 400.0).sqrt(), "{alpha}: {mean}");
            assert!((0.7..1.3).contains(&(variance / expected)), "{alpha}: {variance} {expected}");
        }
    }

    #[test]
    fn a_small_alpha_parts_the_classes_and_a_large_one_mixes_them() {
        let pima = pima();
        let rows: Vec<usize> = (0..768).collect();
        let spread = |alpha| {
            let shares = Partitioning::Dirichlet(alpha).deal(&pima, &rows, 4, 5).unwrap();
            let rates = counted(&pima, &shares).into_iter().map(|(p, all)| p as f64 / all as f64);
            let rates: Vec<f64> = rates.collect();
            let most = rates.iter().copied().fold(0.0, f64::max);
            most - rates.iter().copied().fold(1.0, f64::min)
        };
        assert!(spread(0.05) > 0.8, "{}", spread(0.05));
        assert!(spread(1e6) < 0.2, "{}", spread(1e6));
        // Skewed by size alone, every large share has the classes in proportion.
        let shares = Partitioning::Quantity(0.5).deal(&pima, &rows, 4, 5).unwrap();
        for (positives, all) in counted(&pima, &shares) {
            let deviation = (positives as f64 / all as f64 - 0.349).abs();
            assert!(deviation < 4.0 * (0.227 / all as f64).sqrt(), "{positives} of {all}");
        }
    }

    #[test]
    fn a_deal_skewed_by_label_under_seed_42_never_changes() {
        let pima = pima();
        let rows: Vec<usize> = (0..768).collect();
        let shares = Partitioning::Dirichlet(0.5).deal(&pima, &rows, 4, 42).unwrap();
        // What was dealt when this was written: positive rows, and all.
        assert_eq!(counted(&pima, &shares), [(26, 92), (68, 444), (174, 224), (0, 8)]);
    }

    #[test]
    fn every_hospital_has_its_own_rows_whether_its_column_is_dropped_text_or_a_number() {
        let text = "a,centre,y\n1,Ulm,0\n2,Bern,1\n3,Ulm,1\n4,Linz,0\n";
        let number = "a,centre,y\n1,10,0\n2,-3,1\n3,10.0,1\n4,9,0\n";
        let by_centre = Partitioning::Column("centre".into());
        for (rest, csv, expected) in [
            ("drop=['centre']", text, [vec![1], vec![3], vec![0, 2]]),
            ("categorical=['centre']", text, [vec![1], vec![3], vec![0, 2]]),
            ("features=['a']", text, [vec![1], vec![3], vec![0, 2]]),
            ("", number, [vec![1], vec![3], vec![0, 2]]),
        ] {
            let data = dataset(rest, csv).unwrap();
            let shares = by_centre.deal(&data, &[3, 2, 1, 0], 3, 7).unwrap();
            assert_eq!(shares, expected, "{rest}");
        }
    }

    #[test]
    fn a_column_that_cannot_be_dealt_by_says_why() {
        let data = dataset("drop=['c']", "a,c,y\n1,A,0\n2,B,1\n3,,1\n").unwrap();
        let message = |column: &str, rows: &[usize], institutions| {
            let by = Partitioning::Column(column.into());
            by.deal(&data, rows, institutions, 0).unwrap_err().to_string()
        };
        assert!(message("c", &[0, 1], 1).ends_with("for 1 institutions: ask for 2 institutions"));
        assert!(message("c", &[0, 1, 2], 2).starts_with("t.csv: row 4, column `c`"));
        for column in ["z", "y"] {
            assert!(message(column, &[0, 1], 2).contains("there is none of this name"));
        }
    }

    #[test]
    fn a_way_of_dealing_is_written_as_it_is_read() {
        for text in ["random", "column:centre", "column:a:b", "dirichlet:0.5", "quantity:1000"] {
            assert_eq!(text.parse::<Partitioning>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Random",
            "random:1",
            "column",
            "column:",
            "dirichlet",
            "dirichlet:0",
            "dirichlet:-1",
            "quantity:NaN",
            "quantity:inf",
            "dirichlet:x",
        ] {
            let said = text.parse::<Partitioning>().unwrap_err().to_string();
            assert!(said.contains("expected `random`"), "{text}: {said}");
        }
        let data = pima();
        assert!(Partitioning::Dirichlet(f64::NAN).deal(&data, &[0, 1], 2, 0).is_err());
    }
}
