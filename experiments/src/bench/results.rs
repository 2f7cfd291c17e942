//! What a run has measured so far.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cells::{Cell, Party};
use super::comparison::Sizes;
use super::extrapolate::extrapolated;
use super::fit::{Fit, fit};
use super::limits::limit;
use super::machine::Machine;
use super::measuring::Measured;
use super::primitives::Costs;
use super::row::{Kind, Row};
use super::scheme::Scheme;

/// Shorter than this, in seconds, the system's clock of processor time says too little.
const CLOCK_S: f64 = 0.05;

/// A fitted slope.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slope {
    /// Whose bound.
    pub scheme: Scheme,
    /// Whose time.
    pub party: Party,
    /// n.
    pub institutions: u32,
    /// Cores.
    pub threads: usize,
    /// The line.
    pub fit: Fit,
}

/// Everything that is written down.
#[derive(Clone, Debug, Serialize)]
pub struct Results {
    /// Where it was measured.
    pub machine: Machine,
    /// The sizes that the comparisons were made at.
    pub sizes: Sizes,
    /// Whether it ended before everything was measured.
    pub interrupted: bool,
    /// Seconds for each primitive, on one core.
    pub limits: Costs,
    /// All rows but the extrapolated ones, in the order in which they were measured.
    rows: Vec<Row>,
    /// What the bars compare, by name.
    compared: BTreeMap<String, Measured>,
    /// What failed that is no cell.
    pub failures: Vec<String>,
}

impl Results {
    /// Nothing measured yet; what is left out is already known.
    #[must_use]
    pub fn new(machine: Machine, sizes: Sizes, left_out: &[(Cell, &str)]) -> Self {
        let mut results = Self {
            machine,
            sizes,
            interrupted: false,
            limits: Costs::new(),
            rows: Vec::new(),
            compared: BTreeMap::new(),
            failures: Vec::new(),
        };
        left_out.iter().for_each(|(cell, why)| results.leave_out(*cell, why));
        results
    }

    /// Adds a cell that is not measured.
    pub fn leave_out(&mut self, cell: Cell, why: &str) {
        self.rows.push(Row::empty(cell, Kind::LeftOut, why.to_owned()));
    }

    /// Adds a measured cell.
    pub fn add(&mut self, cell: Cell, measured: Measured) {
        let median_s = measured.median();
        let min_s = measured.least();
        // On one core, processor time is wall time without what else the machine did.
        let cpu = measured.cpu_s.filter(|cpu| cell.threads == 1 && *cpu >= CLOCK_S);
        let shortest = min_s.map(|least| least.min(cpu.unwrap_or(least)));
        self.rows.push(Row {
            repetitions: measured.seconds.len(),
            median_s,
            min_s,
            cpu_s: measured.cpu_s,
            warm_up_s: Some(measured.warm_up_s),
            peak_kb: measured.peak_kb,
            bytes_up: Some(measured.bytes_up),
            bytes_down: Some(measured.bytes_down),
            limit: shortest.and_then(|seconds| limit(&cell, seconds, &self.limits)),
            parts: measured.parts,
            ..Row::empty(cell, Kind::Measured, String::new())
        });
    }

    /// Adds a comparison, and what failed of it.
    pub fn compare(&mut self, name: String, measured: Measured) {
        self.failures.extend(measured.notes.iter().cloned());
        self.compared.insert(name, measured);
    }

    /// A comparison, if it was made.
    #[must_use]
    pub fn compared(&self, name: &str) -> Option<&Measured> {
        self.compared.get(name)
    }

    /// All comparisons, by name.
    #[must_use]
    pub fn comparisons(&self) -> &BTreeMap<String, Measured> {
        &self.compared
    }

    /// Whether there is a table of cells, or bars alone.
    #[must_use]
    pub fn has_cells(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Adds a cell that failed.
    pub fn fail(&mut self, cell: Cell, reason: String) {
        self.rows.push(Row::empty(cell, Kind::Failed, reason));
    }

    /// Every row, extrapolated ones included, by scheme, party, d, n and threads.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = self.rows.clone();
        rows.extend(extrapolated(&self.rows));
        rows.sort_by_key(|row| row.cell);
        rows
    }

    /// The measured row of a cell.
    #[must_use]
    pub fn measured(&self, cell: &Cell) -> Option<&Row> {
        self.rows.iter().find(|row| row.cell == *cell && row.kind == Kind::Measured)
    }

    /// The share of their core that the cells on one core had: well below 1, the machine was doing something else, and wall
    /// times are that much too long. Cells too short for the system's clock do not count.
    #[must_use]
    pub fn share_of_core(&self) -> Option<f64> {
        let cells = self.rows.iter().filter(|row| row.cell.threads == 1);
        let times = cells
            .filter_map(|row| row.median_s.zip(row.cpu_s))
            .filter(|(wall, _)| *wall >= CLOCK_S);
        let (wall, cpu) =
            times.fold((0.0, 0.0), |(walls, cpus), (wall, cpu)| (walls + wall, cpus + cpu));
        (wall > 0.0).then_some(cpu / wall)
    }

    /// Slopes of Consilium's own schemes, wherever two sizes were measured.
    #[must_use]
    pub fn slopes(&self) -> Vec<Slope> {
        let mut groups = BTreeMap::<_, Vec<(f64, f64)>>::new();
        for row in self
            .rows
            .iter()
            .filter(|row| row.kind == Kind::Measured && Scheme::OWN.contains(&row.cell.scheme))
        {
            let Cell { scheme, party, dimension, institutions, threads } = row.cell;
            if let Some(seconds) = row.median_s {
                let group = groups.entry((scheme, party, institutions, threads)).or_default();
                group.push((f64::from(dimension), seconds));
            }
        }
        let slope = |((scheme, party, institutions, threads), points): (_, Vec<_>)| {
            Some(Slope { scheme, party, institutions, threads, fit: fit(&points)? })
        };
        groups.into_iter().filter_map(slope).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::example::example;

    #[test]
    fn a_measured_row_says_what_its_next_limit_is() {
        let results = example();
        let rows = results.rows();
        let limited =
            |row: &&Row| row.kind == Kind::Measured && Scheme::OWN.contains(&row.cell.scheme);
        assert!(rows.iter().filter(limited).all(|row| row.limit.is_some()));
    }
}
