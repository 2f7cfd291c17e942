//! What is measured: the cells, which of them a run covers, and why the others are left out.

use std::path::PathBuf;

use consilium_crypto::Bound;
use serde::{Deserialize, Serialize};

use crate::ExperimentError;

/// Parameters of the models, d. 1,024 stands for a thousand, as in the peers' papers.
pub const DIMENSIONS: [u32; 6] = [300, 1_024, 3_000, 10_000, 30_000, 100_000];
/// Institutions in a round, n.
pub const INSTITUTIONS: [u32; 2] = [10, 50];
/// Updates that a coordinator or an auditor holds at once; more arrive one batch after the other.
pub const BATCH: u32 = 10;
/// Rows and columns of the largest round under bounds on every parameter: (n, largest d).
const PARAMETER_ROUNDS: [(u32, u32); 2] = [(10, 10_000), (50, 3_000)];
/// The largest d that a client under bounds on every parameter is measured at.
const PARAMETER_CLIENT: u32 = 30_000;

/// What protects the updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Consilium with a bound on the norm: B = 5,600, 256 projections.
    Norm,
    /// Consilium with 8 bits for every parameter.
    Parameter,
    /// The bulletproofs crate as it comes: a proof of 8 bits for every value.
    CrateNaive,
    /// The bulletproofs crate with 256 values in a proof.
    CrateAggregated,
    /// KH-PKE on every coordinate, each ciphertext with its proof (`consilium_crypto::khpke`).
    KhpkeProven,
    /// KH-PKE on every coordinate, nothing proven: the least that the papers' scheme costs.
    KhpkeBare,
    /// Federated averaging in the clear.
    FedAvg,
}

impl Scheme {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Norm,
        Self::Parameter,
        Self::CrateNaive,
        Self::CrateAggregated,
        Self::KhpkeProven,
        Self::KhpkeBare,
        Self::FedAvg,
    ];

    /// Name in the CSV.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Norm => "norm",
            Self::Parameter => "parameter",
            Self::CrateNaive => "crate-naive",
            Self::CrateAggregated => "crate-aggregated",
            Self::KhpkeProven => "khpke-proven",
            Self::KhpkeBare => "khpke-bare",
            Self::FedAvg => "fedavg",
        }
    }

    /// Name for readers.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Norm => "Consilium, norm bound",
            Self::Parameter => "Consilium, parameter bound",
            Self::CrateNaive => "bulletproofs crate, a proof a value",
            Self::CrateAggregated => "bulletproofs crate, 256 values a proof",
            Self::KhpkeProven => "KH-PKE per coordinate, proven",
            Self::KhpkeBare => "KH-PKE per coordinate, nothing proven",
            Self::FedAvg => "plaintext FedAvg",
        }
    }

    /// The bound of a scheme of Consilium's own; `None` for a baseline.
    #[must_use]
    pub fn bound(self) -> Option<Bound> {
        match self {
            Self::Norm => Some(Bound::Norm { norm: 5_600, projections: 256 }),
            Self::Parameter => Some(Bound::parameter(8)),
            _ => None,
        }
    }
}

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// An institution: encrypts and proves its update.
    Client,
    /// Decodes and verifies n updates, ten folded at a time, adds them up and certifies the sum of the keys.
    Coordinator,
    /// Verifies n signed headers and the sum, countersigns, verifies a quorum of countersignatures, gives its share.
    Trustee,
    /// Verifies t shares, combines them and reads the d sums off.
    Opening,
    /// An institution, before it trains on the new model: adds n masked updates and checks the sums against them.
    Check,
    /// A whole round again: what coordinator and opening do, with every signature, from the stored bytes.
    Auditor,
}

impl Party {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::Coordinator, Self::Trustee, Self::Opening, Self::Check, Self::Auditor];

    /// Name in the CSV and the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Coordinator => "coordinator",
            Self::Trustee => "trustee",
            Self::Opening => "opening",
            Self::Check => "check",
            Self::Auditor => "auditor",
        }
    }
}

/// One row of the CSV. A client works for itself: its `institutions` is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// What protects the updates.
    pub scheme: Scheme,
    /// Who works.
    pub party: Party,
    /// d.
    pub dimension: u32,
    /// n.
    pub institutions: u32,
    /// Cores that may be used.
    pub threads: usize,
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, party, dimension, institutions, threads } = self;
        write!(f, "{} {}, d = {dimension}, n = {institutions}, ", party.name(), scheme.name())?;
        write!(f, "{threads} core{}", if *threads == 1 { "" } else { "s" })
    }
}

/// What one child process does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Makes a round of n updates, one by one, and stores it in the folder.
    Prepare {
        /// Whose bound.
        scheme: Scheme,
        /// d.
        dimension: u32,
        /// n.
        institutions: u32,
        /// Where to.
        folder: PathBuf,
    },
    /// Measures a cell; what works on a round finds it in the folder.
    Cell {
        /// Which.
        cell: Cell,
        /// The prepared round.
        folder: Option<PathBuf>,
    },
    /// Measures the primitives.
    Limits,
    /// Our prover and the crate's in turns, 256 values of 8 bits and the key's limbs.
    ProveDuel,
    /// Our folded verification of ten updates of 289 parameters and the crate's, proof by proof, in turns.
    VerifyDuel,
    /// The replay's verified rounds with nobody malicious, and their audit.
    VerifiedRun,
}

/// A task with what its child process has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What to do.
    pub task: Task,
    /// Cores that it may use.
    pub threads: usize,
    /// Seconds that repetitions may take together, roughly.
    pub budget_s: f64,
}

impl std::fmt::Display for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.task {
            Task::Prepare { scheme, dimension, institutions, .. } => {
                write!(f, "making {institutions} updates, {}, d = {dimension}", scheme.name())
            }
            Task::Cell { cell, .. } => write!(f, "{cell}"),
            Task::Limits => f.write_str("primitives"),
            Task::ProveDuel => f.write_str("provers in turns"),
            Task::VerifyDuel => f.write_str("verifiers in turns"),
            Task::VerifiedRun => f.write_str("verified run and audit of the replay"),
        }
    }
}

/// What a run covers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Every process to start, in order; what prepares a round comes before what works on it.
    pub jobs: Vec<Job>,
    /// Cells that are not measured, with the reason.
    pub left_out: Vec<(Cell, &'static str)>,
}

impl Plan {
    /// The whole table, or the subset that takes less than a minute; rounds are kept below `scratch`.
    #[must_use]
    pub fn new(quick: bool, verified_run: bool, cores: usize, scratch: &std::path::Path) -> Self {
        let budget_s = if quick { 0.3 } else { 4.0 };
        let mut plan = Self { jobs: Vec::new(), left_out: Vec::new() };
        let mut threads = vec![1, cores];
        threads.dedup();
        let job = |task, threads| Job { task, threads, budget_s };

        plan.jobs
            .extend([Task::Limits, Task::ProveDuel, Task::VerifyDuel].map(|task| job(task, 1)));
        plan.jobs.extend(
            baselines(quick).into_iter().map(|cell| job(Task::Cell { cell, folder: None }, 1)),
        );
        for scheme in [Scheme::Norm, Scheme::Parameter] {
            for (dimension, threads) in
                DIMENSIONS.into_iter().flat_map(|d| threads.iter().map(move |t| (d, *t)))
            {
                let cell =
                    Cell { scheme, party: Party::Client, dimension, institutions: 1, threads };
                match reason(&cell, quick) {
                    Some(reason) => plan.left_out.push((cell, reason)),
                    None => plan.jobs.push(job(Task::Cell { cell, folder: None }, threads)),
                }
            }
            for (dimension, institutions) in
                DIMENSIONS.into_iter().flat_map(|d| INSTITUTIONS.map(|n| (d, n)))
            {
                let parties = Party::ALL.into_iter().filter(|party| *party != Party::Client);
                let cells = parties.flat_map(|party| {
                    threads.iter().map(move |t| Cell {
                        scheme,
                        party,
                        dimension,
                        institutions,
                        threads: *t,
                    })
                });
                let (out, cells): (Vec<Cell>, Vec<Cell>) =
                    cells.partition(|cell| reason(cell, quick).is_some());
                plan.left_out.extend(
                    out.into_iter().filter_map(|cell| reason(&cell, quick).map(|why| (cell, why))),
                );
                if cells.is_empty() {
                    continue;
                }
                let folder = scratch.join(format!("{}-{dimension}-{institutions}", scheme.name()));
                let prepare =
                    Task::Prepare { scheme, dimension, institutions, folder: folder.clone() };
                plan.jobs.push(job(prepare, cores));
                let cell = |cell: Cell| {
                    job(Task::Cell { cell, folder: Some(folder.clone()) }, cell.threads)
                };
                plan.jobs.extend(cells.into_iter().map(cell));
            }
        }
        if verified_run {
            plan.jobs.push(job(Task::VerifiedRun, cores));
        }
        plan
    }
}

/// Baselines are measured at sizes where they take about a second, on one core, and extrapolated from there. FedAvg is
/// measured everywhere.
fn baselines(quick: bool) -> Vec<Cell> {
    let cell = |scheme, party, dimension, institutions| Cell {
        scheme,
        party,
        dimension,
        institutions,
        threads: 1,
    };
    let (small, tiny) = if quick { (256, 30) } else { (1_024, 300) };
    let sized = [
        (Scheme::CrateNaive, tiny, &[Party::Client, Party::Coordinator][..]),
        (Scheme::CrateAggregated, small, &[Party::Client, Party::Coordinator]),
        (Scheme::KhpkeProven, tiny, &[Party::Client, Party::Coordinator, Party::Opening]),
        (
            Scheme::KhpkeBare,
            small,
            &[Party::Client, Party::Coordinator, Party::Trustee, Party::Opening],
        ),
    ];
    let institutions = |party| if party == Party::Client { 1 } else { BATCH };
    let mut cells: Vec<Cell> = sized
        .into_iter()
        .flat_map(|(scheme, d, parties)| {
            parties.iter().map(move |p| cell(scheme, *p, d, institutions(*p)))
        })
        .collect();
    for d in DIMENSIONS {
        cells.push(cell(Scheme::FedAvg, Party::Client, d, 1));
        cells.extend(INSTITUTIONS.map(|n| cell(Scheme::FedAvg, Party::Coordinator, d, n)));
    }
    cells
}

/// Why a cell of Consilium's own is left out, if it is.
fn reason(cell: &Cell, quick: bool) -> Option<&'static str> {
    let Cell { scheme, party, dimension, institutions, .. } = *cell;
    let client = party == Party::Client;
    if scheme == Scheme::Parameter {
        let rounds =
            PARAMETER_ROUNDS.into_iter().find(|(n, _)| *n == institutions).map_or(0, |(_, d)| d);
        if client && dimension > PARAMETER_CLIENT {
            return Some(
                "range proofs of every parameter take a client most of a minute there; see the slope",
            );
        }
        if !client && dimension > rounds {
            return Some(
                "making the round's updates, with a range proof for every parameter, takes minutes; see the slope",
            );
        }
    }
    let quick_limit = match (scheme, client) {
        (Scheme::Norm, true) => 10_000,
        (Scheme::Norm, false) => 3_000,
        (_, true) => 1_024,
        (_, false) => 300,
    };
    (quick && (dimension > quick_limit || (!client && institutions != BATCH)))
        .then_some("not in --quick")
}

/// The baseline has nothing that this party does.
pub(crate) fn no_such(party: Party) -> ExperimentError {
    ExperimentError::bench(party.name())("this baseline has no such party")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn cells(plan: &Plan) -> Vec<Cell> {
        let cell = |job: &Job| match job.task {
            Task::Cell { cell, .. } => Some(cell),
            _ => None,
        };
        plan.jobs.iter().filter_map(cell).collect()
    }

    #[test]
    fn every_cell_of_the_table_is_measured_or_left_out_with_a_reason_and_none_twice() {
        for (quick, cores) in [(false, 2), (true, 2), (false, 1)] {
            let plan = Plan::new(quick, !quick, cores, Path::new("scratch"));
            let mut all: Vec<Cell> =
                cells(&plan).into_iter().filter(|cell| cell.scheme.bound().is_some()).collect();
            all.extend(plan.left_out.iter().map(|(cell, _)| *cell));
            let expected = 2 * DIMENSIONS.len() * (1 + 5 * INSTITUTIONS.len()) * cores.min(2);
            assert_eq!(all.len(), expected, "quick: {quick}");
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), expected);
            assert!(plan.left_out.iter().all(|(_, reason)| !reason.is_empty()));
        }
    }

    #[test]
    fn a_round_is_prepared_before_anybody_works_on_it() {
        let plan = Plan::new(false, false, 2, Path::new("scratch"));
        let mut prepared = Vec::new();
        for job in &plan.jobs {
            match &job.task {
                Task::Prepare { folder, .. } => prepared.push(folder.clone()),
                Task::Cell { folder: Some(folder), .. } => assert!(prepared.contains(folder)),
                _ => {}
            }
        }
        assert!(prepared.len() > DIMENSIONS.len());
    }

    #[test]
    fn a_full_run_measures_what_the_bars_ask_for() {
        let cells = cells(&Plan::new(false, true, 2, Path::new("scratch")));
        for (party, dimension, institutions) in [
            (Party::Client, 1_024, 1),
            (Party::Client, 100_000, 1),
            (Party::Coordinator, 10_000, 10),
            (Party::Coordinator, 100_000, 10),
            (Party::Trustee, 100_000, 10),
        ] {
            let cell = Cell { scheme: Scheme::Norm, party, dimension, institutions, threads: 1 };
            assert!(cells.contains(&cell), "{cell}");
        }
    }

    #[test]
    fn a_job_survives_its_way_to_the_child() {
        for job in Plan::new(true, true, 2, Path::new("a folder")).jobs {
            let text = serde_json::to_string(&job).unwrap();
            assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
        }
    }
}
