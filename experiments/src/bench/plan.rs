//! What a run covers, in which order, and why the rest is left out.

use std::path::Path;

use super::cells::{BATCH, Cell, DIMENSIONS, INSTITUTIONS, Party};
use super::comparison::{Comparison, Peer, Sizes};
use super::job::{Job, Task};
use super::scheme::Scheme;

/// Rows and columns of the largest round under bounds on every parameter: (n, largest d).
const PARAMETER_ROUNDS: [(u32, u32); 2] = [(10, 10_000), (50, 3_000)];
/// The largest d that a client under bounds on every parameter is measured at.
const PARAMETER_CLIENT: u32 = 30_000;
/// The largest round under the group mask with a bound on the norm.
const NORM_ROUND: u32 = 100_000;
/// The smallest model under a lattice mask.
const LEAST_LATTICE: u32 = 10_000;

/// Which part of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every cell and every bar.
    All,
    /// The bars alone.
    Bars,
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
    /// What is asked for; with `quick` a part of the cells, or bars at small sizes. Rounds are kept below `scratch`.
    #[must_use]
    pub fn new(extent: Extent, quick: bool, peers: &[Peer], cores: usize, scratch: &Path) -> Self {
        let mut plan = Self { jobs: Vec::new(), left_out: Vec::new() };
        let budget_s = if quick { 0.3 } else { 4.0 };
        let compare = |comparison: Comparison| {
            let threads = if comparison.is_parallel() { cores } else { 1 };
            Job { task: Task::Compare(comparison), threads, budget_s }
        };
        if extent == Extent::All {
            plan.jobs.push(Job { task: Task::Limits, threads: 1, budget_s });
            plan.jobs.extend([Comparison::CrateProver, Comparison::CrateVerifier].map(compare));
            plan.cells(quick, budget_s, cores, scratch);
        }
        // A quick table of the cells takes less than a minute: no time for federations.
        if !(quick && extent == Extent::All) {
            let sizes = if quick { Sizes::quick() } else { Sizes::asked() };
            let bars = Comparison::of_bars(&sizes, peers, scratch);
            plan.jobs.extend(bars.into_iter().map(compare));
        }
        plan
    }

    fn cells(&mut self, quick: bool, budget_s: f64, cores: usize, scratch: &Path) {
        let plan = self;
        let mut threads = vec![1, cores];
        threads.dedup();
        let job = |task, threads| Job { task, threads, budget_s };

        plan.jobs.extend(
            baselines(quick).into_iter().map(|cell| job(Task::Cell { cell, folder: None }, 1)),
        );
        for scheme in Scheme::OWN {
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
    if scheme == Scheme::Norm && !client && dimension > NORM_ROUND {
        return Some(
            "ten updates under the group mask take 3 GB of memory there and minutes for everybody; the bars measure it, in \
             turns with the lattice mask",
        );
    }
    if scheme == Scheme::Lattice && dimension < LEAST_LATTICE {
        return Some(
            "a lattice mask is for large models; its constant part shows at the smallest that is measured",
        );
    }
    let quick_limit = match (scheme, client) {
        (Scheme::Norm, true) => 10_000,
        (Scheme::Norm, false) => 3_000,
        (Scheme::Lattice, _) => 10_000,
        (_, true) => 1_024,
        (_, false) => 300,
    };
    (quick && (dimension > quick_limit || (!client && institutions != BATCH)))
        .then_some("not in --quick")
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let plan = Plan::new(Extent::All, quick, &[], cores, Path::new("scratch"));
            let is_own = |cell: &Cell| Scheme::OWN.contains(&cell.scheme);
            let mut all: Vec<Cell> = cells(&plan).into_iter().filter(is_own).collect();
            all.extend(plan.left_out.iter().map(|(cell, _)| *cell));
            let rounds = (Party::ALL.len() - 1) * INSTITUTIONS.len();
            let expected = Scheme::OWN.len() * DIMENSIONS.len() * (1 + rounds) * cores.min(2);
            assert_eq!(all.len(), expected, "quick: {quick}");
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), expected);
            assert!(plan.left_out.iter().all(|(_, reason)| !reason.is_empty()));
        }
    }

    #[test]
    fn a_round_is_prepared_before_anybody_works_on_it() {
        let plan = Plan::new(Extent::All, false, &[], 2, Path::new("scratch"));
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
    fn the_table_goes_up_to_a_million_parameters_for_either_mask_and_live_verification() {
        let cells = cells(&Plan::new(Extent::All, false, &[], 2, Path::new("scratch")));
        for (scheme, party, dimension, institutions) in [
            (Scheme::Norm, Party::Client, 1_000_000, 1),
            (Scheme::Norm, Party::Verifier, 100_000, 10),
            (Scheme::Parameter, Party::Verifier, 300, 50),
            (Scheme::Lattice, Party::Client, 1_000_000, 1),
            (Scheme::Lattice, Party::Verifier, 1_000_000, 10),
            (Scheme::Lattice, Party::Trustee, 10_000, 50),
        ] {
            let cell = Cell { scheme, party, dimension, institutions, threads: 1 };
            assert!(cells.contains(&cell), "{cell}");
        }
    }

    #[test]
    fn the_bars_are_in_every_plan_but_the_quick_table_and_alone_where_they_are_asked_for() {
        let scratch = Path::new("scratch");
        let compared = |extent, quick| {
            let plan = Plan::new(extent, quick, &[], 2, scratch);
            let names = plan.jobs.iter().filter_map(|job| match &job.task {
                Task::Compare(comparison) => Some(comparison.name()),
                _ => None,
            });
            (names.collect::<Vec<_>>(), plan.jobs.len())
        };
        let asked: Vec<_> = Comparison::of_bars(&Sizes::asked(), &[], scratch)
            .iter()
            .map(Comparison::name)
            .collect();
        assert_eq!(compared(Extent::Bars, false), (asked.clone(), asked.len()));
        assert_eq!(compared(Extent::Bars, true).1, asked.len());
        let (all, _) = compared(Extent::All, false);
        assert!(asked.iter().all(|name| all.contains(name)), "{all:?}");
        let (quick, _) = compared(Extent::All, true);
        assert_eq!(quick, ["crate-prover", "crate-verifier"]);
    }

    #[test]
    fn a_job_survives_its_way_to_the_child() {
        let peers = ["plain=python replay.py".parse().unwrap()];
        for (extent, quick) in [(Extent::All, true), (Extent::Bars, false)] {
            for job in Plan::new(extent, quick, &peers, 2, Path::new("a folder")).jobs {
                let text = serde_json::to_string(&job).unwrap();
                assert_eq!(serde_json::from_str::<Job>(&text).unwrap(), job);
            }
        }
    }
}
